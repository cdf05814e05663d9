"""Child processes of the daemon: none outlives the work that it was started for."""

import asyncio
from contextlib import suppress


async def end_of_child(child: asyncio.subprocess.Process) -> None:
    """End a child that still runs, as after a cancellation."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
