"""Order types that a venue lacks, done in the core: through the real core and a venue that lacks them."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.emulation.release_times import overdue_until
from components.venue_facts import VenueFacts
from kernel import snapshot
from kernel.events import (
    Bar,
    CalendarDefined,
    CorporateAction,
    CorporateActionKind,
    Event,
    ExecutionKind,
    ExecutionReport,
    HeldOrderTriggered,
    InstrumentDefined,
    Order,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderSubmitted,
    OrderType,
    Quote,
    ReduceOnlyTrading,
    Side,
    TimeInForce,
    Trade,
    TradingSession,
)
from kernel.identifiers import ClientOrderId, FillId, StrategyId
from kernel.snapshot import Snapshot
from kernel.time_units import DAY_NS as DAY
from kernel.time_units import HOUR_NS as HOUR
from kernel.time_units import SECOND_NS
from strategies.sdk import Cancel, PlaceOrder, Replace, buy, one_cancels_other, sell
from tests.components.lacking_venue import EVERYTHING_ELSE, core_lacking, fills, kinds, planned
from tests.components.sample_core import hear, of_type

KEY = ClientOrderId("1-x-1")
Type, Tif, K = OrderType, TimeInForce, ExecutionKind


def quotes(*prices: float, start: int = 10, spread: float = 0.0) -> list[Event]:
    """A quote at each price, a nanosecond apart; ``spread`` is above it."""
    return [Quote(start + step, "A", price, price + spread) for step, price in enumerate(prices)]


def run(placed: PlaceOrder | Sequence[PlaceOrder], events: Sequence[Event], *lacks: str) -> list[Event]:
    """What follows when the strategy places orders on the first event."""
    core = core_lacking(planned(placed), *lacks)
    return [made for event in events for made in hear(core, event)]


# --- conditional orders -----------------------------------------------------------------------


def test_an_emulated_stop_is_held_until_a_quote_reaches_it_and_sent_as_a_market_order() -> None:
    core = core_lacking(planned(sell("A", 5, stop=95)), *EVERYTHING_ELSE)

    placed = hear(core, *quotes(100, 96))
    reached = hear(core, *quotes(95, start=20))
    traded = hear(core, *quotes(94, start=30))

    assert "OrderHeld" in kinds(placed)
    assert "OrderSubmitted" not in kinds(placed)
    assert kinds(reached)[:3] == ["HeldOrderTriggered", "OrderTriggered", "OrderSubmitted"]
    assert of_type(reached, OrderSubmitted)[0].order.order_type is Type.MARKET
    assert fills(traded) == [(KEY, Decimal(5), Decimal(94))]


CONDITIONAL = [
    sell("A", 5, stop=95),
    buy("A", 5, stop=105),
    sell("A", 5, stop=95, limit=94),
    buy("A", 5, stop=105, limit=106),
    sell("A", 5, trail_amount=4),
    buy("A", 5, trail_amount=4),
    sell("A", 5, trail_percent=3),
    buy("A", 5, trail_percent=3),
    sell("A", 5, trail_amount=4, stop=92),
    PlaceOrder("A", buy("A", 1).side, 5, Type.MARKET_IF_TOUCHED, None, 95),
    PlaceOrder("A", sell("A", 1).side, 5, Type.MARKET_IF_TOUCHED, None, 105),
    PlaceOrder("A", buy("A", 1).side, 5, Type.LIMIT_IF_TOUCHED, 95, 96),
    PlaceOrder("A", sell("A", 1).side, 5, Type.LIMIT_IF_TOUCHED, 105, 104),
]


@given(st.lists(st.integers(90, 110), min_size=2, max_size=12), st.sampled_from(CONDITIONAL))
def test_emulated_orders_fill_at_the_prices_of_native_ones_where_quotes_last(
    prices: list[int], placed: PlaceOrder
) -> None:
    """An emulated order trades one event later; where each quote comes twice that is at the same price."""
    lasting = [float(price) for price in [100, *prices, prices[-1]] for _ in range(2)]

    native, emulated = run(placed, quotes(*lasting)), run(placed, quotes(*lasting), *EVERYTHING_ELSE)

    assert fills(emulated) == fills(native)


@pytest.mark.parametrize(
    ("events", "is_reached"),
    [
        ([Trade(20, "A", 95.0, 1.0)], True),
        ([Trade(20, "A", 95.01, 1.0)], False),
        ([Bar(30, "A", "1m", 99.0, 99.0, 95.0, 98.0, 1.0, 12)], True),
        ([Bar(30, "A", "1m", 99.0, 99.0, 95.01, 98.0, 1.0, 12)], False),
        ([Bar(30, "A", "1m", 99.0, 99.0, 90.0, 98.0, 1.0, 5)], False),
        ([Bar(30, "A", "1m", 99.0, 99.0, 90.0, 95.0, 1.0, 5)], True),
        ([Bar(30, "A", "1m", 99.0, 99.0, 95.0, 98.0, 1.0, 0)], False),
        ([Bar(30, "A", "1m", 99.0, 99.0, 90.0, 95.0, 1.0, 0)], True),
        ([Bar(30, "A", "1mo", 99.0, 99.0, 95.0, 98.0, 1.0, 0)], False),
        ([Bar(30, "A", "1m", 99.0, 99.0, 98.0, 98.0, 1.0, 0), Bar(40, "A", "1m", 99, 99, 95, 98, 1)], True),
        ([Bar(10, "A", "1m", 99.0, 99.0, 95.0, 95.0, 1.0, 0)], False),
        ([Quote(20, "A", 0.0, 90.0)], False),
        ([Quote(20, "A", float("nan"), 90.0)], False),
        ([Quote(20, "B", 90.0, 90.0)], False),
    ],
    ids=repr,
)
def test_a_sell_stop_at_95_is_reached_by(events: list[Event], is_reached: bool) -> None:
    """A bar that was open before the order came, or may have been, counts with its close alone."""
    made = run(sell("A", 5, stop=95), [*quotes(100), *events], *EVERYTHING_ELSE)

    assert bool(of_type(made, HeldOrderTriggered)) is is_reached


def test_a_bar_without_an_open_time_that_follows_the_one_of_the_decision_counts_whole() -> None:
    days = [Bar(20 + n, "A", "1d", 99.0, 99.0, low, 98.0, 1.0) for n, low in enumerate((90.0, 98.0, 95.0))]

    made = run(sell("A", 5, stop=95), days, *EVERYTHING_ELSE)

    assert [event.ts for event in of_type(made, HeldOrderTriggered)] == [22]


def test_a_longer_bar_without_an_open_time_counts_for_no_stop_given_inside_it() -> None:
    minute = 60 * SECOND_NS
    short = [Bar(n * minute, "A", "1m", 99.0, 99.0, 98.0, 98.0, 1.0) for n in range(1, 6)]
    long = Bar(5 * minute, "A", "5m", 99.0, 99.0, 90.0, 98.0, 5.0)

    made = run(sell("A", 5, stop=95), [*short, long], *EVERYTHING_ELSE)

    assert of_type(made, HeldOrderTriggered) == []


def test_an_immediate_order_keeps_its_chance_over_a_bar_that_may_have_opened_before_it() -> None:
    placed = buy("A", 5, limit=100, time_in_force=Tif.IOC)
    bars = [Bar(n * 60 * SECOND_NS, "A", "1m", 100.0, 100.0, 99.0, 100.0, 1.0) for n in (1, 2)]

    made = run(placed, [Quote(30 * SECOND_NS, "A", 101.0, 101.0), *bars], *EVERYTHING_ELSE)

    assert [(event.ts, int(event.price)) for event in of_type(made, OrderFilled)] == [(bars[1].ts, 100)]


def test_a_trailing_stop_does_not_trigger_on_the_low_of_the_bar_that_moved_its_level() -> None:
    bars = [Bar(20, "A", "1m", 100.0, 110.0, 99.0, 108.0, 1.0, 12)]

    made = run(sell("A", 5, trail_amount=4), [*quotes(100), *bars], *EVERYTHING_ELSE)
    after = run(sell("A", 5, trail_amount=4), [*quotes(100), *bars, *quotes(106, start=30)], *EVERYTHING_ELSE)

    assert of_type(made, HeldOrderTriggered) == []
    assert len(of_type(after, HeldOrderTriggered)) == 1


@pytest.mark.parametrize(
    "mover",
    [
        Quote(25, "A", 110.0, 111.0),
        Trade(25, "A", 110.0, 1.0),
        Bar(30, "A", "1m", 101.0, 110.0, 101.0, 109.0, 1.0, 20),
    ],
    ids=repr,
)
def test_a_bar_does_not_turn_a_trailing_stop_with_a_low_from_before_its_level(mover: Event) -> None:
    """Neither a longer bar over shorter ones, nor one that was open when a tick moved the level."""
    longer = Bar(30, "A", "1h", 100.0, 110.0, 98.0, 109.0, 1.0, 12)

    made = run(sell("A", 5, trail_amount=4), [*quotes(100), mover, longer], *EVERYTHING_ELSE)
    after = Bar(40, "A", "1m", 109.0, 109.0, 105.5, 108.0, 1.0, 30)
    turned = run(sell("A", 5, trail_amount=4), [*quotes(100), mover, longer, after], *EVERYTHING_ELSE)

    assert of_type(made, HeldOrderTriggered) == []
    assert [event.ts for event in of_type(turned, HeldOrderTriggered)] == [40]


@pytest.mark.parametrize(("close", "is_reached"), [(99.0, False), (98.0, True)])
def test_a_bar_that_was_open_when_a_new_stop_came_counts_with_its_close_alone(
    close: float, is_reached: bool
) -> None:
    core = core_lacking(planned(sell("A", 5, stop=90), Replace(KEY, stop_price=98)), *EVERYTHING_ELSE)
    hear(core, *quotes(100, start=10), *quotes(100, start=20))

    made = hear(core, Bar(30, "A", "1m", 100.0, 100.0, 97.0, close, 1.0, 12))

    assert bool(of_type(made, HeldOrderTriggered)) is is_reached


@pytest.mark.parametrize("lacks", [(), tuple(one for one in EVERYTHING_ELSE if one != "replace")])
def test_a_trailing_stop_takes_a_new_level_emulated_or_not(lacks: tuple[str, ...]) -> None:
    placed = sell("A", 5, stop=90, trail_amount=5)
    core = core_lacking(planned(placed, Replace(KEY, stop_price=98)), *lacks)

    traded = hear(core, *quotes(100, 100, 99, 98, 97))

    assert [int(price) for _, _, price in fills(traded)] == [97 if lacks else 98]


def test_a_held_order_takes_a_new_stop_and_is_cancelled_here() -> None:
    core = core_lacking(
        planned(sell("A", 5, stop=95), Replace(KEY, stop_price=90), Cancel(KEY)), *EVERYTHING_ELSE
    )

    replaced = hear(core, *quotes(100, 99, start=10))
    cancelled = hear(core, *quotes(94, start=20))
    after = hear(core, *quotes(80, 80, start=30))

    assert kinds(replaced)[-2:] == ["ReplaceApproved", "OrderReplaced"]
    assert kinds(cancelled) == ["CancelIntent", "OrderCancelled"]
    assert after == []
    assert core.bus.watched("emulation") == frozenset()


def test_new_terms_of_an_emulated_order_that_was_sent_are_those_of_the_sent_type() -> None:
    placed = sell("A", 5, stop=95, limit=97)
    core = core_lacking(
        planned(placed, None, Replace(KEY, limit_price=96)),
        *(lacking for lacking in EVERYTHING_ELSE if lacking != "replace"),
    )

    hear(core, *quotes(100, 94, 94))
    traded = hear(core, *quotes(96, start=20))

    assert fills(traded) == [(KEY, Decimal(5), Decimal(96))]


def test_a_triggered_order_is_not_sent_if_the_gate_is_shut() -> None:
    core = core_lacking(planned(buy("A", 5, stop=105)), *EVERYTHING_ELSE)
    hear(core, *quotes(100), ReduceOnlyTrading(15, "op"))

    made = hear(core, *quotes(105, start=20))

    assert kinds(made) == ["HeldOrderTriggered", "OrderTriggered", "OrderDenied"]
    assert of_type(made, OrderDenied)[0].rule == "trading_state"


def test_a_split_moves_emulated_levels() -> None:
    core = core_lacking(planned([sell("A", 5, stop=90), sell("A", 5, trail_amount=4)]), *EVERYTHING_ELSE)
    split = CorporateAction(15, "A", CorporateActionKind.SPLIT, ratio=Decimal(2))

    adjusted = hear(core, *quotes(100), split, *quotes(50, 48.5, start=20))
    trailed = hear(core, *quotes(48, start=30))
    stopped = hear(core, *quotes(45, start=40))

    assert of_type(adjusted, HeldOrderTriggered) == []
    assert [e.order.quantity for e in of_type(trailed, HeldOrderTriggered)] == [10]
    assert [e.order.client_order_id for e in of_type(stopped, HeldOrderTriggered)] == [KEY]


def test_an_emulated_order_follows_its_symbol() -> None:
    core = core_lacking(planned(sell("A", 5, stop=95)), *EVERYTHING_ELSE)
    renamed = CorporateAction(15, "A", CorporateActionKind.SYMBOL_CHANGE, new_symbol="B")

    made = hear(core, *quotes(100), renamed, Quote(20, "A", 90.0, 90.0), Quote(21, "B", 95.0, 95.0))

    assert [event.order.symbol for event in of_type(made, HeldOrderTriggered)] == ["B"]


# --- times in force ---------------------------------------------------------------------------


def test_a_day_order_ends_with_the_day_at_a_venue_that_keeps_no_days() -> None:
    placed = buy("A", 5, limit=90, time_in_force=Tif.DAY)
    made = run(placed, [*quotes(100, 99), *quotes(95, 89, start=DAY + 5)], *EVERYTHING_ELSE)

    submitted, expired = of_type(made, OrderSubmitted), of_type(made, OrderExpired)
    assert [event.order.time_in_force for event in submitted] == [Tif.GTC]
    assert [(event.ts, event.leaves_quantity) for event in expired] == [(DAY, Decimal(5))]
    assert fills(made) == []


def test_a_held_day_order_expires_here() -> None:
    placed = buy("A", 5, stop=110, time_in_force=Tif.DAY)

    made = run(placed, [*quotes(100), *quotes(115, start=DAY + 5)], *EVERYTHING_ELSE)

    assert [event.ts for event in of_type(made, OrderExpired)] == [DAY]
    assert of_type(made, HeldOrderTriggered) == []


def test_a_gtd_order_ends_at_its_time_and_its_timer_goes_with_it_when_it_fills() -> None:
    placed = buy("A", 5, limit=90, time_in_force=Tif.GTD, expire_ts=50)

    ended = run(placed, [*quotes(100, 99), *quotes(89, start=60)], *EVERYTHING_ELSE)
    filled = run(placed, [*quotes(100, 89), *quotes(89, start=60)], *EVERYTHING_ELSE)

    assert [event.ts for event in of_type(ended, OrderExpired)] == [50]
    assert "TimerCancelled" in kinds(filled)
    assert "TimerFired" not in kinds(filled)


def test_an_ioc_order_has_one_market_event_and_ends() -> None:
    placed = buy("A", 5, limit=100, time_in_force=Tif.IOC)

    missed = run(placed, quotes(101, 101, 99), *EVERYTHING_ELSE)
    taken = run(placed, quotes(101, 100, 99), *EVERYTHING_ELSE)

    assert (kinds(missed)[-1], fills(missed)) == ("OrderExpired", [])
    assert fills(taken) == [(KEY, Decimal(5), Decimal(100))]
    assert "OrderExpired" not in kinds(taken)


def test_an_ioc_order_that_a_venue_fills_in_part_without_accepting_it_first_ends_all_the_same() -> None:
    core = core_lacking(planned(buy("A", 5, limit=90, time_in_force=Tif.IOC)), *EVERYTHING_ELSE)
    core.bus.unregister("simulated_broker")
    hear(core, *quotes(101))

    hear(
        core,
        ExecutionReport(11, K.FILL, KEY, "A", fill_id=FillId("f"), quantity=Decimal(2), price=Decimal(90)),
    )
    asked = hear(core, *quotes(101, start=12))

    assert kinds(asked) == ["ExpireOrderIntent", "CancelSubmitted"]


def test_a_fill_or_kill_order_cannot_be_emulated_and_is_denied() -> None:
    made = run(buy("A", 5, limit=100, time_in_force=Tif.FOK), quotes(101), *EVERYTHING_ELSE)

    assert [event.rule for event in of_type(made, OrderDenied)] == ["capability"]


# --- on open, on close ------------------------------------------------------------------------

SESSIONS = (
    TradingSession(19700101, 9 * HOUR, 16 * HOUR),
    TradingSession(19700102, DAY + 9 * HOUR, DAY + 16 * HOUR),
)


def at(hour: float, price: float, day: int = 0) -> Quote:
    return Quote(day * DAY + int(hour * HOUR), "A", price, price)


def bar_of(opened: float, ended: float, *, low: float) -> Bar:
    """A bar between two hours of the second day."""
    times = DAY + int(opened * HOUR), DAY + int(ended * HOUR)
    return Bar(times[1], "A", "1h", 100.0, 101.0, low, 100.0, 1.0, times[0])


def sent_at(order_type: OrderType, placed_at: float, *, limit: float | None = None) -> list[float]:
    """When the order went out, in hours of the first day."""
    core = core_lacking(planned(PlaceOrder("A", buy("A", 1).side, 5, order_type, limit)), *EVERYTHING_ELSE)
    hear(core, CalendarDefined(2, "X", SESSIONS), InstrumentDefined(3, "A", calendar="X"))
    made = hear(core, at(placed_at, 100.0), *(at(hour, 100.0 + hour, day=1) for hour in (8, 9.5, 15, 17)))
    return [event.ts / HOUR for event in of_type(made, OrderSubmitted)]


@pytest.mark.parametrize(
    ("order_type", "placed_at", "sent"),
    [
        (Type.MARKET_ON_OPEN, 8, 9),
        (Type.MARKET_ON_OPEN, 10, 33),
        (Type.MARKET_ON_OPEN, 18, 33),
        (Type.MARKET_ON_CLOSE, 10, 16 - 1 / 60),
        (Type.MARKET_ON_CLOSE, 15.999, 40 - 1 / 60),
        (Type.MARKET_ON_CLOSE, 18, 40 - 1 / 60),
    ],
)
def test_orders_on_open_and_close_go_out_by_the_calendar(
    order_type: OrderType, placed_at: float, sent: float
) -> None:
    assert sent_at(order_type, placed_at) == [pytest.approx(sent)]


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        (at(8, 90.0, day=1), at(9, 90.0, day=1)),
        (bar_of(4, 9, low=90), bar_of(8.5, 9.5, low=90)),
    ],
)
def test_an_emulated_stop_is_not_reached_outside_the_session(outside: Event, inside: Event) -> None:
    core = core_lacking(planned(sell("A", 5, stop=95)), *EVERYTHING_ELSE)
    hear(core, CalendarDefined(2, "X", SESSIONS), InstrumentDefined(3, "A", calendar="X"))
    hear(core, at(15, 100.0))

    before, then = hear(core, outside), hear(core, inside)

    assert of_type(before, HeldOrderTriggered) == []
    assert len(of_type(then, HeldOrderTriggered)) == 1


def test_a_limit_order_on_open_that_does_not_trade_then_expires() -> None:
    placed = PlaceOrder("A", buy("A", 1).side, 5, Type.LIMIT_ON_OPEN, 90)

    made = run(placed, [*quotes(100), *quotes(95, 89, start=DAY + 5)], *EVERYTHING_ELSE)

    assert [event.order.order_type for event in of_type(made, OrderSubmitted)] == [Type.LIMIT]
    assert (len(of_type(made, OrderExpired)), fills(made)) == (1, [])


# --- post-only, reduce-only -------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "is_denied"), [(99, False), (101, True), (102, True)])
def test_a_post_only_order_that_would_take_is_denied(limit: int, is_denied: bool) -> None:
    placed = buy("A", 5, limit=limit, post_only=True)

    made = run(placed, quotes(100, spread=1.0), *EVERYTHING_ELSE)

    assert [event.rule for event in of_type(made, OrderDenied)] == (["post_only"] if is_denied else [])
    assert len(of_type(made, OrderSubmitted)) == (0 if is_denied else 1)


def test_a_reduce_only_order_is_cut_to_the_position_when_it_is_sent() -> None:
    core = core_lacking(
        planned(buy("A", 10), None, sell("A", 10, stop=95, reduce_only=True), sell("A", 7)), *EVERYTHING_ELSE
    )

    hear(core, *quotes(100, 100, 100, 100, 100))
    made = hear(core, *quotes(95, 95, start=30))

    assert [quantity for _, quantity, _ in fills(made)] == [3]
    assert core.portfolio.net_position("A") == 0


def test_an_emulated_reduce_only_order_ends_with_its_position() -> None:
    core = core_lacking(
        planned(buy("A", 10), None, sell("A", 10, stop=95, reduce_only=True), sell("A", 10)), *EVERYTHING_ELSE
    )

    made = hear(core, *quotes(100, 100, 100, 100, 100))

    assert [event.client_order_id for event in of_type(made, OrderCancelled)] == ["1-x-2"]
    assert not of_type(hear(core, *quotes(94, 94, start=30)), OrderFilled)


def test_a_plain_stop_that_stands_for_a_reduce_only_one_is_cancelled_with_its_position() -> None:
    """The venue knows stops and not reduce-only: the stop rests there and could open a short position."""
    stop, out = sell("A", 10, stop=95, reduce_only=True), sell("A", 10)
    core = core_lacking(planned(buy("A", 10), None, stop, out), "reduce_only")

    made = hear(core, *quotes(100, 100, 100, 100, 100, 100))
    later = hear(core, *quotes(94, 94, start=60))

    assert [event.client_order_id for event in of_type(made, OrderCancelled)] == ["1-x-2"]
    assert not of_type(later, OrderFilled)
    assert core.portfolio.net_position("A") == 0


# --- brackets and groups, native and not --------------------------------------------------------

BRACKET = buy("A", 10, stop_loss=95, take_profit=110)


@pytest.mark.parametrize("lacks", [(), ("oco",), ("oco", "replace"), EVERYTHING_ELSE], ids=len)
@pytest.mark.parametrize(
    ("prices", "exit_price"), [((100, 100, 111, 111, 94, 94), 111), ((100, 100, 94, 94, 111, 111), 94)]
)
def test_a_bracket_ends_flat_with_one_exit_whatever_the_venue_lacks(
    lacks: tuple[str, ...], prices: tuple[int, ...], exit_price: int
) -> None:
    core = core_lacking(planned(BRACKET), *lacks)

    made = hear(core, *quotes(*map(float, prices)))

    assert [(quantity, price) for _, quantity, price in fills(made)] == [
        (Decimal(10), Decimal(100)),
        (Decimal(10), Decimal(exit_price)),
    ]
    assert core.portfolio.net_position("A") == 0
    assert core.orders.state.open == {}


@pytest.mark.parametrize("lacks", [(), EVERYTHING_ELSE], ids=len)
def test_a_breakout_takes_one_side_whatever_the_venue_lacks(lacks: tuple[str, ...]) -> None:
    core = core_lacking(planned(one_cancels_other(buy("A", 5, stop=105), sell("A", 5, stop=95))), *lacks)

    made = hear(core, *quotes(100.0, 106.0, 106.0, 90.0, 90.0))

    assert [quantity for _, quantity, _ in fills(made)] == [5]
    assert core.portfolio.net_position("A") == 5


# --- state ------------------------------------------------------------------------------------

absurd_plans = st.lists(
    st.sampled_from(
        [
            BRACKET,
            *CONDITIONAL,
            buy("A", 5, limit=99, time_in_force=Tif.DAY),
            sell("A", 5, limit=101, time_in_force=Tif.IOC),
            sell("A", 5, stop=97, reduce_only=True),
            buy("A", 5, limit=100, post_only=True),
            one_cancels_other(sell("A", 5, limit=103), sell("A", 5, stop=97)),
            Cancel(KEY),
            Replace(KEY, quantity=3),
            None,
        ]
    ),
    max_size=8,
)


@given(
    absurd_plans,
    st.lists(st.integers(92, 108), min_size=2, max_size=14),
    st.integers(0, 14),
    st.sampled_from([EVERYTHING_ELSE, ("oco", "stop"), ("replace", "oco", "day")]),
)
def test_a_snapshot_at_any_place_changes_nothing_and_no_order_is_overfilled(
    plan: list[PlaceOrder], prices: list[int], place: int, lacks: tuple[str, ...]
) -> None:
    events = quotes(*(float(price) for price in prices))
    steady, restored = core_lacking(planned(*plan), *lacks), core_lacking(planned(*plan), *lacks)

    expected = [made for event in events for made in hear(steady, event)]
    before = [made for event in events[:place] for made in hear(restored, event)]
    written = msgspec.msgpack.encode(snapshot.take(restored.bus))
    fresh = core_lacking(planned(*plan), *lacks)
    snapshot.put_back(fresh.bus, msgspec.msgpack.decode(written, type=Snapshot))
    after = [made for event in events[place:] for made in hear(fresh, event)]

    assert msgspec.msgpack.encode([*before, *after]) == msgspec.msgpack.encode(expected)
    assert all(fill.leaves_quantity >= 0 for fill in of_type(expected, OrderFilled))
    for entry in steady.orders.state.open.values():
        assert entry.filled_quantity < entry.order.quantity
    assert not any(kind in ("TransitionRefused", "ComponentFailed") for kind in kinds(expected))


@pytest.mark.parametrize(("sees_bars", "wait"), [(True, HOUR // 2), (False, 0)])
def test_an_order_whose_time_ends_inside_a_bar_waits_for_it_only_at_a_venue_that_sees_bars(
    sees_bars: bool, wait: int
) -> None:
    """A venue outside of the core trades in real time."""
    core = core_lacking(planned(None), "gtd")
    hear(core, Bar(DAY, "A", "1h", 1.0, 1.0, 1.0, 1.0, 1.0, DAY - HOUR))
    key, strategy = ClientOrderId("1-x-1"), StrategyId("x")
    order = Order(
        key, strategy, "A", Side.BUY, Type.LIMIT, Decimal(5), Decimal(1), None, Tif.GTD, DAY + HOUR // 2
    )

    until = overdue_until(
        order, DAY + HOUR // 2, since_ts=DAY, hours=VenueFacts(), bus=core.bus, sees_bars=sees_bars
    )

    assert until == DAY + HOUR // 2 + wait
