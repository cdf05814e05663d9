"""Facts about the venue: its trading hours, and the orders that it accepts.

Trading hours come from the log as sessions (``CalendarDefined``), never from a library during a run. So a
replay uses the same holidays as the run.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from operator import attrgetter

import msgspec

from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.corporate_actions import is_void
from kernel.events import (
    CalendarDefined,
    CorporateAction,
    CorporateActionKind,
    InstrumentDefined,
    Order,
    TradingSession,
    TradingStatus,
    TradingStatusChanged,
    VenueDeclared,
    VenueFeature,
)
from kernel.time_units import DAY_NS
from kernel.trading_days import utc_day

_open_of = attrgetter("open_ts")
_SHUT = (TradingStatus.HALTED, TradingStatus.CLOSED)


class VenueState(msgspec.Struct):
    """The whole state of venue facts.

    - ``sessions``: by calendar, oldest first.
    - ``calendars``: the calendar's name by symbol.
    - ``statuses``: the last trading status by symbol.
    - ``declared``: the last declaration of the venue.
    """

    sessions: dict[str, tuple[TradingSession, ...]] = {}
    calendars: dict[str, str] = {}
    statuses: dict[str, TradingStatus] = {}
    declared: VenueDeclared | None = None


class VenueFacts:
    """The component that keeps calendars, trading statuses and capabilities. Others read them here.

    A session contains the times ``open_ts <= ts < close_ts``. A bar that ends with the session is known at
    its close, so a decision on it belongs to the next session. Without a calendar (none named, none in the
    log, or past its last session) the venue is open round the clock, and its days are UTC days.
    """

    name = "venue"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(self) -> None:
        self.state = VenueState()
        self._closes: dict[str, Sequence[int]] = {}
        """By calendar, ``close_ts`` of each session, derived from the state. A search takes 0.2 us in
        8,000."""

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(CalendarDefined, self.on_calendar)
        yield Subscription(InstrumentDefined, self.on_instrument)
        yield Subscription(TradingStatusChanged, self.on_status)
        yield Subscription(VenueDeclared, self.on_declaration)
        yield Subscription(CorporateAction, self.on_action)

    def restored(self) -> None:
        self._closes = {calendar: _closes(sessions) for calendar, sessions in self.state.sessions.items()}

    def on_calendar(self, event: CalendarDefined) -> None:
        """Replace all sessions from the event's first one on; earlier ones stay."""
        known = self.state.sessions.get(event.calendar, ())
        if event.sessions:
            known = tuple(session for session in known if session.close_ts <= event.sessions[0].open_ts)
        sessions = (*known, *event.sessions)
        self.state.sessions[event.calendar] = sessions
        self._closes[event.calendar] = _closes(sessions)

    def on_instrument(self, event: InstrumentDefined) -> None:
        self.state.calendars[event.symbol] = event.calendar

    def on_status(self, event: TradingStatusChanged) -> None:
        self.state.statuses[event.symbol] = event.status

    def on_declaration(self, event: VenueDeclared) -> None:
        self.state.declared = event

    def on_action(self, action: CorporateAction) -> None:
        """Give a share under its new symbol the hours of the old one, unless it has its own.

        Its trading status goes along. The status of another share that had the new symbol is forgotten.
        """
        if action.kind is not CorporateActionKind.SYMBOL_CHANGE or is_void(action):
            return
        status = self.state.statuses.pop(action.symbol, None)
        self.state.statuses.pop(action.new_symbol, None)
        if status is not None:
            self.state.statuses[action.new_symbol] = status
        if not self.state.calendars.get(action.new_symbol):
            self.state.calendars[action.new_symbol] = self.state.calendars.get(action.symbol, "")

    # --- trading hours ------------------------------------------------------------------------

    def is_open(self, symbol: str, ts: int) -> bool:
        """Whether the symbol trades: ``ts`` is in a session, and its status is not halted or closed."""
        state = self.state
        if state.statuses and state.statuses.get(symbol) in _SHUT:
            return False
        if not state.calendars.get(symbol):
            return True
        session = self.session(symbol, ts)
        return session is None or session.open_ts <= ts

    def is_halted(self, symbol: str) -> bool:
        """Whether trading in the symbol is halted. The close of a day is not a halt."""
        return self.state.statuses.get(symbol) is TradingStatus.HALTED

    def session(self, symbol: str, ts: int) -> TradingSession | None:
        """The session that contains ``ts``, else the next one; ``None`` without a calendar."""
        calendar = self.state.calendars.get(symbol)
        closes = self._closes.get(calendar) if calendar else None
        if calendar is None or closes is None:
            return None
        place = bisect_right(closes, ts)
        return self.state.sessions[calendar][place] if place < len(closes) else None

    def next_session(self, symbol: str, ts: int) -> TradingSession | None:
        """The first session that opens after ``ts``; ``None`` if no such session is known."""
        calendar = self.state.calendars.get(symbol, "")
        sessions = self.state.sessions.get(calendar, ())
        place = bisect_right(sessions, ts, key=_open_of)
        return sessions[place] if place < len(sessions) else None

    def next_overnight_close(self, ts: int) -> int | None:
        """The first close after ``ts`` of a session that goes past midnight UTC; ``None`` without one."""
        found: list[int] = []
        for name, closes in self._closes.items():
            place = bisect_right(closes, ts)
            session = self.state.sessions[name][place] if place < len(closes) else None
            if session is not None and session.open_ts // DAY_NS != (session.close_ts - 1) // DAY_NS:
                found.append(session.close_ts)
        return min(found, default=None)

    def calendar(self, symbol: str) -> str:
        """The name of a symbol's calendar; empty if it has none, or its sessions are not known."""
        name = self.state.calendars.get(symbol, "")
        return name if name in self.state.sessions else ""

    def day_end(self, symbol: str, ts: int) -> int:
        """The end of a DAY order given at ``ts``, ns: the close of its session, or midnight UTC."""
        session = self.session(symbol, ts)
        return (ts // DAY_NS + 1) * DAY_NS if session is None else session.close_ts

    def trading_day(self, symbol: str, ts: int) -> int:
        """The day, as YYYYMMDD, of the session that contains ``ts``, else of the next one.

        Without a calendar: the UTC date.
        """
        session = self.session(symbol, ts)
        if session is not None:
            return session.day
        return utc_day(ts)

    # --- capabilities -------------------------------------------------------------------------

    def lacks(self, order: Order) -> str:
        """The first feature of the order that the venue lacks, in words; ``""`` if it lacks nothing.

        Groups (one cancels other) concern several orders: see ``has``.
        """
        declared = self.state.declared
        if declared is None:
            return ""
        if order.order_type not in declared.order_types:
            return f"order type {order.order_type.value}"
        if order.time_in_force not in declared.times_in_force:
            return f"time in force {order.time_in_force.value}"
        for feature, is_asked in (
            (VenueFeature.POST_ONLY, order.post_only),
            (VenueFeature.REDUCE_ONLY, order.reduce_only),
            (VenueFeature.ICEBERG, order.display_quantity is not None),
        ):
            if is_asked and feature not in declared.features:
                return f"feature {feature.value}"
        return ""

    def has(self, feature: VenueFeature) -> bool:
        """Whether the venue has the feature; ``True`` before its declaration."""
        return self.state.declared is None or feature in self.state.declared.features


def _closes(sessions: Sequence[TradingSession]) -> Sequence[int]:
    return [session.close_ts for session in sessions]
