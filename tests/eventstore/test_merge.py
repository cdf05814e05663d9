"""Merging streams: always the order of (ts, stream name, seq), whatever the blocks look like."""

from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore import MemoryEventStore, Selection, StreamSlice, merge
from eventstore.encoding import BLOCK_EVENTS
from eventstore.merge import MERGED_EVENTS
from kernel.errors import StreamMissing
from kernel.events import Event
from tests.eventstore.samples import quote, quotes

Streams = dict[str, list[list[int]]]
"""Per stream, per block, the stamps of its events."""


def stamps_in_blocks() -> st.SearchStrategy[list[list[int]]]:
    """Non-decreasing stamps with many ties, cut into blocks."""
    steps = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4), min_size=1, max_size=6)
    return steps.map(_accumulated)


def _accumulated(steps: list[list[int]]) -> list[list[int]]:
    ts = 0
    blocks: list[list[int]] = []
    for block in steps:
        blocks.append([])
        for step in block:
            ts += step
            blocks[-1].append(ts)
    return blocks


async def stored(streams: Streams) -> tuple[MemoryEventStore, list[tuple[int, str, int, Event]]]:
    """A store of these streams, and (ts, stream, seq, event) of all they hold."""
    store = MemoryEventStore()
    rows: list[tuple[int, str, int, Event]] = []
    for stream, blocks in streams.items():
        seq = 0
        for stamps in blocks:
            events: list[Event] = [
                quote(ts, symbol=stream, bid=float(seq + place)) for place, ts in enumerate(stamps)
            ]
            rows += [(event.ts, stream, seq + place + 1, event) for place, event in enumerate(events)]
            seq = (await store.append(stream, events, expected_seq=seq)).seq
    return store, rows


@given(st.dictionaries(st.sampled_from("abcdef"), stamps_in_blocks(), min_size=1))
async def test_a_merge_is_the_sort_by_ts_stream_and_seq(streams: Streams) -> None:
    store, rows = await stored(streams)

    merged = [each async for each in merge(store, [StreamSlice(name) for name in streams])]

    assert [event for part in merged for event in part] == [row[3] for row in sorted(rows, key=_place)]
    assert all(merged)


@given(st.dictionaries(st.sampled_from("abc"), stamps_in_blocks(), min_size=3), st.integers(0, 12))
async def test_a_merge_of_slices_keeps_to_their_selections(streams: Streams, from_ts: int) -> None:
    store, rows = await stored(streams)
    slices = [
        StreamSlice("c", Selection(from_ts=from_ts)),
        StreamSlice("a", Selection(to_seq=3)),
        StreamSlice("b", Selection(symbols=frozenset({"nothing"}))),
    ]

    merged = [event async for part in merge(store, slices) for event in part]

    wanted = [row for row in rows if (row[1] == "c" and row[0] >= from_ts) or (row[1] == "a" and row[2] <= 3)]
    assert merged == [row[3] for row in sorted(wanted, key=_place)]


def _place(row: tuple[int, str, int, Event]) -> tuple[int, str, int]:
    return row[:3]


async def test_one_stream_passes_through_block_by_block() -> None:
    store = MemoryEventStore()
    await store.append("s", quotes(BLOCK_EVENTS + 5), expected_seq=0)

    merged = [part async for part in merge(store, [StreamSlice("s")])]

    assert [len(part) for part in merged] == [BLOCK_EVENTS, 5]


async def test_no_part_of_a_merge_is_larger_than_a_block() -> None:
    store = MemoryEventStore()
    for stream in "abc":
        await store.append(stream, quotes(3 * MERGED_EVENTS), expected_seq=0)

    merged = [part async for part in merge(store, [StreamSlice(stream) for stream in "abc"])]

    assert max(map(len, merged)) <= MERGED_EVENTS
    assert sum(map(len, merged)) == 9 * MERGED_EVENTS


async def test_a_merge_of_nothing_is_empty() -> None:
    assert [part async for part in merge(MemoryEventStore(), [])] == []


async def test_a_merge_with_a_missing_stream_says_so() -> None:
    store = MemoryEventStore()
    await store.append("a", quotes(1), expected_seq=0)

    with pytest.raises(StreamMissing, match="nobody"):
        _ = [part async for part in merge(store, [StreamSlice("a"), StreamSlice("nobody")])]


async def test_a_merge_that_is_left_early_leaves_nothing_behind() -> None:
    store = MemoryEventStore()
    for stream in "ab":
        await store.append(stream, quotes(10 * BLOCK_EVENTS), expected_seq=0)

    async with aclosing(merge(store, [StreamSlice("a"), StreamSlice("b")])) as parts:
        first = await anext(parts)

    assert first[0].ts == 1
    # The task check of tests/conftest.py does the rest.
