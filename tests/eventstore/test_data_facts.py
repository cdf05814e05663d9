"""Facts about data: decimals, range and step of prices, kept beside the stream and never narrower."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore import MemoryEventStore
from eventstore.data_facts import FACTS_SUFFIX, read_facts
from eventstore.data_measure import DataMeasure, sampled_facts
from eventstore.importing import ImportOptions, import_file
from kernel.events import Bar, BookSnapshot, DataDescribed, DataType, Event, PriceLevel, Quote, Trade
from tests.eventstore.importing.files import GOOD_BARS, write_bars

GOOG = ImportOptions(symbol="GOOG")


def bar(close: float, *, volume: float = 100.0, ts: int = 1, open_ts: int = 1) -> Bar:
    return Bar(ts, "X", "1d", close, close, close, close, volume, open_ts)


def facts(*events: Event) -> DataDescribed:
    measure = DataMeasure()
    measure.add("x", events)
    (one,) = measure.described("x", ts=1)
    return one


@pytest.mark.parametrize(
    ("price", "decimals"),
    [
        (0.0000094, 7),
        (1.09451, 5),
        (1.55089, 5),
        (100.0, 0),
        (0.147321, 6),
        (65_432.1, 1),
        (1e-08, 8),
        (-17.25, 2),
        (123_456_789.12, 2),
    ],
)
def test_a_price_has_the_decimals_of_its_shortest_text(price: float, decimals: int) -> None:
    assert facts(bar(price)).price_decimals == decimals


@pytest.mark.parametrize(
    ("price", "decimals"), [(131.4499969482422, 9), (0.09843371063470841, 13), (1 / 3, 12)]
)
def test_digits_after_the_twelfth_are_noise(price: float, decimals: int) -> None:
    assert facts(bar(price)).price_decimals == decimals


@given(st.lists(st.decimals(min_value=0, max_value=10**5, places=6).filter(bool), min_size=1, max_size=30))
def test_every_price_is_a_multiple_of_the_step(prices: Sequence[Decimal]) -> None:
    one = facts(*[bar(float(price)) for price in prices])

    assert one.price_step > 0
    assert all(price % one.price_step == 0 for price in prices)
    assert one.price_step % Decimal(1).scaleb(-one.price_decimals) == 0


def test_the_step_of_a_future_is_coarser_than_its_decimals() -> None:
    one = facts(bar(4_000.25), bar(4_001.5), bar(3_999.75))

    assert (one.price_decimals, one.price_step) == (2, Decimal("0.25"))


def test_range_volumes_and_open_times_are_known() -> None:
    one = facts(bar(-17.0, volume=0.0), bar(3.0, volume=0.0, open_ts=0))

    assert (one.lowest_price, one.highest_price) == (-17.0, 3.0)
    assert (one.has_sizes, one.has_open_times) == (False, False)


def test_each_symbol_and_each_type_of_data_has_facts_of_its_own() -> None:
    measure = DataMeasure()
    levels = (PriceLevel(9.5, 1.25),)
    measure.add(
        "x",
        [
            bar(1.5),
            Quote(1, "X", 1.125, 0.0, 3.0, 0.0),
            Trade(1, "Y", 2.0, 0.001),
            BookSnapshot(1, "Y", levels, ()),
        ],
    )

    found = {(one.symbol, one.data_type): one for one in measure.described("x", ts=1)}

    assert {key: (one.price_decimals, one.size_decimals) for key, one in found.items()} == {
        ("X", DataType.BARS): (1, 0),
        ("X", DataType.QUOTES): (3, 0),
        ("Y", DataType.BOOKS): (1, 2),
        ("Y", DataType.TRADES): (0, 3),
    }
    assert found["X", DataType.QUOTES].lowest_price == 1.125  # a bid or ask of 0 is a missing side


async def test_an_import_records_facts_and_changes_them_only_if_the_data_do(tmp_path: Path) -> None:
    store = MemoryEventStore()
    await import_file(store, write_bars(tmp_path, *GOOD_BARS[:2]), GOOG)
    (first,) = await read_facts(store, "goog.1d")

    await import_file(store, write_bars(tmp_path, *GOOD_BARS[:2]), GOOG)
    assert (await store.head("goog.1d" + FACTS_SUFFIX)).seq == 1

    await import_file(store, write_bars(tmp_path, "2012-03-05,11,13.0625,10,12,200"), GOOG)
    (second,) = await read_facts(store, "goog.1d")

    assert (first.price_decimals, second.price_decimals) == (0, 4)
    assert second.lowest_price == first.lowest_price


async def test_an_old_stream_without_facts_gets_them_with_its_next_import(tmp_path: Path) -> None:
    store = MemoryEventStore()
    await store.append("goog.1d", [Bar(1, "GOOG", "1d", 1.5, 1.5, 1.5, 1.5, 1.0)], expected_seq=0)

    await import_file(store, write_bars(tmp_path, *GOOD_BARS), GOOG)

    (one,) = await read_facts(store, "goog.1d")
    assert (one.price_decimals, one.lowest_price, one.has_open_times) == (1, 1.5, False)


async def test_a_long_stream_without_facts_is_measured_at_both_ends() -> None:
    store = MemoryEventStore()
    prices = [1.5, *[2.0] * 20, 2.0625]
    events = [bar(price, ts=ts) for ts, price in enumerate(prices, start=1)]
    await store.append("x.1d", events, expected_seq=0)

    (one,) = await sampled_facts(store, "x.1d", sample=2)

    assert (one.price_decimals, one.lowest_price, one.highest_price) == (4, 1.5, 2.0625)


async def test_a_symbol_that_the_sample_misses_is_measured_too() -> None:
    store = MemoryEventStore()
    events: list[Event] = [bar(2.0, ts=ts) for ts in range(1, 30)]
    events.insert(4, Bar(4, "RARE", "1d", 0.00003, 0.00003, 0.00003, 0.00003, 1.0))
    await store.append("x.1d", events, expected_seq=0)

    facts = await sampled_facts(store, "x.1d", sample=2)

    assert {fact.symbol: fact.price_decimals for fact in facts} == {"X": 0, "RARE": 5}
