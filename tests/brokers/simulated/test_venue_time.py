"""Orders at the venue over time: requests in flight, expiry, corporate actions, snapshots."""

from decimal import Decimal

import msgspec

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from brokers.simulated.fills import FillTiming
from brokers.simulated.state import SimulatedBrokerState
from kernel.events import (
    BUY,
    FILL,
    SELL,
    AdjustPosition,
    CorporateAction,
    CorporateActionKind,
    ExecutionKind,
    ExecutionReport,
    InstrumentDefined,
    Order,
    OrderAdjusted,
    OrderApproved,
    OrderCancelled,
    OrderFilled,
    OrderSubmitted,
    OrderType,
    Quote,
    TimeInForce,
    TimerScheduled,
)
from kernel.identifiers import ClientOrderId, FillId, StrategyId
from kernel.time_units import DAY_NS
from kernel.time_units import MINUTE_NS as MINUTE
from tests.brokers.simulated.venue import Venue, bar, order
from tests.components.sample_core import begin, broker_of, core_with, hear, of_type

MS = 1_000_000
SLOW = SimulatedBrokerConfig(latency=ModelConfig("constant", {"delay_ms": 10}))
CANCELLED, EXPIRED = ExecutionKind.CANCELLED, ExecutionKind.EXPIRED


def quote(ms: int, bid: float, ask: float, *, symbol: str = "A") -> Quote:
    return Quote(ms * MS, symbol, bid, ask)


def said(venue: Venue, *events: Quote) -> list[tuple[str, ExecutionKind]]:
    """The reports of the venue by order, without timers."""
    venue.bus.dispatch(events)
    reports = [one for one in venue.bus.take_derived().events if isinstance(one, ExecutionReport)]
    return [(str(one.client_order_id), one.kind) for one in reports]


# --- requests in flight ---------------------------------------------------------------------------


def test_an_order_meets_the_first_quote_after_its_arrival() -> None:
    venue = Venue(SLOW)
    venue.send(order(BUY))

    early = said(venue, quote(9, 99, 101), quote(10, 99, 102))
    late = said(venue, quote(11, 99, 103))

    assert early == []
    assert late == [("o", ExecutionKind.ACCEPTED), ("o", FILL)]


def test_an_order_that_fills_while_its_cancellation_is_in_flight_stays_filled() -> None:
    venue = Venue(SLOW)
    venue.send(order(BUY, limit=100))
    said(venue, quote(20, 100, 101))
    venue.send_cancel()

    heard = said(venue, quote(25, 99, 100), quote(40, 99, 100))

    assert heard == [("o", FILL), ("o", ExecutionKind.CANCEL_REJECTED)]


def test_a_request_does_not_overtake_an_earlier_one() -> None:
    venue = Venue(
        SimulatedBrokerConfig(latency=ModelConfig("jitter", {"low_ms": 0, "high_ms": 50, "seed": 3}))
    )
    keys = [f"o{number}" for number in range(20)]
    for key in keys:
        venue.send(order(BUY, limit=90, key=key))

    heard = said(venue, quote(100, 99, 101))

    assert heard == [(key, ExecutionKind.ACCEPTED) for key in keys]


def test_an_adjustment_reaches_an_order_that_is_in_flight() -> None:
    venue = Venue(SLOW)
    placed = order(BUY, 10, limit=100)
    venue.send(placed)
    new = msgspec.structs.replace(placed, quantity=Decimal(20), limit_price=Decimal(50), symbol="B")
    venue.bus.dispatch((OrderAdjusted(venue.bus.now, Order(*msgspec.structs.astuple(new))),))

    heard = said(venue, quote(20, 99, 100), quote(30, 49, 50, symbol="B"))

    assert heard == [("o", ExecutionKind.ACCEPTED), ("o", FILL)]


# --- expiry ---------------------------------------------------------------------------------------


def gtd(minute: int, key: str, *, limit: float = 90) -> OrderSubmitted:
    one = order(BUY, limit=limit, key=key, time_in_force=TimeInForce.GTD)
    return OrderSubmitted(0, msgspec.structs.replace(one, expire_ts=minute * MINUTE))


def test_one_timer_is_pending_at_the_earliest_expiry() -> None:
    venue = Venue()

    venue.bus.dispatch((gtd(5, "late"), gtd(3, "early"), gtd(4, "middle")))

    timers = [one for one in venue.bus.take_derived().events if isinstance(one, TimerScheduled)]
    assert [timer.due_ts // MINUTE for timer in timers] == [5, 3]


def test_orders_expire_each_at_its_time() -> None:
    venue = Venue()
    venue.bus.dispatch((gtd(5, "late"), gtd(3, "early"), gtd(4, "middle")))
    venue.bus.take_derived()

    heard = said(venue, Quote(3 * MINUTE + 1, "A", 99, 101), Quote(10 * MINUTE, "A", 99, 101))

    assert heard == [("early", EXPIRED), ("middle", EXPIRED), ("late", EXPIRED)]
    assert venue.bus.watched("simulated_broker") == frozenset()


def test_an_overdue_order_does_not_fill_on_a_quote() -> None:
    venue = Venue()
    venue.hear(bar(1, "100/100/100/100"))
    venue.bus.dispatch((msgspec.structs.replace(gtd(2, "o"), ts=venue.bus.now),))
    venue.bus.take_derived()

    assert said(venue, Quote(3 * MINUTE, "A", 80, 81)) == [("o", EXPIRED)]


# --- corporate actions ----------------------------------------------------------------------------


def split(ratio: int | str, *, ts: int) -> CorporateAction:
    return CorporateAction(ts, "A", CorporateActionKind.SPLIT, Decimal(ratio))


def test_a_trailing_level_follows_a_split() -> None:
    venue = Venue()
    trailing = msgspec.structs.replace(
        order(SELL, order_type=OrderType.TRAILING_STOP), trail_amount=Decimal(4)
    )
    venue.hear(Quote(1, "A", 100, 101))
    venue.submit(trailing)
    venue.hear(Quote(2, "A", 110, 111), split(2, ts=3))
    new = msgspec.structs.replace(trailing, quantity=Decimal(20), trail_amount=Decimal(2))
    venue.hear(OrderAdjusted(3, Order(*msgspec.structs.astuple(new))))

    (_, filled) = venue.hear(Quote(4, "A", 54, 55), Quote(5, "A", 53, 54))

    assert (filled.ts, filled.quantity, filled.price) == (5, Decimal(20), Decimal(53))


def test_an_order_goes_on_under_its_new_symbol() -> None:
    core = core_with({})
    begin(core)
    hear(core, OrderApproved(0, order(BUY, limit=100)))

    hear(core, CorporateAction(1, "A", CorporateActionKind.SYMBOL_CHANGE, new_symbol="B"))
    old, new = hear(core, Quote(2, "A", 89, 90)), hear(core, Quote(3, "B", 89, 90))

    assert of_type(old, OrderFilled) == []
    assert [(one.symbol, one.price) for one in of_type(new, OrderFilled)] == [("B", Decimal(90))]
    assert core.bus.watched("simulated_broker") == frozenset()


def test_orders_in_a_delisted_symbol_end_at_once_whatever_the_latency() -> None:
    core = core_with({}, broker=SLOW)
    begin(core)
    hear(core, OrderApproved(0, order(BUY, limit=100)), Quote(20 * MS, "A", 101, 102))

    ended = hear(core, CorporateAction(21 * MS, "A", CorporateActionKind.DELISTING))
    later = hear(core, quote(22, 89, 90), quote(60, 89, 90))

    assert [(one.ts, one.reason) for one in of_type(ended, OrderCancelled)] == [(21 * MS, "delisting")]
    assert of_type(later, OrderFilled) == []
    assert core.orders.state.open == {}


def test_the_venues_count_of_positions_follows_splits_and_operators() -> None:
    venue = Venue()
    venue.submit(order(BUY, 7))
    venue.hear(Quote(1, "A", 100, 101), split(2, ts=2))
    counted = dict(venue.broker.state.positions["A"])

    venue.hear(AdjustPosition(3, "operator", StrategyId("s"), "A", Decimal(3), Decimal(0), "as reported"))
    venue.submit(msgspec.structs.replace(order(SELL, key="x"), reduce_only=True))
    reduced = venue.hear(Quote(4, "A", 100, 101))

    assert counted == {"s": 14}
    assert [(one.kind, one.quantity) for one in reduced] == [(FILL, 3), (CANCELLED, None)]


def test_a_ratio_that_was_rounded_costs_the_venues_count_no_share() -> None:
    venue = Venue()
    venue.submit(order(BUY, 300))

    venue.hear(Quote(1, "A", 100, 101), split("0.3333333333", ts=2))

    assert venue.broker.state.positions["A"] == {"s": 100}


def test_a_share_is_traded_under_its_new_symbol_on_the_terms_that_it_had() -> None:
    venue = Venue()
    venue.hear(
        InstrumentDefined(0, "A", currency="EUR", tick_size=Decimal("0.25")),
        CorporateAction(1, "A", CorporateActionKind.SYMBOL_CHANGE, new_symbol="B"),
    )
    venue.submit(order(BUY, symbol="B"))

    (filled,) = venue.hear(Quote(2, "B", 99.9, 100.1))

    assert (filled.price, filled.commission_currency) == (Decimal("100.00"), "EUR")


def test_a_trailing_stop_starts_from_no_price_of_before_a_split() -> None:
    """From 100 it would stand at 99 and sell at once, though the share is worth 50 now."""
    venue = Venue()
    venue.hear(Quote(1, "A", 100, 100), split(2, ts=2))
    trailing = order(SELL, order_type=OrderType.TRAILING_STOP)
    venue.submit(msgspec.structs.replace(trailing, trail_amount=Decimal(1)))

    first, second = venue.hear(Quote(3, "A", 50, 50)), venue.hear(Quote(4, "A", 48.9, 48.9))

    assert [one for one in first if one.kind is FILL] == []
    assert [one.kind for one in second if one.kind is FILL] == [FILL]


def test_the_venues_count_of_positions_follows_a_bust() -> None:
    core = core_with({})
    begin(core)
    hear(core, Quote(0, "A", 100, 100), OrderApproved(0, order(BUY, 7)), Quote(1, "A", 100, 100))
    hear(core, CorporateAction(2, "A", CorporateActionKind.SPLIT, Decimal(2)))
    hear(
        core,
        ExecutionReport(
            3, ExecutionKind.FILL_BUSTED, ClientOrderId("o"), "A", fill_id=FillId("o-1"), reason="error"
        ),
    )

    hear(core, OrderApproved(3, msgspec.structs.replace(order(SELL, key="x"), reduce_only=True)))
    ended = hear(core, Quote(4, "A", 50, 50))

    assert [one.reason for one in of_type(ended, OrderCancelled)] == [
        "reduce-only, and there is nothing to reduce"
    ]
    assert broker_of(core).state.positions["A"] == {}


def test_an_order_at_this_close_reduces_what_a_bust_left() -> None:
    core = core_with({}, broker=SimulatedBrokerConfig(bar_fill=FillTiming.THIS_CLOSE))
    begin(core)
    hear(core, bar(1, "100/100/100/100"), OrderApproved(MINUTE, order(BUY, 7)))
    busted = ExecutionReport(
        MINUTE, ExecutionKind.FILL_BUSTED, ClientOrderId("o"), "A", fill_id=FillId("o-1"), reason="error"
    )
    hear(core, busted)

    reducing = msgspec.structs.replace(order(SELL, key="x"), reduce_only=True)
    ended = hear(core, OrderApproved(MINUTE, reducing))

    assert [type(one) for one in ended if isinstance(one, OrderFilled | OrderCancelled)] == [OrderCancelled]


def test_an_order_on_a_close_that_no_bar_tells_reduces_what_a_bust_left() -> None:
    core = core_with({})
    begin(core)
    hear(core, Quote(0, "A", 100, 100), OrderApproved(0, order(BUY, 7)), Quote(1, "A", 100, 100))
    on_close = order(SELL, key="x", order_type=OrderType.MARKET_ON_CLOSE)
    hear(core, OrderApproved(1, msgspec.structs.replace(on_close, reduce_only=True)))

    busted = ExecutionReport(
        2, ExecutionKind.FILL_BUSTED, ClientOrderId("o"), "A", fill_id=FillId("o-1"), reason="error"
    )
    ended = hear(core, busted, Quote(2 * DAY_NS, "B", 100, 100))

    assert of_type(ended, OrderFilled) == []
    assert broker_of(core).state.positions["A"] == {}


# --- groups over symbols --------------------------------------------------------------------------


def test_an_order_of_a_group_cancels_one_in_another_symbol() -> None:
    venue = Venue()
    one = msgspec.structs.replace(order(BUY, limit=100, key="one"), group_id="g")
    other = msgspec.structs.replace(order(BUY, limit=50, key="other", symbol="B"), group_id="g")
    venue.submit(one, other)

    heard = venue.hear(Quote(1, "A", 99, 100))

    assert [(str(each.client_order_id), each.kind) for each in heard] == [("one", FILL), ("other", CANCELLED)]
    assert venue.bus.watched("simulated_broker") == frozenset()


def test_a_venue_without_groups_leaves_them_to_others() -> None:
    venue = Venue(SimulatedBrokerConfig(lacks=("oco",)))
    venue.submit(
        msgspec.structs.replace(order(SELL, limit=101, key="one"), group_id="g"),
        msgspec.structs.replace(order(SELL, stop=97, key="other"), group_id="g"),
    )

    heard = venue.hear(Quote(1, "A", 101, 102))

    assert [str(each.client_order_id) for each in heard] == ["one"]


def test_the_state_survives_being_written_and_read() -> None:
    venue = Venue(SLOW)
    venue.send(order(BUY, limit=100))
    said(venue, quote(20, 100, 101))
    venue.send(order(BUY, limit=90, key="in flight"), order(SELL, key="x"))

    encoded = msgspec.msgpack.encode(venue.broker.state)
    decoded = msgspec.msgpack.decode(encoded, type=SimulatedBrokerState)

    assert msgspec.msgpack.encode(decoded) == encoded
    assert ClientOrderId("in flight") == decoded.requests.in_flight[0].event.order.client_order_id  # type: ignore[union-attr]  # an order's submission
