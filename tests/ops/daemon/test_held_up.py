"""A daemon that was held up, as on a busy machine, takes the time for its own and not for that of others."""

import asyncio
from pathlib import Path

import pytest

from kernel.events import SessionStopped
from ops.daemon.limits import LONGEST_PART_S, PARTS, parts_of
from tests.ops.control.running import running
from tests.ops.daemon.processes import hold_up


async def test_a_daemon_that_was_held_up_while_it_stopped_stops_in_order(tmp_path: Path) -> None:
    async with running(tmp_path, "stop: {feeds_s: 0.5}") as daemon:
        await daemon.quote()
        daemon.stop.ask("the test ends it")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        hold_up(1)
    async with running(tmp_path) as daemon:
        (stopped,) = await daemon.logged(SessionStopped)

    assert stopped.reason == "the test ends it"


@pytest.mark.parametrize("limit_s", [0.0, 0.01, 2.0, 60.0])
def test_parts_of_a_limit_add_up_to_it(limit_s: float) -> None:
    parts = list(parts_of(limit_s))

    assert sum(parts) == pytest.approx(limit_s)
    assert max(parts) <= LONGEST_PART_S
    assert len(parts) >= PARTS
