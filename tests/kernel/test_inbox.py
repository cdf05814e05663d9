"""Reports and commands are taken before market data, and the log says in which order."""

import asyncio
from collections.abc import Sequence

import pytest

from kernel.engine import CoreEngine, EngineConfig
from kernel.errors import ComponentError
from kernel.events import (
    BrokerConnected,
    CancelAllOrders,
    CorporateAction,
    CorporateActionKind,
    EngageKillSwitch,
    Event,
    HaltTrading,
    InstrumentDefined,
    Quote,
    ResumeTrading,
    SessionStarted,
)
from kernel.inbox import TAKEN_FIRST, Inbox
from tests.kernel.listeners import quote
from tests.kernel.live import UnreliableTape, answering_bus, engine_over, idle, rows_of, running

SESSION = SessionStarted(0, 1, "live", "", "")
HALT = HaltTrading(0, "ops", "enough")
RESUME = ResumeTrading(0, "ops", "go on")


def inbox(capacity: int = 100, first_capacity: int = 100) -> Inbox:
    return Inbox(capacity=capacity, first_capacity=first_capacity, is_closed=lambda: False)


def in_session() -> Inbox:
    """An inbox whose session has begun."""
    box = inbox()
    box.put(SESSION)
    box.take(1)
    return box


def taken(box: Inbox, *events: Event, at_most: int = 100) -> list[Event]:
    for event in events:
        box.put(event)
    return box.take(at_most)


# --- the two classes --------------------------------------------------------------------------


def test_reports_and_commands_are_taken_first_and_each_class_keeps_its_order() -> None:
    first, second = [HALT, BrokerConnected(0, "b"), RESUME], [quote(1), quote(2), quote(3)]

    order = taken(in_session(), second[0], first[0], second[1], first[1], first[2], second[2])

    assert order == [*first, *second]


def test_what_the_market_says_of_instruments_keeps_its_place_among_prices() -> None:
    split = CorporateAction(2, "A", CorporateActionKind.SPLIT)
    facts = [quote(1), split, quote(3), InstrumentDefined(4, "A"), quote(5)]

    assert taken(in_session(), *facts, HALT) == [HALT, *facts]


def test_until_a_session_has_started_the_order_is_that_of_arrival() -> None:
    opening = [InstrumentDefined(0, "A"), HALT, SESSION, RESUME]

    assert taken(inbox(), *opening) == opening


def test_what_waited_when_the_session_started_keeps_its_place_in_its_class() -> None:
    box = inbox()

    assert taken(box, SESSION, quote(1), HALT, quote(2), at_most=1) == [SESSION]
    assert taken(box, RESUME, quote(3)) == [HALT, RESUME, quote(1), quote(2), quote(3)]


def test_a_step_takes_no_more_than_its_limit() -> None:
    box = in_session()

    steps = [taken(box, quote(1), HALT, quote(2), RESUME, at_most=3), box.take(3), box.take(3)]

    assert steps == [[HALT, RESUME, quote(1)], [quote(2)], []]
    assert box.peak == 4


def test_step_that_takes_the_kill_switch_takes_no_market_data() -> None:
    box = in_session()

    first = taken(box, quote(1), HALT, EngageKillSwitch(0, "ops"), quote(2))
    second = box.take(100)

    assert first == [HALT, EngageKillSwitch(0, "ops")]
    assert second == [quote(1), quote(2)]


def test_market_data_are_never_of_the_first_class() -> None:
    assert not TAKEN_FIRST & {Quote, CorporateAction, InstrumentDefined, SessionStarted}


# --- in the engine ----------------------------------------------------------------------------


async def started(engine: CoreEngine, tape: UnreliableTape) -> None:
    """Begin a session, and hold the tape up at the first quote after it."""
    await engine.post(SESSION)
    await idle()
    tape.may_append.clear()
    await engine.post(quote(0, "HELD"))
    await tape.is_appending.wait()


async def post_all(engine: CoreEngine, events: Sequence[Event]) -> None:
    for event in events:
        await engine.post(event)


async def test_a_halt_behind_a_flood_of_quotes_is_taken_before_it_and_replays_in_that_order() -> None:
    tape = UnreliableTape()
    engine = engine_over(tape, bus=answering_bus(), config=EngineConfig(inbox_capacity=64, batch_limit=8))
    async with running(engine), asyncio.TaskGroup() as group:
        await started(engine, tape)
        flood = group.create_task(post_all(engine, [quote(0) for _ in range(500)]))
        await idle()
        assert not flood.done()
        await post_all(engine, [HALT, CancelAllOrders(0, "ops"), RESUME])
        engine.report(BrokerConnected(0, "b"))
        tape.may_append.set()

    inputs = [event for _, cause, event in await rows_of(tape) if cause < 0]
    assert [type(event).__name__ for event in inputs[2:7]] == [
        "HaltTrading",
        "CancelAllOrders",
        "ResumeTrading",
        "BrokerConnected",
        "Quote",
    ]
    assert len(inputs) == 2 + 4 + 500
    assert [event.ts for event in inputs] == sorted(event.ts for event in inputs)
    again = engine_over(tape, bus=answering_bus())
    assert await again.recover() == (await rows_of(tape))[-1][0]


async def test_a_full_inbox_of_quotes_has_room_for_a_command() -> None:
    tape = UnreliableTape()
    engine = engine_over(tape, config=EngineConfig(inbox_capacity=2, batch_limit=1))
    async with running(engine), asyncio.TaskGroup() as group:
        await started(engine, tape)
        group.create_task(post_all(engine, [quote(0) for _ in range(5)]))
        await idle()
        await asyncio.wait_for(engine.post(HALT), timeout=30.0)
        depth = engine.inbox_depth
        tape.may_append.set()

    assert depth == 3


async def test_a_flood_of_commands_waits_for_room_and_leaves_quotes_theirs() -> None:
    tape = UnreliableTape()
    engine = engine_over(tape, config=EngineConfig(inbox_capacity=4, reports_capacity=2, batch_limit=1))
    async with running(engine), asyncio.TaskGroup() as group:
        await started(engine, tape)
        flood = group.create_task(post_all(engine, [HALT, RESUME] * 5))
        await idle()
        is_waiting = not flood.done()
        await asyncio.wait_for(engine.post(quote(0)), timeout=30.0)
        depth = engine.inbox_depth
        tape.may_append.set()

    assert is_waiting
    assert depth == 3
    assert sum(isinstance(event, HaltTrading) for _, _, event in await rows_of(tape)) == 5


@pytest.mark.parametrize("event", [quote(0), HALT])
async def test_whoever_waits_for_room_is_let_go_when_the_engine_stops(event: Event) -> None:
    tape = UnreliableTape()
    config = EngineConfig(inbox_capacity=1, reports_capacity=1, batch_limit=1)
    engine = engine_over(tape, config=config)
    async with running(engine):
        await started(engine, tape)
        await engine.post(event)
        late = asyncio.create_task(engine.post(event))
        await idle()
        engine.stop()
        with pytest.raises(ComponentError, match="the engine has stopped"):
            await late
        tape.may_append.set()
