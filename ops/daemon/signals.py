"""SIGTERM and SIGINT: the first one stops the daemon in order, the second one at once."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from kernel.errors import OnetapeError

STOPPING = (signal.SIGTERM, signal.SIGINT)


class StopAsked(OnetapeError):
    """A stop was asked for before the daemon had started."""


class StopRequest:
    """What was asked for: ``asked`` is set by the first signal, ``urgent`` by the second."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.urgent = asyncio.Event()
        self.reason = ""
        self._limits: list[asyncio.Timeout] = []

    def ask(self, reason: str) -> None:
        """Ask for a stop; a second time: for one at once."""
        if self.asked.is_set():
            self.urgent.set()
            return
        self.reason = reason
        self.asked.set()
        for limit in self._limits:
            limit.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def interrupting(self) -> AsyncGenerator[None]:
        """Cancel the block when a stop is asked for; raises ``StopAsked`` then."""
        try:
            async with asyncio.timeout(0 if self.asked.is_set() else None) as limit:
                self._limits.append(limit)
                try:
                    yield
                finally:
                    self._limits.remove(limit)
        except TimeoutError as error:
            if not self.asked.is_set():
                raise
            raise StopAsked(self.reason) from error


@asynccontextmanager
async def stop_by_signal() -> AsyncGenerator[StopRequest]:
    """Turn signals into a request to stop, while the block runs."""
    request, loop = StopRequest(), asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, request.ask, signal.Signals(number).name)
    try:
        yield request
    finally:
        for number in STOPPING:
            loop.remove_signal_handler(number)
