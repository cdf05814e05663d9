"""Works large orders in parts: TWAP, VWAP, participation and iceberg.

What it remembers: each unfinished order with its stage, its filled quantity, its unfinished parts and the ids
of all its parts.

What changes it:

- ``ExecutionRequested`` brings an order and its algorithm. The order itself is never sent. Its parts are
  ``OrderIntent``s with its id as their ``whole_id``. They pass risk like any order, and are sent at market or
  at the order's limit price.
- The next part is due at a step of time (TWAP, VWAP), after enough market volume (participation), or when the
  last part has filled (iceberg).
- When its time is over, an order good till cancelled is completed with one market order for the rest. An
  order good till a date ends with the rest unfilled.
- A stopped order stays stopped at its end, and asks again for the cancels of its parts.
- The whole ends if a part is denied, rejected or ended by somebody else, if an operator cancels or flattens,
  if trading is halted, and at a corporate action.

What never happens:

- A quantity is sent again while the part that had it can still fill, even if the venue answers late. If the
  venue reports a fill of a part after its end, working parts are cancelled to make up for it.
- A fill after ``ExecutionFinished`` is counted.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import isfinite
from typing import Protocol

import msgspec

from components.execution.progress import cancel_parts, next_part, outcome
from components.execution.schedule import TIMED, misfit_of, step_ts, steps_begun
from components.execution.volume_profile import TRADES
from components.execution.work import ZERO, ExecutionState, Stage, Work
from kernel.component import STEADFAST, FailurePolicy, Subscription, Watch
from kernel.corporate_actions import changes_holdings
from kernel.errors import ComponentError
from kernel.events import (
    PARTICIPATION,
    AlgorithmKind,
    Bar,
    CancelAllOrders,
    CancelExecutionIntent,
    CancelOrder,
    CancelRejected,
    CorporateAction,
    DecisionRefused,
    Event,
    ExecutionFinished,
    ExecutionRequested,
    FillCorrected,
    FlattenPositions,
    InstrumentDefined,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
    TimeInForce,
    TimerCancelled,
    TimerFired,
    TimerScheduled,
    Trade,
    TradingState,
    TradingStateChanged,
)
from kernel.events.timer_purposes import AlgorithmStep
from kernel.identifiers import ClientOrderId, TimerName
from strategies.sdk.algorithms import TIME_IS_OVER

_ENDS = {OrderCancelled: "cancelled", OrderExpired: "expired", OrderRejected: "rejected"}


class MarketView(Protocol):
    """The part of market data that execution algorithms read."""

    def instrument(self, symbol: str) -> InstrumentDefined: ...


class VolumeView(Protocol):
    """Volume by time of day."""

    def step_weights(self, symbol: str, start_ts: int, end_ts: int) -> tuple[Decimal, ...]: ...


class ExecutionAlgorithms:
    """The component that owns worked orders. It gets market events only while it follows volume."""

    name = "execution"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(self, market: MarketView, volumes: VolumeView) -> None:
        self.state = ExecutionState()
        self._instrument = market.instrument
        self._volumes = volumes
        self._watch: Watch | None = None

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(ExecutionRequested, self.on_requested)
        yield Subscription(CancelExecutionIntent, self.on_cancel_intent)
        yield Subscription(TimerFired, self.on_timer)
        yield Subscription(OrderFilled, self.on_fill)
        yield Subscription(FillCorrected, self.on_correction)
        yield Subscription(OrderReplaced, self.on_replaced)
        yield Subscription(OrderDenied, self.on_denied)
        for ended in (OrderCancelled, OrderExpired, OrderRejected):
            yield Subscription(ended, self.on_ended)
        yield Subscription(CancelRejected, self.on_cancel_rejected)
        yield Subscription(CancelOrder, self.on_cancel_command)
        for command in (CancelAllOrders, FlattenPositions):
            yield Subscription(command, self.on_operator)
        yield Subscription(TradingStateChanged, self.on_trading_state)
        yield Subscription(CorporateAction, self.on_corporate_action)

    def watches(self) -> tuple[Iterable[Subscription], Iterable[str]]:
        handlers = (Subscription(Bar, self.on_bar), Subscription(Trade, self.on_trade))
        return handlers, dict.fromkeys(w.order.symbol for w in self.state.works.values() if _follows(w))

    def set_watch(self, watch: Watch) -> None:
        self._watch = watch

    def symbol_of(self, client_order_id: ClientOrderId) -> str:
        """The symbol of an order that is being worked; empty if there is no such order."""
        work = self.state.works.get(client_order_id)
        return "" if work is None else work.order.symbol

    # --- requests -----------------------------------------------------------------------------

    def on_requested(self, event: ExecutionRequested) -> Sequence[Event]:
        order, terms = event.order, event.algorithm
        if terms.kind is AlgorithmKind.VWAP and not terms.weights and terms.start_ts < terms.end_ts:
            weights = self._volumes.step_weights(order.symbol, terms.start_ts, terms.end_ts)
            terms = msgspec.structs.replace(terms, weights=weights)
        misfit = misfit_of(order, terms)
        if misfit:
            key = (order.client_order_id, order.strategy, order.symbol)
            return (ExecutionFinished(event.ts, *key, ZERO, order.quantity, f"refused: {misfit}"),)
        work = Work(order, terms)
        self.state.works[order.client_order_id] = work
        if terms.start_ts > event.ts:
            return (self._timer(event.ts, work, terms.start_ts),)
        return self._start(event.ts, work)

    def on_cancel_intent(self, event: CancelExecutionIntent) -> Sequence[Event]:
        work = self.state.works.get(event.client_order_id)
        if work is None or work.order.strategy != event.strategy:
            reason = f"no order {event.client_order_id!r} is being worked"
            return (DecisionRefused(event.ts, event.strategy, event.symbol, reason),)
        return self._stop(event.ts, work, "cancelled")

    def on_cancel_command(self, event: CancelOrder) -> Sequence[Event] | None:
        work = self.state.works.get(event.client_order_id)
        return None if work is None else self._stop(event.ts, work, f"cancelled by {event.operator}")

    def on_operator(self, event: CancelAllOrders | FlattenPositions) -> Sequence[Event] | None:
        """Stop all worked orders of the symbol when an operator cancels orders or closes positions."""
        return self._stop_symbol(event.ts, event.symbol, f"stopped by {event.operator}")

    def on_trading_state(self, event: TradingStateChanged) -> Sequence[Event] | None:
        """Stop all worked orders at a halt; they do not continue when trading resumes."""
        if event.state not in (TradingState.HALTED, TradingState.KILLED):
            return None
        return self._stop_symbol(event.ts, "", f"trading is {event.state.value}")

    def on_corporate_action(self, event: CorporateAction) -> Sequence[Event] | None:
        if not changes_holdings(event):
            return None
        return self._stop_symbol(event.ts, event.symbol, f"{event.kind.value} of {event.symbol}")

    # --- time ---------------------------------------------------------------------------------

    def on_timer(self, timer: TimerFired) -> Sequence[Event] | None:
        if timer.owner != self.name or not isinstance(timer.purpose, AlgorithmStep):
            return None
        work = self.state.works[timer.purpose.client_order_id]
        work.timer_ts = 0
        end_ts = work.terms.end_ts
        if end_ts and timer.ts >= end_ts:
            return self._end(timer.ts, work)
        if work.stage is Stage.WAITING:
            return self._start(timer.ts, work)
        return self._step(timer.ts, work)

    def _start(self, ts: int, work: Work) -> Sequence[Event]:
        terms, work.stage = work.terms, Stage.WORKING
        if terms.end_ts and ts >= terms.end_ts:
            return self._end(ts, work)
        if terms.kind in TIMED:
            return self._step(ts, work)
        if terms.kind is PARTICIPATION:
            self._watching.add(work.order.symbol)
        timers = (self._timer(ts, work, terms.end_ts),) if terms.end_ts else ()
        return (*timers, *self._go_on(ts, work))

    def _step(self, ts: int, work: Work) -> Sequence[Event]:
        """Begin a step of time: cancel the last part, whose unfilled rest goes out with this step."""
        work.steps_begun = steps_begun(work.terms, ts)
        timer = self._timer(ts, work, step_ts(work.terms, work.steps_begun))
        return (timer, *cancel_parts(ts, work), *self._go_on(ts, work))

    def _end(self, ts: int, work: Work) -> Sequence[Event]:
        if work.order.time_in_force is TimeInForce.GTD or work.stage is Stage.STOPPING:
            work.is_out_of_time = work.is_out_of_time or not work.reason
            return self._stop(ts, work, TIME_IS_OVER)
        self._unfollow(work)
        work.stage = Stage.CLOSING
        return (*cancel_parts(ts, work), *self._go_on(ts, work))

    # --- events of parts ----------------------------------------------------------------------

    def on_fill(self, fill: OrderFilled) -> Sequence[Event] | None:
        work = self._work_of(fill.client_order_id) if self.state.wholes else None
        if work is None:
            return None
        work.filled_quantity += fill.quantity
        part = work.parts.get(fill.client_order_id)
        if part is not None:
            part.leaves_quantity = fill.leaves_quantity
            if part.leaves_quantity <= 0:
                del work.parts[fill.client_order_id]
        if work.unsent_quantity < 0:  # a late fill of an ended part, whose quantity was sent again
            return (*cancel_parts(fill.ts, work), *self._go_on(fill.ts, work))
        return self._go_on(fill.ts, work)

    def on_correction(self, event: FillCorrected) -> None:
        work = self._work_of(event.client_order_id)
        if work is not None:
            work.filled_quantity += event.quantity - event.old_quantity
            part = work.parts.get(event.client_order_id)
            if part is not None:
                part.leaves_quantity += event.old_quantity - event.quantity

    def on_replaced(self, event: OrderReplaced) -> None:
        """Count a part that was replaced with the larger of its old and new quantity."""
        work = self._work_of(event.order.client_order_id)
        part = None if work is None else work.parts.get(event.order.client_order_id)
        if part is not None:
            part.leaves_quantity = max(part.leaves_quantity, event.order.quantity)

    def on_denied(self, event: OrderDenied) -> Sequence[Event] | None:
        return self._on_end_of(event.order.client_order_id, event.ts, f"denied: {event.reason}")

    def on_ended(self, event: OrderCancelled | OrderExpired | OrderRejected) -> Sequence[Event] | None:
        why = _ENDS[type(event)]
        return self._on_end_of(
            event.client_order_id, event.ts, f"{why}: {event.reason}" if event.reason else why
        )

    def on_cancel_rejected(self, event: CancelRejected) -> None:
        work = self._work_of(event.client_order_id)
        part = None if work is None else work.parts.get(event.client_order_id)
        if part is not None:
            part.is_cancelling = False

    def _on_end_of(self, key: ClientOrderId, ts: int, why: str) -> Sequence[Event] | None:
        work = self._work_of(key)
        part = None if work is None else work.parts.pop(key, None)
        if work is None or part is None:
            return None
        if part.is_cancelling or work.stage is Stage.STOPPING:
            return self._go_on(ts, work)
        return self._stop(ts, work, f"{key} was {why}")

    # --- volume -------------------------------------------------------------------------------

    def on_trade(self, trade: Trade) -> Sequence[Event] | None:
        return self._on_volume(trade, trade.size, source=TRADES, from_ts=trade.ts)

    def on_bar(self, bar: Bar) -> Sequence[Event] | None:
        return self._on_volume(bar, bar.volume, source=bar.timeframe, from_ts=bar.open_ts or bar.ts)

    def _on_volume(
        self, event: Bar | Trade, size: float, *, source: str, from_ts: int
    ) -> Sequence[Event] | None:
        """Add volume that traded from ``from_ts`` on to the orders that follow the symbol's volume.

        Trades are counted; before the first trade, bars of one timeframe, the first seen. Volume from before
        an order's start is ignored.
        """
        if not (isfinite(size) and size > 0):
            return None
        emitted: list[Event] = []
        lot_size = self._instrument(event.symbol).lot_size
        for work in tuple(self.state.works.values()):
            if work.order.symbol != event.symbol or not _follows(work) or from_ts < work.terms.start_ts:
                continue
            if source == TRADES or not work.volume_source:
                work.volume_source = source
            if source == work.volume_source:
                work.volume += Decimal(repr(size))
                # Most trades make no part: 1.6 us to find out here, 6 us in _go_on.
                if not work.parts and work.terms.rate * work.volume >= lot_size:
                    emitted += self._go_on(event.ts, work)
        return emitted or None

    # --- continuing ---------------------------------------------------------------------------

    def _go_on(self, ts: int, work: Work) -> Sequence[Event]:
        """Send the next part, finish the order, or wait for its parts at the venue."""
        instrument = self._instrument(work.order.symbol)
        ended = outcome(work, instrument)
        if ended is None:
            return self._send_next(ts, work, instrument)
        order = work.order
        del self.state.works[order.client_order_id]
        for part in work.sent:
            del self.state.wholes[part]
        self._unfollow(work)
        key, leaves = order.client_order_id, max(ZERO, order.quantity - work.filled_quantity)
        finished = ExecutionFinished(
            ts, key, order.strategy, order.symbol, work.filled_quantity, leaves, *ended
        )
        if not work.timer_ts:
            return (finished,)
        return (TimerCancelled(ts, self.name, TimerName(order.client_order_id)), finished)

    def _send_next(self, ts: int, work: Work, instrument: InstrumentDefined) -> Sequence[Event]:
        intent = next_part(ts, work, instrument)
        if intent is None:
            return ()
        self.state.wholes[intent.order.client_order_id] = work.order.client_order_id
        return (intent,)

    def _stop(self, ts: int, work: Work, reason: str) -> Sequence[Event]:
        """Send no more parts, and cancel those at the venue."""
        work.stage, work.reason = Stage.STOPPING, work.reason or reason
        self._unfollow(work)
        return (*cancel_parts(ts, work), *self._go_on(ts, work))

    def _stop_symbol(self, ts: int, symbol: str, reason: str) -> Sequence[Event] | None:
        emitted: list[Event] = []
        for work in tuple(self.state.works.values()):
            if symbol in ("", work.order.symbol):
                emitted += self._stop(ts, work, reason)
        return emitted or None

    def _timer(self, ts: int, work: Work, due_ts: int) -> TimerScheduled:
        work.timer_ts = due_ts
        key = work.order.client_order_id
        return TimerScheduled(ts, self.name, TimerName(key), due_ts, purpose=AlgorithmStep(key))

    def _work_of(self, part: ClientOrderId) -> Work | None:
        """The worked order that an order is a part of; ``None`` for other orders (most of them)."""
        whole = self.state.wholes.get(part)
        return None if whole is None else self.state.works[whole]

    def _unfollow(self, ended: Work) -> None:
        symbol = ended.order.symbol
        if ended.terms.kind is not PARTICIPATION:
            return
        works = self.state.works.values()
        if not any(work.order.symbol == symbol and _follows(work) for work in works):
            self._watching.discard(symbol)

    @property
    def _watching(self) -> Watch:
        if self._watch is None:
            raise ComponentError("the execution algorithms were not registered with register_watching")
        return self._watch


def _follows(work: Work) -> bool:
    """Whether the order follows the market's volume now."""
    return work.stage is Stage.WORKING and work.terms.kind is PARTICIPATION
