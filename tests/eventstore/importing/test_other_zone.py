"""A file that was imported with a wrong zone is recognised when it comes again with the right one."""

from pathlib import Path

import pytest

from eventstore import MemoryEventStore
from eventstore.importing import ImportOptions, append_parsed, import_file, parse_files
from eventstore.importing.other_zone import OtherZone
from eventstore.importing.replacing import Replacement
from tests.eventstore.importing.files import write_bars

UTC = ImportOptions(symbol="A", timeframe="1m")
NEW_YORK = ImportOptions(symbol="A", timeframe="1m", tz="America/New_York")


def minutes(folder: Path, count: int) -> Path:
    prices = [100 + n % 7 + n / 100 for n in range(count)]
    rows = [
        f"2024-01-02 {9 + (30 + n) // 60:02d}:{(30 + n) % 60:02d},{p},{p},{p},{p},5"
        for n, p in enumerate(prices)
    ]
    return write_bars(folder, *rows)


@pytest.mark.parametrize("count", [5, 60, 390])
@pytest.mark.parametrize("replacement", [None, Replacement(0)])
async def test_a_file_of_another_zone_is_refused_with_what_to_do(
    tmp_path: Path, count: int, replacement: Replacement | None
) -> None:
    store = MemoryEventStore()
    path = minutes(tmp_path, count)
    await import_file(store, path, UTC)
    before = await store.head("a.1m")
    parsed = parse_files([path], NEW_YORK)

    with pytest.raises(OtherZone, match=r"5 h earlier: .* time zone.* onetape streams delete a\.1m"):
        await append_parsed(store, parsed, replacement=replacement)

    parsed.close()
    assert await store.head("a.1m") == before


async def test_a_replacement_says_how_many_rows_of_the_stream_stay(tmp_path: Path) -> None:
    store = MemoryEventStore()
    days = [f"2024-01-{day:02d},{day},{day},{day},{day},1" for day in range(1, 11)]
    await import_file(store, write_bars(tmp_path, *days), ImportOptions(symbol="A"))
    changed = write_bars(tmp_path, "2024-01-04,4.5,4.5,4.5,4.5,1", "2024-01-05,5,5,5,5,1")
    parsed = parse_files([changed], ImportOptions(symbol="A"))

    result = await append_parsed(store, parsed, replacement=Replacement(0))

    parsed.close()
    assert result.notes == (
        "a.1d: kept 3 rows before 2024-01-04T23:59:59 and 5 rows after 2024-01-05T23:59:59, "
        "where the files have none",
    )
