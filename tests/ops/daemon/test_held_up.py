"""A daemon that was held up, as on a busy machine, takes the time for its own and not for that of others."""

import asyncio
import time
from pathlib import Path

from kernel.events import SessionStopped
from tests.ops.control.running import running


async def test_a_daemon_that_was_held_up_while_it_stopped_stops_in_order(tmp_path: Path) -> None:
    async with running(tmp_path, "stop: {feeds_s: 0.5}") as daemon:
        await daemon.quote()
        daemon.stop.ask("the test ends it")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        time.sleep(1)  # noqa: ASYNC251 - held up while its parts end
    async with running(tmp_path) as daemon:
        (stopped,) = await daemon.logged(SessionStopped)

    assert stopped.reason == "the test ends it"
