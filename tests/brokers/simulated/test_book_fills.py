"""Orders on an order book: they take its levels, and a level that they took stays taken."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulated.config import SimulatedBrokerConfig
from components.order_books.order_books import OrderBooks
from kernel.events import (
    BUY,
    SELL,
    Bar,
    ExecutionKind,
    ExecutionReport,
    Liquidity,
    OrderType,
    Quote,
    Side,
    TimeInForce,
)
from kernel.identifiers import StrategyId
from kernel.time_units import DAY_NS
from tests.brokers.simulated.book_venue import BookVenue, fills, kinds, trade
from tests.brokers.simulated.venue import order
from tests.components.book_events import delta, snapshot
from tests.components.sample_core import begin, core_with, hear, of_type, scripted

WALK = SimulatedBrokerConfig(book="walk")
BIDS = ((99.0, 5.0), (98.0, 7.0), (97.0, 10.0))
ASKS = ((101.0, 3.0), (102.0, 4.0), (104.0, 8.0))
BOOK = snapshot(BIDS, ASKS)
SAME = delta((), ())
"""An update that leaves the book as it is."""


def venue(config: SimulatedBrokerConfig = WALK, *, lot: str = "1") -> BookVenue:
    made = BookVenue(config, lot=lot)
    made.hear(BOOK)
    return made


def test_a_market_order_walks_the_levels_one_fill_each() -> None:
    at = venue()
    at.submit(order(BUY, 10))

    reports = at.hear(SAME)

    assert fills(reports) == [(3, 101), (4, 102), (3, 104)]
    assert {report.liquidity for report in reports} == {Liquidity.TAKER}
    assert [report.fill_id for report in reports] == ["o-1", "o-2", "o-3"]


def test_a_sale_walks_the_bids() -> None:
    at = venue()
    at.submit(order(SELL, 6))

    assert fills(at.hear(SAME)) == [(5, 99), (1, 98)]


def test_a_market_order_beyond_the_book_waits_for_more() -> None:
    at = venue()
    at.submit(order(BUY, 20))
    first = fills(at.hear(SAME))

    more = fills(at.hear(delta((), ((103.0, 9.0),), ts=3)))

    assert (sum(quantity for quantity, _ in first), more) == (15, [(5, 103)])


def test_a_marketable_limit_walks_up_to_its_limit_and_rests() -> None:
    at = venue()
    at.submit(order(BUY, 10, limit=102))

    assert fills(at.hear(SAME)) == [(3, 101), (4, 102)]
    assert fills(at.hear(delta((), ((101.5, 9.0),), ts=3))) == [(3, 102)]


def test_the_next_order_does_not_find_what_an_order_took() -> None:
    at = venue()
    at.submit(order(BUY, 5, key="a"), order(BUY, 5, key="b"))

    reports = at.hear(SAME)

    assert fills(reports) == [(3, 101), (2, 102), (2, 102), (3, 104)]


def test_a_taken_level_stays_taken_until_its_size_changes() -> None:
    at = venue()
    at.submit(order(BUY, 3))
    at.hear(SAME)
    at.submit(order(BUY, 1, key="b"))
    untouched = fills(at.hear(delta(((98.0, 1.0),), (), ts=3)))
    at.submit(order(BUY, 2, key="c"))

    changed = fills(at.hear(delta((), ((101.0, 2.0),), ts=4)))

    assert (untouched, changed) == ([(1, 102)], [(2, 101)])


def test_a_new_snapshot_brings_all_levels_back() -> None:
    at = venue()
    at.submit(order(BUY, 3))
    at.hear(SAME)
    at.submit(order(BUY, 3, key="b"))

    assert fills(at.hear(snapshot(BIDS, ASKS, ts=3))) == [(3, 101)]


def test_taken_levels_are_remembered_through_a_restart() -> None:
    at = venue()
    at.submit(order(BUY, 3))
    at.hear(SAME)
    at.submit(order(BUY, 1, key="b"))

    at.restart()

    assert fills(at.hear(delta((), (), ts=3))) == [(1, 102)]


def test_a_limit_that_rested_makes_at_its_limit_when_the_market_comes() -> None:
    at = venue()
    at.submit(order(BUY, 4, limit=100))
    assert at.hear(SAME) == []

    reports = at.hear(snapshot(((98.0, 1.0),), ((99.5, 3.0), (100.0, 9.0)), ts=3))

    assert fills(reports) == [(3, 100), (1, 100)]
    assert {report.liquidity for report in reports} == {Liquidity.MAKER}


def test_fill_or_kill_fills_whole_over_several_levels() -> None:
    at = venue()
    at.submit(order(BUY, 7, limit=102, time_in_force=TimeInForce.FOK))

    assert fills(at.hear(SAME)) == [(3, 101), (4, 102)]


def test_fill_or_kill_takes_nothing_of_a_book_that_is_too_thin() -> None:
    at = venue()
    at.submit(order(BUY, 8, limit=102, time_in_force=TimeInForce.FOK))

    assert kinds(at.hear(SAME)) == ["cancelled"]
    assert at.broker.state.resting == {}


def test_immediate_or_cancel_takes_the_levels_there_are() -> None:
    at = venue()
    at.submit(order(BUY, 8, limit=102, time_in_force=TimeInForce.IOC))

    reports = at.hear(Quote(2, "A", 99.0, 101.0), SAME)

    assert (fills(reports), kinds(reports)[-1]) == ([(3, 101), (4, 102)], "cancelled")


def test_a_stop_triggers_at_the_best_price_and_walks() -> None:
    at = venue()
    at.submit(order(BUY, 4, stop=101.5))
    quiet = at.hear(SAME)

    reports = at.hear(delta((), ((101.0, 0.0),), ts=3))

    assert quiet == []
    assert kinds(reports) == ["triggered", "fill"]
    assert fills(reports) == [(4, 102)]


def test_post_only_is_cancelled_where_it_would_take() -> None:
    at = venue()
    crossing, resting = order(BUY, 1, limit=101, key="a"), order(BUY, 1, limit=100, key="b")
    at.submit(*(msgspec.structs.replace(one, post_only=True) for one in (crossing, resting)))

    reports = at.hear(SAME)

    assert [(report.client_order_id, report.kind) for report in reports] == [("a", ExecutionKind.CANCELLED)]


def test_sizes_are_taken_in_whole_lots() -> None:
    at = BookVenue(WALK, lot="0.01")
    at.hear(snapshot(BIDS, ((101.0, 0.005), (102.0, 0.128), (103.0, 5.0))))
    at.submit(order(BUY, "0.20"))

    assert fills(at.hear(SAME)) == [(0.12, 102), (0.08, 103)]


def test_a_size_beyond_all_markets_is_taken_as_plenty() -> None:
    at = BookVenue(WALK)
    at.hear(snapshot(BIDS, ((101.0, 1e300),)))
    at.submit(order(BUY, 5))

    assert fills(at.hear(SAME)) == [(5, 101)]


def test_quotes_fill_nothing_where_there_is_a_book() -> None:
    at = venue()
    at.submit(order(BUY, 1))

    assert at.hear(Quote(2, "A", 90.0, 91.0), trade(91.0, 5.0, ts=3)) == []


def test_bars_fill_nothing_where_there_is_a_book() -> None:
    at = venue()
    at.submit(order(BUY, 1), order(BUY, 1, limit=90, key="limit"))

    assert at.hear(Bar(20, "A", "1m", 91.0, 92.0, 80.0, 91.0, 9.0, 10)) == []


def test_quotes_fill_where_there_is_no_book_yet() -> None:
    at = BookVenue(WALK)
    at.submit(order(BUY, 1))

    assert fills(at.hear(Quote(2, "A", 90.0, 91.0))) == [(1, 91)]


def test_nothing_fills_on_a_broken_book() -> None:
    at = venue()
    at.hear(snapshot(BIDS, ASKS, seq=5, ts=2))
    at.submit(order(BUY, 1))

    assert at.hear(delta((), (), seq=9, previous=7, ts=3), Quote(4, "A", 90.0, 91.0)) == []
    assert fills(at.hear(snapshot(BIDS, ASKS, seq=9, ts=5))) == [(1, 101)]


@pytest.mark.parametrize(("price", "expected"), [(100.0, []), (99.9, [(2, 100)])])
def test_without_a_queue_a_trade_beyond_the_limit_fills_it(
    price: float, expected: list[tuple[float, float]]
) -> None:
    at = venue()
    at.submit(order(BUY, 2, limit=100))
    at.hear(SAME)

    assert fills(at.hear(trade(price, 50.0))) == expected


def test_on_open_is_for_the_first_book_of_its_session() -> None:
    at = venue()
    at.submit(order(BUY, 2, order_type=OrderType.MARKET_ON_OPEN))
    day = DAY_NS
    early = at.hear(delta((), (), ts=day - 1))

    assert early == []
    assert fills(at.hear(delta((), (), ts=day))) == [(2, 101)]


def test_an_order_of_a_strategy_in_the_whole_core_walks_the_book() -> None:
    core = core_with({"s": scripted([("market", "A", 5, 0)])}, symbols=("A",), broker=WALK)
    begin(core)
    hear(core, BOOK, trade(100.0, 1.0, ts=2))

    events = hear(core, delta((), (), ts=3))

    assert fills(of_type(events, ExecutionReport)) == [(3, 101), (2, 102)]
    assert core.portfolio.strategy_position(StrategyId("s"), "A") == 5


prices = st.integers(95, 105).map(float)
sizes = st.sampled_from([0.0, 1.0, 2.0, 5.0])
steps = st.one_of(
    st.tuples(st.just("bid"), prices, sizes),
    st.tuples(st.just("ask"), prices, sizes),
    st.tuples(st.just("buy"), st.one_of(st.none(), prices), st.integers(1, 9)),
    st.tuples(st.just("sell"), st.one_of(st.none(), prices), st.integers(1, 9)),
    st.tuples(st.just("trade"), prices, st.sampled_from([1.0, 4.0])),
)


@given(st.lists(steps, max_size=30), st.sampled_from([None, "pessimistic", "probabilistic"]))
def test_no_order_is_overfilled_or_filled_beyond_its_limit_or_out_of_thin_air(
    script: list[tuple[str, float | None, float]], queue: str | None
) -> None:
    at = BookVenue(SimulatedBrokerConfig(book="walk", queue=queue))
    at.hear(snapshot(((97.0, 5.0),), ((103.0, 5.0),)))
    ordered: dict[str, tuple[Side, float | None, Decimal]] = {}
    filled: dict[str, Decimal] = {}
    for ts, (verb, price, amount) in enumerate(script, 2):
        match verb:
            case "buy" | "sell":
                side = BUY if verb == "buy" else SELL
                ordered[f"{ts}"] = (side, price, Decimal(int(amount)))
                reports = at.submit(order(side, int(amount), limit=price, key=f"{ts}"))
            case "trade":
                reports = at.hear(trade(price or 0.0, amount, ts=ts))
            case _:
                change = ((price or 0.0, amount),)
                reports = at.hear(delta(change, (), ts=ts) if verb == "bid" else delta((), change, ts=ts))
                shown = at.books.book("A")
                for side in (BUY, SELL):
                    mine = [
                        r
                        for r in reports
                        if r.kind is ExecutionKind.FILL and ordered[r.client_order_id][0] is side
                    ]
                    taken = sum(float(report.quantity or 0) for report in mine)
                    there = 0.0 if shown is None else sum(size for _, size in shown.taken_by(side))
                    assert taken <= there
        for report in reports:
            if report.kind is ExecutionKind.FILL:
                assert report.quantity is not None
                assert report.price is not None
                side, limit, quantity = ordered[report.client_order_id]
                filled[report.client_order_id] = (
                    filled.get(report.client_order_id, Decimal(0)) + report.quantity
                )
                assert filled[report.client_order_id] <= quantity
                assert limit is None or (report.price <= limit if side is BUY else report.price >= limit)


def test_a_book_that_nobody_configured_costs_the_venue_nothing() -> None:
    at = BookVenue(SimulatedBrokerConfig())

    types = {subscription.event_type.__name__ for subscription in at.broker.watches()[0]}

    assert types == {"Bar", "Quote", "Trade"}
    assert list(OrderBooks(symbols=frozenset()).subscriptions()) == []


@given(
    st.lists(steps, max_size=30),
    st.sampled_from([None, "pessimistic", "probabilistic"]),
    st.integers(0, 30),
)
def test_a_restart_at_any_moment_changes_no_report(
    script: list[tuple[str, float | None, float]], queue: str | None, restart_at: int
) -> None:
    assert played(script, queue, restart_at=restart_at) == played(script, queue, restart_at=-1)


def played(
    script: list[tuple[str, float | None, float]], queue: str | None, *, restart_at: int
) -> list[ExecutionReport]:
    """All reports of a venue that is restarted before one of the steps."""
    at = BookVenue(SimulatedBrokerConfig(book="walk", queue=queue))
    reports = at.hear(snapshot(((97.0, 5.0),), ((103.0, 5.0),)))
    for ts, (verb, price, amount) in enumerate(script, 2):
        if ts - 2 == restart_at:
            at.restart()
        change = ((price or 0.0, amount),)
        match verb:
            case "buy" | "sell":
                side = BUY if verb == "buy" else SELL
                reports += at.submit(order(side, int(amount), limit=price, key=f"{ts}"))
            case "trade":
                reports += at.hear(trade(price or 0.0, amount, ts=ts))
            case _:
                reports += at.hear(delta(change, (), ts=ts) if verb == "bid" else delta((), change, ts=ts))
    return reports
