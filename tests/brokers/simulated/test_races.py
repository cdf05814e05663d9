"""Orders and requests that cross each other on their way to the venue."""

from decimal import Decimal

import msgspec
import pytest

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from components.assembly.core import Core
from kernel import snapshot
from kernel.events import (
    BUY,
    FILL,
    REPLACED,
    SELL,
    ApprovedOrder,
    CorporateAction,
    CorporateActionKind,
    ExecutionKind,
    ExecutionReport,
    Order,
    OrderAdjusted,
    OrderApproved,
    OrderExpired,
    OrderFilled,
    OrderReplaced,
    OrderType,
    Quote,
    ReplaceApproved,
    ReplaceSubmitted,
    TimeInForce,
    TradingStatus,
    TradingStatusChanged,
    TransitionRefused,
)
from kernel.identifiers import ClientOrderId
from kernel.time_units import MINUTE_NS as MINUTE
from strategies.sdk import OneCancelsOther, Replace, buy, sell
from tests.brokers.simulated.venue import Venue, bar, order
from tests.components.lacking_venue import fills, planned
from tests.components.sample_core import begin, core_with, hear, of_type

MS = 1_000_000
SLOW = SimulatedBrokerConfig(latency=ModelConfig("constant", {"delay_ms": 10}))
ALL_THERE_IS = ModelConfig("share", {"limit": 1})
ACCEPTED, CANCELLED = ExecutionKind.ACCEPTED, ExecutionKind.CANCELLED
REPLACE_REJECTED = ExecutionKind.REPLACE_REJECTED

Said = list[tuple[str, ExecutionKind, Decimal | int | None]]


def quote(ms: int, bid: float, ask: float, size: float = 100.0) -> Quote:
    return Quote(ms * MS, "A", bid, ask, size, size)


def said(venue: Venue, *events: Quote) -> Said:
    """The reports of the venue: order, kind and quantity."""
    venue.bus.dispatch(events)
    reports = [one for one in venue.bus.take_derived().events if isinstance(one, ExecutionReport)]
    return [(str(one.client_order_id), one.kind, one.quantity) for one in reports]


def in_group(one: ApprovedOrder) -> ApprovedOrder:
    return msgspec.structs.replace(one, group_id="g")


def replace(venue: Venue, new: ApprovedOrder) -> None:
    """Send new terms."""
    venue.bus.dispatch((ReplaceSubmitted(venue.bus.now, new),))
    venue.bus.take_derived()


def slow_venue(*, volume: ModelConfig | None = None) -> Venue:
    return Venue(msgspec.structs.replace(SLOW, volume=volume))


# --- groups ---------------------------------------------------------------------------------------


def test_an_order_whose_group_filled_while_it_was_in_flight_never_works() -> None:
    venue = slow_venue()
    venue.send(in_group(order(SELL, limit=101, key="profit")))
    said(venue, quote(5, 99, 100))
    venue.send(in_group(order(SELL, stop=97, key="loss")))

    filled = said(venue, quote(12, 101, 102))
    later = said(venue, quote(20, 95, 96))

    assert filled == [("profit", ACCEPTED, None), ("profit", FILL, 10)]
    assert later == [("loss", CANCELLED, None)]
    assert venue.broker.state.resting == {}


def test_an_order_whose_group_filled_in_part_while_it_was_in_flight_arrives_smaller() -> None:
    venue = slow_venue(volume=ALL_THERE_IS)
    venue.send(in_group(order(SELL, limit=101, key="profit")))
    said(venue, quote(5, 99, 100))
    venue.send(in_group(order(SELL, stop=97, key="loss")))

    said(venue, quote(12, 101, 102, size=4))
    later = said(venue, quote(20, 95, 96))

    assert later == [
        ("loss", ACCEPTED, None),
        ("loss", REPLACED, 6),
        ("loss", ExecutionKind.TRIGGERED, None),
        ("loss", FILL, 6),
        ("profit", CANCELLED, None),
    ]


def test_what_a_group_filled_is_restated_by_a_split_while_the_other_order_is_in_flight() -> None:
    """4 of 10 are filled; of the other 6, or 12 in new units, are left."""
    loss = in_group(order(SELL, stop=97, key="loss"))
    venue = slow_venue(volume=ALL_THERE_IS)
    venue.send(in_group(order(SELL, limit=101, key="profit")))
    said(venue, quote(5, 99, 100))
    venue.send(loss)
    said(venue, quote(12, 101, 102, size=4))

    new_terms = msgspec.structs.replace(loss, quantity=Decimal(20), stop_price=Decimal("48.5"))
    venue.hear(
        CorporateAction(13 * MS, "A", CorporateActionKind.SPLIT, Decimal(2)),
        OrderAdjusted(13 * MS, new_terms, "split"),
    )
    later = said(venue, quote(20, 47, 48))

    assert [one for one in later if one[0] == "loss"][-1] == ("loss", FILL, 12)


def test_new_terms_in_flight_do_not_give_back_what_the_group_filled_meanwhile() -> None:
    venue = slow_venue(volume=ALL_THERE_IS)
    loss = in_group(order(SELL, stop=97, key="loss"))
    venue.send(in_group(order(SELL, limit=101, key="profit")), loss)
    said(venue, quote(20, 99, 100))
    replace(venue, msgspec.structs.replace(loss, stop_price=Decimal(98)))

    said(venue, quote(25, 101, 102, size=4))
    later = said(venue, quote(40, 98, 99))

    assert later[:3] == [
        ("loss", REPLACED, 6),
        ("loss", ExecutionKind.TRIGGERED, None),
        ("loss", FILL, 6),
    ]


def test_new_terms_in_flight_are_rejected_if_the_group_left_nothing_of_them() -> None:
    venue = slow_venue(volume=ALL_THERE_IS)
    loss = in_group(order(SELL, stop=97, key="loss"))
    venue.send(in_group(order(SELL, limit=101, key="profit")), loss)
    said(venue, quote(20, 99, 100))
    replace(venue, msgspec.structs.replace(loss, quantity=Decimal(3)))

    said(venue, quote(25, 101, 102, size=4))

    assert said(venue, quote(40, 99, 100)) == [("loss", REPLACE_REJECTED, None)]


def closing_in_a_group(*, crossing: bool) -> Core:
    """A strategy that closes its position with a group, and may move the stop while profit is taken."""
    moved = [Replace(ClientOrderId("1-x-3"), stop_price=98)] if crossing else None
    strategy = planned(
        buy("A", 10), OneCancelsOther((sell("A", 10, limit=101), sell("A", 10, stop=97))), None, moved
    )
    core = core_with({"x": strategy}, broker=msgspec.structs.replace(SLOW, volume=ALL_THERE_IS))
    begin(core)
    return core


CLOSING = (
    *(quote(ms, 99, 100) for ms in (1, 20, 40, 60)),
    quote(65, 101, 102, size=4),
    quote(80, 99, 100),
    quote(90, 96, 97),
)


@pytest.mark.parametrize("crossing", [False, True])
def test_a_position_is_closed_once_by_a_group_whose_terms_change_in_flight(crossing: bool) -> None:
    """Also with a replacement of the stop in flight while the profit is taken in part."""
    core = closing_in_a_group(crossing=crossing)

    events = hear(core, *CLOSING)

    filled = [(int(quantity), int(price)) for _, quantity, price in fills(events)]
    assert filled == [(10, 100), (4, 101), (6, 96)]
    assert core.orders.state.open == {}
    assert of_type(events, TransitionRefused) == []


@pytest.mark.parametrize("place", range(len(CLOSING)))
def test_a_snapshot_while_requests_are_in_flight_changes_nothing(place: int) -> None:
    core, fresh = closing_in_a_group(crossing=True), closing_in_a_group(crossing=True)
    expected = hear(closing_in_a_group(crossing=True), *CLOSING)

    before = hear(core, *CLOSING[:place])
    written = msgspec.msgpack.encode(snapshot.take(core.bus))
    snapshot.put_back(fresh.bus, msgspec.msgpack.decode(written, type=snapshot.Snapshot))
    after = hear(fresh, *CLOSING[place:])

    assert [*before, *after] == expected


# --- new terms ------------------------------------------------------------------------------------


def test_a_stop_that_is_moved_at_every_bar_still_protects() -> None:
    """New terms always arrive after a bar's open, and still see its close."""
    venue = slow_venue()
    stop = order(SELL, stop=90)
    venue.hear(bar(1, "100/100/100/100"))
    venue.send(stop)
    said(venue, quote(70_000, 100, 101))
    venue.bus.dispatch((bar(2, "100/101/99/100"),))
    for minute in (2, 3):
        replace(venue, msgspec.structs.replace(stop, stop_price=Decimal(90 + minute)))
        venue.bus.dispatch((bar(minute + 1, "100/100/95/100"),))
    replace(venue, msgspec.structs.replace(stop, stop_price=Decimal(94)))

    venue.bus.take_derived()
    venue.bus.dispatch((bar(5, "100/100/80/85"),))

    reports = [one for one in venue.bus.take_derived().events if isinstance(one, ExecutionReport)]
    assert [(one.kind, one.price) for one in reports if one.kind is FILL] == [(FILL, Decimal(85))]


def test_a_bar_that_was_open_when_an_order_came_does_not_fill_it_at_its_close() -> None:
    venue = slow_venue()
    venue.hear(bar(1, "100/100/100/100"))
    venue.send(order(SELL, stop=90))

    venue.bus.dispatch((bar(2, "100/100/80/85"),))

    reports = [one for one in venue.bus.take_derived().events if isinstance(one, ExecutionReport)]
    assert [one.kind for one in reports] == [ACCEPTED]


def test_new_terms_that_a_split_overtakes_are_rejected() -> None:
    venue = slow_venue()
    placed = order(BUY, 10, limit=100)
    venue.send(placed)
    said(venue, quote(20, 101, 102))
    replace(venue, msgspec.structs.replace(placed, limit_price=Decimal(90)))
    venue.bus.dispatch((CorporateAction(21 * MS, "A", CorporateActionKind.SPLIT, Decimal(2)),))
    new = msgspec.structs.replace(placed, quantity=Decimal(20), limit_price=Decimal(50))
    venue.bus.dispatch((OrderAdjusted(21 * MS, Order(*msgspec.structs.astuple(new))),))

    assert said(venue, quote(40, 49, 50)) == [("o", REPLACE_REJECTED, None), ("o", FILL, 20)]


def test_new_terms_in_flight_follow_a_new_symbol() -> None:
    core = core_with({}, broker=SLOW)
    begin(core)
    placed = order(BUY, 10, limit=100)
    hear(core, OrderApproved(0, placed), quote(20, 101, 102))
    hear(core, ReplaceApproved(20 * MS, msgspec.structs.replace(placed, limit_price=Decimal(90))))

    hear(core, CorporateAction(21 * MS, "A", CorporateActionKind.SYMBOL_CHANGE, new_symbol="B"))
    events = hear(core, quote(40, 1, 2), Quote(50 * MS, "B", 94, 95), Quote(51 * MS, "B", 89, 90))

    assert [str(one.order.limit_price) for one in of_type(events, OrderReplaced)] == ["90"]
    assert [(one.symbol, one.price) for one in of_type(events, OrderFilled)] == [("B", Decimal(90))]


def test_an_order_past_its_time_still_ends_after_its_symbol_changed() -> None:
    core = core_with({})
    begin(core)
    limit = order(BUY, limit=90, time_in_force=TimeInForce.GTD)
    hear(core, bar(1, "100/100/100/100"))
    hear(core, OrderApproved(MINUTE, msgspec.structs.replace(limit, expire_ts=90_000 * MS)))

    hear(core, CorporateAction(2 * MINUTE, "A", CorporateActionKind.SYMBOL_CHANGE, new_symbol="B"))
    events = hear(core, bar(5, "100/100/80/80", symbol="B"))

    assert [type(one).__name__ for one in events if not isinstance(one, ExecutionReport)] == ["OrderExpired"]


def test_open_orders_agree_with_the_venue_after_terms_crossed() -> None:
    strategy = planned(buy("A", 10, limit=90), [Replace(ClientOrderId("1-x-1"), quantity=5)], None)
    core = core_with({"x": strategy}, broker=SLOW)
    begin(core)

    events = hear(core, quote(1, 99, 100), quote(20, 99, 100), quote(40, 99, 100), quote(50, 89, 90))

    assert [one.quantity for one in of_type(events, OrderFilled)] == [5]


# --- halts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "end"), [(TradingStatus.HALTED, "OrderExpired"), (TradingStatus.CLOSED, "OrderFilled")]
)
def test_an_order_on_close_fills_if_there_is_a_close_and_not_in_a_halt(
    status: TradingStatus, end: str
) -> None:
    core = core_with({})
    begin(core)
    on_close = order(BUY, order_type=OrderType.MARKET_ON_CLOSE)
    hear(core, quote(1, 99, 100), OrderApproved(1 * MS, on_close), quote(2, 99, 100))

    hear(core, TradingStatusChanged(3 * MS, "A", status))
    ended = hear(core, Quote(2 * 86_400_000 * MS, "A", 50, 51))

    assert [type(one).__name__ for one in ended if isinstance(one, OrderFilled | OrderExpired)] == [end]
