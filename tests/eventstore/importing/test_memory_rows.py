"""Tables in memory are imported as files are."""

import pytest

from eventstore import MemoryEventStore
from eventstore.importing import DataKind, ImportOptions, MemoryRows, TextOf, import_files
from kernel.errors import InputError
from kernel.time_units import SECOND_NS

COUNT = 40_000
"""More rows than one slice has."""


def seconds(first: int, after: int) -> list[str]:
    return [str(1_700_000_000 + number) for number in range(first, after)]


def ones(first: int, after: int) -> list[str]:
    return ["1"] * (after - first)


def table(count: int = COUNT, *, price: TextOf = ones) -> MemoryRows:
    return MemoryRows("table", [("time", seconds), ("price", price), ("size", ones)], size=count)


async def test_every_row_of_a_table_becomes_an_event() -> None:
    store = MemoryEventStore()

    imported = await import_files(store, [table()], ImportOptions(kind=DataKind.TRADES, symbol="A"))

    stream = imported.streams[0]
    assert (stream.stream, stream.new_count) == ("a.trades", COUNT)
    assert stream.last_ts == (1_700_000_000 + COUNT - 1) * SECOND_NS


async def test_a_bad_row_is_named_by_its_number_in_the_table() -> None:
    def price(first: int, after: int) -> list[str]:
        return ["" if number == 20_000 else "1" for number in range(first, after)]

    with pytest.raises(InputError, match="table, line 20001: price is '', expected a finite number"):
        await import_files(
            MemoryEventStore(), [table(price=price)], ImportOptions(kind=DataKind.TRADES, symbol="A")
        )


async def test_recorded_messages_are_not_read_from_tables() -> None:
    with pytest.raises(InputError, match="recorded messages are read from files"):
        await import_files(MemoryEventStore(), [table()], ImportOptions(kind=DataKind.DEPTH))
