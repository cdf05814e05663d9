"""The venue itself: which orders it accepts, what it reports, which symbols it watches, what a fill costs."""

from decimal import Decimal
from math import inf

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from brokers.simulated.fills import FillTiming, Price
from brokers.simulated.models import VenueModels
from brokers.simulated.resting import Resting
from kernel.errors import ConfigError
from kernel.events import (
    BUY,
    FILL,
    SELL,
    TRIGGERED,
    ApprovedOrder,
    Bar,
    Event,
    ExecutionKind,
    ExecutionReport,
    Liquidity,
    OrderType,
    Quote,
    Side,
    TimeInForce,
    Trade,
    VenueFeature,
)
from kernel.time_units import MINUTE_NS as MINUTE
from tests.brokers.simulated.venue import Venue, bar, kinds, order

ACCEPTED = ExecutionKind.ACCEPTED
REJECTED = ExecutionKind.REJECTED


def test_an_order_is_accepted_with_an_id_of_the_venues() -> None:
    venue = Venue()

    first, second = venue.submit(order(BUY), order(BUY, key="p"))

    assert kinds([first, second]) == [ACCEPTED, ACCEPTED]
    assert [first.broker_order_id, second.broker_order_id] == ["sim-1", "sim-2"]


@pytest.mark.parametrize(
    ("placed", "reason"),
    [
        (order(BUY, order_type=OrderType.LIMIT), "a limit order needs a limit price"),
        (order(BUY, order_type=OrderType.MARKET_IF_TOUCHED), "a market_if_touched order needs a stop price"),
        (
            order(BUY, order_type=OrderType.TRAILING_STOP),
            "a trailing_stop order needs either a trail amount or a trail percent above 0",
        ),
        (order(BUY, time_in_force=TimeInForce.GTD), "expire_ts 0 is not after 0"),
        (msgspec.structs.replace(order(BUY), post_only=True), "post-only is for limit orders that may rest"),
        (
            msgspec.structs.replace(order(BUY, limit=90), display_quantity=Decimal(0)),
            "display quantity 0 is not above 0",
        ),
    ],
)
def test_an_impossible_order_is_rejected_with_the_reason(placed: ApprovedOrder, reason: str) -> None:
    venue = Venue()

    (rejected,) = venue.submit(placed)

    assert (rejected.kind, rejected.reason) == (REJECTED, reason)
    assert venue.fills(bar(2, "100/100/100/100")) == []


@pytest.mark.parametrize(
    ("lacking", "placed"),
    [
        ("stop", order(BUY, stop=90)),
        ("day", order(BUY, time_in_force=TimeInForce.DAY)),
        ("reduce_only", msgspec.structs.replace(order(BUY), reduce_only=True)),
        ("post_only", msgspec.structs.replace(order(BUY, limit=90), post_only=True)),
        ("iceberg", msgspec.structs.replace(order(BUY, limit=90), display_quantity=Decimal(1))),
    ],
)
def test_an_order_that_the_venue_lacks_is_rejected_by_name(lacking: str, placed: ApprovedOrder) -> None:
    venue = Venue(SimulatedBrokerConfig(lacks=(lacking,)))

    (rejected,) = venue.submit(placed)

    assert (rejected.kind, rejected.reason) == (REJECTED, f"{lacking} is not taken by this venue")


def test_a_venue_without_replacements_rejects_them() -> None:
    venue = Venue(SimulatedBrokerConfig(lacks=("replace",)))
    venue.submit(order(BUY, limit=90))

    (rejected,) = venue.replace(order(BUY, limit=95))

    assert rejected.kind is ExecutionKind.REPLACE_REJECTED
    assert rejected.reason == "orders are not replaced by this venue"


def test_capabilities_are_everything_that_is_not_lacking() -> None:
    taken = SimulatedBrokerConfig(lacks=("trailing_stop", "day", "oco")).capabilities()

    assert set(OrderType) - set(taken.order_types) == {OrderType.TRAILING_STOP}
    assert set(TimeInForce) - set(taken.times_in_force) == {TimeInForce.DAY}
    assert set(VenueFeature) - set(taken.features) == {VenueFeature.OCO}


def test_an_unknown_name_under_lacks_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"broker.lacks: 'stopp' is not one of day, fok, "):
        SimulatedBrokerConfig(lacks=("stopp",)).capabilities()


def test_a_new_quantity_of_no_more_than_the_fills_is_rejected() -> None:
    venue = Venue(SimulatedBrokerConfig(volume=ModelConfig("share", {"limit": 0.5})))
    venue.submit(order(BUY, 10))
    venue.hear(Trade(1, "A", 100.0, 8.0))

    (refused,) = venue.replace(order(BUY, 4))
    (replaced,) = venue.replace(order(BUY, 6))
    filled = venue.hear(Trade(2, "A", 100.0, 80.0))

    assert (refused.kind, refused.reason) == (ExecutionKind.REPLACE_REJECTED, "4 of 4 are filled already")
    assert replaced.kind is ExecutionKind.REPLACED
    assert [one.quantity for one in filled] == [2]


class Doubled(msgspec.Struct, frozen=True):
    """A bar model of a user's: twice the close."""

    def fill(self, resting: Resting, bar: Bar) -> Price | None:  # noqa: ARG002  # the port's signature
        return Price(2 * bar.close, slips=False, executed_ts=bar.ts)


def test_a_model_of_the_users_own_takes_the_place_of_the_configured_one() -> None:
    venue = Venue(models=VenueModels(bars=Doubled()))
    venue.submit(order(BUY))

    assert venue.fills(bar(1, "100/100/100/100")) == [(0, 200)]


def test_a_cancelled_order_does_not_fill() -> None:
    venue = Venue()
    venue.submit(order(BUY, limit=100))

    cancelled = venue.cancel()

    assert kinds(cancelled) == [ExecutionKind.CANCELLED]
    assert venue.fills(bar(2, "90/90/90/90")) == []


@pytest.mark.parametrize("symbol", ["A", "B"])
def test_cancelling_or_replacing_an_unknown_order_is_rejected(symbol: str) -> None:
    venue = Venue()
    venue.submit(order(BUY, limit=100))

    (cancel,) = venue.cancel("x", symbol=symbol)
    (replace,) = venue.replace(order(BUY, key="x", symbol=symbol))

    assert (cancel.kind, cancel.reason) == (ExecutionKind.CANCEL_REJECTED, "no such order")
    assert (replace.kind, replace.reason) == (ExecutionKind.REPLACE_REJECTED, "no such order")


def test_new_terms_keep_the_place_in_the_queue() -> None:
    venue = Venue()
    venue.submit(order(BUY, limit=90, key="first"), order(BUY, limit=95, key="second"))

    replaced = venue.replace(order(BUY, 20, limit=96, key="first"))
    filled = venue.hear(bar(2, "100/100/90/95"))

    assert kinds(replaced) == [ExecutionKind.REPLACED]
    assert [(str(one.client_order_id), str(one.quantity)) for one in filled] == [
        ("first", "20"),
        ("second", "10"),
    ]


def test_a_reached_stop_stays_reached_under_new_terms() -> None:
    venue = Venue()
    venue.submit(order(BUY, stop=103, limit=102))
    triggered = venue.hear(bar(1, "100/105/100/105"))

    venue.replace(order(BUY, stop=110, limit=106))

    assert kinds(triggered) == [TRIGGERED]
    assert venue.fills(bar(2, "105/105/105/105")) == [(0, 105)]


def test_a_stop_is_triggered_once_and_before_its_fill() -> None:
    venue = Venue()
    venue.submit(order(BUY, stop=103), order(BUY, stop=103, limit=101, key="late"))

    first = venue.hear(bar(1, "100/105/100/105"))
    second = venue.hear(bar(2, "101/101/101/101"))

    assert [(one.client_order_id, one.kind) for one in first] == [
        ("o", TRIGGERED),
        ("o", FILL),
        ("late", TRIGGERED),
    ]
    assert [(one.client_order_id, one.kind) for one in second] == [("late", FILL)]


def test_a_fill_is_of_the_whole_order_with_an_id_of_its_own() -> None:
    venue = Venue(SimulatedBrokerConfig(currency="EUR"))
    venue.submit(order(BUY, "12.5", limit=100))

    (filled,) = venue.hear(bar(1, "99/99/99/99"))

    assert (filled.quantity, filled.price, str(filled.fill_id)) == (Decimal("12.5"), Decimal(99), "o-1")
    assert (filled.commission, filled.commission_currency) == (Decimal(0), "EUR")
    assert filled.liquidity is Liquidity.MAKER


@pytest.mark.parametrize(
    ("tick", "price", "expected"),
    [
        ("0.01", 100.014, "100.01"),
        ("0.01", 27.996, "28.00"),
        ("0.25", 100.12, "100.00"),
        ("0.25", 100.13, "100.25"),
        ("0.25", 100.2549, "100.25"),
        ("0.05", 100.03, "100.05"),
        ("5", 102.0, "100"),
        ("5", 103.0, "105"),
        ("0.00001", 1.234567, "1.23457"),
    ],
)
def test_a_fill_is_at_the_nearest_tick(tick: str, price: float, expected: str) -> None:
    venue = Venue(tick=tick)
    venue.submit(order(BUY))

    (filled,) = venue.hear(Quote(1, "A", price, price))

    assert str(filled.price) == expected


# --- what it costs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("placed", "price"),
    [
        (order(BUY), "100.10"),
        (order(SELL), "99.90"),
        (order(BUY, stop=90), "100.10"),
        (order(SELL, stop=110), "99.90"),
        (order(BUY, limit=100), "100.00"),
        (order(SELL, limit=100), "100.00"),
        (order(BUY, stop=90, limit=100), "100.00"),
    ],
)
def test_slippage_is_paid_by_market_and_stop_orders_alone(placed: ApprovedOrder, price: str) -> None:
    venue = Venue(SimulatedBrokerConfig(slippage_bps=10.0))
    venue.submit(placed)

    filled = venue.hear(bar(1, "100/100/100/100"))[-1]

    assert str(filled.price) == price


def test_slippage_is_paid_at_the_close_too() -> None:
    venue = Venue(SimulatedBrokerConfig(slippage_bps=10.0, bar_fill=FillTiming.THIS_CLOSE))
    venue.hear(bar(1, "100/100/100/100"))

    _, filled = venue.submit(order(BUY))

    assert str(filled.price) == "100.10"


def test_commission_is_reported_with_the_fill() -> None:
    config = SimulatedBrokerConfig(commission_per_share=Decimal("0.01"), commission_per_order=Decimal(1))
    venue = Venue(config)
    venue.submit(order(BUY, 50))

    (filled,) = venue.hear(bar(1, "100/100/100/100"))

    assert filled.commission == Decimal("1.50")


# --- properties -------------------------------------------------------------------------------

ticks = st.integers(80, 120)
levels = st.none() | ticks
placed_orders = st.tuples(
    st.sampled_from([BUY, SELL]),
    levels,
    levels,
    st.sampled_from(["1", "0.5", "100"]),
)
market = st.one_of(
    st.tuples(st.just("bar"), st.lists(st.floats(80, 120), min_size=4, max_size=4)),
    st.tuples(st.just("quote"), st.lists(st.floats(80, 120), min_size=2, max_size=2)),
    st.tuples(st.just("trade"), st.lists(st.floats(80, 120), min_size=1, max_size=1)),
)


def market_event(minute: int, kind: str, prices: list[float]) -> Event:
    ts = minute * MINUTE
    if kind == "bar":
        opened, close = prices[0], prices[1]
        return Bar(ts, "A", "1m", opened, max(prices), min(prices), close, 1.0, ts - MINUTE)
    if kind == "quote":
        return Quote(ts, "A", min(prices), max(prices))
    return Trade(ts, "A", prices[0], 1.0)


def extremes(event: Event) -> tuple[float, float]:
    """The lowest and highest price of a market event."""
    match event:
        case Bar(low=low, high=high) | Quote(bid=low, ask=high):
            return low, high
        case Trade(price=price):
            return price, price
        case _:
            return -inf, inf


@given(
    st.lists(st.tuples(st.lists(placed_orders, max_size=3), market), max_size=12),
    st.sampled_from(["0.01", "0.25", "1"]),
    st.sampled_from([0.0, 25.0]),
    st.sampled_from(FillTiming),
)
def test_every_fill_is_whole_once_on_tick_within_its_limit_and_within_the_market(
    rounds: list[tuple[list[tuple[Side, int | None, int | None, str]], tuple[str, list[float]]]],
    tick: str,
    slippage_bps: float,
    timing: FillTiming,
) -> None:
    venue = Venue(SimulatedBrokerConfig(slippage_bps=slippage_bps, bar_fill=timing), tick=tick)
    sent: dict[str, tuple[int, ApprovedOrder]] = {}
    filled: set[str] = set()
    event: Event = venue.bus.current
    for minute, (orders, (kind, prices)) in enumerate(rounds, 1):
        reports: list[ExecutionReport] = []
        for side, limit, stop, quantity in orders:
            key = f"o{len(sent)}"
            one = order(side, quantity, limit=limit, stop=stop, key=key)
            sent[key] = (venue.bus.now, one)
            reports += venue.submit(one)
        _check(reports, event, sent, filled, tick=Decimal(tick), slippage_bps=slippage_bps)
        event = market_event(minute, kind, prices)
        reports = list(venue.hear(event))
        _check(reports, event, sent, filled, tick=Decimal(tick), slippage_bps=slippage_bps)

        resting = {
            one.order.client_order_id for orders in venue.broker.state.resting.values() for one in orders
        }
        assert resting == sent.keys() - filled
        assert venue.bus.watched("simulated_broker") == ({"A"} if resting else set())


def _check(
    reports: list[ExecutionReport],
    event: Event,
    sent: dict[str, tuple[int, ApprovedOrder]],
    filled: set[str],
    *,
    tick: Decimal,
    slippage_bps: float,
) -> None:
    low, high = extremes(event)
    for report in reports:
        if report.kind is not FILL:
            continue
        sent_ts, one = sent[report.client_order_id]
        assert report.client_order_id not in filled
        filled.add(report.client_order_id)
        assert report.quantity == one.quantity
        assert report.price is not None
        assert report.price % tick == 0
        assert sent_ts <= report.executed_ts <= report.ts
        is_buy = one.side is BUY
        if one.limit_price is not None:
            assert report.price <= one.limit_price if is_buy else report.price >= one.limit_price
        slipped = slippage_bps / 10_000 * high if one.limit_price is None else 0.0
        room = float(tick) / 2 + 1e-9 + slipped
        assert low - room <= float(report.price) <= high + room
