"""Closes the gate and positions: on an operator's word, or where a continuous limit was breached.

Halting cancels every working order. An exit is approved here without being checked by any rule; those
of an operator's ``FlattenPositions`` leave even while trading is halted, those of a limit do not.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from components.risk.breaches import REARMED, key_of
from components.risk.exits import EXITS, exit_order, parts_to_close
from components.risk.gate import OPERATOR, narrowest
from components.risk.state import Flattening, RiskState
from components.risk.views import AccountView, MarketView
from components.risk.working import ZERO, WorkingOrder, WorkingOrders
from kernel.events import (
    CancelAllOrders,
    CancelIntent,
    Event,
    FlattenPositions,
    HaltTrading,
    OrderApproved,
    ReduceOnlyTrading,
    ResumeTrading,
    RiskLimitBreached,
    Side,
    TradingState,
    TradingStateChanged,
)
from kernel.identifiers import ClientOrderId, StrategyId
from strategies.sdk.limits import BreachAction, ContinuousLimit

WHOLE = Decimal(1)
NOBODY = StrategyId("")


class Breaker:
    """Acts on the state of the risk component, which lends it its state and its working orders."""

    def __init__(
        self, limits: Mapping[str, ContinuousLimit], *, account: AccountView, market: MarketView
    ) -> None:
        self.state = RiskState()
        self.working = WorkingOrders(self.state.working, self.state.sums)
        self._limits = limits
        self._account = account
        self._market = market

    # --- the operator -------------------------------------------------------------------------

    def on_halt(self, command: HaltTrading) -> Sequence[Event]:
        """The kill switch: nothing goes out, and what is out is called back."""
        return self._halt(OPERATOR, command.ts, reason=command.reason)

    def on_reduce_only(self, command: ReduceOnlyTrading) -> Sequence[Event]:
        return self._latch(OPERATOR, TradingState.REDUCE_ONLY, ts=command.ts, reason=command.reason)

    def on_resume(self, command: ResumeTrading) -> Sequence[Event]:
        """Opens the gate whoever closed it; an operator's word counts for more than a limit's."""
        self.state.latches.clear()
        return self._changed(command.ts, command.reason)

    def on_flatten(self, command: FlattenPositions) -> Sequence[Event]:
        reason = f"flatten by {command.operator}"
        return self._flatten(command.symbol, command.ts, reason=reason, clearance=TradingState.HALTED)

    # --- continuous limits --------------------------------------------------------------------

    def on_breach(self, event: RiskLimitBreached) -> Sequence[Event]:
        """Do what the limit says."""
        limit = self._limits.get(event.rule)
        if limit is None:
            return ()
        ts, key, reason = event.ts, key_of(event), f"{event.rule} {event.value}"
        if event.action == REARMED:
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

    # --- the gate -----------------------------------------------------------------------------

    def _halt(self, key: str, ts: int, *, reason: str) -> Sequence[Event]:
        changed = self._latch(key, TradingState.HALTED, ts=ts, reason=reason)
        return (*changed, *self._cancels("", ts)) if changed else ()

    def _latch(self, key: str, state: TradingState, *, ts: int, reason: str) -> Sequence[Event]:
        self.state.latches[key] = state
        return self._changed(ts, reason)

    def _release(self, key: str, ts: int, *, reason: str) -> Sequence[Event]:
        return () if self.state.latches.pop(key, None) is None else self._changed(ts, reason)

    def _changed(self, ts: int, reason: str) -> Sequence[Event]:
        state = narrowest(self.state.latches)
        if state is self.state.trading_state:
            return ()
        self.state.trading_state = state
        return (TradingStateChanged(ts, state, reason),)

    # --- closing positions --------------------------------------------------------------------

    def keep_flattening(self, symbol: str, ts: int) -> Sequence[Event]:
        """Once nothing works in a symbol that is to be flat: close what is left of it, or be done."""
        flattening = self.state.flattening.get(symbol)
        if flattening is None or self.working.count(symbol):
            return ()
        if not self._account.holders(symbol):
            del self.state.flattening[symbol]
            return ()
        return tuple(self._exits(symbol, ts, fraction=WHOLE, flattening=flattening))

    def give_up_flattening(self, client_order_id: ClientOrderId, symbol: str) -> None:
        """The venue refused an exit: sending it again and again would not change that."""
        if f"-{EXITS}-" in client_order_id:
            self.state.flattening.pop(symbol, None)

    def _flatten(self, symbol: str, ts: int, *, reason: str, clearance: TradingState) -> Sequence[Event]:
        symbols = (symbol,) if symbol else tuple(self._account.open_symbols())
        events: list[Event] = list(self._cancels(symbol, ts))
        if not self._lets_out(clearance):
            return events
        for each in symbols:
            if self._account.holders(each):
                flattening = self.state.flattening[each] = Flattening(reason, clearance)
                events += self._exits(each, ts, fraction=WHOLE, flattening=flattening)
        return events

    def _reduce(self, event: RiskLimitBreached, fraction: Decimal, *, reason: str) -> Sequence[Event]:
        """Close a part of each position concerned, or of the one strategy's that the event names."""
        plan = Flattening(reason, TradingState.REDUCE_ONLY)
        if not self._lets_out(plan.clearance):
            return ()
        symbols = (event.symbol,) if event.symbol else tuple(self._account.open_symbols())
        events: list[Event] = []
        for symbol in symbols:
            exits = tuple(
                self._exits(symbol, event.ts, fraction=fraction, flattening=plan, only=event.strategy)
            )
            events += exits
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

        Orders that would sell (or buy back) the same units are cancelled first.
        """
        holders = self._account.holders(symbol)
        if only:
            holders = {only: holders[only]} if only in holders else {}
        parts = parts_to_close(holders, fraction, self._market.instrument(symbol).lot_size)
        for strategy, part in parts.items():
            side = Side.SELL if part > 0 else Side.BUY
            working = self.working.strategy_quantity(strategy, symbol, side)
            if abs(part) + working > abs(holders[strategy]):
                yield from self._cancel_side(strategy, symbol, side=side, ts=ts)
            self.state.exit_count += 1
            key = ClientOrderId(f"{self.state.epoch}-{EXITS}-{self.state.exit_count}")
            order = exit_order(
                strategy, symbol, signed_quantity=part, client_order_id=key, reason=flattening.reason
            )
            self.working.add(WorkingOrder(order, order.quantity, ZERO, clearance=flattening.clearance))
            yield OrderApproved(ts, order)

    def _cancel_side(self, strategy: StrategyId, symbol: str, *, side: Side, ts: int) -> Iterator[Event]:
        for key, working in self.working.orders.items():
            order = working.order
            if order.strategy == strategy and order.symbol == symbol and order.side is side:
                yield CancelIntent(ts, key, strategy, symbol)

    def _cancels(self, symbol: str, ts: int) -> Sequence[Event]:
        count = self.working.count(symbol) if symbol else len(self.working.orders)
        return (CancelAllOrders(ts, EXITS, symbol),) if count else ()

    def _lets_out(self, clearance: TradingState) -> bool:
        return self.state.trading_state is not TradingState.HALTED or clearance is TradingState.HALTED
