"""A run's stream and its data, opened as one ordered story."""

from collections.abc import Sequence

from eventstore import MemoryEventStore, read_story
from kernel.events import Bar, Event, RunStarted, SessionStarted, StreamRange, TimerFired
from kernel.identifiers import TimerName

STREAM, RUN = "a.1d", "run.x.1"


def bar(ts: int) -> Bar:
    return Bar(ts, "A", "1d", 1.0, 1.0, 1.0, 1.0, 0.0)


def fired(ts: int) -> TimerFired:
    return TimerFired(ts, "x", TimerName("t"), ts)


async def told(store: MemoryEventStore, stream: str) -> list[tuple[int, int, Event]]:
    records: list[tuple[int, int, Event]] = []
    async for batch in read_story(store, stream):
        causes: Sequence[int] = batch.causes or [0] * len(batch.events)
        records += zip(batch.seqs, causes, batch.events, strict=True)
    return records


async def test_a_plain_log_is_its_own_story() -> None:
    store = MemoryEventStore()
    await store.append(STREAM, [bar(1), bar(2)], expected_seq=0)

    records = await told(store, STREAM)

    assert records == [(1, -1, bar(1)), (2, -2, bar(2))]


async def test_a_runs_inputs_stand_before_what_followed_from_them() -> None:
    store = MemoryEventStore()
    await store.append(STREAM, [bar(ts) for ts in range(1, 7)], expected_seq=0)
    started = RunStarted(2, (StreamRange(STREAM, 2, 5, ""),), ("A",), 0, 0)
    session = SessionStarted(2, 1, "backtest", "0", "3")
    run = [started, session, fired(2), fired(3), fired(4)]
    await store.append(RUN, run, expected_seq=0, causes=[-1, -2, 2, 4, 4])

    records = await told(store, RUN)

    assert records == [
        (1, -1, started),
        (2, -2, session),
        (2, 2, fired(2)),
        (3, 0, bar(2)),
        (4, 0, bar(3)),
        (4, 4, fired(3)),
        (4, 4, fired(4)),
        (5, 0, bar(4)),
        (6, 0, bar(5)),
    ]


async def test_places_count_every_input_once() -> None:
    store = MemoryEventStore()
    count = 10_000
    await store.append(STREAM, [bar(ts) for ts in range(1, count + 1)], expected_seq=0)
    started = RunStarted(1, (StreamRange(STREAM, 1, count, ""),), ("A",), 0, 0)
    await store.append(RUN, [started, fired(9_000)], expected_seq=0, causes=[-1, 9_001])

    records = await told(store, RUN)

    assert [place for place, cause, _ in records if cause <= 0] == list(range(1, count + 2))
    assert records[9_001][2] == fired(9_000)
