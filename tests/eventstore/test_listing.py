"""What every store says of its streams: all of them, those of some names, those that hold a type of event."""

from collections.abc import Sequence

import pytest

from eventstore import EventStore
from eventstore.planning import AppendRequest, plan_appends
from eventstore.port import StreamHead, StreamInfo
from kernel.events import OrderIntent, Quote, Trade
from tests.eventstore.samples import intent, quote, quotes, timer, trade


async def fill(store: EventStore) -> None:
    """Three streams; in ``mixed`` each block has other types and symbols, and the first the most events."""
    await store.append("b", quotes(3), expected_seq=0)
    await store.append("mixed", [quote(5, "Z"), quote(6, "Y"), quote(6, "Z")], expected_seq=0)
    await store.append("mixed", [trade(7, "A")], expected_seq=3)
    await store.append("mixed", [quote(8, "Z"), intent(9, "B")], expected_seq=4)
    await store.append("mixed", [timer(11)], expected_seq=6)
    await store.append("a", [trade(1)], expected_seq=0)


def named(infos: Sequence[StreamInfo]) -> list[str]:
    return [info.stream for info in infos]


async def test_a_stream_of_many_kinds_of_blocks_is_described_by_all_and_ends_with_the_last(
    store: EventStore,
) -> None:
    await fill(store)

    (info,) = await store.streams(["mixed"])

    assert (info.last_seq, info.first_ts, info.last_ts, info.block_count) == (7, 5, 11, 4)
    assert info.symbols == ("A", "B", "Y", "Z")
    assert info.event_types == ("OrderIntent", "Quote", "TimerFired", "Trade")
    assert info.head_hash == (await store.head("mixed")).block_hash.hex()


async def test_streams_are_listed_by_name(store: EventStore) -> None:
    await fill(store)

    assert named(await store.streams()) == ["a", "b", "mixed"]


async def test_streams_of_some_names_are_described_as_among_all(store: EventStore) -> None:
    await fill(store)
    everything = await store.streams()

    some = await store.streams(["mixed", "nobody", "a", "a"])

    assert some == (everything[0], everything[2])
    assert await store.streams([]) == ()
    assert await store.streams(["nobody"]) == ()


@pytest.mark.parametrize(
    ("names", "holding", "found"),
    [
        (None, Quote, ["b", "mixed"]),
        (None, Trade, ["a", "mixed"]),
        (None, OrderIntent, ["mixed"]),
        (["a", "b"], Trade, ["a"]),
    ],
)
async def test_streams_that_hold_a_type_are_found(
    store: EventStore, names: list[str] | None, holding: type[Trade], found: list[str]
) -> None:
    await fill(store)

    assert named(await store.streams(names, holding=holding)) == found


async def test_a_block_of_too_many_symbols_to_list_leaves_them_out(store: EventStore) -> None:
    await store.append("s", [quote(1, "A")], expected_seq=0)
    await store.append("s", [quote(2, f"S{number}") for number in range(65)], expected_seq=1)

    (info,) = await store.streams()

    assert info.symbols == ()


class _Lookups(dict[str, StreamHead]):
    """Heads that can be asked for one by one, and not be walked along."""

    def __iter__(self) -> object:  # type: ignore[override]  # walking is what is forbidden here
        raise AssertionError("a commit walked along the heads of all streams")

    keys = items = values = copy = __iter__  # type: ignore[assignment]  # as above


def test_a_commit_looks_at_the_heads_of_its_own_streams_only() -> None:
    heads = _Lookups({f"s{number}": StreamHead(stream=f"s{number}") for number in range(10)})

    plan = plan_appends([AppendRequest(stream="s3", runs=(), expected_seq=0)], heads)

    assert plan.outcomes == [StreamHead(stream="s3")]
