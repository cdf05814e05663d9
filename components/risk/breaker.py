"""Restricts trading and closes positions, for an operator or for a continuous limit that was breached.

What it remembers: a latch (halted or reduce-only) for the operator and for each limit that restricts trading,
and the symbols whose positions are being closed.

What changes it:

- A command or a breach sets a latch. The narrowest latch is the trading state. A halt also cancels every
  working order.
- A limit that re-arms releases its own latch; ``ResumeTrading`` releases all of them.
- The kill switch ends all flattening. While it is engaged there are no exits either. Only a ``ResumeTrading``
  made for it releases it.
- Live trading is halted until an operator confirms it, which no ``ResumeTrading`` does. Errors at the venue
  restrict it like a breach; ``ResumeTrading`` releases that.
- Flattening sends exits, and sends them again until nothing is held, an exit is refused, or ``EXITS_TRIED``
  in a row end without a fill.

What never happens: a limit that re-arms releases the operator's latch, or a rule denies an exit that is made
here.

Exits of an operator's ``FlattenPositions`` and of a margin call are sent even while trading is halted; exits
of a limit are not.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from components.risk.exits import EXITS, exit_order, is_exit, parts_to_close
from components.risk.margin_calls import to_liquidate
from components.risk.state import Flattening, RiskState
from components.risk.views import AccountView, MarketView
from components.risk.working_orders import ZERO, WorkingOrder, WorkingOrders
from kernel.events import (
    CancelAllOrders,
    CancelIntent,
    EngageKillSwitch,
    Event,
    FlattenPositions,
    HaltTrading,
    Order,
    OrderApproved,
    ReduceOnlyTrading,
    ResumeTrading,
    RiskLimitBreached,
    Side,
    TradingState,
    TradingStateChanged,
)
from kernel.events.live import LiveTradingConfirmed, LiveTradingHeld, TradingDowngraded
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.position_sides import Leg
from strategies.sdk.limits import (
    MAINTENANCE_MARGIN,
    RUIN,
    BreachAction,
    BreachKey,
    ContinuousLimit,
    MarginCall,
)

WHOLE = Decimal(1)
NOBODY = StrategyId("")
EXITS_TRIED = 3
"""Exits in a row that may end without a fill; then flattening is given up."""

OPERATOR = BreachKey("", "", NOBODY)
"""The latch of the operator's commands. No limit has an empty name."""

_FROM_NARROW = (TradingState.HALTED, TradingState.REDUCE_ONLY)


class Breaker:
    """Acts on the state and the working orders of the risk component."""

    def __init__(
        self,
        state: RiskState,
        working: WorkingOrders,
        limits: Mapping[str, ContinuousLimit],
        *,
        account: AccountView,
        market: MarketView,
        margin_call: MarginCall | None,
    ) -> None:
        self._margin_call = margin_call
        self._state = state
        self._working = working
        self._limits = limits
        self._account = account
        self._market = market

    # --- the operator -------------------------------------------------------------------------

    def on_halt(self, command: HaltTrading) -> Sequence[Event]:
        """No order goes out, except those of ``FlattenPositions``, and working orders are cancelled."""
        return self._halt(OPERATOR, command.ts, reason=command.reason)

    def on_reduce_only(self, command: ReduceOnlyTrading) -> Sequence[Event]:
        return self._latch(OPERATOR, TradingState.REDUCE_ONLY, ts=command.ts, reason=command.reason)

    def on_resume(self, command: ResumeTrading) -> Sequence[Event]:
        """Release every latch, also those of limits: the operator decides. Or release the kill switch."""
        if command.releases_kill_switch:
            self._state.is_killed = False
        else:
            self._state.latches.clear()
            self._state.downgrades.clear()
        return self._changed(command.ts, command.reason)

    def on_kill(self, command: EngageKillSwitch) -> Sequence[Event]:
        """Close the gate, then cancel everything. Engaged again, it asks for the cancels again."""
        self._state.is_killed = True
        self._state.flattening.clear()
        reason = f"kill switch by {command.operator}: {command.reason}"
        return (*self._changed(command.ts, reason), CancelAllOrders(command.ts, EXITS))

    def on_flatten(self, command: FlattenPositions) -> Sequence[Event]:
        reason = f"flatten by {command.operator}"
        if command.strategy:
            plan = Flattening(reason, TradingState.HALTED)
            return self._close(command.symbol, command.ts, fraction=WHOLE, plan=plan, only=command.strategy)
        return self._flatten(command.symbol, command.ts, reason=reason, clearance=TradingState.HALTED)

    # --- live trading -------------------------------------------------------------------------

    def on_live_held(self, event: LiveTradingHeld) -> Sequence[Event]:
        """Let no order through before an operator has confirmed live trading."""
        self._state.is_held = True
        return self._changed(event.ts, f"trading with account {event.account} is not confirmed")

    def on_live_confirmed(self, event: LiveTradingConfirmed) -> Sequence[Event]:
        self._state.is_held = False
        return self._changed(event.ts, f"live trading confirmed by {event.operator}")

    def on_downgrade(self, event: TradingDowngraded) -> Sequence[Event]:
        """Restrict trading after errors at the venue."""
        self._state.downgrades[event.trigger] = event.state
        return self._with_cancels(event.ts, self._changed(event.ts, f"{event.trigger.value}: {event.value}"))

    # --- continuous limits --------------------------------------------------------------------

    def on_breach(self, event: RiskLimitBreached) -> Sequence[Event]:
        """Take the action of the limit."""
        if event.rule in (MAINTENANCE_MARGIN, RUIN):
            return self._on_margin(event)
        limit = self._limits.get(event.rule)
        if limit is None:
            return ()
        ts, key, reason = (
            event.ts,
            BreachKey(event.rule, event.symbol, event.strategy),
            f"{event.rule} {event.value}",
        )
        if event.is_rearmed:
            return self._release(key, ts, reason=f"{event.rule} re-armed")
        match limit.action:
            case BreachAction.ALERT:
                return ()
            case BreachAction.DENY:
                return self._latch(key, TradingState.REDUCE_ONLY, ts=ts, reason=reason)
            case BreachAction.HALT:
                return self._halt(key, ts, reason=reason)
            case BreachAction.REDUCE:
                return self._reduce(event, limit.reduce_by, reason=reason)
            case BreachAction.FLATTEN if event.strategy:
                return self._reduce(event, WHOLE, reason=reason)
            case BreachAction.FLATTEN:
                closed = (
                    () if event.symbol else self._latch(key, TradingState.REDUCE_ONLY, ts=ts, reason=reason)
                )
                flattened = self._flatten(event.symbol, ts, reason=reason, clearance=TradingState.REDUCE_ONLY)
                return (*closed, *flattened)

    def _on_margin(self, event: RiskLimitBreached) -> Sequence[Event]:
        """Liquidate for a margin call; halt for good if the account is ruined. See ``margin_calls``."""
        ts, key = event.ts, BreachKey(event.rule, "", NOBODY)
        if event.is_rearmed:
            return self._release(key, ts, reason=f"{event.rule}: the equity is {event.value} again")
        if event.rule == RUIN:
            reason = f"{RUIN}: the equity is {event.value}, and nothing is left to sell"
            return self._halt(key, ts, reason=reason)
        if self._margin_call is not MarginCall.LIQUIDATE or self._state.is_killed:
            return ()
        reason = f"margin call: the equity {event.value} is below the maintenance margin {event.limit}"
        events = [*self._latch(key, TradingState.REDUCE_ONLY, ts=ts, reason=reason), *self._cancels("", ts)]
        for symbol in to_liquidate(self._account):
            flattening = self._state.flattening[symbol] = Flattening("margin call", TradingState.HALTED)
            events += self._exits(symbol, ts, fraction=WHOLE, flattening=flattening)
        return events

    # --- the trading state -----------------------------------------------------------------------------

    def _halt(self, key: BreachKey, ts: int, *, reason: str) -> Sequence[Event]:
        return self._with_cancels(ts, self._latch(key, TradingState.HALTED, ts=ts, reason=reason))

    def _with_cancels(self, ts: int, changed: Sequence[Event]) -> Sequence[Event]:
        """A change of the state; if trading is halted now, working orders are cancelled too."""
        is_halted = self._state.trading_state is TradingState.HALTED
        if changed and is_halted and self._working.state.orders:
            return (*changed, CancelAllOrders(ts, EXITS))
        return changed

    def _latch(self, key: BreachKey, state: TradingState, *, ts: int, reason: str) -> Sequence[Event]:
        self._state.latches[key] = state
        return self._changed(ts, reason)

    def _release(self, key: BreachKey, ts: int, *, reason: str) -> Sequence[Event]:
        return () if self._state.latches.pop(key, None) is None else self._changed(ts, reason)

    def _changed(self, ts: int, reason: str) -> Sequence[Event]:
        state = TradingState.KILLED if self._state.is_killed else _narrowest(self._state)
        if state is self._state.trading_state:
            return ()
        self._state.trading_state = state
        return (TradingStateChanged(ts, state, reason),)

    # --- closing positions --------------------------------------------------------------------

    def keep_flattening(self, symbol: str, ts: int) -> Sequence[Event]:
        """Close the rest of a symbol that must be flat, once no order works in it; or stop when it is."""
        flattening = self._state.flattening.get(symbol)
        if flattening is None or self._working.count(symbol):
            return ()
        if not self._account.holders(symbol) or flattening.unfilled >= EXITS_TRIED:
            del self._state.flattening[symbol]
            return ()
        return tuple(self._exits(symbol, ts, fraction=WHOLE, flattening=flattening))

    def note_end(self, ended: WorkingOrder | None) -> None:
        """Count exits in a row that ended without a fill. A venue may end each one at once, without end."""
        flattening = None if ended is None else self._state.flattening.get(ended.order.symbol)
        if ended is None or flattening is None or not is_exit(ended.order):
            return
        flattening.unfilled = 0 if ended.filled_quantity else flattening.unfilled + 1

    def give_up_flattening(self, ended: WorkingOrder | None) -> None:
        """Stop flattening the symbol of an exit that was refused: sending it again would not change that.

        The same holds for a symbol whose last order was refused.
        """
        if ended is not None and (is_exit(ended.order) or not self._working.count(ended.order.symbol)):
            self._state.flattening.pop(ended.order.symbol, None)

    def _flatten(self, symbol: str, ts: int, *, reason: str, clearance: TradingState) -> Sequence[Event]:
        symbols = (symbol,) if symbol else tuple(self._account.open_symbols())
        events = list[Event](self._cancels(symbol, ts))
        if not self._lets_out(clearance):
            return events
        for each in symbols:
            if self._account.holders(each):
                flattening = self._state.flattening[each] = Flattening(reason, clearance)
                events += self._exits(each, ts, fraction=WHOLE, flattening=flattening)
        return events

    def _reduce(self, event: RiskLimitBreached, fraction: Decimal, *, reason: str) -> Sequence[Event]:
        """Close a part of each position concerned. If the event names a strategy, only of its positions."""
        plan = Flattening(reason, TradingState.REDUCE_ONLY)
        return self._close(event.symbol, event.ts, fraction=fraction, plan=plan, only=event.strategy)

    def _close(
        self, symbol: str, ts: int, *, fraction: Decimal, plan: Flattening, only: StrategyId
    ) -> Sequence[Event]:
        """Exits for a part of the positions of one strategy, or of all; in one symbol, or in all."""
        if not self._lets_out(plan.clearance):
            return ()
        events: list[Event] = []
        for each in (symbol,) if symbol else tuple(self._account.open_symbols()):
            events += tuple(self._exits(each, ts, fraction=fraction, flattening=plan, only=only))
        return events

    def _exits(
        self,
        symbol: str,
        ts: int,
        *,
        fraction: Decimal,
        flattening: Flattening,
        only: StrategyId = NOBODY,
    ) -> Iterator[Event]:
        """Approved exits for a part of the positions in a symbol.

        Units that a working exit closes already are not closed again. Other orders that would sell (or buy
        back) the same units are cancelled first.
        """
        legs = self._account.legs(symbol)
        if only:
            legs = {leg: held for leg, held in legs.items() if leg.strategy == only}
        parts = parts_to_close(legs, fraction, self._market.instrument(symbol).lot_size)
        for leg, part in parts.items():
            side, held = (Side.SELL if part > 0 else Side.BUY), abs(legs[leg])
            quantity = min(abs(part), held - self._leaving(leg.strategy, symbol, side=side))
            if quantity <= 0:
                continue
            yield from self._cancel_others(leg, symbol, quantity, held=held, side=side, ts=ts)
            self._state.exit_count += 1
            key = ClientOrderId(f"{self._state.epoch}-{EXITS}-{self._state.exit_count}")
            order = exit_order(
                leg,
                symbol,
                signed_quantity=quantity.copy_sign(part),
                client_order_id=key,
                reason=flattening.reason,
            )
            working = WorkingOrder(order, order.quantity, ZERO, clearance=flattening.clearance)
            working.is_closer = order.reduce_only
            self._working.add(working)
            yield OrderApproved(ts, order)

    def _cancel_others(
        self, leg: Leg, symbol: str, quantity: Decimal, *, held: Decimal, side: Side, ts: int
    ) -> Iterator[Event]:
        """Cancel the orders that would close the same units as an exit, or open after it."""
        strategy = leg.strategy
        if leg.side is not None:
            if quantity + self._working.closing_quantity(strategy, symbol, side) > held:
                yield from self._cancel_side(leg, symbol, side=side, ts=ts)
            return
        if quantity + self._working.strategy_quantity(strategy, symbol, side) > held:
            yield from self._cancel_side(leg, symbol, side=side, ts=ts)
        yield from self._cancel_openers(symbol, quantity, besides=strategy, side=side, ts=ts)

    def _leaving(self, strategy: StrategyId, symbol: str, *, side: Side) -> Decimal:
        """The quantity that working exits of a position may still fill."""
        return sum(
            (
                working.leaves_quantity
                for working in self._working.state.orders.values()
                if is_exit(working.order) and _is_of(working.order, strategy, symbol, side=side)
            ),
            ZERO,
        )

    def _cancel_side(self, leg: Leg, symbol: str, *, side: Side, ts: int) -> Iterator[Event]:
        """Cancel a strategy's orders of one side, in hedging mode those that close the leg."""
        for key, working in self._working.state.orders.items():
            order = working.order
            if not _is_of(order, leg.strategy, symbol, side=side) or is_exit(order):
                continue
            if leg.side is None or order.reduce_only:
                yield CancelIntent(ts, key, leg.strategy, symbol)

    def _cancel_openers(
        self, symbol: str, quantity: Decimal, *, besides: StrategyId, side: Side, ts: int
    ) -> Iterator[Event]:
        """While trading is reduce-only: cancel other strategies' orders that would open after an exit."""
        if self._state.trading_state is not TradingState.REDUCE_ONLY:
            return
        net = self._account.net_position(symbol)
        reducible = max(ZERO, net if side is Side.SELL else -net)
        if quantity + self._working.quantity(symbol, side) <= reducible:
            return
        strategies = dict.fromkeys(working.order.strategy for working in self._working.state.orders.values())
        for strategy in strategies:
            if strategy != besides:
                yield from self._cancel_side(Leg(strategy), symbol, side=side, ts=ts)

    def _cancels(self, symbol: str, ts: int) -> Sequence[Event]:
        """Cancel all orders except working exits: an exit cancelled too late could fill beside a new one."""
        orders = [
            one.order for one in self._working.state.orders.values() if symbol in ("", one.order.symbol)
        ]
        others = [order for order in orders if not is_exit(order)]
        if others and len(others) == len(orders):
            return (CancelAllOrders(ts, EXITS, symbol),)
        return tuple(CancelIntent(ts, one.client_order_id, one.strategy, one.symbol) for one in others)

    def _lets_out(self, clearance: TradingState) -> bool:
        state = self._state.trading_state
        if state is TradingState.KILLED:
            return False
        return state is not TradingState.HALTED or clearance is TradingState.HALTED


def _narrowest(restricted: RiskState) -> TradingState:
    """The trading state under its latches."""
    if restricted.is_held:
        return TradingState.HALTED
    held = (*restricted.latches.values(), *restricted.downgrades.values())
    return next((state for state in _FROM_NARROW if state in held), TradingState.ACTIVE)


def _is_of(order: Order, strategy: StrategyId, symbol: str, *, side: Side) -> bool:
    return order.strategy == strategy and order.symbol == symbol and order.side is side
