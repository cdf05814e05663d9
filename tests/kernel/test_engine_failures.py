"""What the engine does when the tape or an edge fails, and when more arrives than it can take."""

import asyncio
from collections.abc import Sequence

import pytest

from eventstore import MemoryEventStore, StreamTape
from kernel.edge import Delivery, Overflow
from kernel.engine import CoreEngine, EngineConfig
from kernel.errors import AppendConflict, ComponentError, StoreError
from kernel.events import BrokerConnected, ComponentFailed, Event, Quote, Trade
from tests.kernel.listeners import quote
from tests.kernel.live import (
    BRISK,
    Edge,
    Gate,
    UnreliableTape,
    answering_bus,
    engine_over,
    idle,
    memory_tape,
    rows_of,
    run_until_stopped,
    running,
    trade,
    until,
)

ONE_AT_A_TIME = EngineConfig(inbox_capacity=2, batch_limit=1, delivery=Delivery(back_off_s=0.0))


async def stumble(_seq: int, event: Event) -> None:
    raise ConnectionError(f"lost over {type(event).__name__}")


# --- the tape fails -------------------------------------------------------------------------------


async def test_a_failed_append_releases_nothing_and_ends_the_run_with_its_error() -> None:
    tape, edge = UnreliableTape(), Edge()
    tape.is_broken = True
    engine = engine_over(tape, edge, bus=answering_bus())
    await engine.post(quote(1))

    with pytest.raises(StoreError, match="the disk is full"):
        await engine.run()

    assert edge.begun == []
    assert await rows_of(tape) == []


async def test_what_was_durable_before_an_append_fails_is_released_and_nothing_after_it() -> None:
    tape, edge = UnreliableTape(), Edge()
    engine = engine_over(tape, edge)
    async with asyncio.TaskGroup() as group:
        run = group.create_task(ended(engine))
        await engine.post(quote(1))
        await until(lambda: edge.seqs == [1])
        tape.is_broken = True
        await engine.post(quote(2))
        await engine.post(quote(3))

    assert isinstance(run.result(), StoreError)
    assert [seq for seq, _ in edge.begun] == [1]


async def test_an_engine_whose_tape_failed_refuses_inputs_and_reports() -> None:
    tape = UnreliableTape()
    tape.is_broken = True
    engine = engine_over(tape)
    await engine.post(quote(1))
    with pytest.raises(StoreError):
        await engine.run()

    with pytest.raises(ComponentError, match="no more inputs"):
        await engine.post(quote(2))
    with pytest.raises(ComponentError, match="no more reports"):
        engine.report(quote(2))


async def test_producers_that_wait_are_let_go_when_the_tape_fails() -> None:
    tape = UnreliableTape()
    tape.may_append.clear()
    tape.is_broken = True
    engine = engine_over(tape, config=ONE_AT_A_TIME)
    refused: list[int] = []

    async def produce(ts: int) -> None:
        try:
            await engine.post(quote(ts))
        except ComponentError:
            refused.append(ts)

    async with asyncio.TaskGroup() as group:
        run = group.create_task(ended(engine))
        for ts in range(1, 7):
            group.create_task(produce(ts))
        await idle()
        tape.may_append.set()

    assert isinstance(run.result(), StoreError)
    assert refused == [4, 5, 6]


async def ended(engine: CoreEngine) -> BaseException | None:
    """How a run ended."""
    try:
        await engine.run()
    except StoreError as error:
        return error
    return None


async def test_another_writer_on_the_tape_ends_the_run() -> None:
    store = MemoryEventStore()
    edge = Edge()
    engine = engine_over(StreamTape(store, "log"), edge)
    await engine.recover()
    await store.append("log", [quote(1)], expected_seq=0)
    await engine.post(quote(2))

    with pytest.raises(AppendConflict):
        await engine.run()


class ForgetfulTape(StreamTape):
    """Acknowledges one event less than it was given."""

    async def append(
        self, events: Sequence[Event], *, expected_seq: int, causes: Sequence[int] | None = None
    ) -> int:
        return await super().append(events, expected_seq=expected_seq, causes=causes) - 1


async def test_a_tape_that_acknowledges_something_else_ends_the_run_before_anything_is_released() -> None:
    edge = Edge()
    engine = engine_over(ForgetfulTape(MemoryEventStore(), "log"), edge)
    await engine.post(quote(1))

    with pytest.raises(StoreError, match="appended seq 1 to 1, but the tape ends at 0"):
        await engine.run()

    assert edge.begun == []


async def test_a_checkpoint_that_cannot_be_saved_ends_the_run_with_its_error() -> None:
    tape = UnreliableTape()
    tape.cannot_save_checkpoints = True
    config = EngineConfig(delivery=Delivery(checkpoint_every=1))
    engine = engine_over(tape, Edge(), config=config)
    await engine.post(quote(1))

    with pytest.raises(StoreError, match="cannot save the checkpoint of edge"):
        await engine.run()


async def test_of_several_failures_at_once_the_first_is_raised_with_the_others_as_notes() -> None:
    tape = UnreliableTape()
    tape.cannot_save_checkpoints = True
    config = EngineConfig(delivery=Delivery(checkpoint_every=1))
    engine = engine_over(tape, Edge("one"), Edge("two"), config=config)
    await engine.post(quote(1))

    with pytest.raises(StoreError, match="of one") as caught:
        await engine.run()

    assert caught.value.__notes__ == ["and StoreError: cannot save the checkpoint of two"]


# --- an edge fails --------------------------------------------------------------------------------


async def test_a_failure_of_an_edge_is_on_the_tape_as_an_input_and_the_others_go_on() -> None:
    tape, failing, well = memory_tape(), Edge("failing", act=stumble), Edge("well")

    await run_until_stopped(engine_over(tape, failing, well), [quote(1), quote(2)])

    rows = await rows_of(tape)
    failures = [event for _, cause, event in rows if isinstance(event, ComponentFailed) and cause < 0]
    assert [(each.component, each.error, each.failures) for each in failures] == [
        ("failing", "ConnectionError: lost over Quote", 1),
        ("failing", "ConnectionError: lost over Quote", 2),
    ]
    assert [seq for seq, _ in failing.begun] == [1, 1, 1, 2, 2, 2]
    assert len(well.handled) == 2


async def test_the_checkpoint_passes_a_failure_once_that_is_on_the_tape() -> None:
    tape = memory_tape()

    await run_until_stopped(engine_over(tape, Edge("failing", act=stumble)), [quote(1)])

    assert await tape.checkpoint("failing") == await tape.last_seq() == 2


async def test_an_edge_hears_of_the_failure_of_another() -> None:
    alarm = Edge("alarm", (ComponentFailed,))

    await run_until_stopped(engine_over(memory_tape(), Edge("failing", act=stumble), alarm), [quote(1)])

    assert [event.component for _, event in alarm.handled if isinstance(event, ComponentFailed)] == [
        "failing"
    ]


async def test_two_edges_that_cannot_hear_of_each_others_failures_do_not_go_on_for_ever() -> None:
    tape = memory_tape()
    edges = [Edge(name, (Quote, ComponentFailed), act=stumble) for name in ("one", "two")]

    await run_until_stopped(engine_over(tape, *edges), [quote(1)])

    assert len(await rows_of(tape)) == 3


async def test_a_failure_is_recorded_though_the_inbox_is_full_and_the_engine_waits_for_that_edge() -> None:
    tape, gate = memory_tape(), Gate()

    async def stumble_late(seq: int, event: Event) -> None:
        await gate(seq, event)
        await stumble(seq, event)

    engine = engine_over(tape, Edge(act=stumble_late, lane_capacity=1), config=ONE_AT_A_TIME)
    async with running(engine), asyncio.TaskGroup() as group:
        for ts in range(1, 9):
            group.create_task(engine.post(quote(ts)))
        await until(lambda: engine.inbox_depth == 2)
        await idle()
        gate.open()
        await until(lambda: engine.inbox_depth == 0)

    failed = [event for _, _, event in await rows_of(tape) if isinstance(event, ComponentFailed)]
    assert len(failed) == 8


# --- more than the engine can take ----------------------------------------------------------------


async def test_producers_wait_while_the_inbox_is_full() -> None:
    tape = UnreliableTape()
    tape.may_append.clear()
    engine = engine_over(tape, config=ONE_AT_A_TIME)
    posted: list[int] = []
    async with running(engine), asyncio.TaskGroup() as group:
        group.create_task(post_all(engine, range(1, 10), posted=posted))
        await idle()
        posted_while_held_up = list(posted)
        tape.may_append.set()

    assert posted_while_held_up == [1, 2, 3]
    assert posted == list(range(1, 10))
    assert engine.inbox_peak == 2


async def post_all(engine: CoreEngine, stamps: range, *, posted: list[int]) -> None:
    for ts in stamps:
        await engine.post(quote(ts))
        posted.append(ts)


async def test_producers_get_their_turn_in_the_order_they_came() -> None:
    tape = UnreliableTape()
    tape.may_append.clear()
    engine = engine_over(tape, config=EngineConfig(inbox_capacity=3, batch_limit=2))
    async with running(engine), asyncio.TaskGroup() as group:
        for number in range(1, 20):
            group.create_task(engine.post(trade(1, f"T{number}")))
        await idle()
        tape.may_append.set()
        for number in range(20, 40):
            group.create_task(engine.post(trade(1, f"T{number}")))
            await asyncio.sleep(0)

    symbols = [event.symbol for _, _, event in await rows_of(tape) if isinstance(event, Trade)]
    assert symbols == [f"T{number}" for number in range(1, 40)]


async def test_a_producer_that_gives_up_waiting_leaves_the_others_their_turn() -> None:
    tape = UnreliableTape()
    tape.may_append.clear()
    engine = engine_over(tape, config=ONE_AT_A_TIME)
    async with running(engine), asyncio.TaskGroup() as group:
        producers = [group.create_task(engine.post(quote(ts))) for ts in range(1, 8)]
        await idle()
        producers[3].cancel()
        producers[5].cancel()
        tape.may_append.set()

    assert [event.ts for _, _, event in await rows_of(tape)] == [1, 2, 3, 5, 7]


async def test_an_edge_reports_though_the_inbox_is_full_and_the_engine_waits_for_that_edge() -> None:
    tape = memory_tape()

    async def connect(seq: int, _event: Event) -> None:
        await asyncio.sleep(0)
        engine.report(BrokerConnected(0, f"broker {seq}"))

    engine = engine_over(tape, Edge(act=connect, lane_capacity=1), config=ONE_AT_A_TIME)
    async with running(engine), asyncio.TaskGroup() as group:
        for ts in range(1, 30):
            group.create_task(engine.post(quote(ts)))

    assert sum(isinstance(event, BrokerConnected) for _, _, event in await rows_of(tape)) == 29


async def test_a_blocking_edge_holds_up_the_producers_in_the_end() -> None:
    gate = Gate()
    engine = engine_over(memory_tape(), Edge(act=gate, lane_capacity=3), config=ONE_AT_A_TIME)
    posted: list[int] = []
    async with running(engine), asyncio.TaskGroup() as group:
        group.create_task(post_all(engine, range(1, 100), posted=posted))
        await idle()
        held_up_at = len(posted)
        gate.open()

    assert held_up_at == 1 + 3 + 1 + 2  # in the edge's hands, in its lane, at its door, in the inbox
    assert engine.lanes["edge"].peak == 3


async def test_an_edge_that_reads_on_from_the_tape_holds_up_nobody() -> None:
    gate = Gate()
    slow = Edge("slow", act=gate, overflow=Overflow.CATCH_UP, lane_capacity=2)
    quick = Edge("quick")
    engine = engine_over(memory_tape(), slow, quick, config=BRISK)
    async with running(engine):
        for ts in range(1, 100):
            await engine.post(quote(ts))
        await until(lambda: len(quick.handled) == 99)
        begun_meanwhile = len(slow.begun)
        gate.open()

    assert begun_meanwhile == 1
    assert slow.seqs == quick.seqs
