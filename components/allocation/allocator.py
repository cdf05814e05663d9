"""Makes one execution plan of the signals of several strategies, and trades it under an id of its own.

Signals are kept by symbol and strategy. When they are put together (``SignalsAggregated``), the score
times the sizing model's quantity is the target; the difference to the position held goes out as one order,
at market or worked in parts. Where signals named exit prices, a stop and a limit order for the whole
position, each cancelling the other, stand behind it; they are replaced when the target or a price
changes, and called back before the position is made smaller. An exit that fills closes the plan: the
signals it was made of are forgotten, and only a new one opens another.

Nothing new is sent while an order that stands in its way is working. An order that is denied, rejected or
ended by anybody else is not tried again before the next signal. Of an order worked in parts whose time was
over, what was to make the position smaller goes out at market, once; what was to make it larger is left.

A corporate action reaches the allocator after market data, venue, orders and portfolio. What it hears of them
in between is in terms of which some are old and some are new, so it acts on that once its plans are restated.
"""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Protocol

from components.allocation.aggregation import Verdict, aggregate
from components.allocation.config import SignalsConfig, Timing
from components.allocation.corporate_actions import adjust
from components.allocation.plan import ZERO, AllocationState, Exits, Opinion, Plan, Postponed, Role, Working
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.corporate_actions import changes_holdings, successor
from kernel.events import (
    Bar,
    CancelExecutionIntent,
    CancelIntent,
    CancelRejected,
    CorporateAction,
    CorporateActionKind,
    DecisionRefused,
    Event,
    ExecutionFinished,
    ExecutionRequested,
    InstrumentDefined,
    Order,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderIntent,
    OrderRejected,
    OrderType,
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
from kernel.time_units import SECOND_NS
from strategies.sdk.algorithms import Algorithm
from strategies.sdk.sizing import SizingBasis, bars_needed, full_quantity

ALLOCATOR = StrategyId("signals")
"""What the plan's orders and positions are booked under, where no strategy is called so: see ``plan_id``."""

SETTLE = TimerName("settle")

_SIGNS = {SignalDirection.LONG: 1.0, SignalDirection.SHORT: -1.0, SignalDirection.FLAT: 0.0}


class WorkOrder(Protocol):
    """Makes the request to work an order as configured."""

    def __call__(
        self, ts: int, order: Order, algorithm: Algorithm, *, lot_size: Decimal
    ) -> ExecutionRequested: ...


class AccountView(Protocol):
    """What the allocator reads of the account."""

    @property
    def equity(self) -> Decimal: ...
    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal: ...
    def rate(self, currency: str) -> Decimal | None: ...


class MarketView(Protocol):
    """What the allocator reads of the market."""

    def instrument(self, symbol: str) -> InstrumentDefined: ...
    def last_price(self, symbol: str) -> float | None: ...
    def history(self, symbol: str, count: int) -> Sequence[Bar]: ...
    @property
    def action_count(self) -> int: ...


class Allocator:
    """The component that owns the plan."""

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
    ) -> None:
        """``plan`` is the strategy id that it trades under, ``slug`` its part of client order ids."""
        self.state = AllocationState()
        self._config = config
        self._account = account
        self._market = market
        self._work_order = work_order
        self._plan = plan
        self._slug = slug
        self._valid_ns = int(config.valid_for_s * SECOND_NS)

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(SessionStarted, self.on_session)
        yield Subscription(TimerFired, self.on_timer)
        yield Subscription(SignalRaised, self.on_news)
        for of_orders in (OrderFilled, OrderDenied, OrderCancelled, OrderExpired, OrderRejected):
            yield Subscription(of_orders, self.on_news)
        yield Subscription(ExecutionFinished, self.on_news)
        yield Subscription(CancelRejected, self.on_news)
        yield Subscription(CorporateAction, self.on_corporate_action)

    def on_session(self, event: SessionStarted) -> None:
        self.state.epoch = event.epoch
        self.state.action_count = self._market.action_count

    def on_news(self, event: Postponed) -> Sequence[Event] | None:
        """Act on a signal or on what became of an order; later, if a corporate action is under way."""
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
        """Restate plans and opinions, then act on what was heard meanwhile."""
        if not changes_holdings(event):
            return None
        state, symbol, new_symbol = self.state, event.symbol, successor(event)
        is_followed = event.kind is CorporateActionKind.SYMBOL_CHANGE and symbol in state.opinions
        is_joined = new_symbol != symbol and new_symbol in state.plans
        adjust(state, event, self._market.instrument(new_symbol))
        state.action_count = self._market.action_count
        emitted: list[Event] = []
        if is_followed and self._valid_ns:
            emitted.append(TimerCancelled(event.ts, self.name, _expiry_timer(symbol)))
            emitted += self._forget_expired(event.ts, new_symbol)
        postponed, state.postponed = state.postponed, []
        for one in postponed:
            emitted += self.on_news(one) or ()
        if is_joined:
            emitted += self._go_on_joined(event.ts, new_symbol, state.plans[new_symbol])
        return emitted or None

    def _go_on_joined(self, ts: int, symbol: str, plan: Plan) -> Sequence[Event]:
        """Call back exits that were made for another position than the one that is held now, and go on."""
        exits = _keys(plan, Role.STOP_LOSS, Role.TAKE_PROFIT)
        is_stale = plan.exits_for[0] != self._account.strategy_position(self._plan, symbol)
        called_back = self._cancel(ts, symbol, plan, exits) if exits and is_stale else ()
        return (*called_back, *self._pursue(ts, symbol, plan))

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
        # A timer that is due now fires after everything of this instant was heard by everybody.
        settle = TimerScheduled(signal.ts, self.name, SETTLE, signal.ts, purpose=SignalRound())
        return (settle,) if len(due) == 1 else None

    def on_timer(self, timer: TimerFired) -> Sequence[Event] | None:
        if timer.owner != self.name:
            return None
        if isinstance(timer.purpose, SignalExpiry):
            return self._aggregate(timer.ts, timer.purpose.symbol)
        due, self.state.due = self.state.due, []
        return [event for symbol in due for event in self._aggregate(timer.ts, symbol)]

    def _aggregate(self, ts: int, symbol: str) -> Sequence[Event]:
        """Put the symbol's opinions together and go for what they came to."""
        expiry = self._forget_expired(ts, symbol)
        verdict = aggregate(self._config.aggregation, self.state.opinions.get(symbol, {}))
        try:
            target = self._target(symbol, verdict)
        except (ValueError, ArithmeticError) as error:
            return (*expiry, DecisionRefused(ts, self._plan, symbol, message_of(error)))
        plan = self.state.plans.setdefault(symbol, Plan())
        if not self._keeps(plan, target):
            plan.target = target
        plan.stop_loss, plan.take_profit = verdict.stop_loss, verdict.take_profit
        made = SignalsAggregated(ts, symbol, verdict.score, plan.target, verdict.signals)
        return (*expiry, made, *self._pursue(ts, symbol, plan))

    def _forget_expired(self, ts: int, symbol: str) -> Sequence[Event]:
        """Drop what no longer counts; a timer for the next to go."""
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

    def _target(self, symbol: str, verdict: Verdict) -> Decimal:
        """The signed quantity to hold, in whole lots; ``ValueError`` where it cannot be known."""
        if verdict.score == 0:
            return ZERO
        instrument, price = self._market.instrument(symbol), self._market.last_price(symbol)
        if price is None:
            raise ValueError(f"no price of {symbol} is known yet")
        rate = self._account.rate(instrument.currency)
        if rate is None:
            raise ValueError(f"no rate of {instrument.currency} is known")
        _check_stop(verdict, price)
        count = bars_needed(self._config.sizing)
        basis = SizingBasis(
            equity=self._account.equity,
            price=price,
            stop=verdict.stop_loss,
            closes=tuple(bar.close for bar in self._market.history(symbol, count)) if count else (),
            unit_value=instrument.multiplier * rate,
        )
        wanted = full_quantity(self._config.sizing, basis) * abs(Decimal(repr(verdict.score)))
        lots = wanted // instrument.lot_size * instrument.lot_size
        if lots < instrument.minimum_quantity:
            return ZERO
        return lots if verdict.score > 0 else -lots

    def _keeps(self, plan: Plan, target: Decimal) -> bool:
        """Whether the present target is near enough to the new one."""
        change = abs(target - plan.target)
        return target * plan.target > 0 and change < self._config.min_change * abs(plan.target)

    # --- orders -------------------------------------------------------------------------------

    def _pursue(self, ts: int, symbol: str, plan: Plan) -> Sequence[Event]:
        """The next step towards the target: call back what stands in the way, then send what is missing."""
        instrument = self._market.instrument(symbol)
        held = self._account.strategy_position(self._plan, symbol)
        missing = plan.target - held
        is_there = abs(missing) < max(instrument.lot_size, instrument.minimum_quantity)
        entries = _keys(plan, Role.ENTRY)
        if entries:
            stale = plan.entry_target != plan.target
            return self._cancel(ts, symbol, plan, entries) if stale else ()
        exits = _keys(plan, Role.STOP_LOSS, Role.TAKE_PROFIT)
        grows = held * missing > 0 or held == 0
        wanted: Exits = (held, plan.stop_loss, plan.take_profit) if held else (ZERO, None, None)
        if exits and ((not is_there and not grows) or (is_there and plan.exits_for != wanted)):
            return self._cancel(ts, symbol, plan, exits)
        if not is_there:
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
        """Stop loss and take profit for what is held, of which one cancels the other."""
        held, stop_loss, take_profit = plan.exits_for = wanted
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

    # --- what became of them ------------------------------------------------------------------

    def on_fill(self, fill: OrderFilled) -> Sequence[Event] | None:
        symbol, plan = self._plan_of(fill.strategy, fill.client_order_id, fill.symbol)
        if plan is None or fill.leaves_quantity > 0:
            return None
        working = plan.working.pop(fill.client_order_id)
        if working.role is not Role.ENTRY:  # the plan did what it was to do, or failed to
            plan.target, plan.stop_loss, plan.take_profit = ZERO, None, None
            self.state.opinions.pop(symbol, None)
            for other in plan.working.values():  # one cancels the other: nobody needs to be asked
                other.is_cancelling = other.is_cancelling or other.role is not Role.ENTRY
        return self._pursue(fill.ts, symbol, plan)

    def on_denied(self, event: OrderDenied) -> Sequence[Event] | None:
        order = event.order
        return self._on_end_of(event.ts, order.client_order_id, strategy=order.strategy, symbol=order.symbol)

    def on_ended(self, event: OrderCancelled | OrderExpired | OrderRejected) -> Sequence[Event] | None:
        key = event.client_order_id
        return self._on_end_of(event.ts, key, strategy=event.strategy, symbol=event.symbol)

    def on_finished(self, event: ExecutionFinished) -> Sequence[Event] | None:
        """What was to be closed and was not in time is closed at market; what was to be opened is left."""
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
        """A market order for what is held beyond the target; ``None`` where that is less than a lot."""
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
        return self._pursue(ts, symbol, plan)

    def _give_up(self, symbol: str, plan: Plan, role: Role) -> None:
        """What others ended, or would not let through, is left as it is until the next signal."""
        if role is Role.ENTRY:
            plan.target = self._account.strategy_position(self._plan, symbol)
        elif role is Role.STOP_LOSS:
            plan.stop_loss = None
            plan.exits_for = (plan.exits_for[0], None, plan.exits_for[2])
        else:
            plan.take_profit = None
            plan.exits_for = (*plan.exits_for[:2], None)

    def _plan_of(self, strategy: StrategyId, key: ClientOrderId, symbol: str) -> tuple[str, Plan | None]:
        """The plan that an unfinished order belongs to, and its symbol: nearly always the order's.

        While an order's end is under way its plan may get a new symbol; a worked order keeps the old one.
        """
        plans = self.state.plans if strategy == self._plan else {}
        plan = plans.get(symbol)
        if plan is not None and key in plan.working:
            return symbol, plan
        return next(((name, one) for name, one in plans.items() if key in one.working), (symbol, None))


def plan_id(strategies: Collection[StrategyId]) -> StrategyId:
    """The id that a plan beside these strategies trades under: one that none of them has."""
    plan = ALLOCATOR
    while plan in strategies:
        plan = StrategyId(f"{plan} plan")
    return plan


def _expiry_timer(symbol: str) -> TimerName:
    return TimerName(f"expiry {symbol}")


def _keys(plan: Plan, *roles: Role) -> list[ClientOrderId]:
    return [key for key, working in plan.working.items() if working.role in roles]


def _check_stop(verdict: Verdict, price: float) -> None:
    """A stop loss must lie where the position would lose."""
    stop = verdict.stop_loss
    if stop is not None and (Decimal(repr(price)) - stop) * (1 if verdict.score > 0 else -1) <= 0:
        side = "below" if verdict.score > 0 else "above"
        raise ValueError(f"the stop loss at {stop} is not {side} the price of {price}")
