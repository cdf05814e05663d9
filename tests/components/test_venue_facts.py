"""Trading hours and capabilities, as the log tells them."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from components.venue_facts import VenueFacts, VenueState
from kernel.bus import EventBus
from kernel.events import (
    CalendarDefined,
    CorporateAction,
    CorporateActionKind,
    Event,
    InstrumentDefined,
    Order,
    OrderType,
    Side,
    TimeInForce,
    TradingSession,
    TradingStatus,
    TradingStatusChanged,
    VenueDeclared,
    VenueFeature,
)
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.state import put_fields
from kernel.time_units import DAY_NS

MONDAY, TUESDAY = TradingSession(20240101, 100, 200), TradingSession(20240102, 300, 400)
SESSIONS = CalendarDefined(1, "XNYS", (MONDAY, TUESDAY))


def venue_after(*events: Event) -> VenueFacts:
    """The venue's facts after these events; ``A`` trades by the sessions above, ``B`` by none."""
    bus, venue = EventBus(), VenueFacts()
    bus.register(venue)
    bus.dispatch((SESSIONS, InstrumentDefined(1, "A", calendar="XNYS"), InstrumentDefined(1, "B"), *events))
    return venue


@pytest.mark.parametrize(
    ("ts", "is_open", "session"),
    [
        (50, False, MONDAY),
        (100, True, MONDAY),
        (199, True, MONDAY),
        (200, False, TUESDAY),
        (300, True, TUESDAY),
        (400, True, None),
    ],
)
def test_a_session_is_from_its_open_up_to_its_close(
    ts: int, is_open: bool, session: TradingSession | None
) -> None:
    venue = venue_after()

    assert (venue.is_open("A", ts), venue.session("A", ts)) == (is_open, session)


def test_a_day_ends_with_its_session_and_the_time_between_belongs_to_the_next() -> None:
    venue = venue_after()

    assert [venue.day_end("A", ts) for ts in (50, 150, 200, 350)] == [200, 200, 400, 400]
    assert [venue.trading_day("A", ts) for ts in (50, 150, 200)] == [20240101, 20240101, 20240102]


@pytest.mark.parametrize("symbol", ["B", "UNHEARD"])
def test_without_a_calendar_it_is_always_open_and_days_are_those_of_utc(symbol: str) -> None:
    venue = venue_after()

    assert venue.session(symbol, 150) is None
    assert venue.is_open(symbol, 150)
    assert venue.day_end(symbol, DAY_NS) == 2 * DAY_NS
    assert venue.trading_day(symbol, 2 * DAY_NS - 1) == 19700102


def test_beyond_the_end_of_a_calendar_nothing_is_known() -> None:
    venue = venue_after()

    assert venue.session("A", 400) is None
    assert (venue.day_end("A", 400), venue.trading_day("A", 400)) == (DAY_NS, 19700101)


@pytest.mark.parametrize("status", [TradingStatus.HALTED, TradingStatus.CLOSED])
def test_a_halt_shuts_what_the_calendar_has_open_until_it_is_lifted(status: TradingStatus) -> None:
    halted = venue_after(TradingStatusChanged(2, "A", status))
    lifted = venue_after(
        TradingStatusChanged(2, "A", status), TradingStatusChanged(3, "A", TradingStatus.OPEN)
    )

    assert not halted.is_open("A", 150)
    assert lifted.is_open("A", 150)
    assert not lifted.is_open("A", 250)


def test_a_later_definition_replaces_the_sessions_from_its_first_on() -> None:
    early_close = TradingSession(20240102, 300, 350)
    wednesday = TradingSession(20240103, 500, 600)

    venue = venue_after(CalendarDefined(2, "XNYS", (early_close, wednesday)))

    assert venue.state.sessions["XNYS"] == (MONDAY, early_close, wednesday)
    assert [venue.day_end("A", ts) for ts in (150, 320, 380)] == [200, 350, 600]


def test_a_share_keeps_its_hours_under_a_new_symbol() -> None:
    venue = venue_after(
        CorporateAction(2, "A", CorporateActionKind.SYMBOL_CHANGE, new_symbol="C"),
        CorporateAction(2, "A", CorporateActionKind.SPLIT),
    )

    assert venue.session("C", 150) == MONDAY


@given(st.lists(st.integers(0, 30), min_size=2, max_size=20, unique=True), st.integers(-5, 40))
def test_the_session_is_the_first_that_is_not_over(edges: list[int], ts: int) -> None:
    edges.sort()
    sessions = tuple(
        TradingSession(day, opens, closes)
        for day, (opens, closes) in enumerate(zip(edges[::2], edges[1::2], strict=False))
    )
    venue = VenueFacts()
    venue.on_calendar(CalendarDefined(0, "X", sessions))
    venue.on_instrument(InstrumentDefined(0, "A", calendar="X"))

    found = venue.session("A", ts)

    assert found == next((session for session in sessions if ts < session.close_ts), None)
    assert venue.is_open("A", ts) == (found is None or found.open_ts <= ts < found.close_ts)


def test_a_state_that_was_written_and_read_answers_alike() -> None:
    before = venue_after(TradingStatusChanged(2, "B", TradingStatus.HALTED), declaration())
    after = VenueFacts()

    put_fields(after.state, msgspec.msgpack.decode(msgspec.msgpack.encode(before.state), type=VenueState))
    after.restored()

    for ts in (50, 150, 250, 350, 450):
        assert after.session("A", ts) == before.session("A", ts)
        assert after.is_open("B", ts) == before.is_open("B", ts)
    assert after.lacks(order(OrderType.STOP)) == before.lacks(order(OrderType.STOP)) != ""


# --- capabilities -----------------------------------------------------------------------------


def declaration(*features: VenueFeature) -> VenueDeclared:
    return VenueDeclared(1, "x", (OrderType.MARKET, OrderType.LIMIT), (TimeInForce.GTC,), features)


def order(order_type: OrderType = OrderType.LIMIT) -> Order:
    return Order(ClientOrderId("1"), StrategyId("s"), "A", Side.BUY, order_type, Decimal(1))


def test_a_venue_that_declared_nothing_takes_everything() -> None:
    venue = venue_after()

    assert venue.lacks(order(OrderType.TRAILING_STOP)) == ""
    assert venue.has(VenueFeature.OCO)


@pytest.mark.parametrize(
    ("asked", "lacking"),
    [
        (order(), ""),
        (order(OrderType.TRAILING_STOP), "order type trailing_stop"),
        (replace(order(), time_in_force=TimeInForce.FOK), "time in force fok"),
        (replace(order(), post_only=True), "feature post_only"),
        (replace(order(), reduce_only=True), "feature reduce_only"),
        (replace(order(), display_quantity=Decimal(1)), "feature iceberg"),
    ],
)
def test_what_a_venue_lacks_is_said_in_words(asked: Order, lacking: str) -> None:
    assert venue_after(declaration()).lacks(asked) == lacking


def test_a_declared_feature_is_not_lacking() -> None:
    venue = venue_after(declaration(VenueFeature.POST_ONLY))

    assert venue.lacks(replace(order(), post_only=True)) == ""
    assert (venue.has(VenueFeature.POST_ONLY), venue.has(VenueFeature.OCO)) == (True, False)


def test_a_halt_follows_a_share_to_its_new_symbol() -> None:
    """And what was said of the share that had the symbol before is over."""
    change = CorporateAction(2, "A", CorporateActionKind.SYMBOL_CHANGE, new_symbol="N")
    halted = venue_after(TradingStatusChanged(1, "A", TradingStatus.HALTED), change)
    open_ = venue_after(TradingStatusChanged(1, "N", TradingStatus.CLOSED), change)

    assert (halted.is_halted("N"), halted.is_halted("A")) == (True, False)
    assert open_.is_open("N", 150)
