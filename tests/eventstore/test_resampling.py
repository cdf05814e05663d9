"""Streams of coarser bars in a store."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio

from eventstore import EventStore, MemoryEventStore
from eventstore.data_facts import read_facts
from eventstore.moments import iso_utc
from eventstore.resampling import ResampleOptions, resample
from kernel.errors import InputError
from kernel.events import Bar, CorporateAction, CorporateActionKind, Event, Quote, Trade
from kernel.time_units import DAY_NS, HOUR_NS, MINUTE_NS
from tests.eventstore.samples import read_events

MONDAY = 19_723 * DAY_NS
SUMMER = 19_905 * DAY_NS
"""Monday, 1 January and 1 July 2024, UTC."""

HOURS = ResampleOptions(timeframe="1h")


def minutes(symbol: str, count: int, *, start: int = MONDAY) -> list[Event]:
    """Bars of one minute."""
    stamps = range(start, start + count * MINUTE_NS, MINUTE_NS)
    return [Bar(ts + MINUTE_NS, symbol, "1m", 10.0, 12.0, 9.5, 11.0, 2.0, ts) for ts in stamps]


@pytest_asyncio.fixture
async def store() -> AsyncIterator[EventStore]:
    """A store with three and a half hours of minutes."""
    async with MemoryEventStore() as opened:
        await opened.append("a.1m", minutes("A", 210), expected_seq=0)
        yield opened


async def bars_of(store: EventStore, stream: str) -> list[Bar]:
    return [event for event in await read_events(store, stream) if isinstance(event, Bar)]


async def test_complete_bars_go_to_a_stream_named_by_their_timeframe(store: EventStore) -> None:
    done = await resample(store, "a.1m", HOURS)

    bars = await bars_of(store, "a.1h")
    assert (done.stream, done.part_count, done.bar_count, done.new_count) == ("a.1h", 210, 3, 3)
    assert [iso_utc(bar.ts)[11:16] for bar in bars] == ["01:00", "02:00", "03:00"]
    assert {bar.volume for bar in bars} == {120.0}


async def test_resampling_again_appends_what_is_complete_by_now(store: EventStore) -> None:
    await resample(store, "a.1m", HOURS)
    later = minutes("A", 60, start=MONDAY + 210 * MINUTE_NS)
    await store.append("a.1m", later, expected_seq=210)

    done = await resample(store, "a.1m", HOURS)

    assert (done.bar_count, done.new_count) == (4, 1)
    assert (await resample(store, "a.1m", HOURS)).new_count == 0


async def test_a_stream_with_other_bars_is_refused_unchanged(store: EventStore) -> None:
    await store.append("a.1h", minutes("A", 1), expected_seq=0)

    with pytest.raises(InputError, match="holds other bars"):
        await resample(store, "a.1m", HOURS)

    assert (await store.head("a.1h")).seq == 1


async def test_hours_of_a_session_begin_with_it_in_winter_and_in_summer() -> None:
    options = ResampleOptions(timeframe="1h", tz="America/New_York", session="09:30-16:00")
    store = MemoryEventStore()
    winter = minutes("A", 390, start=MONDAY + 14 * HOUR_NS + 30 * MINUTE_NS)
    summer = minutes("A", 390, start=SUMMER + 13 * HOUR_NS + 30 * MINUTE_NS)
    await store.append("a.1m", [*winter, *summer], expected_seq=0)

    await resample(store, "a.1m", options)

    begins = [iso_utc(bar.open_ts)[11:16] for bar in await bars_of(store, "a.1h")]
    ends = [iso_utc(bar.ts)[11:16] for bar in await bars_of(store, "a.1h")]
    assert (len(begins), begins[0], begins[7]) == (14, "14:30", "13:30")
    assert (ends[6], ends[13]) == ("21:00", "20:00")


async def test_days_of_a_zone_begin_at_its_midnight() -> None:
    store = MemoryEventStore()
    await store.append("a.1m", minutes("A", 2 * 1_440), expected_seq=0)

    await resample(store, "a.1m", ResampleOptions(timeframe="1d", tz="Asia/Tokyo"))

    (_, whole) = await bars_of(store, "a.1d")
    assert (iso_utc(whole.open_ts), iso_utc(whole.ts)) == ("2024-01-01T15:00:00Z", "2024-01-02T15:00:00Z")


async def test_symbols_of_one_stream_do_not_mix_and_time_never_decreases() -> None:
    store = MemoryEventStore()
    sparse = [minutes("B", 1, start=MONDAY + n * 50 * MINUTE_NS)[0] for n in range(5)]
    both = sorted([*minutes("A", 240), *sparse], key=lambda event: event.ts)
    await store.append("both", both, expected_seq=0)

    await resample(store, "both", ResampleOptions(timeframe="1h", to="both.1h"))

    bars = await bars_of(store, "both.1h")
    assert [bar.ts for bar in bars] == sorted(bar.ts for bar in bars)
    assert [bar.symbol for bar in bars].count("A") == 4
    assert [bar.volume for bar in bars if bar.symbol == "B"] == [4.0, 2.0, 2.0]


async def test_trades_make_bars_of_ticks_volume_and_money() -> None:
    store = MemoryEventStore()
    trades: list[Event] = [Trade(MONDAY + n, "A", 10.0, 2.0) for n in range(20)]
    await store.append("a.trades", trades, expected_seq=0)

    for timeframe, count in (("tick:6", 3), ("volume:10", 4), ("dollar:100", 4)):
        done = await resample(store, "a.trades", ResampleOptions(timeframe=timeframe))
        assert (done.stream, done.bar_count) == (f"a.{timeframe}", count)


async def test_ticks_of_bars_are_refused_with_the_reason(store: EventStore) -> None:
    with pytest.raises(InputError, match="do not say how many trades they had; use a stream of trades"):
        await resample(store, "a.1m", ResampleOptions(timeframe="tick:10"))


async def test_bars_that_are_not_finer_and_streams_without_prices_are_refused(store: EventStore) -> None:
    await store.append("a.quotes", [Quote(1, "A", 1.0, 2.0)], expected_seq=0)

    with pytest.raises(InputError, match="do not fit into them"):
        await resample(store, "a.1m", ResampleOptions(timeframe="90s"))
    with pytest.raises(InputError, match="no bars and no trades"):
        await resample(store, "a.quotes", HOURS)


async def test_a_split_within_a_month_does_not_mix_old_and_new_prices() -> None:
    store = MemoryEventStore()
    days: list[Event] = [
        Bar(
            MONDAY + (day + 1) * DAY_NS - 1, "A", "1d", price, price, price, price, 1.0, MONDAY + day * DAY_NS
        )
        for day, price in enumerate([100.0] * 10 + [25.0] * 21)
    ]
    await store.append("a.1d", days, expected_seq=0)
    split = CorporateAction(MONDAY + 10 * DAY_NS, "A", CorporateActionKind.SPLIT, Decimal(4))
    await store.append("a.actions", [split], expected_seq=0)

    await resample(store, "a.1d", ResampleOptions(timeframe="1mo"))

    (bar,) = await bars_of(store, "a.1mo")
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (25.0, 25.0, 25.0, 25.0, 61.0)


async def test_the_new_stream_has_facts_about_its_prices(store: EventStore) -> None:
    await resample(store, "a.1m", HOURS)

    (fact,) = await read_facts(store, "a.1h")

    assert (fact.timeframe, fact.price_decimals, fact.lowest_price) == ("1h", 1, 9.5)
