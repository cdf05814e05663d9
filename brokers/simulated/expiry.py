"""When orders end by the clock: DAY and GTD orders, and orders on a close that nobody filled.

One timer is pending at a time, at the earliest expiry. What a symbol's data are decides what happens then.
Quotes and trades up to that moment have been offered, so the order expires. Where bars are the data, the
bar that was open at that moment may still be to come: then the order waits for the next bar, is offered it
if that bar opened before the expiry, and expires after it, or else before it.
"""

from collections.abc import Sequence

from brokers.simulated.admission import NEVER, last_price
from brokers.simulated.matching import Matching, has_ticked
from brokers.simulated.reports import expired
from brokers.simulated.resting import ON_CLOSE, Resting
from brokers.simulated.settlement import Settlement
from brokers.simulated.state import SimulatedBrokerState
from kernel.bus import EventBus
from kernel.events import (
    Bar,
    BookDelta,
    BookSnapshot,
    Event,
    ExecutionReport,
    Quote,
    TimerFired,
    TimerScheduled,
    Trade,
)
from kernel.identifiers import TimerName

EXPIRY = TimerName("expiry")


class Expiry:
    """Ends orders whose time is over."""

    def __init__(self, bus: EventBus, matching: Matching, settlement: Settlement, *, owner: str) -> None:
        self._bus = bus
        self._matching = matching
        self._settlement = settlement
        self._owner = owner

    def arm(self, state: SimulatedBrokerState, ts: int, expire_ts: int) -> Sequence[TimerScheduled]:
        """Set the timer for an expiry, if none is pending before it."""
        if not expire_ts or 0 < state.expiry_due_ts <= expire_ts:
            return ()
        state.expiry_due_ts = expire_ts
        return (TimerScheduled(ts, self._owner, EXPIRY, expire_ts),)

    def on_timer(self, state: SimulatedBrokerState, timer: TimerFired) -> list[Event]:
        """Expire what is due, and set the timer for what comes next."""
        events: list[Event] = []
        next_due_ts = 0
        for symbol, orders in state.resting.items():
            for resting in tuple(orders):
                expire_ts = resting.expire_ts
                if not expire_ts or not resting.leaves:
                    continue
                if expire_ts > timer.ts:
                    next_due_ts = min(next_due_ts or expire_ts, expire_ts)
                elif self._waits_for_bar(symbol, expire_ts):
                    state.overdue[symbol] = True
                else:
                    events += self._end(state, timer, resting)
        state.expiry_due_ts = 0
        return [*events, *self.arm(state, timer.ts, next_due_ts)]

    def before_bar(self, state: SimulatedBrokerState, bar: Bar) -> list[ExecutionReport]:
        """Expire what was over when the bar opened."""
        opened_ts = bar.open_ts
        return [
            self._expire(state, bar, resting)
            for resting in state.resting[bar.symbol]
            if 0 < resting.expire_ts <= opened_ts
        ]

    def after_bar(self, state: SimulatedBrokerState, bar: Bar) -> list[ExecutionReport]:
        """Expire what this was the last bar for."""
        del state.overdue[bar.symbol]
        return [
            self._expire(state, bar, resting)
            for resting in state.resting.get(bar.symbol, ())
            if resting.leaves and 0 < resting.expire_ts < bar.ts
        ]

    def before_tick(
        self, state: SimulatedBrokerState, tick: Quote | Trade | BookSnapshot | BookDelta
    ) -> list[ExecutionReport]:
        """Expire what waited for a bar when a quote or trade comes instead."""
        del state.overdue[tick.symbol]
        return [
            self._expire(state, tick, resting)
            for resting in state.resting[tick.symbol]
            if resting.leaves and 0 < resting.expire_ts < tick.ts
        ]

    def _end(self, state: SimulatedBrokerState, timer: TimerFired, resting: Resting) -> list[ExecutionReport]:
        """Fill an order on close at the last price; expire what is left of any order."""
        reports: list[ExecutionReport] = []
        if resting.order.order_type in ON_CLOSE and resting.due_ts == resting.expire_ts:
            restated_ts = state.restated_ts.get(resting.order.symbol, NEVER)
            price = last_price(self._bus, resting, restated_ts=restated_ts)
            reports += self._matching.at_last_price(state, timer, resting, price=price)
        if resting.leaves:
            reports.append(self._expire(state, timer, resting))
        return reports

    def _expire(self, state: SimulatedBrokerState, event: Event, resting: Resting) -> ExecutionReport:
        self._settlement.end(state, resting)
        return expired(event.ts, resting, "its time is over")

    def _waits_for_bar(self, symbol: str, expire_ts: int) -> bool:
        """Whether bars are the symbol's data, and none that ends at the expiry or later has come."""
        bar = self._bus.last(Bar, symbol)
        return (
            bar is not None and bar.ts < expire_ts and not has_ticked(self._bus, symbol, since_ts=bar.ts - 1)
        )
