"""Telling followers that a stream has grown."""

import asyncio


class StreamMarks:
    """One ``asyncio.Event`` for each followed stream. The next append sets it and drops it."""

    def __init__(self) -> None:
        self._marks: dict[str, asyncio.Event] = {}

    def mark(self, stream: str) -> asyncio.Event:
        """The event that the next append to the stream sets."""
        return self._marks.setdefault(stream, asyncio.Event())

    def set(self, stream: str) -> None:
        """Wake the followers that wait for this stream's mark."""
        mark = self._marks.pop(stream, None)
        if mark is not None:
            mark.set()

    def set_all(self) -> None:
        """Wake every follower."""
        for stream in tuple(self._marks):
            self.set(stream)

    async def wait(self, mark: asyncio.Event) -> None:
        """Sleep until the mark is set."""
        await mark.wait()
