"""Imports whose rows replace those of a stream."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from eventstore import MemoryEventStore
from eventstore.catalogue import read_history
from eventstore.data_facts import read_facts
from eventstore.importing import ImportOptions, ImportResult, append_parsed, import_file, parse_files
from eventstore.importing.replacing import Replacement
from eventstore.stream_keys import new_key
from kernel.errors import InputError
from kernel.events import Bar
from tests.eventstore.importing.files import GOOD_BARS, write_bars
from tests.eventstore.samples import read_events

OPTIONS = ImportOptions(symbol="A")
NOW = 1_700_000_000_000_000_000


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[MemoryEventStore]:
    """A store with three daily bars, of 1, 2 and 5 March."""
    async with MemoryEventStore() as opened:
        await import_file(opened, write_bars(tmp_path, *GOOD_BARS), OPTIONS)
        yield opened


async def replace(store: MemoryEventStore, path: Path, options: ImportOptions = OPTIONS) -> ImportResult:
    parsed = parse_files([path], options)
    try:
        return await append_parsed(store, parsed, replacement=Replacement(NOW, "restated"))
    finally:
        parsed.close()


async def closes(store: MemoryEventStore) -> list[float]:
    return [event.close for event in await read_events(store, "a.1d") if isinstance(event, Bar)]


async def test_rows_replace_those_of_their_period_and_the_rest_stays(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    fresh = write_bars(tmp_path, "2012-03-02,11,13,10,10.5,200", name="fresh.csv")

    result = await replace(store, fresh)

    assert await closes(store) == [11, 10.5, 13]
    assert await store.verify("a.1d") is None
    (stream,) = result.streams
    assert (stream.replaced_count, stream.new_count, stream.last_seq) == (1, 1, 3)


async def test_rows_that_the_file_lacks_within_its_period_go(store: MemoryEventStore, tmp_path: Path) -> None:
    fresh = write_bars(tmp_path, GOOD_BARS[0], GOOD_BARS[2], name="fresh.csv")

    await replace(store, fresh)

    assert await closes(store) == [11, 13]


async def test_a_file_that_contradicts_nothing_is_appended_and_nothing_is_recorded(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    longer = write_bars(tmp_path, *GOOD_BARS, "2012-03-06,13,15,12,14,400", name="longer.csv")

    result = await replace(store, longer)

    assert result.new_count == 1
    assert (await read_history(store)).changes == ()


async def test_the_replaced_events_are_set_aside_with_the_reason(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    old = await store.head("a.1d")

    await replace(store, write_bars(tmp_path, "2012-03-02,11,13,10,10.5,200", name="fresh.csv"))

    history = await read_history(store)
    (change,), (version,) = history.changes, history.aside_of("a.1d")
    assert (change.reason, version.head_hash) == ("restated", old.block_hash.hex())


async def test_the_facts_about_a_replaced_stream_are_those_of_its_present_events(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    await replace(store, write_bars(tmp_path, "2012-03-05,12,14,11,11.25,300", name="fresh.csv"))
    finer = await read_facts(store, "a.1d")
    await replace(store, write_bars(tmp_path, *GOOD_BARS))

    assert [fact.price_decimals for fact in finer] == [2]
    assert [fact.price_decimals for fact in await read_facts(store, "a.1d")] == [0]


async def test_a_bar_that_overlaps_one_that_stays_is_refused_and_nothing_changes(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    before = await store.head("a.1d")
    weekly = ImportOptions(symbol="A", stream="a.1d", timeframe="1w")
    fresh = write_bars(tmp_path, "2012-02-27,11,13,10,10.5,200", name="fresh.csv")

    with pytest.raises(InputError, match="overlaps the bar"):
        await replace(store, fresh, weekly)

    assert await store.head("a.1d") == before
    assert (await store.head(new_key("a.1d"))).seq == 0
