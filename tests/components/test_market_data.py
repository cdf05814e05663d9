"""What is known of the market: the latest price of any kind, instruments, and the history asked for."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.market_data import MarketData, MarketDataState
from kernel.bus import EventBus
from kernel.events import (
    Bar,
    CorporateAction,
    CorporateActionKind,
    Event,
    InstrumentDefined,
    Quote,
    Trade,
)
from kernel.rules import FIRST_RULES
from kernel.state import put_fields
from strategies.sdk import Adjustment
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


def test_a_price_stays_over_lists_of_quotes_that_have_one_side() -> None:
    bus = EventBus()
    market = MarketData(bus, bars_needed={})
    bus.register(market)
    for event in (Quote(1, "A", 10.0, 13.0), Quote(2, "A", 0.0, 14.0), Quote(3, "A", 15.0, 0.0)):
        bus.dispatch([event])

    assert market.last_price("A") == 11.5


def test_in_older_logs_a_quote_with_one_side_leaves_no_price() -> None:
    bus = EventBus()
    market = MarketData(bus, bars_needed={}, rules=FIRST_RULES)
    bus.register(market)
    bus.dispatch([Quote(1, "A", 10.0, 13.0), Quote(2, "A", 0.0, 14.0)])

    assert market.last_price("A") is None


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
        ([Quote(1, "A", 10.0, 13.0), Quote(2, "A", 0.0, 14.0)], 11.5),
        ([Quote(1, "A", 10.0, 13.0), Quote(2, "A", 10.0, 0.0), Quote(3, "A", float("nan"), 14.0)], 11.5),
        ([Quote(1, "A", 10.0, 13.0), Quote(2, "B", 1.0, 2.0), Quote(3, "A", 0.0, 14.0)], 11.5),
        ([Quote(1, "A", 10.0, 13.0), Trade(2, "A", 12.0, 1.0), Quote(3, "A", 0.0, 14.0)], 12.0),
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

    assert len(market.state.history["A"]["1m"]) < 20


def test_bars_that_nobody_needs_are_not_kept() -> None:
    market = market_after(*(bar(ts) for ts in range(10)))

    assert market.state.history == {}
    assert Bar not in [subscription.event_type for subscription in market.subscriptions()]
    assert market.history("A", 5) == []


# --- several timeframes -------------------------------------------------------------------------


def daily(ts: int, price: float) -> Bar:
    return Bar(ts, "A", "1d", price, price, price, price, 1.0)


def test_history_is_of_one_timeframe_the_first_seen_unless_one_is_named() -> None:
    minutes = [bar(1, "A", 1.0), bar(2, "A", 2.0), bar(4, "A", 4.0)]
    days = [daily(3, 30.0), daily(5, 50.0)]

    market = market_after(minutes[0], minutes[1], days[0], minutes[2], days[1], needed=5)

    assert list(market.history("A", 5)) == minutes
    assert list(market.history("A", 5, timeframe="1d")) == days
    assert list(market.history("A", 5, timeframe="1h")) == []


def test_the_last_price_is_of_the_bar_that_ended_last() -> None:
    assert market_after(bar(1, "A", 1.0), daily(3, 30.0)).last_price("A") == 30.0
    assert market_after(daily(3, 30.0), bar(4, "A", 4.0)).last_price("A") == 4.0


# --- corporate actions ----------------------------------------------------------------------------


def split(ts: int, ratio: str = "2", symbol: str = "A") -> CorporateAction:
    return CorporateAction(ts, symbol, CorporateActionKind.SPLIT, Decimal(ratio))


def renamed(ts: int, symbol: str, new_symbol: str) -> CorporateAction:
    return CorporateAction(ts, symbol, CorporateActionKind.SYMBOL_CHANGE, new_symbol=new_symbol)


@pytest.mark.parametrize(
    ("events", "price"),
    [
        ([bar(1, "A", 10.0), split(2)], 5.0),
        ([bar(1, "A", 10.0), split(1)], 5.0),
        ([bar(1, "A", 10.0), split(2), split(3, "0.1")], 50.0),
        ([bar(1, "A", 10.0), split(2), bar(3, "A", 5.5)], 5.5),
        ([Quote(1, "A", 10.0, 12.0), split(2)], 5.5),
        ([Trade(1, "A", 10.0, 1.0), split(2)], 5.0),
        ([split(2), Quote(2, "A", 5.0, 6.0)], 5.5),
        ([bar(1, "A", 10.0), split(2), Trade(2, "A", 5.25, 1.0)], 5.25),
        ([bar(1, "A", 10.0), split(2, symbol="B")], 10.0),
        ([bar(1, "A", 10.0), CorporateAction(2, "A", CorporateActionKind.DIVIDEND, amount=Decimal(1))], 10.0),
        ([bar(1, "B", 10.0), renamed(2, "B", "A")], 10.0),
        ([bar(1, "B", 10.0), split(2, symbol="B"), renamed(3, "B", "A")], 5.0),
        ([bar(1, "B", 10.0), renamed(2, "B", "A"), bar(3, "A", 11.0)], 11.0),
        ([renamed(2, "B", "A"), renamed(3, "A", "B")], None),
    ],
)
def test_a_price_from_before_an_action_is_on_the_terms_after_it(
    events: list[Event], price: float | None
) -> None:
    assert market_after(*events).last_price("A") == price


def test_history_is_split_adjusted_and_what_is_kept_is_raw() -> None:
    bars = [bar(1, "A", 10.0), bar(2, "A", 12.0), bar(4, "A", 6.5)]

    market = market_after(bars[0], bars[1], split(3), bars[2], needed=3)

    assert [(one.close, one.volume) for one in market.history("A", 3)] == [(5.0, 2.0), (6.0, 2.0), (6.5, 1.0)]
    assert list(market.history("A", 3, adjustment=Adjustment.RAW)) == bars
    assert market.state.history["A"]["1m"] == bars
    assert market.last_quote("A") is None


def test_a_share_takes_its_history_to_its_new_symbol() -> None:
    bus = EventBus()
    market = MarketData(bus, bars_needed={"A": 3, "B": 3})
    bus.register(market)

    bus.dispatch(
        (
            InstrumentDefined(0, "B", currency="EUR"),
            bar(1, "B", 10.0),
            split(2, symbol="B"),
            renamed(3, "B", "A"),
            bar(4, "A", 6.0),
            bar(5, "B", 99.0),
        )
    )

    assert [(one.symbol, one.close) for one in market.history("A", 3)] == [("A", 5.0), ("A", 6.0)]
    assert [one.close for one in market.history("B", 3)] == [99.0]
    assert market.instrument("A").currency == "EUR"


def test_a_state_that_was_written_and_read_shows_the_same() -> None:
    before = market_after(bar(1, "A", 10.0), split(2), bar(3, "A", 5.5), renamed(4, "A", "C"), needed=3)
    after = MarketData(EventBus(), bars_needed={"A": 3, "C": 3})

    put_fields(
        after.state, msgspec.msgpack.decode(msgspec.msgpack.encode(before.state), type=MarketDataState)
    )

    assert after.state == before.state
    assert [one.close for one in after.history("C", 3)] == [5.0, 5.5]
