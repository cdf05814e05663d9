"""A stream of any store as the engine's tape."""

from collections.abc import Sequence

import msgspec
import pytest

from eventstore import EventStore, StreamTape
from kernel.errors import AppendConflict, StoreError
from kernel.events import Event, Trade
from tests.eventstore.samples import quote, quotes, read_all, trade

Row = tuple[int, int, Event]


async def rows_from(
    tape: StreamTape, from_seq: int = 1, types: frozenset[type[Event]] | None = None
) -> list[Row]:
    return [
        row
        async for page in tape.read(from_seq, types)
        for row in zip(page.seqs, page.causes or [0] * len(page.seqs), page.events, strict=True)
    ]


def seqs(rows: Sequence[Row]) -> list[int]:
    return [seq for seq, _, _ in rows]


async def test_what_is_appended_is_read_back_with_its_causes(store: EventStore) -> None:
    tape = StreamTape(store, "log")

    last_seq = await tape.append([quote(1), trade(1), quote(2)], expected_seq=0, causes=[0, 1, 0])

    assert last_seq == await tape.last_seq() == 3
    assert await rows_from(tape) == [(1, 0, quote(1)), (2, 1, trade(1)), (3, 0, quote(2))]


async def test_a_burst_with_one_malformed_event_is_not_acknowledged(store: EventStore) -> None:
    tape = StreamTape(store, "log")
    burst = quotes(600)
    burst[300] = msgspec.structs.replace(burst[300], bid="101.5")

    with pytest.raises(StoreError, match="Expected `float`"):
        await tape.append(burst, expected_seq=0, causes=[0] * 600)

    assert await tape.last_seq() == 0


async def test_a_derived_event_among_admitted_inputs_is_checked(store: EventStore) -> None:
    tape = StreamTape(store, "log")
    made = [quote(1), msgspec.structs.replace(quote(1), bid="101.5"), quote(2)]

    with pytest.raises(StoreError, match="Expected `float`"):
        await tape.append(made, expected_seq=0, causes=[-1, 1, -2])

    assert await tape.last_seq() == 0


async def test_a_tape_is_its_stream_and_no_other(store: EventStore) -> None:
    await store.append("other", quotes(5), expected_seq=0)
    tape = StreamTape(store, "log")

    await tape.append([quote(1)], expected_seq=0)

    assert seqs(await rows_from(tape)) == [1]
    assert await read_all(store, "log") == [(1, 0, quote(1))]


async def test_reading_begins_at_the_seq_asked_for(store: EventStore) -> None:
    tape = StreamTape(store, "log")
    await tape.append(quotes(5), expected_seq=0)
    await tape.append(quotes(5, first_ts=10), expected_seq=5)

    assert seqs(await rows_from(tape, 4)) == [4, 5, 6, 7, 8, 9, 10]


async def test_reading_behind_the_end_finds_nothing(store: EventStore) -> None:
    tape = StreamTape(store, "log")
    await tape.append(quotes(5), expected_seq=0)

    assert await rows_from(tape, 6) == []


async def test_only_the_types_asked_for_are_read(store: EventStore) -> None:
    tape = StreamTape(store, "log")
    await tape.append([quote(1), trade(1), quote(2)], expected_seq=0)
    await tape.append(quotes(3, first_ts=2), expected_seq=3)

    assert await rows_from(tape, 1, frozenset({Trade})) == [(2, 0, trade(1))]


async def test_a_tape_that_nobody_wrote_to_is_empty(store: EventStore) -> None:
    tape = StreamTape(store, "log")

    assert await tape.last_seq() == 0
    assert await rows_from(tape) == []
    assert await tape.checkpoint("edge") == 0


async def test_an_append_elsewhere_than_at_the_end_conflicts(store: EventStore) -> None:
    tape = StreamTape(store, "log")
    await tape.append(quotes(2), expected_seq=0)

    with pytest.raises(AppendConflict):
        await tape.append(quotes(2), expected_seq=0)


async def test_a_checkpoint_belongs_to_one_subscriber_of_one_stream(store: EventStore) -> None:
    tape, other = StreamTape(store, "log"), StreamTape(store, "other")

    await tape.save_checkpoint("edge", 7)

    assert await tape.checkpoint("edge") == 7
    assert await tape.checkpoint("another") == 0
    assert await other.checkpoint("edge") == 0


async def test_a_checkpoint_never_moves_backwards(store: EventStore) -> None:
    tape = StreamTape(store, "log")
    await tape.save_checkpoint("edge", 7)

    await tape.save_checkpoint("edge", 3)

    assert await tape.checkpoint("edge") == 7


@pytest.mark.parametrize("name", ["b/c", "/", ""])
async def test_a_name_that_could_be_taken_for_another_streams_subscriber_is_refused(
    store: EventStore, name: str
) -> None:
    """Stream "a" with subscriber "b/c" would share its checkpoint with stream "a/b" and "c"."""
    tape = StreamTape(store, "a")

    with pytest.raises(StoreError, match="hold a '/'"):
        await tape.save_checkpoint(name, 1)
    with pytest.raises(StoreError, match="hold a '/'"):
        await tape.checkpoint(name)
