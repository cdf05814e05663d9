"""What is known of the market: the latest price of any kind, instruments, and the history asked for."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.market_data import MarketData
from kernel.bus import EventBus
from kernel.events import Event, InstrumentDefined, Quote, Trade
from tests.kernel.listeners import bar


def market_after(*events: Event, needed: int = 0) -> MarketData:
    """Market data that has heard these events and keeps this many bars of ``A``."""
    bus = EventBus()
    market = MarketData(bus, bars_needed={"A": needed})
    bus.register(market)
    bus.dispatch(events)
    return market


def test_there_is_no_price_before_the_first_event() -> None:
    market = market_after(bar(1, "B"))

    assert (market.last_price("A"), market.last_quote("A"), market.last_trade("A")) == (None, None, None)
    assert market.last_ts() == 1


@pytest.mark.parametrize(
    ("events", "price"),
    [
        ([bar(1, "A", 10.0)], 10.0),
        ([Trade(1, "A", 11.0, 1.0)], 11.0),
        ([Quote(1, "A", 10.0, 13.0)], 11.5),
        ([bar(1, "A", 10.0), Trade(2, "A", 11.0, 1.0)], 11.0),
        ([Trade(1, "A", 11.0, 1.0), bar(2, "A", 10.0)], 10.0),
        ([Quote(1, "A", 10.0, 13.0), bar(2, "A", 10.0)], 10.0),
        ([bar(1, "A", 10.0), Quote(2, "A", 10.0, 13.0)], 11.5),
        ([bar(1, "A", 10.0), Trade(2, "B", 11.0, 1.0)], 10.0),
        ([bar(1, "A", 10.0), Quote(2, "A", 0.0, 13.0)], 10.0),
        ([bar(1, "A", 10.0), Trade(2, "A", float("nan"), 1.0)], 10.0),
        ([Trade(1, "A", 11.0, 1.0), bar(2, "A", float("nan"))], 11.0),
    ],
)
def test_the_last_price_is_the_latest_that_is_one(events: list[Event], price: float) -> None:
    assert market_after(*events).last_price("A") == price


def test_an_instrument_has_the_latest_terms_it_was_given() -> None:
    coarse, fine = (
        InstrumentDefined(1, "A", tick_size=Decimal(1)),
        InstrumentDefined(2, "A", tick_size=Decimal("0.1")),
    )

    market = market_after(coarse, fine)

    assert market.instrument("A") == fine
    assert market.instrument("B") == InstrumentDefined(0, "B")


@given(st.integers(1, 7), st.integers(0, 40), st.integers(-1, 50))
def test_history_is_the_last_bars_and_never_more_than_needed(needed: int, count: int, asked: int) -> None:
    bars = [bar(ts) for ts in range(count)]

    history = market_after(*bars, needed=needed).history("A", asked)

    expected = max(0, min(asked, needed))
    assert list(history) == bars[len(bars) - min(expected, count) :]


def test_no_more_bars_are_kept_than_twice_what_is_needed() -> None:
    market = market_after(*(bar(ts) for ts in range(1_000)), needed=10)

    assert len(market.state.history["A"]) < 20


def test_bars_that_nobody_needs_are_not_kept() -> None:
    market = market_after(*(bar(ts) for ts in range(10)))

    assert market.state.history == {}
    assert [subscription.event_type for subscription in market.subscriptions()] == [InstrumentDefined]
    assert market.history("A", 5) == []
