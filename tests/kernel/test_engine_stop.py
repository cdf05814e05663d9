"""Ends of a run, orderly and not; and what the next run makes of them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore import EventStore, MemoryEventStore, SqliteEventStore, StreamTape
from kernel.clock import VirtualClock
from kernel.edge import Delivery, Overflow
from kernel.engine import EngineConfig
from kernel.errors import ComponentError
from kernel.events import (
    BrokerConnected,
    ComponentFailed,
    Event,
    Quote,
    SignalRaised,
    TimerFired,
    TimerScheduled,
)
from tests.kernel.listeners import quote
from tests.kernel.live import (
    Edge,
    Gate,
    UnreliableTape,
    answering_bus,
    cancelled_at_the_end,
    engine_over,
    idle,
    memory_tape,
    rows_of,
    run_until_stopped,
    running,
    timer_bus,
    until,
)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventStore]:
    """Each store in turn, empty."""
    opened: EventStore = MemoryEventStore()
    if request.param == "sqlite":
        opened = await SqliteEventStore.open(tmp_path / "store.db")

    yield opened

    await opened.close()


# --- an orderly end -------------------------------------------------------------------------------


async def test_a_stopped_engine_has_made_durable_and_delivered_all_it_took(store: EventStore) -> None:
    tape, edge = StreamTape(store, "log"), Edge(event_types=(Quote, SignalRaised))
    engine = engine_over(tape, edge, bus=answering_bus(), clock=VirtualClock(10_000))
    async with running(engine):
        for ts in range(1, 501):
            await engine.post(quote(ts))

    assert sorted(edge.seqs) == list(range(1, 1_001))
    assert len(await rows_of(tape)) == 1_000
    assert await tape.checkpoint("edge") == 1_000


async def test_a_stopping_engine_takes_no_more_inputs() -> None:
    tape = UnreliableTape()
    tape.may_append.clear()
    engine = engine_over(tape)
    async with running(engine):
        await engine.post(quote(1))
        engine.stop()
        with pytest.raises(ComponentError, match="no more inputs"):
            await engine.post(quote(2))
        tape.may_append.set()

    assert len(await rows_of(tape)) == 1


async def test_producers_that_wait_are_refused_when_the_engine_stops() -> None:
    tape = UnreliableTape()
    tape.may_append.clear()
    engine = engine_over(tape, config=EngineConfig(inbox_capacity=1, batch_limit=1))
    refused: list[int] = []

    async def produce(ts: int) -> None:
        try:
            await engine.post(quote(ts))
        except ComponentError:
            refused.append(ts)

    async with running(engine), asyncio.TaskGroup() as group:
        for ts in range(1, 6):
            group.create_task(produce(ts))
        await idle()
        engine.stop()
        await idle()
        refused_at_once = list(refused)
        tape.may_append.set()

    assert refused_at_once == [3, 4, 5]
    assert [event.ts for _, _, event in await rows_of(tape)] == [1, 2]


async def test_a_stop_before_the_run_lets_it_finish_what_was_posted() -> None:
    tape, edge = memory_tape(), Edge()
    engine = engine_over(tape, edge)
    await engine.post(quote(1))
    engine.stop()

    await engine.run()

    assert edge.seqs == [1]


async def test_a_failure_during_the_drain_is_on_the_tape() -> None:
    tape, gate = memory_tape(), Gate()

    async def stumble_late(seq: int, event: Event) -> None:
        await gate(seq, event)
        raise ConnectionError

    alarm = Edge("alarm", (ComponentFailed,))
    engine = engine_over(tape, Edge(act=stumble_late), alarm)
    async with running(engine):
        await engine.post(quote(1))
        engine.stop()
        await idle()
        gate.open()

    assert [type(event) for _, _, event in await rows_of(tape)] == [Quote, ComponentFailed]
    assert alarm.seqs == [2]


async def test_what_an_edge_reports_during_the_drain_is_on_the_tape() -> None:
    tape, gate = memory_tape(), Gate()

    async def connect_late(seq: int, event: Event) -> None:
        await gate(seq, event)
        engine.report(BrokerConnected(0, "broker"))

    engine = engine_over(tape, Edge(act=connect_late))
    async with running(engine):
        await engine.post(quote(1))
        engine.stop()
        await idle()
        gate.open()

    assert [type(event) for _, _, event in await rows_of(tape)] == [Quote, BrokerConnected]


@pytest.mark.parametrize("overflow", [Overflow.BLOCK, Overflow.CATCH_UP])
async def test_an_edge_that_hangs_holds_up_the_end_for_a_limited_time(overflow: Overflow) -> None:
    """Here it even holds up the pump; what was taken is durable all the same."""
    tape, clock = memory_tape(), VirtualClock(1_000)
    edge = Edge(act=Gate(), overflow=overflow, lane_capacity=1)
    engine = engine_over(tape, edge, clock=clock, config=EngineConfig(batch_limit=2, drain_timeout_s=10.0))
    async with running(engine) as run:
        for ts in range(1, 10):
            await engine.post(quote(ts))
        await idle()
        engine.stop()
        await idle()
        clock.advance(to_ts=10_000_000_999)
        await idle()
        ran_on = not run.done()
        clock.advance(to_ts=10_000_001_000)

    assert ran_on
    assert edge.handled == []
    assert len(await rows_of(tape)) == 9
    assert await tape.checkpoint("edge") == 0


async def test_what_a_hanging_edge_left_is_delivered_by_the_next_run() -> None:
    tape = memory_tape()
    hanging = Edge(act=Gate(), lane_capacity=1)
    config = EngineConfig(drain_timeout_s=0.0)
    await run_until_stopped(engine_over(tape, hanging, config=config), [quote(ts) for ts in range(1, 10)])
    edge = Edge()

    await run_until_stopped(engine_over(tape, edge))

    assert edge.seqs == list(range(1, 10))


async def test_a_report_after_the_end_is_refused() -> None:
    engine = engine_over(memory_tape())
    await run_until_stopped(engine)

    with pytest.raises(ComponentError, match="no more reports"):
        engine.report(quote(1))


async def test_a_timer_that_falls_due_during_the_drain_is_left_to_the_next_run() -> None:
    tape, clock, gate = memory_tape(), VirtualClock(10), Gate()
    alarm = Edge("alarm", (TimerFired,))
    engine = engine_over(tape, Edge(act=gate), bus=timer_bus(20), clock=clock)
    async with running(engine):
        await engine.post(quote(10))
        await idle()
        engine.stop()
        clock.advance(to_ts=50)
        await idle()
        gate.open()
    kinds_at_end = [type(event) for _, _, event in await rows_of(tape)]
    next_engine = engine_over(tape, alarm, bus=timer_bus(20), clock=clock)
    async with running(next_engine):
        await until(lambda: bool(alarm.handled))

    assert kinds_at_end == [Quote, TimerScheduled]


# --- a crash --------------------------------------------------------------------------------------


async def test_a_cancelled_engine_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    edge = Edge(act=Gate(), overflow=Overflow.CATCH_UP, lane_capacity=1)
    engine = engine_over(memory_tape(), edge, Edge("other", act=Gate()))
    async with cancelled_at_the_end(engine):
        for ts in range(1, 10):
            await engine.post(quote(ts))
        await until(lambda: bool(edge.begun))
        await idle()

    assert asyncio.all_tasks() == before


async def test_a_cancelled_engine_refuses_inputs() -> None:
    engine = engine_over(memory_tape())
    async with cancelled_at_the_end(engine):
        await idle()

    with pytest.raises(ComponentError):
        await engine.post(quote(1))


async def test_what_was_in_hand_when_the_engine_crashed_is_delivered_again(store: EventStore) -> None:
    tape, hanging = StreamTape(store, "log"), Edge(act=Gate())
    crashing = engine_over(tape, hanging)
    async with cancelled_at_the_end(crashing):
        await crashing.post(quote(1))
        await until(lambda: bool(hanging.begun))
    edge = Edge()

    await run_until_stopped(engine_over(tape, edge))

    assert edge.seqs == [1]


async def test_a_failure_that_the_crash_kept_off_the_tape_is_tried_again() -> None:
    tape = UnreliableTape()
    tape.may_append.set()

    async def stumble(_seq: int, _event: Event) -> None:
        tape.may_append.clear()
        raise ConnectionError

    failing = Edge(act=stumble)
    config = EngineConfig(delivery=Delivery(attempts=1, checkpoint_every=1))
    crashing = engine_over(tape, failing, config=config)
    async with cancelled_at_the_end(crashing):
        await crashing.post(quote(1))
        await until(lambda: bool(failing.begun))
        await idle()
    tape.may_append.set()
    edge = Edge()

    await run_until_stopped(engine_over(tape, edge))

    assert edge.seqs == [1]


@given(
    inputs=st.lists(st.sampled_from("ABC"), min_size=1, max_size=30),
    crashes=st.lists(st.integers(0, 40), max_size=4),
    slowness=st.integers(0, 3),
    overflow=st.sampled_from([Overflow.BLOCK, Overflow.CATCH_UP]),
    lane_capacity=st.integers(1, 4),
    checkpoint_every=st.integers(1, 5),
)
async def test_wherever_it_crashes_everything_is_delivered_and_checkpoints_pass_nothing_unhandled(
    inputs: list[str],
    crashes: list[int],
    slowness: int,
    overflow: Overflow,
    lane_capacity: int,
    checkpoint_every: int,
) -> None:
    async def act(seq: int, _event: Event) -> None:
        for _ in range(seq * 5 % (slowness + 1)):
            await asyncio.sleep(0)

    tape = memory_tape()
    config = EngineConfig(delivery=Delivery(checkpoint_every=checkpoint_every))
    handled: set[int] = set()
    last_checkpoint = 0

    def next_edge() -> Edge:
        return Edge(
            event_types=(Quote, SignalRaised), act=act, overflow=overflow, lane_capacity=lane_capacity
        )

    for turns in crashes:
        edge = next_edge()
        crashing = engine_over(tape, edge, bus=answering_bus(), config=config)
        async with cancelled_at_the_end(crashing):
            for symbol in inputs:
                await crashing.post(quote(1, symbol))
            for _ in range(turns):
                await asyncio.sleep(0)
        handled.update(edge.seqs)
        checkpoint = await tape.checkpoint("edge")
        assert checkpoint >= last_checkpoint
        assert set(range(1, checkpoint + 1)) <= handled
        last_checkpoint = checkpoint
    edge = next_edge()
    await run_until_stopped(engine_over(tape, edge, bus=answering_bus(), config=config))

    last_seq = await tape.last_seq()
    assert handled | set(edge.seqs) == set(range(1, last_seq + 1))
    assert await tape.checkpoint("edge") == last_seq
