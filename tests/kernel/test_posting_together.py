"""The inputs of a frame are posted together, as if they were posted one by one."""

import asyncio

import pytest

from kernel.admission import MAX_INPUT_BYTES, admitted, admitted_together
from kernel.engine import EngineConfig
from kernel.errors import ComponentError
from kernel.events import Event, HaltTrading, MessageQuarantined, Quote, ResumeTrading, SessionStarted
from tests.kernel.listeners import quote, timer
from tests.kernel.live import UnreliableTape, engine_over, idle, memory_tape, rows_of, running
from tests.kernel.strange_inputs import A_QUOTE, ALMOST

SESSION = SessionStarted(0, 1, "live", "", "")


def numbered(symbol: str, count: int) -> list[Event]:
    """Quotes that their bids tell apart, whatever time they get."""
    return [Quote(1, symbol, float(number), 100.0) for number in range(count)]


async def inputs_after(*frames: list[Event], one_by_one: bool = False) -> list[Event]:
    """The inputs on the tape of an engine that got these frames."""
    tape = memory_tape()
    engine = engine_over(tape)
    async with running(engine):
        await engine.post(SESSION)
        for frame in frames:
            if one_by_one:
                for event in frame:
                    await engine.post(event)
            else:
                await engine.post_all(frame)
    return [event for _, _, event in await rows_of(tape)]


@pytest.mark.parametrize("name", ALMOST)
def test_inputs_are_converted_together_as_alone(name: str) -> None:
    given, _ = ALMOST[name]

    assert admitted_together([quote(1), given]) == [quote(1), admitted(given)]


def test_one_wrong_input_or_too_many_bytes_are_not_converted_together() -> None:
    half = quote(1, "A" * (MAX_INPUT_BYTES // 2))

    assert admitted_together([quote(1), A_QUOTE(1, "A", "dear", 2.0)]) is None
    assert admitted_together([quote(1), timer(1, 2)]) is None
    assert admitted_together([half]) == [half]
    assert admitted_together([half, half]) is None


async def test_frame_is_on_the_tape_as_inputs_that_were_posted_one_by_one() -> None:
    frames: list[list[Event]] = [[quote(3), quote(5, "B")], [quote(4), quote(6)], [], [quote(2_000)]]

    together = await inputs_after(*frames)

    assert together == await inputs_after(*frames, one_by_one=True)
    assert [event.ts for event in together] == [0, 3, 5, 1_000, 1_000, 1_000]


async def test_malformed_input_of_a_frame_is_refused_alone_and_put_on_record() -> None:
    tape = memory_tape()
    engine = engine_over(tape)
    async with running(engine):
        await engine.post_all([quote(1), A_QUOTE(2, "A", "dear", 2.0), timer(3, 4), quote(4, "B")])

    on_tape = [event for _, _, event in await rows_of(tape)]
    assert [event.symbol for event in on_tape if isinstance(event, Quote)] == ["A", "B"]
    reasons = [event.reason for event in on_tape if isinstance(event, MessageQuarantined)]
    assert len(reasons) == engine.refused == 2
    assert "Quote.bid is 'dear'" in reasons[0]


async def test_frames_wait_for_room_and_each_keeps_its_order() -> None:
    tape = UnreliableTape()
    tape.may_append.clear()
    engine = engine_over(tape, config=EngineConfig(inbox_capacity=3, batch_limit=2))
    async with running(engine), asyncio.TaskGroup() as group:
        first = group.create_task(engine.post_all(numbered("A", 20)))
        await idle()
        assert not first.done()
        second = group.create_task(engine.post_all(numbered("B", 10)))
        await idle()
        assert engine.inbox_depth == 3
        tape.may_append.set()
    assert second.done()

    quotes = [event for _, _, event in await rows_of(tape) if isinstance(event, Quote)]
    for symbol, count in ("A", 20), ("B", 10):
        assert [event.bid for event in quotes if event.symbol == symbol] == list(range(count))
    assert engine.inbox_peak == 3


async def test_command_in_a_frame_is_taken_first_and_has_room_of_its_own() -> None:
    tape = UnreliableTape()
    engine = engine_over(tape, config=EngineConfig(inbox_capacity=2, reports_capacity=2))
    commands = [HaltTrading(1, "ops", "enough"), ResumeTrading(1, "ops", "go on")]
    async with running(engine):
        await engine.post(SESSION)
        await idle()
        tape.may_append.clear()
        await engine.post(quote(1))
        await idle()
        await engine.post_all([quote(1, "B"), commands[0], quote(1, "C"), commands[1]])
        assert engine.inbox_depth == 4
        tape.may_append.set()

    on_tape = [event for _, _, event in await rows_of(tape)]
    assert on_tape == [SESSION, quote(1), *commands, quote(1, "B"), quote(1, "C")]


async def test_frame_is_refused_once_the_engine_stops() -> None:
    engine = engine_over(memory_tape())
    async with running(engine):
        await idle()
    with pytest.raises(ComponentError, match="takes no more inputs"):
        await engine.post_all([quote(1)])
