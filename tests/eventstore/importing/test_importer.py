"""Files into a store: nothing twice, nothing half, nothing that contradicts what is there."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from eventstore import MemoryEventStore, Selection
from eventstore.importing import (
    BadRows,
    BadRowsRefused,
    ImportOptions,
    ImportResult,
    Label,
    Progress,
    StreamContradicted,
    import_file,
    import_files,
)
from eventstore.moments import iso_utc
from kernel.errors import InputError
from kernel.events import Bar, Event, MessageQuarantined
from replay.sample import stocks
from tests.eventstore.importing.files import BARS_HEADER, GOOD_BARS, write_bars, write_lines

GOOG = ImportOptions(symbol="GOOG")
QUARANTINE = ImportOptions(symbol="GOOG", bad_rows=BadRows.QUARANTINE)
BAD_BAR = "2012-03-03,11,13,10,14,200"


@pytest_asyncio.fixture
async def store() -> AsyncIterator[MemoryEventStore]:
    async with MemoryEventStore() as opened:
        yield opened


async def events_of(store: MemoryEventStore, stream: str) -> list[Event]:
    return [event async for batch in store.read(stream, Selection()) for event in batch.events]


async def heads(store: MemoryEventStore) -> dict[str, str]:
    return {info.stream: info.head_hash for info in await store.streams()}


def summary(result: ImportResult) -> tuple[int, int, int, int]:
    return result.row_count, result.new_count, result.bad_count, result.quarantined_count


async def test_the_bundled_file_becomes_a_stream_for_each_symbol(store: MemoryEventStore) -> None:
    result = await import_file(store, Path(str(stocks())), ImportOptions())

    assert summary(result) == (12_154, 12_154, 0, 0)
    data = [name for name in await heads(store) if not name.endswith(".facts")]
    assert data == ["aapl.1d", "fb.1d", "goog.1d", "ibm.1d", "msft.1d"]


async def test_the_same_file_again_appends_nothing(store: MemoryEventStore) -> None:
    await import_file(store, Path(str(stocks())), ImportOptions())
    before = await heads(store)

    result = await import_file(store, Path(str(stocks())), ImportOptions())

    assert (result.new_count, await heads(store)) == (0, before)


async def test_a_longer_file_appends_its_new_rows_alone(store: MemoryEventStore, tmp_path: Path) -> None:
    await import_file(store, write_bars(tmp_path, *GOOD_BARS[:2]), GOOG)

    result = await import_file(store, write_bars(tmp_path, *GOOD_BARS), GOOG)

    assert (result.new_count, len(await events_of(store, "goog.1d"))) == (1, 3)


async def test_a_later_file_that_overlaps_appends_its_new_rows_alone(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    await import_file(store, write_bars(tmp_path, *GOOD_BARS[:2]), GOOG)

    result = await import_file(store, write_bars(tmp_path, *GOOD_BARS[1:]), GOOG)

    assert (result.new_count, len(await events_of(store, "goog.1d"))) == (1, 3)


async def test_a_file_that_starts_after_the_end_is_appended(store: MemoryEventStore, tmp_path: Path) -> None:
    await import_file(store, write_bars(tmp_path, *GOOD_BARS[:1]), GOOG)

    result = await import_file(store, write_bars(tmp_path, *GOOD_BARS[1:]), GOOG)

    assert result.new_count == 2


async def test_a_part_of_what_is_there_appends_nothing(store: MemoryEventStore, tmp_path: Path) -> None:
    await import_file(store, write_bars(tmp_path, *GOOD_BARS), GOOG)

    result = await import_file(store, write_bars(tmp_path, GOOD_BARS[1]), GOOG)

    assert result.new_count == 0


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((GOOD_BARS[0], "2012-03-02,11,13,10,12.5,200"), "line 3: close .* is 12.5 in the file and 12.0"),
        (("2012-02-29,11,13,10,12,200", *GOOD_BARS), "line 2: time 2012-02-29.* is not in the stream"),
        ((GOOD_BARS[0], GOOD_BARS[2]), "line 3: rows are missing before 2012-03-05"),
        ((*GOOD_BARS[:2], "2012-03-04,12,14,11,13,300"), "line 4: time 2012-03-04.* is not in the stream"),
    ],
)
async def test_a_file_that_contradicts_the_stream_is_refused_naming_the_difference(
    store: MemoryEventStore, tmp_path: Path, rows: tuple[str, ...], words: str
) -> None:
    await import_file(store, write_bars(tmp_path, *GOOD_BARS), GOOG)
    before = await heads(store)

    with pytest.raises(StreamContradicted, match=words):
        await import_file(store, write_bars(tmp_path, *rows), GOOG)

    assert await heads(store) == before


async def test_a_contradiction_in_one_stream_keeps_the_others_unchanged(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    header = "symbol," + BARS_HEADER
    first = write_lines(tmp_path / "a.csv", [header, "ZZZ," + GOOD_BARS[0]])
    second = write_lines(
        tmp_path / "b.csv", [header, "AAA," + GOOD_BARS[0], "ZZZ,2012-03-01,10,12,9,11.5,100"]
    )
    await import_file(store, first, ImportOptions())

    with pytest.raises(StreamContradicted):
        await import_file(store, second, ImportOptions())

    assert list(await heads(store)) == ["zzz.1d", "zzz.1d.facts"]


async def test_other_events_in_the_stream_are_a_contradiction(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    path = write_bars(tmp_path, *GOOD_BARS)
    await store.append("goog.1d", [MessageQuarantined(2**61, "x", "y")], expected_seq=0)

    with pytest.raises(StreamContradicted, match="a Bar, but there is a MessageQuarantined"):
        await import_file(store, path, GOOG)


async def test_a_refused_file_leaves_the_store_unchanged(store: MemoryEventStore, tmp_path: Path) -> None:
    await import_file(store, write_bars(tmp_path, *GOOD_BARS[:1]), GOOG)
    before = await heads(store)

    with pytest.raises(BadRowsRefused):
        await import_file(store, write_bars(tmp_path, *GOOD_BARS[:2], BAD_BAR), GOOG)

    assert await heads(store) == before


async def test_one_bad_file_of_several_keeps_all_out(store: MemoryEventStore, tmp_path: Path) -> None:
    good = write_bars(tmp_path, *GOOD_BARS[:1], name="a.csv")
    bad = write_bars(tmp_path, BAD_BAR, name="b.csv")

    with pytest.raises(InputError):
        await import_files(store, [good, bad], GOOG)

    assert await heads(store) == {}


async def test_quarantine_takes_good_rows_and_keeps_bad_ones_beside_them(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    path = write_bars(tmp_path, *GOOD_BARS[:2], BAD_BAR, GOOD_BARS[2])

    result = await import_file(store, path, QUARANTINE)

    (message,) = await events_of(store, "goog.1d.quarantine")
    assert summary(result) == (4, 3, 1, 1)
    assert isinstance(message, MessageQuarantined)
    assert (message.source, message.raw) == ("bars.csv:4", BAD_BAR)
    assert iso_utc(message.ts) == "2012-03-02T23:59:59.999999999Z"


async def test_a_bad_row_is_put_aside_once(store: MemoryEventStore, tmp_path: Path) -> None:
    path = write_bars(tmp_path, BAD_BAR, *GOOD_BARS)
    await import_file(store, path, QUARANTINE)
    before = await heads(store)

    result = await import_file(store, path, QUARANTINE)

    assert summary(result) == (4, 0, 1, 0)
    assert await heads(store) == before


async def test_new_bad_rows_of_a_longer_file_join_the_old_ones(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    await import_file(store, write_bars(tmp_path, *GOOD_BARS[:2], BAD_BAR), QUARANTINE)

    result = await import_file(store, write_bars(tmp_path, *GOOD_BARS[:2], BAD_BAR, BAD_BAR), QUARANTINE)

    assert (result.bad_count, result.quarantined_count) == (2, 1)


async def test_bad_rows_of_an_older_file_may_come_later(store: MemoryEventStore, tmp_path: Path) -> None:
    await import_file(store, write_bars(tmp_path, *GOOD_BARS, BAD_BAR, name="new.csv"), QUARANTINE)

    result = await import_file(store, write_bars(tmp_path, GOOD_BARS[0], BAD_BAR, name="old.csv"), QUARANTINE)

    messages = await events_of(store, "goog.1d.quarantine")
    assert (result.new_count, result.quarantined_count) == (0, 1)
    assert messages[0].ts == messages[1].ts


async def test_rows_before_1970_are_kept(store: MemoryEventStore, tmp_path: Path) -> None:
    path = write_bars(tmp_path, "1929-10-28,10,12,9,11,100", "1929-10-29,10,12,9,11,100")

    result = await import_file(store, path, GOOG)

    assert result.new_count == 2


async def test_more_rows_than_one_frame_holds_come_in_whole_and_in_order(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    rows = [f"{1_330_000_000 + 60 * n},{s},10,12,9,11" for n in range(10_000) for s in ("A", "B")]
    path = write_lines(tmp_path / "many.csv", ["time,symbol,open,high,low,close", *rows])

    result = await import_file(store, path, ImportOptions(timeframe="1m"))

    events = await events_of(store, "b.1m")
    assert (result.new_count, len(events)) == (20_000, 10_000)
    assert [event.ts for event in events] == sorted(event.ts for event in events)


async def test_progress_reports_both_stages_to_their_end(store: MemoryEventStore, tmp_path: Path) -> None:
    path = write_bars(tmp_path, *GOOD_BARS)
    reports: list[Progress] = []

    await import_file(store, path, GOOG, on_progress=reports.append)

    size = path.stat().st_size
    assert reports == [Progress("reading", size, size), Progress("storing", 3, 3)]


@given(st.lists(st.integers(min_value=1, max_value=60), min_size=1, max_size=6))
async def test_parts_in_any_cut_end_in_the_same_stream_as_the_whole(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int]
) -> None:
    """Each part repeats what came before it, as daily downloads of a growing file do."""
    rows = [f"{1_330_000_000 + 60 * n},10,12,9,11,{n}" for n in range(sum(lengths))]
    folder = tmp_path_factory.mktemp("parts")
    options = ImportOptions(symbol="X", timeframe="1m")

    async with MemoryEventStore() as growing, MemoryEventStore() as whole:
        for n in range(len(lengths)):
            path = write_lines(
                folder / "x.csv", ["time,open,high,low,close,volume", *rows[: sum(lengths[: n + 1])]]
            )
            await import_file(growing, path, options)
        await import_file(whole, folder / "x.csv", options)

        assert await events_of(growing, "x.1m") == await events_of(whole, "x.1m")


MONTH_ENDS = ("2024-01-31,10,12,9,11,100", "2024-02-29,11,13,10,12,200", "2024-03-31,12,14,11,13,300")


async def test_bars_of_months_cover_their_months_and_go_to_a_stream_of_months(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    options = ImportOptions(symbol="A", timeframe="1mo", label=Label.CLOSE)

    result = await import_file(store, write_bars(tmp_path, *MONTH_ENDS), options)

    bars = [bar for bar in await events_of(store, "a.1mo") if isinstance(bar, Bar)]
    assert [iso_utc(bar.open_ts)[:10] for bar in bars] == ["2024-01-01", "2024-02-01", "2024-03-01"]
    assert [iso_utc(bar.ts)[:10] for bar in bars] == ["2024-01-31", "2024-02-29", "2024-03-31"]
    assert result.notes == ()


async def test_rows_a_month_apart_imported_as_days_get_a_note(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    result = await import_file(
        store, write_bars(tmp_path, *MONTH_ENDS), ImportOptions(symbol="A", timeframe="1d")
    )

    (note,) = result.notes
    assert "a.1d: its rows lie 29 days or more apart" in note
    assert "--timeframe 1mo" in note
