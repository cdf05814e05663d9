"""Trading sessions as a strategy sees them, and timers relative to them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest

from components.assembly.calendars import trading_sessions
from components.assembly.core import Core
from kernel.events import (
    CalendarDefined,
    ComponentRestarted,
    DecisionRefused,
    Event,
    InstrumentDefined,
    PauseStrategy,
    ResumeStrategy,
    TimerCancelled,
    TimerFired,
    TimerScheduled,
    TradingSession,
    TradingStatus,
    TradingStatusChanged,
)
from kernel.identifiers import StrategyId, TimerName
from kernel.snapshot import put_back, take
from kernel.time_units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from strategies.sdk import (
    CalendarView,
    CancelTimer,
    Decisions,
    Quote,
    SessionMoment,
    SetSessionTimer,
    SetTimer,
    Strategy,
    StrategyParams,
    StrategyState,
    after_close,
    after_open,
    before_close,
    before_open,
)
from tests.components.sample_core import begin, core_with, hear, of_type
from tests.kernel.listeners import quote


class Timed(Strategy[StrategyParams, StrategyState]):
    """Sets its timers at the start, and takes what a test gives it at each quote and timer."""

    at_start: Sequence[SetSessionTimer | SetTimer] = ()
    at_quote: Decisions = None
    at_timer: Decisions = None
    fails = False

    def on_start(self) -> Decisions:
        return self.at_start

    def on_quote(self, quote: Quote) -> Decisions:  # noqa: ARG002  # the hook's signature
        return self.at_quote

    def on_timer(self, timer: TimerFired) -> Decisions:  # noqa: ARG002  # the hook's signature
        if self.fails:
            raise ValueError("as the test says")
        return self.at_timer


def ns(text: str) -> int:
    """A UTC time such as ``2024-07-03 16:55``."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_NS


def told(ts: int) -> str:
    return datetime.fromtimestamp(ts / SECOND_NS, tz=UTC).strftime("%m-%d %H:%M")


def opening(calendar: str, first: str, last: str) -> tuple[Event, Event]:
    """A's calendar, as a run over these days gets it."""
    sessions = trading_sessions(calendar, date.fromisoformat(first), date.fromisoformat(last))
    return CalendarDefined(0, calendar, sessions), InstrumentDefined(0, "A", calendar=calendar)


def core_of(strategy: Timed, *facts: Event, at: int = 0) -> tuple[Core, Sequence[Event]]:
    core = core_with({"x": strategy}, symbols=("A",))
    hear(core, *facts)
    return core, begin(core, ts=at)


def fired(core: Core, *until: str) -> list[str]:
    """When timers of the strategy fired, up to these times."""
    made = [event for text in until for event in hear(core, quote(ns(text)))]
    return [told(timer.due_ts) for timer in of_type(made, TimerFired) if timer.owner == "strategy:x"]


def moments(
    timer: SetSessionTimer, calendar: str, first: str, last: str, *, at: str, until: str
) -> list[str]:
    """When a timer that is set at a time fires up to another one, over a calendar of the real world."""
    strategy = Timed()
    strategy.at_start = (timer,)
    core, _ = core_of(strategy, *opening(calendar, first, last), at=ns(at))
    return fired(core, until)


def calendar_at(ts: str, *facts: Event) -> CalendarView:
    core, _ = core_of(Timed(), *facts)
    hear(core, quote(ns(ts)))
    return core.hosts[0].strategy.ctx.calendar


# --- sessions ---------------------------------------------------------------------------------

NEW_YORK = opening("XNYS", "2024-07-01", "2024-07-12")


def test_during_a_session_its_close_is_next_and_the_open_after_it() -> None:
    calendar = calendar_at("2024-07-01 15:00", *NEW_YORK)

    assert calendar.is_open("A")
    assert calendar.session("A") == TradingSession(20240701, ns("2024-07-01 13:30"), ns("2024-07-01 20:00"))
    assert calendar.next_close("A") == ns("2024-07-01 20:00")
    assert calendar.next_open("A") == ns("2024-07-02 13:30")
    assert calendar.trading_day("A") == 20240701


def test_after_a_half_day_before_a_holiday_the_next_session_is_two_days_on() -> None:
    calendar = calendar_at("2024-07-03 17:00", *NEW_YORK)  # closed at 17:00 UTC; 4 July is a holiday

    assert not calendar.is_open("A")
    assert calendar.next_open("A") == ns("2024-07-05 13:30")
    assert calendar.next_close("A") == ns("2024-07-05 20:00")
    assert calendar.trading_day("A") == 20240705


def test_a_halt_closes_a_symbol_within_its_session() -> None:
    halt = TradingStatusChanged(0, "A", TradingStatus.HALTED)

    assert not calendar_at("2024-07-01 15:00", *NEW_YORK, halt).is_open("A")


def test_without_a_calendar_a_symbol_is_always_open_and_its_days_are_those_of_utc() -> None:
    calendar = calendar_at("2024-07-01 23:59")

    assert calendar.is_open("A")
    assert [calendar.session("A"), calendar.next_open("A"), calendar.next_close("A")] == [None, None, None]
    assert calendar.trading_day("A") == 20240701


def test_round_the_clock_a_session_ends_where_the_next_begins() -> None:
    calendar = calendar_at("2024-07-06 12:00", *opening("24/7", "2024-07-01", "2024-07-12"))

    assert calendar.is_open("A")
    assert calendar.next_close("A") == calendar.next_open("A") == ns("2024-07-07 00:00")


def test_currencies_rest_at_the_weekend() -> None:
    calendar = calendar_at("2024-07-06 12:00", *opening("FX", "2024-07-01", "2024-07-12"))

    assert not calendar.is_open("A")
    assert calendar.next_open("A") == ns("2024-07-07 21:00")  # 17:00 in New York
    assert calendar.trading_day("A") == 20240708


# --- timers over real calendars ---------------------------------------------------------------


def test_a_timer_before_the_close_follows_half_days_and_holidays() -> None:
    timer = before_close("flat", "A", minutes=5, every_session=True)

    fired = moments(
        timer, "XNYS", "2024-07-01", "2024-07-12", at="2024-07-02 12:00", until="2024-07-08 21:00"
    )

    assert fired == ["07-02 19:55", "07-03 16:55", "07-05 19:55", "07-08 19:55"]


def test_a_timer_after_the_open_follows_the_clocks_going_forward() -> None:
    timer = after_open("enter", "A", minutes=10, every_session=True)

    fired = moments(
        timer, "XNYS", "2024-03-04", "2024-03-15", at="2024-03-08 00:00", until="2024-03-11 21:00"
    )

    assert fired == ["03-08 14:40", "03-11 13:40"]


def test_a_timer_for_one_session_fires_once() -> None:
    timer = after_close("report", "A", seconds=90)

    fired = moments(
        timer, "XNYS", "2024-07-01", "2024-07-12", at="2024-07-01 15:00", until="2024-07-05 21:00"
    )

    assert fired == ["07-01 20:01"]


def test_a_moment_that_has_passed_today_is_that_of_the_next_session() -> None:
    timer = before_close("flat", "A", minutes=5)

    fired = moments(
        timer, "XNYS", "2024-07-01", "2024-07-12", at="2024-07-01 19:55", until="2024-07-05 21:00"
    )

    assert fired == ["07-02 19:55"]


def test_a_timer_before_the_open_of_a_closed_market_fires_before_it() -> None:
    timer = before_open("plan", "A", minutes=30)

    fired = moments(
        timer, "XNYS", "2024-07-01", "2024-07-12", at="2024-07-03 18:00", until="2024-07-05 21:00"
    )

    assert fired == ["07-05 13:00"]


def test_round_the_clock_a_timer_follows_the_days_of_utc() -> None:
    timer = before_close("roll", "A", minutes=1, every_session=True)

    fired = moments(
        timer, "24/7", "2024-07-01", "2024-07-12", at="2024-07-05 12:00", until="2024-07-07 12:00"
    )

    assert fired == ["07-05 23:59", "07-06 23:59"]


def test_currencies_days_end_at_five_in_new_york() -> None:
    timer = before_close("roll", "A", minutes=5, every_session=True)

    fired = moments(timer, "FX", "2024-03-04", "2024-03-15", at="2024-03-07 12:00", until="2024-03-12 12:00")

    assert fired == ["03-07 21:55", "03-08 21:55", "03-11 20:55"]


# --- setting, changing, cancelling ------------------------------------------------------------

SESSIONS = tuple(
    TradingSession(day, day * DAY_NS + 9 * HOUR_NS, day * DAY_NS + 17 * HOUR_NS) for day in (1, 2, 3)
)
FACTS = (CalendarDefined(0, "X", SESSIONS), InstrumentDefined(0, "A", calendar="X"))
EVERY = SetSessionTimer(TimerName("t"), "A", SessionMoment.CLOSE, -HOUR_NS, every_session=True)


def timed(*at_start: SetSessionTimer | SetTimer) -> Timed:
    strategy = Timed()
    strategy.at_start = at_start
    return strategy


def due(events: Sequence[Event]) -> list[int]:
    """When the timers are due that the strategy set, in hours since 1970."""
    made = of_type(events, TimerScheduled)
    return [timer.due_ts // HOUR_NS for timer in made if timer.owner == "strategy:x"]


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (before_close("t", "B"), "timer 't': B has no calendar, so its sessions are not known"),
        (before_close("t", "A", minutes=20_000), "within seven days of the session; got -1200000000000000"),
        (SetSessionTimer(TimerName("t"), "A", SessionMoment("open"), True), "whole nanoseconds"),
        (SetSessionTimer(TimerName("t"), "A", "noon"), "'noon' is not a valid SessionMoment"),  # type: ignore[arg-type]  # what a strategy may get wrong
        (SetSessionTimer(TimerName("t"), "A", every_session=1), "every_session: expected True or False"),  # type: ignore[arg-type]  # what a strategy may get wrong
        (SetSessionTimer(7, "A"), "timer name: expected a text; got int"),  # type: ignore[arg-type]  # what a strategy may get wrong
    ],
)
def test_a_timer_that_makes_no_sense_is_refused(wanted: SetSessionTimer, sentence: str) -> None:
    _, made = core_of(timed(wanted), *FACTS)

    (refused,) = of_type(made, DecisionRefused)
    assert sentence in refused.reason
    assert due(made) == []


def test_a_cancelled_timer_is_not_set_anew() -> None:
    strategy = timed(EVERY)
    strategy.at_timer = CancelTimer(TimerName("t"))
    core, made = core_of(strategy, *FACTS)

    made = [*made, *hear(core, quote(2 * DAY_NS), quote(4 * DAY_NS))]

    assert due(made) == [24 + 16, 48 + 16]  # set anew before the hook, which cancelled it
    assert len([timer for timer in of_type(made, TimerFired) if timer.name == "t"]) == 1


def test_a_plain_timer_of_the_same_name_replaces_it() -> None:
    core, made = core_of(timed(EVERY, SetTimer(TimerName("t"), 5 * HOUR_NS)), *FACTS)

    made = [*made, *hear(core, quote(4 * DAY_NS))]

    assert [timer.due_ts for timer in of_type(made, TimerFired) if timer.name == "t"] == [5 * HOUR_NS]


def test_a_calendar_that_changes_moves_the_timer() -> None:
    core, _ = core_of(timed(EVERY), *FACTS)
    half_day = TradingSession(1, DAY_NS + 9 * HOUR_NS, DAY_NS + 12 * HOUR_NS)

    made = hear(core, CalendarDefined(HOUR_NS, "X", (half_day, *SESSIONS[1:])))

    assert due(made) == [24 + 11]
    assert due(hear(core, CalendarDefined(2 * HOUR_NS, "X", (half_day, *SESSIONS[1:])))) == []


def test_beyond_the_last_session_known_a_timer_waits_for_the_calendar() -> None:
    core, _ = core_of(timed(EVERY), *FACTS)
    hear(core, quote(4 * DAY_NS))
    fifth = TradingSession(5, 5 * DAY_NS + 9 * HOUR_NS, 5 * DAY_NS + 17 * HOUR_NS)

    made = hear(core, CalendarDefined(4 * DAY_NS, "X", (fifth,)))

    assert due(made) == [5 * 24 + 16]


def test_when_hours_are_taken_back_the_timer_is_cancelled_until_there_are_others() -> None:
    core, _ = core_of(timed(EVERY), *FACTS)
    past = TradingSession(0, 0, 1)

    made = hear(core, CalendarDefined(HOUR_NS, "X", (past,)))

    assert [timer.name for timer in of_type(made, TimerCancelled)] == ["t"]
    assert due(hear(core, CalendarDefined(2 * HOUR_NS, "X", SESSIONS))) == [24 + 16]


def test_a_hook_that_raises_keeps_its_timer() -> None:
    strategy = timed(EVERY)
    strategy.fails = True
    core, _ = core_of(strategy, *FACTS)

    made = hear(core, quote(2 * DAY_NS))

    assert due(made) == [48 + 16]


def test_a_timer_that_fell_due_while_the_strategy_was_out_is_set_anew_afterwards() -> None:
    early = SetSessionTimer(TimerName("u"), "A", SessionMoment.CLOSE, -HOUR_NS - SECOND_NS // 2)
    strategy = timed(early, EVERY)
    strategy.fails = True
    core, _ = core_of(strategy, *FACTS)

    hear(core, quote(DAY_NS + 15 * HOUR_NS + 59 * MINUTE_NS))
    made = hear(core, quote(2 * DAY_NS))

    assert len(of_type(made, ComponentRestarted)) == 1  # out for a second, in which ``t`` fell due
    assert due(made) == [48 + 16]


def test_a_timer_of_every_session_that_was_missed_in_a_pause_waits_for_the_next() -> None:
    strategy = timed(EVERY)
    strategy.fails = True  # it would be heard
    core, _ = core_of(strategy, *FACTS)
    pause, resume = (
        PauseStrategy(1, "ops", StrategyId("x")),
        ResumeStrategy(2 * DAY_NS, "ops", StrategyId("x")),
    )

    made = [*hear(core, pause), *hear(core, quote(2 * DAY_NS)), *hear(core, resume)]

    assert due(made) == [48 + 16]


def test_timers_survive_a_restart() -> None:
    core, _ = core_of(timed(EVERY), *FACTS)
    other = core_with({"x": Timed()}, symbols=("A",))

    put_back(other.bus, take(core.bus))
    made = hear(other, quote(2 * DAY_NS))

    assert due(made) == [48 + 16]
