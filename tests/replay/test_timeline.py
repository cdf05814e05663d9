"""The core of a run or live log as it was: the same by every way that leads to a moment."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from random import Random

import msgspec
import pytest

from eventstore import EventStore, MemoryEventStore, SnapshotFiles
from kernel.errors import InputError, ReplayDiverged
from kernel.events import Event, OrderFilled, OrderIntent, SessionStarted, TimerFired
from replay.past.log_player import Part
from replay.past.timeline import Timeline
from tests.replay.past_logs import (
    files_in,
    log_of_three_sessions,
    run_of_two_symbols,
    state_of,
    states_by_number,
)
from tests.replay.playing import causes_of, read_events, read_records

Made = Callable[[SnapshotFiles | None], Awaitable[tuple[MemoryEventStore, str]]]
BOTH = pytest.mark.parametrize("made", [run_of_two_symbols, log_of_three_sessions], ids=["run", "live log"])


async def numbers_of_records(store: EventStore, log: str) -> list[int]:
    """The number of the input that each record belongs to."""
    return [abs(cause) async for batch in store.read(log) for cause in causes_of(batch)]


def damage_every_second(folder: Path) -> None:
    """Damage every second snapshot in a folder."""
    for path in sorted(folder.rglob("*.snapshot"))[::2]:
        path.write_bytes(path.read_bytes()[:-1])


@BOTH
@pytest.mark.parametrize("saved", ["none", "all", "every second one is damaged"])
async def test_every_way_to_a_moment_gives_the_state_that_it_had(
    made: Made, saved: str, tmp_path: Path
) -> None:
    files = files_in(tmp_path)
    store, log = await made(files)
    states = await states_by_number(store, log)
    dice = Random(1)
    if saved not in ("none", "all"):
        damage_every_second(tmp_path)

    async with Timeline.open(store, log, snapshots=None if saved == "none" else files) as timeline:
        for _ in range(25):
            number = dice.randrange(len(states))
            if number not in states:
                continue  # inside of an opening
            moment = await timeline.goto_number(number)
            if dice.random() < 0.3 and await timeline.step() is not None:
                moment = timeline.moment
            if moment.number in states:
                assert (moment.seq, state_of(timeline.core.bus)) == states[moment.number]


@BOTH
async def test_a_record_leads_to_the_end_of_its_input(made: Made, tmp_path: Path) -> None:
    files = files_in(tmp_path)
    store, log = await made(files)
    states = await states_by_number(store, log)
    numbers = await numbers_of_records(store, log)
    events = await read_events(store, log)

    async with Timeline.open(store, log, snapshots=files) as timeline:
        for seq in (*range(len(numbers), 0, -29), *range(1, len(numbers), 37)):
            moment = await timeline.goto_seq(seq)
            assert moment.seq >= seq or moment.number == max(states)
            if not timeline.is_past_input and moment.number in states and numbers[seq - 1] in states:
                assert moment.number == min(numbers[seq - 1], max(states))
                assert state_of(timeline.core.bus) == states[moment.number][1]
            assert timeline.core.bus.now >= events[seq - 1].ts


async def test_an_event_of_a_timer_leads_to_where_the_timer_fired() -> None:
    store, run = await run_of_two_symbols()
    records = await read_records(store, run)
    seq = next(at for at, record in enumerate(records, 1) if isinstance(record.event, TimerFired))

    async with Timeline.open(store, run) as timeline:
        moment = await timeline.goto_seq(seq)
        await timeline.goto_end()  # what follows is compared with the record

    assert (moment.ts, moment.number) == (records[seq - 1].event.ts, records[seq - 1].cause)


@BOTH
async def test_a_time_leads_to_the_last_moment_before_it(made: Made, tmp_path: Path) -> None:
    files = files_in(tmp_path)
    store, log = await made(files)
    events = await read_events(store, log)

    async with Timeline.open(store, log, snapshots=files) as timeline:
        for event in (*events[::61], *reversed(events[::47])):
            moment = await timeline.goto_time(event.ts)
            assert moment.ts == event.ts
            following = await timeline.step()
            assert following is None or following.inputs[0].ts > event.ts or log.startswith("run.")


@BOTH
async def test_back_undoes_a_step(made: Made) -> None:
    store, log = await made(None)

    async with Timeline.open(store, log) as timeline:
        await timeline.goto_number(40)
        before = state_of(timeline.core.bus)
        for _ in range(5):
            await timeline.step()
        there = timeline.moment
        moment = await timeline.back(there.number - 40)

        assert moment.number == 40
        assert state_of(timeline.core.bus) == before


@BOTH
@pytest.mark.parametrize("kind", [OrderIntent, OrderFilled, TimerFired, SessionStarted])
async def test_the_next_event_of_a_type_is_found_at_its_input(made: Made, kind: type[Event]) -> None:
    store, log = await made(None)
    ends = await ends_of(store, log, kind)
    found: list[int] = []

    async with Timeline.open(store, log) as timeline:
        while (part := await timeline.run_to_event(lambda event: isinstance(event, kind))) is not None:
            count = sum(isinstance(event, kind) for event in part.records.events)
            found += [timeline.moment.seq] * count

    assert found == ends


async def ends_of(store: EventStore, log: str, kind: type[Event]) -> list[int]:
    """For each event of a type, the seq of the log after the input at which it was made."""
    ends = sorted(seq for seq, _ in (await states_by_number(store, log)).values())
    places = [seq for seq, event in enumerate(await read_events(store, log), 1) if isinstance(event, kind)]
    return [next(end for end in ends if end >= seq) for seq in places]


async def test_a_state_can_be_waited_for() -> None:
    store, run = await run_of_two_symbols()

    async with Timeline.open(store, run) as timeline:

        def is_long(_: Part) -> bool:
            return timeline.core.portfolio.net_position("A") >= 20

        part = await timeline.run_to(is_long)

        assert part is not None
        assert timeline.core.portfolio.net_position("A") >= 20
        await timeline.back()
        assert timeline.core.portfolio.net_position("A") < 20


async def test_a_record_that_the_code_does_not_make_is_named() -> None:
    store, run = await run_of_two_symbols()
    records = await read_records(store, run)
    seq = next(at for at, one in enumerate(records, 1) if isinstance(one.event, OrderFilled))
    changed = MemoryEventStore()
    for info in await store.streams():
        async for batch in store.read(info.stream):
            events = list(batch.events)
            if info.stream == run and seq in batch.seqs:
                place = list(batch.seqs).index(seq)
                events[place] = msgspec.structs.replace(events[place], price=Decimal(1))
            await changed.append(info.stream, events, expected_seq=batch.seqs[0] - 1, causes=batch.causes)

    async with Timeline.open(changed, run) as timeline:
        with pytest.raises(ReplayDiverged, match=f": seq {seq}: recorded"):
            await timeline.goto_end()


async def test_a_seq_after_the_end_is_refused() -> None:
    store, run = await run_of_two_symbols()

    async with Timeline.open(store, run) as timeline:
        with pytest.raises(InputError, match="seq 100000 is not in run"):
            await timeline.goto_seq(100_000)
