"""Our store behind the recorder interfaces of the ``eventsourcing`` package, so that its tests judge it.

One stream is the application's sequence: a notification id is a seq. A stored event travels inside an
``ExecutionReport``: its originator as symbol, its topic as order id, its version as fill id, its state
as raw text. What a relational recorder leaves to a unique index, optimistic concurrency does here.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    IntegrityError,
    Notification,
    StoredEvent,
    Subscription,
    Tracking,
    TrackingRecorder,
)

from eventstore import Batch, Selection, SqliteEventStore
from kernel.errors import AppendConflict, StreamMissing
from kernel.events import ExecutionKind, ExecutionReport
from kernel.identifiers import ClientOrderId, FillId

T = TypeVar("T")
STREAM = "application"


class LoopThread:
    """An event loop in a thread of its own: recorders are called from many threads at once."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="recorder loop")
        self._thread.start()

    def run(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class StoreRecorder(ApplicationRecorder, TrackingRecorder):
    """The application's sequence, and the tracking of other applications as checkpoints."""

    def __init__(self, path: Path) -> None:
        self.loop = LoopThread()
        self.store = self.loop.run(SqliteEventStore.open(path))
        self._known: set[tuple[str, int]] = set()
        self._known_seq = 0

    def close(self) -> None:
        self.loop.run(self.store.close())
        self.loop.close()

    def insert_events(self, stored_events: Sequence[StoredEvent], **_kwargs: object) -> Sequence[int] | None:
        return self.loop.run(self._insert(stored_events))

    async def _insert(self, stored_events: Sequence[StoredEvent]) -> Sequence[int]:
        keys = [(str(stored.originator_id), stored.originator_version) for stored in stored_events]
        if len(set(keys)) < len(keys):
            raise IntegrityError(f"a version twice in {keys}")
        while True:
            expected_seq = await self._catch_up()
            if not self._known.isdisjoint(keys):
                raise IntegrityError(f"recorded already: {self._known.intersection(keys)}")
            try:
                head = await self.store.append(
                    STREAM, [_event_of(stored) for stored in stored_events], expected_seq=expected_seq
                )
            except AppendConflict:
                continue  # another thread was first: decide anew
            return list(range(expected_seq + 1, head.seq + 1))

    async def _catch_up(self) -> int:
        """Learn which versions are recorded; the seq up to which that is known."""
        async for batch in self._read(Selection(from_seq=self._known_seq + 1)):
            for seq, stored in _stored_in(batch):
                self._known.add((str(stored.originator_id), stored.originator_version))
                self._known_seq = max(seq, self._known_seq)
        return self._known_seq

    async def _read(self, selection: Selection) -> AsyncGenerator[Batch, None]:
        try:
            async with aclosing(self.store.read(STREAM, selection)) as batches:
                async for batch in batches:
                    yield batch
        except StreamMissing:
            return

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        found = [
            stored
            for _seq, stored in self._collect(Selection(symbols=frozenset({str(originator_id)})))
            if (gt is None or stored.originator_version > gt)
            and (lte is None or stored.originator_version <= lte)
        ]
        found.sort(key=lambda stored: stored.originator_version, reverse=desc)
        return found[:limit]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        from_seq = 1 if start is None else start + (not inclusive_of_start)
        found = self._collect(Selection(from_seq=max(1, from_seq), to_seq=stop), limit=limit, topics=topics)
        return [_notification(seq, stored) for seq, stored in found]

    def _collect(
        self, selection: Selection, *, limit: int | None = None, topics: Sequence[str] = ()
    ) -> list[tuple[int, StoredEvent]]:
        async def collect() -> list[tuple[int, StoredEvent]]:
            found: list[tuple[int, StoredEvent]] = []
            async with aclosing(self._read(selection)) as batches:
                async for batch in batches:
                    found += _stored_in(batch, topics)
                    if limit is not None and len(found) >= limit:
                        break
            return found[:limit]

        return self.loop.run(collect())

    def max_notification_id(self) -> int | None:
        return self.loop.run(self.store.head(STREAM)).seq or None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        return StoreSubscription(self, gt=gt, topics=topics)

    def insert_tracking(self, tracking: Tracking) -> None:
        if self.has_tracking_id(tracking.application_name, tracking.notification_id):
            raise IntegrityError(f"tracked already: {tracking}")
        self.loop.run(self.store.save_checkpoint(tracking.application_name, tracking.notification_id))

    def max_tracking_id(self, application_name: str) -> int | None:
        return self.loop.run(self.store.checkpoint(application_name)) or None


class AggregateStoreRecorder(StoreRecorder, AggregateRecorder):
    """An aggregate recorder knows no notification ids."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **_kwargs: object) -> None:
        super().insert_events(stored_events)


class StoreSubscription(Subscription[ApplicationRecorder]):
    """``follow`` as a blocking iterator."""

    def __init__(self, recorder: StoreRecorder, *, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        self._loop = recorder.loop
        self._batches = recorder.store.follow(STREAM, Selection(from_seq=(gt or 0) + 1))
        self._ready: list[Notification] = []

    def __next__(self) -> Notification:
        while not self._has_been_stopped:
            if self._ready:
                return self._ready.pop(0)
            batch = self._loop.run(_next_of(self._batches))
            self._ready = [_notification(seq, stored) for seq, stored in _stored_in(batch, self._topics)]
        raise StopIteration

    def stop(self) -> None:
        super().stop()
        self._loop.run(self._batches.aclose())


async def _next_of(batches: AsyncGenerator[Batch, None]) -> Batch:
    return await anext(batches)


def _event_of(stored: StoredEvent) -> ExecutionReport:
    return ExecutionReport(
        ts=0,
        kind=ExecutionKind.UNKNOWN,
        client_order_id=ClientOrderId(stored.topic),
        symbol=str(stored.originator_id),
        fill_id=FillId(str(stored.originator_version)),
        raw=stored.state.decode("latin-1"),
    )


def _stored_in(batch: Batch, topics: Sequence[str] = ()) -> list[tuple[int, StoredEvent]]:
    pairs: list[tuple[int, StoredEvent]] = []
    for seq, event in zip(batch.seqs, batch.events, strict=True):
        assert isinstance(event, ExecutionReport)
        stored = StoredEvent(
            originator_id=UUID(event.symbol),
            originator_version=int(event.fill_id),
            topic=event.client_order_id,
            state=event.raw.encode("latin-1"),
        )
        if not topics or stored.topic in topics:
            pairs.append((seq, stored))
    return pairs


def _notification(seq: int, stored: StoredEvent) -> Notification:
    return Notification(
        originator_id=stored.originator_id,
        originator_version=stored.originator_version,
        topic=stored.topic,
        state=stored.state,
        id=seq,
    )
