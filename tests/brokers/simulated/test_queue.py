"""Queue position: a resting limit order fills after all the size ahead of it."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from brokers.simulated.fills.queue import PessimisticQueue, ProbabilisticQueue, QueueModel, Weighting
from brokers.simulated.models import build_models
from kernel.errors import ConfigError
from kernel.events import BUY, BUYER, SELL, Event, Liquidity, Quote
from tests.brokers.simulated.book_venue import BookVenue, fills, trade
from tests.brokers.simulated.venue import order
from tests.components.book_events import delta, snapshot

ON_BOOK = SimulatedBrokerConfig(book="walk", queue="pessimistic")
ON_QUOTES = SimulatedBrokerConfig(queue="pessimistic")
BOOK = snapshot(((99.0, 5.0), (98.0, 7.0)), ((101.0, 3.0),))
SAME = delta((), ())


def resting_on_book(*, quantity: int = 10, config: SimulatedBrokerConfig = ON_BOOK) -> BookVenue:
    """A bid of ours at 99, behind 5."""
    at = BookVenue(config)
    at.hear(BOOK)
    at.submit(order(BUY, quantity, limit=99))
    assert at.hear(SAME) == []
    return at


def resting_on_quotes(*quotes: tuple[float, float], quantity: int = 10) -> BookVenue:
    """A bid of ours at 99, after quotes of these bids and sizes."""
    at = BookVenue(ON_QUOTES)
    at.submit(order(BUY, quantity, limit=99))
    assert at.hear(*(quote(bid, size) for bid, size in quotes)) == []
    return at


def quote(bid: float, size: float) -> Quote:
    return Quote(2, "A", bid, 110.0, size, 1.0)


def ahead(at: BookVenue) -> float:
    ((resting,),) = at.broker.state.resting.values()
    return resting.queue_ahead


def test_everything_shown_on_joining_is_ahead() -> None:
    assert ahead(resting_on_book()) == 5.0


def test_trades_serve_those_ahead_first_and_then_us() -> None:
    at = resting_on_book()

    assert fills(at.hear(trade(99.0, 3.0))) == []
    assert fills(at.hear(trade(99.0, 3.0))) == [(1, 99)]
    assert fills(at.hear(trade(99.0, 4.0))) == [(4, 99)]


def test_an_order_that_waited_its_turn_makes_liquidity() -> None:
    at = resting_on_book()

    (report,) = at.hear(trade(99.0, 6.0))

    assert report.liquidity is Liquidity.MAKER


def test_a_trade_through_the_price_fills_all_that_is_left() -> None:
    at = resting_on_book()

    assert fills(at.hear(trade(98.5, 0.5))) == [(10, 99)]


def test_a_trade_with_the_other_side_of_the_book_serves_nobody_here() -> None:
    at = resting_on_book()

    assert at.hear(trade(99.0, 50.0, aggressor=BUYER)) == []
    assert ahead(at) == 5.0


def test_a_trade_better_than_our_price_serves_nobody_here() -> None:
    assert resting_on_book().hear(trade(100.0, 50.0)) == []


def test_a_shrinking_level_that_traded_was_not_cancelled() -> None:
    at = resting_on_book()

    at.hear(trade(99.0, 2.0), delta(((99.0, 3.0),), (), ts=6))

    assert ahead(at) == 3.0


def test_pessimistically_cancellations_come_from_behind() -> None:
    at = resting_on_book()
    at.hear(delta(((99.0, 9.0),), (), ts=3))

    at.hear(delta(((99.0, 6.0),), (), ts=4))

    assert ahead(at) == 5.0


def test_the_size_ahead_is_never_more_than_the_size_shown() -> None:
    at = resting_on_book()

    at.hear(delta(((99.0, 2.0),), (), ts=3))

    assert ahead(at) == 2.0


def test_probably_some_of_the_cancellations_were_ahead() -> None:
    even = ModelConfig("probabilistic", {"weighting": "power", "exponent": 1})
    at = resting_on_book(config=SimulatedBrokerConfig(book="walk", queue=even))
    at.hear(delta(((99.0, 10.0),), (), ts=3))

    at.hear(delta(((99.0, 6.0),), (), ts=4))

    assert ahead(at) == 3.0


def test_an_order_inside_the_spread_has_nobody_ahead() -> None:
    at = BookVenue(ON_BOOK)
    at.hear(BOOK)
    at.submit(order(SELL, 4, limit=100))
    at.hear(SAME, delta((), ((100.0, 8.0),), ts=3))

    assert fills(at.hear(trade(100.0, 3.0, aggressor=BUYER))) == [(3, 100)]


def test_a_new_price_goes_to_the_back() -> None:
    at = resting_on_book()
    at.hear(trade(99.0, 5.0))

    at.replace(order(BUY, 10, limit=98))
    at.hear(delta((), (), ts=6))

    assert ahead(at) == 7.0


def test_a_smaller_quantity_keeps_its_place() -> None:
    at = resting_on_book()
    at.hear(trade(99.0, 4.0))

    at.replace(order(BUY, 5, limit=99))

    assert ahead(at) == 1.0


def test_a_larger_quantity_goes_to_the_back() -> None:
    at = resting_on_book()
    at.hear(trade(99.0, 4.0), delta(((99.0, 8.0),), (), ts=6))

    at.replace(order(BUY, 20, limit=99))
    at.hear(delta((), (), ts=7))

    assert ahead(at) == 8.0


def test_the_place_in_the_queue_survives_a_restart() -> None:
    at = resting_on_book()
    at.hear(trade(99.0, 4.0))

    at.restart()

    assert fills(at.hear(trade(99.0, 3.0, ts=6))) == [(2, 99)]


def test_on_quotes_an_order_at_the_best_price_joins_behind_its_size() -> None:
    at = resting_on_quotes((99.0, 6.0))

    assert fills(at.hear(trade(99.0, 8.0))) == [(2, 99)]


def test_on_quotes_an_order_behind_the_best_price_joins_when_the_market_comes() -> None:
    at = resting_on_quotes((100.0, 6.0))

    assert at.hear(trade(99.0, 3.0, ts=3)) == []
    at.hear(Quote(4, "A", 99.0, 110.0, 2.0, 1.0))
    assert fills(at.hear(trade(99.0, 3.0))) == [(1, 99)]


def test_on_quotes_an_order_that_betters_the_market_is_the_first() -> None:
    at = resting_on_quotes((98.0, 6.0))

    assert fills(at.hear(trade(99.0, 3.0))) == [(3, 99)]


def test_on_quotes_a_limit_that_the_ask_reaches_fills_at_its_limit() -> None:
    at = resting_on_quotes((98.0, 6.0))

    assert fills(at.hear(Quote(4, "A", 97.0, 98.5, 1.0, 1.0))) == [(10, 99)]


@pytest.mark.parametrize("size", [inf, nan, -1.0])
def test_an_impossible_size_moves_nobody(size: float) -> None:
    at = resting_on_quotes((99.0, 6.0))

    assert at.hear(Quote(3, "A", 99.0, 110.0, size, 1.0), trade(99.0, size)) == []
    assert ahead(at) >= 6.0


def test_two_of_our_orders_share_what_traded() -> None:
    at = BookVenue(ON_BOOK)
    at.hear(BOOK)
    at.submit(order(BUY, 4, limit=99, key="a"), order(BUY, 4, limit=99, key="b"))
    at.hear(SAME, trade(99.0, 5.0))

    assert fills(at.hear(trade(99.0, 5.0, ts=6))) == [(4, 99), (1, 99)]


def test_market_orders_do_not_queue() -> None:
    at = BookVenue(ON_QUOTES)
    at.submit(order(BUY, 2))

    assert fills(at.hear(quote(99.0, 5.0))) == [(2, 110)]


@pytest.mark.parametrize(("cancelled", "front", "back", "left"), [(2, 5, 4, 5), (6, 5, 4, 3), (9, 5, 4, 0)])
def test_the_pessimistic_model_takes_from_behind_first(
    cancelled: float, front: float, back: float, left: float
) -> None:
    assert PessimisticQueue().ahead_after(cancelled, front=front, back=back) == left


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (ProbabilisticQueue(weighting=Weighting.POWER, exponent=1.0), 6.0 - 2.0 * 6 / 8),
        (ProbabilisticQueue(weighting=Weighting.POWER, exponent=2.0), 6.0 - 2.0 * 36 / 40),
        (ProbabilisticQueue(), 6.0 - 2.0 * 1.9459101490553132 / (1.9459101490553132 + 1.0986122886681098)),
    ],
)
def test_the_probabilistic_model_weighs_front_and_back(model: QueueModel, expected: float) -> None:
    """6 ahead, 2 behind, 2 cancelled; ln 7 and ln 3 for the logarithm."""
    assert model.ahead_after(2.0, front=6.0, back=2.0) == pytest.approx(expected, abs=1e-12)


amounts = st.floats(0.0, 1e12)


@given(
    st.sampled_from(
        [
            PessimisticQueue(),
            ProbabilisticQueue(),
            ProbabilisticQueue(weighting=Weighting.POWER, exponent=100.0),
            ProbabilisticQueue(weighting=Weighting.POWER, exponent=0.5),
        ]
    ),
    amounts,
    amounts,
    st.floats(0.0, 1.0),
)
def test_no_more_is_taken_from_the_front_than_there_is_or_was_cancelled(
    model: QueueModel, front: float, back: float, share: float
) -> None:
    cancelled = share * (front + back)

    left = model.ahead_after(cancelled, front=front, back=back)

    noise = 1e-9 * (front + back)
    assert -noise <= left <= front + noise
    assert left >= front - cancelled - noise
    assert left <= front + back - cancelled + noise


steps = st.lists(
    st.one_of(
        st.tuples(st.just("size"), st.sampled_from([0.0, 1.0, 2.5, 7.0])),
        st.tuples(st.just("trade"), st.sampled_from([0.5, 1.0, 4.0])),
    ),
    max_size=25,
)


@given(steps, st.sampled_from(["pessimistic", "probabilistic"]))
def test_never_more_is_served_than_traded_and_never_before_those_who_were_shown(
    script: list[tuple[str, float]], queue: str
) -> None:
    at = resting_on_book(quantity=1000, config=SimulatedBrokerConfig(book="walk", queue=queue))
    traded = served = 0.0
    for ts, (verb, amount) in enumerate(script, 6):
        event: Event = trade(99.0, amount, ts=ts) if verb == "trade" else delta(((99.0, amount),), (), ts=ts)
        before = ahead(at)
        got = sum(quantity for quantity, _ in fills(at.hear(event)))
        traded += amount if verb == "trade" else 0.0
        served += got
        assert got <= max(amount - before, 0.0)
        assert ahead(at) >= 0.0
    assert served <= traded


@pytest.mark.parametrize("params", [{"weighting": "linear"}, {"exponent": 0}, {"power": 2}])
def test_a_wrong_parameter_is_refused_by_name(params: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"broker\.queue: probabilistic"):
        build_models(SimulatedBrokerConfig(queue=ModelConfig("probabilistic", params)), {})


def test_an_unknown_queue_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"broker\.queue: there is no 'fifo'; there are: pessimistic"):
        build_models(SimulatedBrokerConfig(queue="fifo"), {})
