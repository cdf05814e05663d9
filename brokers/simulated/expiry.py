"""Expiry of DAY and GTD orders, and of unfilled orders on close.

One timer is pending at a time, at the earliest expiry. When it fires, the data of the order's symbol decide:

- Quotes or trades: the venue has seen all of them up to that moment, so the order expires.
- Bars: the bar that contains that moment may still arrive. The order is *overdue* and waits for the next bar.
  If that bar opened before the expiry, the order can fill in it and expires after it. Otherwise it expires
  before it; so it does before a bar without an open time that cannot have opened before the expiry. If a
  quote, trade or book arrives first, the order expires then.
- Bars of whole days without a calendar: the next bar is the next day, also after a weekend. A DAY order that
  was given before it sees it.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from brokers.simulated.acceptance import NEVER, last_price
from brokers.simulated.matching import Matching
from brokers.simulated.reports import TIME_IS_OVER, expired
from brokers.simulated.resting import ON_CLOSE, Resting
from brokers.simulated.state import SimulatedBrokerState
from kernel.bar_times import earliest_open, last_bar_before
from kernel.bus import EventBus
from kernel.events import (
    DAY,
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
from kernel.events.timer_purposes import VenueExpiry
from kernel.expiry import has_expired
from kernel.identifiers import TimerName
from kernel.rules import FIRST_RULES, RULES

EXPIRY = TimerName("expiry")

TickT = TypeVar("TickT", Quote, Trade, BookSnapshot | BookDelta)


class Expiry:
    """Ends orders whose time is over."""

    def __init__(
        self,
        state: SimulatedBrokerState,
        bus: EventBus,
        matching: Matching,
        *,
        owner: str,
        rules: int = RULES,
    ) -> None:
        self._state = state
        self._bus = bus
        self._matching = matching
        self._owner = owner
        self._rules = rules

    def arm(self, ts: int, expire_ts: int) -> Sequence[TimerScheduled]:
        """Set the timer for an expiry, unless an earlier one is pending. 0: the order does not expire."""
        if not expire_ts or 0 < self._state.expiry_due_ts <= expire_ts:
            return ()
        self._state.expiry_due_ts = expire_ts
        return (TimerScheduled(ts, self._owner, EXPIRY, expire_ts, purpose=VenueExpiry()),)

    def on_timer(self, timer: TimerFired) -> list[Event]:
        """Expire the orders that are due, and set the timer for the next expiry."""
        state, events = self._state, list[Event]()
        next_due_ts = 0
        for symbol, orders in state.resting.items():
            for resting in tuple(orders):
                expire_ts = resting.expire_ts
                if not expire_ts or not resting.leaves:
                    continue
                if expire_ts > timer.ts:
                    next_due_ts = min(next_due_ts or expire_ts, expire_ts)
                elif last_bar_before(self._bus, symbol, expire_ts, rules=self._rules) is not None:
                    state.overdue[symbol] = True
                else:
                    events += self._end(timer, resting)
        state.expiry_due_ts = 0
        return [*events, *self.arm(timer.ts, next_due_ts)]

    def match_overdue(self, bar: Bar, match: Callable[[Bar], list[ExecutionReport]]) -> list[ExecutionReport]:
        """Match the bar that overdue orders waited for, and expire them before or after it."""
        state, symbol, ts = self._state, bar.symbol, bar.ts
        opened_ts = bar.open_ts if self._rules == FIRST_RULES else earliest_open(bar, state.ended)
        early = [
            one
            for one in state.resting[symbol]
            if 0 < one.expire_ts <= opened_ts and not self._waits_for_next_bar(one)
        ]
        reports = [self._expire(ts, resting) for resting in early]
        if not state.remove_done(symbol):
            reports += match(bar)
        del state.overdue[symbol]
        late = [one for one in state.resting.get(symbol, ()) if one.leaves and has_expired(one.expire_ts, ts)]
        return reports + [self._expire(ts, resting) for resting in late]

    def match_after_overdue(
        self, tick: TickT, match: Callable[[TickT], list[ExecutionReport]]
    ) -> list[ExecutionReport]:
        """Expire the overdue orders, then match a quote, trade or book with the others."""
        state, symbol, ts = self._state, tick.symbol, tick.ts
        del state.overdue[symbol]
        overdue = [one for one in state.resting[symbol] if one.leaves and has_expired(one.expire_ts, ts)]
        reports = [self._expire(ts, resting) for resting in overdue]
        return reports if state.remove_done(symbol) else reports + match(tick)

    def _end(self, timer: TimerFired, resting: Resting) -> list[ExecutionReport]:
        """Fill an order on close at the last price. Expire the rest of any order."""
        reports: list[ExecutionReport] = []
        if resting.order.order_type in ON_CLOSE and 0 <= resting.expire_ts - resting.due_ts <= 1:
            restated_ts = self._state.restated_ts.get(resting.order.symbol, NEVER)
            price = last_price(self._bus, resting, restated_ts=restated_ts, rules=self._rules)
            reports += self._matching.at_last_price(timer, resting, price=price)
        if resting.leaves:
            reports.append(self._expire(timer.ts, resting))
        return reports

    def _waits_for_next_bar(self, resting: Resting) -> bool:
        """Whether the day of a DAY order is the next bar, and that has not come yet."""
        is_next_bar = resting.due_ts > 0 and resting.order.time_in_force is DAY
        return is_next_bar and self._state.opened.get(resting.order.symbol, 0) < resting.due_ts

    def _expire(self, ts: int, resting: Resting) -> ExecutionReport:
        self._state.end(resting)
        return expired(ts, resting, TIME_IS_OVER)
