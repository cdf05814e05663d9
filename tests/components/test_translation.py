"""What a strategy returned becomes an event or a refusal with the reason; nothing it returns raises."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.strategy_host.plain_values import LARGEST, to_lots, to_ticks
from components.strategy_host.session_timers import SessionTimers
from components.strategy_host.state import HostState
from components.strategy_host.translation import (
    MAX_DECISIONS,
    MIN_TIMER_PERIOD_NS,
    Translator,
)
from components.strategy_host.words import Words
from components.venue_facts import VenueFacts
from kernel.decimals import EXACT
from kernel.events import (
    AnyEvent,
    CancelIntent,
    DecisionRefused,
    Event,
    InstrumentDefined,
    Order,
    OrderIntent,
    OrderType,
    ReplaceIntent,
    Side,
    SignalDirection,
    SignalRaised,
    TimeInForce,
    TimerCancelled,
    TimerScheduled,
)
from kernel.identifiers import ClientOrderId, StrategyId, TimerName
from kernel.timers import NEVER
from strategies.sdk import Cancel, CancelTimer, PlaceOrder, Replace, SetTimer, Signal, Target, buy, sell
from strategies.sdk.decisions import Decision
from tests.kernel.listeners import quote

KEY = ClientOrderId("7-ma-1")
KINDS = ", ".join(kind.__name__ for kind in Decision.__args__)
_decode = msgspec.msgpack.Decoder(AnyEvent).decode

# What strategies return is not what the types say: that is what these tests are about.
Anything = Any


class Account:
    """A flat account of 100,000 that knows the rate of the euro."""

    equity = Decimal(100_000)

    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal:  # noqa: ARG002  # the view's signature
        return Decimal({"LONG": 10, "SHORT": -10}.get(symbol, 0))

    def rate(self, currency: str) -> Decimal | None:
        return {"USD": Decimal(1), "EUR": Decimal("1.25")}.get(currency)

    def closable(self, order: Order) -> Decimal:
        held = self.strategy_position(order.strategy, order.symbol)
        return -held if order.side is Side.BUY else held

    def open_orders(self, symbol: str | None) -> Sequence[Order]:  # noqa: ARG002  # the view's signature
        return ()


def translate(returned: object, *, tick: str = "0.01", lot: str = "1") -> Sequence[Event]:
    """What a strategy's answer to a quote at 5 becomes."""
    state, owner = HostState(epoch=7), StrategyId("ma")
    translator = Translator(
        owner,
        slug="ma",
        state=state,
        instrument=lambda symbol: InstrumentDefined(
            0, symbol, tick_size=Decimal(tick), lot_size=Decimal(lot)
        ),
        symbol_of=lambda key: "A" if key == KEY else "",
        account=Account(),
        last_price=lambda symbol: None if symbol == "NEW" else 50.0,
        session_timers=SessionTimers(owner, state=state, hours=VenueFacts()),
        words=Words(owner, is_heard=True),
        held=Account(),
    )
    return translator(quote(5), returned)


def one(returned: object, *, tick: str = "0.01", lot: str = "1") -> Event:
    (event,) = translate(returned, tick=tick, lot=lot)
    return event


def refusal(returned: object) -> str:
    event = one(returned)
    assert isinstance(event, DecisionRefused)
    assert (event.ts, event.strategy) == (5, "ma")
    return event.reason


def ordered(returned: object, *, tick: str = "0.01", lot: str = "1") -> tuple[Decimal, Decimal | None]:
    """Quantity and limit price of the order that was made."""
    event = one(returned, tick=tick, lot=lot)
    assert isinstance(event, OrderIntent), event
    return event.order.quantity, event.order.limit_price


def test_an_order_is_stamped_named_and_quantised() -> None:
    event = one(buy("A", 10, limit=99.999, stop=101, tag="why"))

    assert isinstance(event, OrderIntent)
    order = event.order
    assert (event.ts, order.client_order_id, order.strategy, order.symbol) == (5, "7-ma-1", "ma", "A")
    assert (order.side, order.order_type, order.tag) == (Side.BUY, OrderType.STOP_LIMIT, "why")
    assert (str(order.quantity), str(order.limit_price), str(order.stop_price)) == ("10", "100.00", "101.00")


def test_order_ids_count_up_and_refused_orders_take_none() -> None:
    events = translate([buy("A", 1), buy("A", 0), sell("B", 1)])

    keys = [event.order.client_order_id for event in events if isinstance(event, OrderIntent)]
    assert keys == ["7-ma-1", "7-ma-2"]


def test_every_other_decision_becomes_its_event() -> None:
    decisions = [
        Cancel(KEY),
        Replace(KEY, quantity=3, limit_price=1.005),
        Signal("A", SignalDirection.SHORT, 0.5, "why"),
        SetTimer(TimerName("t"), 9, MIN_TIMER_PERIOD_NS),
        CancelTimer(TimerName("t")),
    ]

    assert translate(decisions) == [
        CancelIntent(5, KEY, StrategyId("ma"), "A"),
        ReplaceIntent(5, KEY, StrategyId("ma"), "A", Decimal(3), Decimal("1.00")),
        SignalRaised(5, StrategyId("ma"), "A", SignalDirection.SHORT, 0.5, "why"),
        TimerScheduled(5, "strategy:ma", TimerName("t"), 9, MIN_TIMER_PERIOD_NS),
        TimerCancelled(5, "strategy:ma", TimerName("t")),
    ]


# --- quantities and prices --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "lot", "expected"),
    [
        (10, "1", "10"),
        (10.9, "1", "10"),
        (Decimal("10.99"), "1", "10"),
        (0.1 + 0.2, "0.1", "0.3"),
        (0.29999, "0.1", "0.2"),
        (257, "100", "200"),
        (1.23456789, "0.00001", "1.23456"),
        (np.float64(2.5), "0.5", "2.5"),
        (np.float32(2.5), "0.5", "2.5"),
        (np.int64(3), "1", "3"),
        (Fraction(5, 2), "0.5", "2.5"),
        (LARGEST, "1", "1000000000000000000"),
    ],
)
def test_a_quantity_is_rounded_down_to_whole_lots(quantity: Anything, lot: str, expected: str) -> None:
    assert str(ordered(buy("A", quantity), lot=lot)[0]) == expected


@pytest.mark.parametrize(
    ("price", "tick", "expected"),
    [
        (100.004, "0.01", "100.00"),
        (100.006, "0.01", "100.01"),
        (100.12, "0.25", "100.00"),
        (100.13, "0.25", "100.25"),
        (103, "5", "105"),
        (0.1 + 0.2, "0.01", "0.30"),
        (np.float64(100.006), "0.01", "100.01"),
    ],
)
def test_a_price_is_rounded_to_the_nearest_tick(price: Anything, tick: str, expected: str) -> None:
    assert str(ordered(buy("A", 1, limit=price), tick=tick)[1]) == expected


@pytest.mark.parametrize(
    ("quantity", "reason"),
    [
        (0, "quantity 0 is less than one lot of 1"),
        (0.99, "quantity 0.99 is less than one lot of 1"),
        (-5, "quantity -5 is less than one lot of 1"),
        (float("nan"), "quantity nan is not finite"),
        (float("inf"), "quantity inf is not finite"),
        (Decimal("sNaN"), "quantity Decimal('sNaN') is not finite"),
        (1e30, "quantity 1e+30 is beyond 1E+18"),
        ("10", "quantity: expected a number; got str"),
        (None, "quantity: expected a number; got NoneType"),
        (True, "quantity: expected a number; got bool"),
        ([1], "quantity: expected a number; got list"),
        (1 + 0j, "quantity: expected a number; got complex"),
        (np.float64("nan"), "quantity np.float64(nan) is not finite"),
    ],
)
def test_a_quantity_that_is_none_is_refused(quantity: Anything, reason: str) -> None:
    assert refusal(buy("A", quantity)) == reason


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        (0, "price 0 is not positive, to the nearest tick of 0.01"),
        (0.001, "price 0.001 is not positive, to the nearest tick of 0.01"),
        (-1.0, "price -1.0 is not positive, to the nearest tick of 0.01"),
        (float("nan"), "price nan is not finite"),
        (1e300, "price 1e+300 is beyond 1E+18"),
        ("5", "price: expected a number; got str"),
    ],
)
@pytest.mark.parametrize("which", ["limit", "stop"])
def test_a_price_that_is_none_is_refused(price: Anything, reason: str, which: str) -> None:
    placed = buy("A", 1, limit=price) if which == "limit" else buy("A", 1, stop=price)

    assert refusal(placed) == reason
    assert refusal(Replace(KEY, **{f"{which}_price": price})) == reason


@pytest.mark.parametrize(
    ("order_type", "limit", "stop", "reason"),
    [
        (OrderType.MARKET, 5, None, "a market order takes no limit price; got 5"),
        (OrderType.MARKET, None, 5, "a market order takes no stop price; got 5"),
        (OrderType.LIMIT, None, None, "a limit order needs a limit price"),
        (OrderType.LIMIT, 5, 5, "a limit order takes no stop price; got 5"),
        (OrderType.STOP, None, None, "a stop order needs a stop price"),
        (OrderType.STOP_LIMIT, 5, None, "a stop_limit order needs a stop price"),
    ],
)
def test_prices_that_do_not_fit_the_order_type_are_refused(
    order_type: OrderType, limit: int | None, stop: int | None, reason: str
) -> None:
    assert refusal(PlaceOrder("A", Side.BUY, 1, order_type, limit, stop)) == reason


# --- what is not a decision, or not of the types it should be -----------------------------------


def test_an_enum_by_its_value_means_what_it_says() -> None:
    """``"buy" == Side.BUY`` but is not it: taken as it comes it would pass for a sale."""
    placed: Anything = PlaceOrder("A", "buy", 1, "market", None, None, "gtc")  # type: ignore[arg-type]  # the point

    event = one(placed)

    assert isinstance(event, OrderIntent)
    assert event.order.side is Side.BUY
    assert event.order.order_type is OrderType.MARKET
    assert event.order.time_in_force is TimeInForce.GTC


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (5, f"expected one of {KINDS}; got int"),
        (True, f"expected one of {KINDS}; got bool"),
        (PlaceOrder(5, Side.BUY, 1), "symbol: expected a text; got int"),  # type: ignore[arg-type]  # the point
        (PlaceOrder("A", "long", 1), "'long' is not a valid Side"),  # type: ignore[arg-type]  # the point
        (PlaceOrder("A", 1, 1), "side: expected a Side; got int"),  # type: ignore[arg-type]  # the point
        (PlaceOrder("A", Side.BUY, 1, tag=5), "tag: expected a text; got int"),  # type: ignore[arg-type]  # the point
        (PlaceOrder("A", Side.BUY, 1, "mkt"), "'mkt' is not a valid OrderType"),  # type: ignore[arg-type]  # the point
        (Cancel(None), "client_order_id: expected a text; got NoneType"),  # type: ignore[arg-type]  # the point
        (Cancel([]), "client_order_id: expected a text; got list"),  # type: ignore[arg-type]  # the point
        (Replace(5), "client_order_id: expected a text; got int"),  # type: ignore[arg-type]  # the point
        (Replace(KEY, quantity=0), "quantity 0 is less than one lot of 1"),
        (Signal("A", SignalDirection.LONG, 1.5), "signal strength 1.5 is not in 0..1"),
        (Signal("A", SignalDirection.LONG, float("nan")), "signal strength nan is not finite"),
        (Signal("A", "up"), "'up' is not a valid SignalDirection"),  # type: ignore[arg-type]  # the point
        (Signal("A", SignalDirection.LONG, "x"), "signal strength: expected a number; got str"),  # type: ignore[arg-type]  # the point
        (SetTimer(TimerName("t"), 1.5), "due_ts: expected a whole number of nanoseconds; got float"),  # type: ignore[arg-type]  # the point
        (SetTimer(TimerName("t"), -1), f"due_ts -1 is not in 0..{NEVER}"),
        (SetTimer(TimerName("t"), NEVER + 1), f"due_ts {NEVER + 1} is not in 0..{NEVER}"),
        (SetTimer(TimerName("t"), 9, -1), f"every_ns -1 is not in 0..{NEVER}"),
        (SetTimer(TimerName("t"), 9, 60), f"timer 't': every_ns 60 is below {MIN_TIMER_PERIOD_NS}"),
        (SetTimer(5, 9), "timer name: expected a text; got int"),  # type: ignore[arg-type]  # the point
        (CancelTimer(5), "timer name: expected a text; got int"),  # type: ignore[arg-type]  # the point
    ],
    ids=repr,
)
def test_what_is_no_valid_decision_is_refused_with_the_reason(returned: object, reason: str) -> None:
    assert refusal(returned) == reason


@pytest.mark.parametrize(
    "returned",
    [
        buy("\ud800", 1),
        buy("A", 1, tag="\ud800"),
        Signal("A", SignalDirection.LONG, 1.0, "\ud800"),
        SetTimer(TimerName("\ud800"), 9),
        Cancel(ClientOrderId("\ud800")),
    ],
    ids=ascii,
)
def test_a_text_that_cannot_be_written_is_refused(returned: object) -> None:
    assert "surrogates not allowed" in refusal(returned)


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (buy("A" * 1_001, 1), "symbol: expected at most 1,000 characters; got 1,001"),
        (buy("A", 1, tag="x" * 70_000), "tag: expected at most 1,000 characters; got 70,000"),
        (Target("A", 5, tag="x" * 1_001), "tag: expected at most 1,000 characters; got 1,001"),
        (
            Signal("A", SignalDirection.LONG, 1.0, "x" * 10_001),
            "reason: expected at most 10,000 characters; got 10,001",
        ),
        (
            SetTimer(TimerName("t" * 1_001), 9),
            "timer name: expected at most 1,000 characters; got 1,001",
        ),
        (
            CancelTimer(TimerName("t" * 1_001)),
            "timer name: expected at most 1,000 characters; got 1,001",
        ),
        (
            Cancel(ClientOrderId("x" * 1_001)),
            "client_order_id: expected at most 1,000 characters; got 1,001",
        ),
        (
            Replace(ClientOrderId("x" * 1_001)),
            "client_order_id: expected at most 1,000 characters; got 1,001",
        ),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_text_that_is_too_long_is_refused(returned: object, reason: str) -> None:
    assert refusal(returned) == reason


def test_a_text_at_its_limit_is_taken_whole() -> None:
    signal = one(Signal("A", SignalDirection.LONG, 1.0, "x" * 10_000))
    placed = one(buy("A" * 1_000, 1, tag="x" * 1_000))

    assert isinstance(signal, SignalRaised)
    assert isinstance(placed, OrderIntent)
    assert (len(signal.reason), len(placed.order.symbol), len(placed.order.tag)) == (10_000, 1_000, 1_000)


class Name(str):
    """A text that is more than one."""

    def isascii(self) -> bool:
        raise SystemExit


def test_a_text_of_another_kind_is_what_the_log_gives_back() -> None:
    placed = one(buy(np.str_("A"), 1, tag=Name("x")))

    assert isinstance(placed, OrderIntent)
    assert (type(placed.order.symbol), type(placed.order.tag)) == (str, str)


def test_an_error_without_words_is_refused_all_the_same() -> None:
    class Unspeakable(ValueError):
        def __str__(self) -> str:
            raise SystemExit

    class Quantity(Fraction):
        def __float__(self) -> float:
            raise Unspeakable

    assert refusal(buy("A", Quantity(1))) == "(its text cannot be had: SystemExit)"  # type: ignore[arg-type]  # the point


def test_a_refusal_says_the_same_in_every_replay() -> None:
    placed: Anything = buy("A", object())  # type: ignore[arg-type]  # the point

    assert refusal(placed) == "quantity: expected a number; got object"


@pytest.mark.parametrize(
    ("returned", "count"), [([], 0), ((), 0), ("ab", 2), ({"x": 1}, 1), ([None], 1), ([[buy("A", 1)]], 1)]
)
def test_each_element_of_anything_iterable_is_looked_at_by_itself(returned: object, count: int) -> None:
    events = translate(returned)

    assert [type(event) for event in events] == [DecisionRefused] * count


def test_an_endless_answer_is_cut_and_what_is_beyond_is_refused() -> None:
    def endless() -> Anything:
        while True:
            yield buy("A", 1)

    events = translate(endless())

    assert len(events) == MAX_DECISIONS + 1
    assert all(isinstance(event, OrderIntent) for event in events[:-1])
    last = events[-1]
    assert isinstance(last, DecisionRefused)
    assert last.reason == f"more than {MAX_DECISIONS} decisions from one call"


def test_as_many_decisions_as_are_allowed_are_all_taken() -> None:
    events = translate([buy("A", 1)] * MAX_DECISIONS)

    assert all(isinstance(event, OrderIntent) for event in events)


# --- properties -------------------------------------------------------------------------------

numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.decimals(),
    st.none(),
    st.booleans(),
    st.text(max_size=3),
    st.just(Decimal("1E+999999")),
    st.just(Decimal("1E-999999")),
)
texts = st.text(max_size=3) | st.none() | st.integers() | st.just("A") | st.just(KEY)
absurd = st.one_of(
    st.builds(
        PlaceOrder,
        texts,
        st.sampled_from([*Side, "buy", 1, None]),
        numbers,
        st.sampled_from([*OrderType, "limit", 0]),
        numbers,
        numbers,
        st.sampled_from([*TimeInForce, "x", 3.5]),
        texts,
    ),
    st.builds(Cancel, texts),
    st.builds(Replace, texts, numbers, numbers, numbers),
    st.builds(Signal, texts, st.sampled_from([*SignalDirection, "long", 2]), numbers, texts),
    st.builds(SetTimer, texts, numbers, numbers),
    st.builds(CancelTimer, texts),
    st.none(),
    st.lists(st.integers(), max_size=2),
)


@given(st.lists(absurd, max_size=5))
def test_whatever_is_returned_becomes_events_that_the_log_gives_back(returned: list[object]) -> None:
    with_context = translate(returned)

    encoded = [msgspec.msgpack.encode(event) for event in with_context]

    assert len(encoded) == len(returned)
    assert [_decode(each) for each in encoded] == list(with_context)


@given(
    st.decimals(Decimal("1E-8"), Decimal("1E+12"), allow_nan=False),
    st.sampled_from(["1", "0.25", "0.01", "5", "1E-8"]),
)
def test_lots_and_ticks_are_whole_and_the_nearest(exact: Decimal, step_text: str) -> None:
    step = Decimal(step_text)
    try:
        lots, ticks = to_lots(exact, step), to_ticks(exact, step)
    except ValueError:
        assert exact < step
        return

    assert EXACT.remainder(lots, step) == 0
    assert 0 <= Fraction(exact) - Fraction(lots) < Fraction(step)
    assert ticks is not None
    assert EXACT.remainder(ticks, step) == 0
    assert abs(Fraction(exact) - Fraction(ticks)) <= Fraction(step) / 2
