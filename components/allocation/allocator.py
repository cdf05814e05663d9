"""Trades the signals of several strategies as one plan, under a strategy id of its own.

What it remembers: the last signal ("opinion") of each strategy on each symbol, and one plan a symbol: the
target position, the exit prices, and the plan's unfinished orders.

What changes it:

- Signals are put together (``SignalsAggregated``). The target is the score times the sizing model's quantity.
  The difference to the position goes out as one order, at market or worked in parts.
- If the signals named exit prices, a stop order and a limit order for the whole position follow, as a group:
  one cancels the other. They are renewed when the position or a price changes, and cancelled before an order
  makes the position smaller.
- A filled exit closes the plan. Its opinions are forgotten; only a new signal opens a position again.
- An order worked in parts can run out of time. If it was to reduce the position, the rest goes out at market,
  once. If it was to enlarge the position, the rest is dropped.

What never happens:

- An order is sent while another one that must end first is working.
- An order that was denied, rejected or ended by somebody else is sent again before the next signal.
- An order is sent in the middle of a corporate action. Market data, venue, orders and portfolio process the
  action before the allocator, and their events mix old and new terms. The allocator keeps these events,
  restates its plans when the action reaches it, and then processes them.
"""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Protocol

from components.allocation.aggregation import aggregate
from components.allocation.config import SignalsConfig, Timing
from components.allocation.corporate_actions import CorporateActions
from components.allocation.plan import ZERO, AllocationState, Exits, Opinion, Plan, Postponed, Role, Working
from components.allocation.targets import SizedAccount, SizedMarket, target_of
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.corporate_actions import changes_holdings, is_void, successor, whole_lots
from kernel.events import (
    CancelExecutionIntent,
    CancelIntent,
    CancelRejected,
    CorporateAction,
    CorporateActionKind,
    DecisionRefused,
    Event,
    ExecutionFinished,
    ExecutionRequested,
    Order,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderIntent,
    OrderRejected,
    OrderType,
    SessionChanged,
    SessionStarted,
    Side,
    SignalDirection,
    SignalRaised,
    SignalsAggregated,
    TimerCancelled,
    TimerFired,
    TimerScheduled,
)
from kernel.events.timer_purposes import SignalExpiry, SignalRound
from kernel.identifiers import ClientOrderId, StrategyId, TimerName
from kernel.loggable import message_of
from kernel.rules import FIRST_RULES, RULES
from kernel.time_units import SECOND_NS
from strategies.sdk.algorithms import Algorithm

ALLOCATOR = StrategyId("signals")
"""Strategy id of the plan's orders and positions, unless a strategy has this name: see ``plan_id``."""

ROUND_TIMER = TimerName("settle")
"""The timer of the round in which signals are put together. Logs hold this name, so it stays as it is."""

_SIGNS = {SignalDirection.LONG: 1.0, SignalDirection.SHORT: -1.0, SignalDirection.FLAT: 0.0}


class WorkOrder(Protocol):
    """A function that makes the request to work an order in parts."""

    def __call__(
        self, ts: int, order: Order, algorithm: Algorithm, *, lot_size: Decimal
    ) -> ExecutionRequested: ...


class AccountView(SizedAccount, Protocol):
    """The part of the account that the allocator reads."""

    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal: ...


class MarketView(SizedMarket, Protocol):
    """The part of market data that the allocator reads."""

    @property
    def action_count(self) -> int: ...


class Allocator:
    """The component that owns the plans."""

    name = "allocation"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(
        self,
        config: SignalsConfig,
        *,
        account: AccountView,
        market: MarketView,
        work_order: WorkOrder,
        plan: StrategyId = ALLOCATOR,
        slug: str = ALLOCATOR,
        rules: int = RULES,
    ) -> None:
        """``plan``: the strategy id of its orders. ``slug``: the part of client order ids that names it."""
        self.state = AllocationState()
        self._actions = CorporateActions(self.state)
        self._config = config
        self._account = account
        self._market = market
        self._work_order = work_order
        self._plan = plan
        self._slug = slug
        self._rules = rules
        self._valid_ns = int(config.valid_for_s * SECOND_NS)

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(SessionStarted, self.on_session)
        yield Subscription(SessionChanged, self.on_session)
        yield Subscription(TimerFired, self.on_timer)
        yield Subscription(SignalRaised, self.on_news)
        for of_orders in (OrderFilled, OrderDenied, OrderCancelled, OrderExpired, OrderRejected):
            yield Subscription(of_orders, self.on_news)
        yield Subscription(ExecutionFinished, self.on_news)
        yield Subscription(CancelRejected, self.on_news)
        yield Subscription(CorporateAction, self.on_corporate_action)

    def on_session(self, event: SessionStarted | SessionChanged) -> None:
        self.state.epoch = event.epoch
        self.state.action_count = self._market.action_count

    def on_news(self, event: Postponed) -> Sequence[Event] | None:
        """Process a signal or an event of an order. During a corporate action, keep it for later."""
        if self._market.action_count != self.state.action_count:
            self.state.postponed.append(event)
            return None
        match event:
            case OrderFilled():
                return self.on_fill(event)
            case SignalRaised():
                return self.on_signal(event)
            case OrderDenied():
                return self.on_denied(event)
            case ExecutionFinished():
                return self.on_finished(event)
            case CancelRejected():
                self.on_cancel_rejected(event)
                return None
            case _:
                return self.on_ended(event)

    def on_corporate_action(self, event: CorporateAction) -> Sequence[Event] | None:
        """Restate plans and opinions, then process the events that were kept for later."""
        if event.kind is CorporateActionKind.SPIN_OFF and not is_void(event):
            plan = self.state.plans.get(event.new_symbol)
            if plan is None:
                self._adopt(event.new_symbol)
                return None
            return self._continue_joined(event.ts, event.new_symbol, plan) or None
        if not changes_holdings(event):
            return None
        state, symbol, new_symbol = self.state, event.symbol, successor(event)
        is_followed = event.kind is CorporateActionKind.SYMBOL_CHANGE and symbol in state.opinions
        is_joined = new_symbol != symbol and new_symbol in state.plans
        self._actions.adjust(event, self._market.instrument(new_symbol))
        if is_joined and new_symbol in state.plans and self._rules > FIRST_RULES:
            self._cut_to_lots(new_symbol, state.plans[new_symbol])
        state.action_count = self._market.action_count
        emitted: list[Event] = []
        if is_followed and self._valid_ns:
            emitted.append(TimerCancelled(event.ts, self.name, _expiry_timer(symbol)))
            emitted += self._forget_expired(event.ts, new_symbol)
        postponed, state.postponed = state.postponed, []
        for one in postponed:
            emitted += self.on_news(one) or ()
        if is_joined:
            emitted += self._continue_joined(event.ts, new_symbol, state.plans[new_symbol])
        elif event.kind is CorporateActionKind.MERGER and new_symbol:
            self._adopt(new_symbol)
        return emitted or None

    def _cut_to_lots(self, symbol: str, plan: Plan) -> None:
        """Cut the target of joined plans to whole lots: one of them can have had smaller ones."""
        lot_size = self._market.instrument(symbol).lot_size
        plan.target = whole_lots(plan.target, lot_size)
        plan.entry_target = whole_lots(plan.entry_target, lot_size)

    def _adopt(self, symbol: str) -> None:
        """Plan for the units of a share that a merger or spin-off gave: to keep them, without exits.

        So another plan that gets the symbol later is joined with them.
        """
        held = self._account.strategy_position(self._plan, symbol)
        if self._rules <= FIRST_RULES or not held or symbol in self.state.plans:
            return
        target = whole_lots(held, self._market.instrument(symbol).lot_size)
        self.state.plans[symbol] = Plan(target, entry_target=target, exits_for=(held, None, None))

    def _continue_joined(self, ts: int, symbol: str, plan: Plan) -> Sequence[Event]:
        """Continue after two plans were joined, or after a spin-off: cancel exits that do not match."""
        exits = _keys(plan, Role.STOP_LOSS, Role.TAKE_PROFIT)
        is_stale = plan.exits_for[0] != self._account.strategy_position(self._plan, symbol)
        cancels = self._cancel(ts, symbol, plan, exits) if exits and is_stale else ()
        return (*cancels, *self._next_orders(ts, symbol, plan))

    # --- opinions -----------------------------------------------------------------------------

    def on_signal(self, signal: SignalRaised) -> Sequence[Event] | None:
        names = self._config.strategies
        if names and signal.strategy not in names:
            return None
        opinions = self.state.opinions.setdefault(signal.symbol, {})
        score = _SIGNS[signal.direction] * signal.strength
        opinions[signal.strategy] = Opinion(signal.ts, score, signal.stop_loss, signal.take_profit)
        if self._config.timing is Timing.EACH:
            return self._aggregate(signal.ts, signal.symbol)
        due = self.state.due
        if signal.symbol in due:
            return None
        due.append(signal.symbol)
        # A timer that is due now fires after every component has processed all events of this instant.
        timer = TimerScheduled(signal.ts, self.name, ROUND_TIMER, signal.ts, purpose=SignalRound())
        return (timer,) if len(due) == 1 else None

    def on_timer(self, timer: TimerFired) -> Sequence[Event] | None:
        if timer.owner != self.name:
            return None
        if isinstance(timer.purpose, SignalExpiry):
            return self._aggregate(timer.ts, timer.purpose.symbol)
        due, self.state.due = self.state.due, []
        return [event for symbol in due for event in self._aggregate(timer.ts, symbol)]

    def _aggregate(self, ts: int, symbol: str) -> Sequence[Event]:
        """Put the symbol's opinions together, set the target, and send the next orders."""
        expiry = self._forget_expired(ts, symbol)
        combined = aggregate(self._config.aggregation, self.state.opinions.get(symbol, {}))
        try:
            target = target_of(combined, self._config.sizing, self._market, self._account, symbol=symbol)
        except (ValueError, ArithmeticError) as error:
            return (*expiry, DecisionRefused(ts, self._plan, symbol, message_of(error)))
        plan = self.state.plans.setdefault(symbol, Plan())
        if not self._keeps(plan, target):
            plan.target = target
        plan.stop_loss, plan.take_profit = combined.stop_loss, combined.take_profit
        made = SignalsAggregated(ts, symbol, combined.score, plan.target, combined.signals)
        return (*expiry, made, *self._next_orders(ts, symbol, plan))

    def _forget_expired(self, ts: int, symbol: str) -> Sequence[Event]:
        """Drop opinions older than ``valid_for_s``, and set a timer for the next one that expires."""
        opinions = self.state.opinions.get(symbol)
        if not opinions or not self._valid_ns:
            return ()
        for strategy in [name for name, one in opinions.items() if one.ts + self._valid_ns <= ts]:
            del opinions[strategy]
        if not opinions:
            return ()
        due_ts = min(opinion.ts for opinion in opinions.values()) + self._valid_ns
        purpose = SignalExpiry(symbol)
        return (TimerScheduled(ts, self.name, _expiry_timer(symbol), due_ts, purpose=purpose),)

    def _keeps(self, plan: Plan, target: Decimal) -> bool:
        """Whether the change of the target is below ``min_change``, so that the present one stays."""
        change = abs(target - plan.target)
        return target * plan.target > 0 and change < self._config.min_change * abs(plan.target)

    # --- orders -------------------------------------------------------------------------------

    def _next_orders(self, ts: int, symbol: str, plan: Plan) -> Sequence[Event]:
        """The next step towards the target: cancel the orders that must end first, else send an order."""
        instrument = self._market.instrument(symbol)
        held = self._account.strategy_position(self._plan, symbol)
        missing = plan.target - held
        is_at_target = abs(missing) < max(instrument.lot_size, instrument.minimum_quantity)
        entries = _keys(plan, Role.ENTRY)
        if entries:
            stale = plan.entry_target != plan.target
            return self._cancel(ts, symbol, plan, entries) if stale else ()
        exits = _keys(plan, Role.STOP_LOSS, Role.TAKE_PROFIT)
        grows = held * missing > 0 or held == 0
        wanted: Exits = (held, plan.stop_loss, plan.take_profit) if held else (ZERO, None, None)
        if exits and ((not is_at_target and not grows) or (is_at_target and plan.exits_for != wanted)):
            return self._cancel(ts, symbol, plan, exits)
        if not is_at_target:
            return (self._entry(ts, symbol, plan, missing=missing),)
        return () if exits else self._exits(ts, symbol, plan, wanted=wanted)

    def _entry(self, ts: int, symbol: str, plan: Plan, *, missing: Decimal) -> Event:
        lot_size = self._market.instrument(symbol).lot_size
        plan.entry_target = plan.target
        side = Side.BUY if missing > 0 else Side.SELL
        key = self._next_id(plan, Role.ENTRY)
        quantity = abs(missing) // lot_size * lot_size
        order = Order(key, self._plan, symbol, side, OrderType.MARKET, quantity)
        if self._config.execution is not None:
            return self._work_order(ts, order, self._config.execution, lot_size=lot_size)
        return OrderIntent(ts, order, f"target position {plan.target}")

    def _exits(self, ts: int, symbol: str, plan: Plan, *, wanted: Exits) -> Sequence[Event]:
        """Stop loss and take profit for the whole lots held; with two of them, one cancels the other.

        A fee that was taken in coins leaves a part of a lot, which no order can sell.
        """
        held, stop_loss, take_profit = plan.exits_for = wanted
        if self._rules > FIRST_RULES:
            lot_size = self._market.instrument(symbol).lot_size
            held = held // lot_size * lot_size
        if not held:
            return []
        side = Side.SELL if held > 0 else Side.BUY
        prices = ((Role.STOP_LOSS, stop_loss), (Role.TAKE_PROFIT, take_profit))
        group = "" if stop_loss is None or take_profit is None else f"{self._id(1)}-oco"
        intents: list[Event] = []
        for role, price in prices:
            if price is None:
                continue
            order = Order(
                self._next_id(plan, role),
                self._plan,
                symbol,
                side,
                OrderType.STOP if role is Role.STOP_LOSS else OrderType.LIMIT,
                abs(held),
                limit_price=price if role is Role.TAKE_PROFIT else None,
                stop_price=price if role is Role.STOP_LOSS else None,
                tag=role.value,
                group_id=group,
            )
            intents.append(OrderIntent(ts, order))
        return intents

    def _cancel(self, ts: int, symbol: str, plan: Plan, keys: Sequence[ClientOrderId]) -> Sequence[Event]:
        emitted: list[Event] = []
        for key in keys:
            working = plan.working[key]
            if not working.is_cancelling:
                working.is_cancelling = True
                is_entry = working.role is Role.ENTRY and not working.is_at_market
                is_worked = is_entry and self._config.execution is not None
                kind = CancelExecutionIntent if is_worked else CancelIntent
                emitted.append(kind(ts, key, self._plan, symbol))
        return emitted

    def _next_id(self, plan: Plan, role: Role) -> ClientOrderId:
        key = self._id(1)
        self.state.order_count += 1
        plan.working[key] = Working(role)
        return key

    def _id(self, ahead: int) -> ClientOrderId:
        return ClientOrderId(f"{self.state.epoch}-{self._slug}-{self.state.order_count + ahead}")

    # --- events of orders ---------------------------------------------------------------------

    def on_fill(self, fill: OrderFilled) -> Sequence[Event] | None:
        symbol, plan = self._plan_of(fill.strategy, fill.client_order_id, fill.symbol)
        if plan is None:
            return self._on_foreign_fill(fill)
        if fill.leaves_quantity > 0:
            return None
        working = plan.working.pop(fill.client_order_id)
        if working.role is not Role.ENTRY:  # an exit filled: the plan is closed
            plan.target, plan.stop_loss, plan.take_profit = ZERO, None, None
            self.state.opinions.pop(symbol, None)
            for other in plan.working.values():  # the group cancels the other exit without our request
                other.is_cancelling = other.is_cancelling or other.role is not Role.ENTRY
        return self._next_orders(fill.ts, symbol, plan)

    def _on_foreign_fill(self, fill: OrderFilled) -> Sequence[Event] | None:
        """Risk closed units of a plan (a margin call, a limit, an operator): they are not bought again.

        Exits for them end. While an entry works, the fill can be of a part of it.
        """
        plan = self.state.plans.get(fill.symbol) if fill.strategy == self._plan else None
        if plan is None or self._rules <= FIRST_RULES or _keys(plan, Role.ENTRY):
            return None
        plan.target = self._account.strategy_position(self._plan, fill.symbol)
        return self._continue_joined(fill.ts, fill.symbol, plan) or None

    def on_denied(self, event: OrderDenied) -> Sequence[Event] | None:
        order = event.order
        return self._on_end_of(event.ts, order.client_order_id, strategy=order.strategy, symbol=order.symbol)

    def on_ended(self, event: OrderCancelled | OrderExpired | OrderRejected) -> Sequence[Event] | None:
        key = event.client_order_id
        return self._on_end_of(event.ts, key, strategy=event.strategy, symbol=event.symbol)

    def on_finished(self, event: ExecutionFinished) -> Sequence[Event] | None:
        """A worked order ended. Out of time, the rest goes out at market if it reduces the position."""
        key = event.client_order_id
        symbol, plan = self._plan_of(event.strategy, key, event.symbol)
        if plan is None or plan.working[key].is_cancelling or not event.is_out_of_time:
            return self._on_end_of(event.ts, key, strategy=event.strategy, symbol=symbol)
        closing = self._closing_rest(event.ts, symbol, plan)
        if closing is None:
            return self._on_end_of(event.ts, key, strategy=event.strategy, symbol=symbol)
        del plan.working[key]
        return (closing,)

    def _closing_rest(self, ts: int, symbol: str, plan: Plan) -> Event | None:
        """A market order for the position beyond the target; ``None`` if that is below what can be traded."""
        instrument = self._market.instrument(symbol)
        held = self._account.strategy_position(self._plan, symbol)
        missing = plan.target - held
        if held * missing >= 0:
            return None
        quantity = min(abs(missing), abs(held)) // instrument.lot_size * instrument.lot_size
        if quantity < max(instrument.lot_size, instrument.minimum_quantity):
            return None
        key = self._next_id(plan, Role.ENTRY)
        plan.working[key].is_at_market = True
        side = Side.BUY if missing > 0 else Side.SELL
        order = Order(key, self._plan, symbol, side, OrderType.MARKET, quantity)
        return OrderIntent(ts, order, f"the rest towards target position {plan.target}")

    def on_cancel_rejected(self, event: CancelRejected) -> None:
        _, plan = self._plan_of(event.strategy, event.client_order_id, event.symbol)
        if plan is not None:
            plan.working[event.client_order_id].is_cancelling = False

    def _on_end_of(
        self, ts: int, key: ClientOrderId, *, strategy: StrategyId, symbol: str
    ) -> Sequence[Event] | None:
        symbol, plan = self._plan_of(strategy, key, symbol)
        if plan is None:
            return None
        working = plan.working.pop(key)
        if not working.is_cancelling:
            self._give_up(symbol, plan, working.role)
        return self._next_orders(ts, symbol, plan)

    def _give_up(self, symbol: str, plan: Plan, role: Role) -> None:
        """Drop the target or exit price of an order that others ended, so that it is not sent again."""
        if role is Role.ENTRY:
            plan.target = self._account.strategy_position(self._plan, symbol)
        elif role is Role.STOP_LOSS:
            plan.stop_loss = None
            plan.exits_for = (plan.exits_for[0], None, plan.exits_for[2])
        else:
            plan.take_profit = None
            plan.exits_for = (*plan.exits_for[:2], None)

    def _plan_of(self, strategy: StrategyId, key: ClientOrderId, symbol: str) -> tuple[str, Plan | None]:
        """The plan of an unfinished order, and the plan's symbol.

        The symbol can differ from the order's: a symbol change renames plans, but not worked orders.
        """
        plans = self.state.plans if strategy == self._plan else {}
        plan = plans.get(symbol)
        if plan is not None and key in plan.working:
            return symbol, plan
        return next(((name, one) for name, one in plans.items() if key in one.working), (symbol, None))


def plan_id(strategies: Collection[StrategyId]) -> StrategyId:
    """A strategy id for the plan that none of these strategies has."""
    plan = ALLOCATOR
    while plan in strategies:
        plan = StrategyId(f"{plan} plan")
    return plan


def _expiry_timer(symbol: str) -> TimerName:
    return TimerName(f"expiry {symbol}")


def _keys(plan: Plan, *roles: Role) -> list[ClientOrderId]:
    return [key for key, working in plan.working.items() if working.role in roles]
