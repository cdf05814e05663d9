"""Requests that wait for the log."""

import asyncio
from http import HTTPStatus

import pytest

from kernel.events import ControlRequested, EngageKillSwitch, Event
from ops.control.problems import Refused
from ops.control.receipts import MOST_WAITING, NEVER_TOO_MANY, Receipts
from tests.kernel.live import engine_over, memory_tape, running


async def test_many_waiting_requests_are_refused_but_a_kill_switch_is_not() -> None:
    """The engine does not run yet, as one that is held up."""
    engine, receipts = engine_over(memory_tape()), Receipts(session=1)
    engine.subscribe(receipts)

    async def post(key: str, *commands: Event, most_waiting: int = MOST_WAITING) -> int:
        asked = ControlRequested(0, "ann", "/v1/x", "{}", key=key)
        return (await receipts.post(engine, commands, asked, most_waiting=most_waiting)).seq

    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(post(f"{number}")) for number in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await post("one more")
        kill = group.create_task(post("kill", EngageKillSwitch(0, "ann"), most_waiting=NEVER_TOO_MANY))
        await asyncio.sleep(0)
        async with running(engine):
            await asyncio.wait((kill, *waiting))

    assert refused.value.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert [task.result() for task in waiting] == list(range(1, MOST_WAITING + 1))
    assert kill.result() == MOST_WAITING + 2
