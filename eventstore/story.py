"""A live log or a run as the whole ordered story: every input, each followed by what it caused.

A live log is already such a story. The stream of a run holds only the events that the run added. Its market
data is in the data streams that its first event names; they are merged in, in the order the run saw them.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from eventstore.merge import StreamSlice, merge
from eventstore.port import Batch, EventStore, Selection
from eventstore.recorded_data import recorded_data
from kernel.errors import StreamMissing
from kernel.events import Event, RunStarted, StreamRange
from kernel.records import InputNumbers


async def read_story(store: EventStore, stream: str) -> AsyncGenerator[Batch]:
    """The story in batches. A batch holds events of one stream, or inputs of a run.

    ``seqs`` are the numbers of inputs, which a derived event shares with the input that it followed. Raises
    what ``EventStore.read`` raises.
    """
    started = await _run_started(store, stream)
    if started is None or not started.sources:
        source = _log_story(store, stream)
    else:
        source = _run_story(store, stream, started)
    async with aclosing(source) as batches:
        async for batch in batches:
            yield batch


async def count_inputs(store: EventStore, log: StreamRange) -> int:
    """How many inputs there are in a live log that begins as a run does: the number of its last one."""
    last = Selection(from_seq=log.last_seq, to_seq=log.last_seq)
    async with aclosing(store.read(log.stream, last)) as batches:
        async for batch in batches:
            if batch.causes is not None:
                return abs(batch.causes[-1])
    return 0


async def _log_story(store: EventStore, stream: str) -> AsyncGenerator[Batch]:
    """A stream as it is; inputs without numbers get theirs."""
    numbers = InputNumbers()
    async with aclosing(store.read(stream)) as batches:
        async for batch in batches:
            causes = numbers.of(batch.seqs, batch.causes)
            yield Batch(stream, list(map(abs, causes)), batch.events, causes)


async def _run_started(store: EventStore, stream: str) -> RunStarted | None:
    async with aclosing(store.read(stream, Selection(to_seq=1))) as batches:
        async for batch in batches:
            first = batch.events[0]
            return first if isinstance(first, RunStarted) else None
    return None


async def _run_story(store: EventStore, stream: str, started: RunStarted) -> AsyncGenerator[Batch]:
    recorded = await recorded_data(store, started.sources)
    for lost in recorded.lost:
        raise StreamMissing(f"{stream} has no whole story: {lost}")
    slices = [
        StreamSlice(source.stream, Selection(from_seq=source.first_seq, to_seq=source.last_seq))
        for source in started.sources
    ]
    place = 0
    async with aclosing(store.read(stream)) as run, aclosing(merge(recorded.store, slices)) as data:
        inputs = _Inputs(data)
        async for batch in run:
            for event, cause in zip(batch.events, batch.causes or (), strict=True):
                before = abs(cause) if cause > 0 else abs(cause) - 1
                if before > place:
                    yield await inputs.take(before - place, first_place=place + 1)
                place = max(before, abs(cause))
                yield Batch(stream, (place,), (event,), (cause,))
        async for rest in inputs.rest(first_place=place + 1):
            yield rest


class _Inputs:
    """The merged market data of a run, taken in portions of any size."""

    def __init__(self, data: AsyncGenerator[list[Event]]) -> None:
        self._data = data
        self._waiting: list[Event] = []

    async def take(self, count: int, *, first_place: int) -> Batch:
        """The next ``count`` inputs, or fewer at the end."""
        while len(self._waiting) < count:
            more = await anext(self._data, None)
            if more is None:
                break
            self._waiting += more
        events, self._waiting = self._waiting[:count], self._waiting[count:]
        return Batch("", range(first_place, first_place + len(events)), events)

    async def rest(self, *, first_place: int) -> AsyncGenerator[Batch]:
        """All remaining inputs. A run that was never finished has inputs that no recorded event follows."""
        while True:
            batch = await self.take(len(self._waiting) or 1, first_place=first_place)
            if not batch.events:
                return
            first_place += len(batch.events)
            yield batch
