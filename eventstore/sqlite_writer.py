"""Group commit: all appends that arrived during the last commit are committed together in the next one.

One task owns the commits. A caller that is cancelled only stops waiting: its append is committed or refused
as if it had not been cancelled, and ``head`` tells the outcome.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import msgspec

from eventstore.block import Block, EncodedEvents
from eventstore.block_id import block_id
from eventstore.encoding import BLOCK_BYTES, encode_runs
from eventstore.planning import AppendRequest, Plan, plan_appends
from eventstore.port import StreamHead
from eventstore.sqlite_blocks import SqliteBlocks, insert_blocks
from eventstore.sqlite_file import FileDamaged, FileFailed, SqlValue
from eventstore.sqlite_opening import WritingFiles
from kernel.errors import StoreDamaged, StoreError
from kernel.events import Event

QUEUE_BYTES = 16 * BLOCK_BYTES
"""Bytes encoded and queued above which further appends wait: a second or less of a slow disk."""

GROUP_BLOCKS = 1024
"""Most runs in one commit. SQLite takes 32,766 parameters in a statement, a block needs 11."""

FILES_CHECK_S = 0.01
"""A deleted or replaced file is noticed within this time. Checking three paths takes 8 us, a commit of a few
events 200 us, so under load many commits share one check. This loses nothing more: deleting a file also
deletes what was acknowledged just before."""

WITNESS_SYNC_S = 1.0
"""Shortest time between two syncs of the witness."""


class _Pending(msgspec.Struct, frozen=True, eq=False):
    request: AppendRequest
    outcome: asyncio.Future[StreamHead]


class SqliteWriter:
    """Owns the writing connection, the heads of the streams it wrote to, and the witness.

    After an error that leaves the file in doubt it refuses every append, until the store is closed, opened
    and so checked again.
    """

    def __init__(
        self, files: WritingFiles, *, blocks: SqliteBlocks, on_commit: Callable[[str], None]
    ) -> None:
        self._file = files.connection
        self._witness = files.witness
        self._pinned = files.pinned
        self._blocks = blocks
        self._on_commit = on_commit
        self._heads: dict[str, StreamHead] = {}
        self._stream_ids: dict[str, int] = {}
        self._queue: deque[_Pending] = deque()
        self._queued_bytes = 0
        self._turn = asyncio.Lock()
        self._statement = asyncio.Lock()
        self._room = asyncio.Event()
        self._arrived = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self.taken_bytes = 0
        """Bytes of all events that were queued so far."""
        self._is_closing = False
        self._clock = asyncio.get_running_loop().time
        self._failure: StoreError | None = None
        self._witness_synced_at = 0.0
        self._files_checked_at = 0.0
        self._task = asyncio.create_task(self._run(), name="eventstore group commit")

    async def append(
        self,
        stream: str,
        events: Sequence[Event] | EncodedEvents,
        *,
        expected_seq: int,
        causes: Sequence[int] | None,
    ) -> StreamHead:
        """Queue an append in order of call, and wait until it is durable."""
        return await (await self.enqueue(stream, events, expected_seq=expected_seq, causes=causes))

    async def enqueue(
        self,
        stream: str,
        events: Sequence[Event] | EncodedEvents,
        *,
        expected_seq: int,
        causes: Sequence[int] | None,
    ) -> asyncio.Future[StreamHead]:
        """Queue an append in order of call; the future is done once it is durable or refused."""
        async with self._turn:
            while self._queued_bytes >= QUEUE_BYTES and not self._is_closing:
                self._room.clear()
                await self._room.wait()
            self._check_accepting()
            runs = encode_runs(stream, events, causes=causes)
            if len(runs) > GROUP_BLOCKS:
                count = sum(run.count for run in runs)
                raise StoreError(f"stream {stream!r}: an append of {count} events is too large: split it")
            request = AppendRequest(stream=stream, runs=runs, expected_seq=expected_seq)
            pending = _Pending(request, asyncio.get_running_loop().create_future())
            self._queue.append(pending)
            self._queued_bytes += request.payload_bytes
            self.taken_bytes += request.payload_bytes
            self._settled.clear()
            self._arrived.set()
        return pending.outcome

    async def drain(self) -> None:
        """Wait until every append that was queued is durable or refused."""
        await self._settled.wait()

    async def close(self) -> None:
        """Commit the waiting appends. Must not be cancelled. The owner closes connection and witness."""
        self._is_closing = True
        self._room.set()
        self._arrived.set()
        await asyncio.wait([self._task])
        async with self._statement:
            pass  # wait for a statement of ``write`` that still runs

    @property
    def is_sound(self) -> bool:
        """Whether the files are still those that were opened, and hold all acknowledged appends."""
        if self._failure is None:
            try:
                self._pinned.check()
            except FileFailed as error:
                self._failure = error
        return self._failure is None

    def remember_moves(self, keys: set[str], recorded: tuple[int, bytes]) -> None:
        """Read the ends of moved streams again; put their record's block, by id and hash, into the
        witness."""
        self._forget(keys)
        self._witness.remember((recorded,))
        for key in keys:
            self._on_commit(key)

    async def write(self, sql: str, parameters: Sequence[SqlValue]) -> None:
        """Run one statement that writes no block; committed on return, and durable as ``Durability`` says."""
        async with self._statement:
            self._check_accepting()
            try:
                await self._file.write(sql, parameters)
                self._pinned.check()
            except (FileFailed, FileDamaged) as error:
                self._failure = error
                raise

    def _check_accepting(self) -> None:
        if self._is_closing:
            raise StoreError(f"the event store {self._file.path} is closed")
        if self._failure is not None:
            raise StoreError(f"nothing more is written until the store is opened again: {self._failure}")

    async def _run(self) -> None:
        group: list[_Pending] = []
        try:
            while self._queue or not self._is_closing:
                await self._arrived.wait()
                self._arrived.clear()
                while self._queue:
                    group = self._take_group()
                    await self._commit_or_fail(group)
                    await self._sync_witness_when_due()
                self._settled.set()
        except BaseException:
            stopped = StoreError(f"the writer of {self._file.path} stopped; for the outcome ask head()")
            self._failure = self._failure or stopped
            self._settled.set()
            _fail([*group, *self._queue], stopped)
            raise

    def _take_group(self) -> list[_Pending]:
        group: list[_Pending] = []
        runs = 0
        while self._queue and (not group or runs + len(self._queue[0].request.runs) <= GROUP_BLOCKS):
            pending = self._queue.popleft()
            self._queued_bytes -= pending.request.payload_bytes
            runs += len(pending.request.runs)
            group.append(pending)
        self._room.set()
        return group

    async def _commit_or_fail(self, group: list[_Pending]) -> None:
        if self._failure is not None:
            _fail(group, self._failure)
            return
        try:
            await self._commit(group)
        except StoreError as error:
            self._heads.clear()
            if isinstance(error, FileFailed | FileDamaged):
                self._failure = error
            _fail(group, error)

    async def _commit(self, group: list[_Pending]) -> None:
        """Commit the appends that fit the heads of their streams; refuse the others.

        A remembered head may be out of date, so an append is refused only against a head just read.
        """
        fresh: set[str] = set()
        while group:
            unread = {
                pending.request.stream for pending in group if pending.request.stream not in self._heads
            }
            if unread:
                loaded, damaged = await self._load_heads(unread)
                fresh |= loaded
                group = _fail_damaged(group, damaged)
            plan = plan_appends([pending.request for pending in group], self._heads)
            doubtful = _refused_streams(group, plan) - fresh
            if doubtful:
                self._forget(doubtful)
                continue
            if not plan.blocks or await self._insert(plan):
                _resolve(group, plan)
                return
            # Another process wrote in between. Refusals are final; the others are decided again.
            group = _fail_refused(group, plan)
            fresh = await self._moved_heads(plan)

    async def _insert(self, plan: Plan) -> bool:
        if not await insert_blocks(self._file, plan.blocks, stream_ids=self._stream_ids):
            return False
        self._heads.update(plan.heads)
        self._remember(plan.blocks)
        now = self._clock()
        if now - self._files_checked_at >= FILES_CHECK_S:
            self._pinned.check()
            self._files_checked_at = now
        for stream in plan.heads:
            self._on_commit(stream)
        return True

    def _remember(self, blocks: Sequence[Block]) -> None:
        last_headers = {block.header.stream: block.header for block in blocks}
        try:
            self._witness.remember(
                [
                    (block_id(self._stream_ids[stream], header.first_seq), header.hash)
                    for stream, header in last_headers.items()
                ]
            )
        except StoreError as error:
            raise FileFailed(str(error)) from error

    async def _moved_heads(self, plan: Plan) -> set[str]:
        """Read the heads of a plan again, after the place of one of its blocks was found taken.

        If no head and no stream has moved, no other process wrote: the file has a block that reading does
        not find. That is damage, and a further attempt would fail the same way.
        """
        before = {stream: self._heads.pop(stream) for stream in plan.heads}
        ids = {stream: self._stream_ids.get(stream) for stream in before}
        self._forget(set(before))
        loaded, _damaged = await self._load_heads(set(before))
        if all(
            self._heads.get(stream) == head and self._stream_ids.get(stream) == ids[stream]
            for stream, head in before.items()
        ):
            self._failure = await self._hidden_block(plan)
            raise self._failure
        return loaded

    async def _hidden_block(self, plan: Plan) -> StoreDamaged:
        headers = [block.header for block in plan.blocks]
        taken = [header for header in headers if await self._blocks.holds(header.stream, header.first_seq)]
        first = (taken or headers)[0]
        reason = "the file has a block here that reading does not find: its pages are damaged"
        return StoreDamaged(first.stream, first_bad_seq=first.first_seq, reason=reason)

    async def _sync_witness_when_due(self) -> None:
        now = self._clock()
        if now - self._witness_synced_at < WITNESS_SYNC_S or self._failure is not None:
            return
        self._witness_synced_at = now
        try:
            await asyncio.to_thread(self._witness.sync)
        except StoreError as error:
            self._failure = error

    async def _load_heads(self, streams: set[str]) -> tuple[set[str], dict[str, StoreDamaged]]:
        """Read the heads of streams; return the streams read, and the damage of the others.

        A stream just created counts as empty without reading. If another process has appended to it, the
        insert fails as the row id is taken.
        """
        damaged: dict[str, StoreDamaged] = {}
        made: set[str] = set()
        with suppress(StoreDamaged):  # some name is lost: below, each stream is asked for separately
            made = await self._make_streams(streams)
        self._heads |= {stream: StreamHead(stream=stream) for stream in made}
        for stream in sorted(streams - made):
            try:
                if stream not in self._stream_ids:
                    self._stream_ids[stream] = await self._stream_id(stream)
                self._heads[stream] = await self._blocks.head(stream)
            except StoreDamaged as damage:
                damaged[stream] = damage
        return streams - made - damaged.keys(), damaged

    async def _make_streams(self, streams: set[str]) -> set[str]:
        """Look up the ids of streams and create the missing streams in one statement; return the created."""
        unknown = [stream for stream in streams if stream not in self._stream_ids]
        known = await self._blocks.stream_ids(unknown)
        new = sorted(stream for stream in unknown if stream not in known)
        if new:
            rows = ", ".join(["(?)"] * len(new))
            await self._file.write(f"INSERT OR IGNORE INTO stream (name) VALUES {rows}", new)
            known |= await self._blocks.stream_ids(new)
        self._stream_ids |= known
        return known.keys() & set(new)

    async def _stream_id(self, stream: str) -> int:
        """The stream's id, created if need be. For readers a stream without a block does not exist."""
        known = await self._blocks.stream_id(stream)
        if known is None:
            await self._file.write("INSERT OR IGNORE INTO stream (name) VALUES (?)", (stream,))
            known = await self._blocks.stream_id(stream)
        if known is None:
            raise StoreDamaged(stream, first_bad_seq=1, reason="its name is in an index, not in its table")
        return known

    def _forget(self, streams: set[str]) -> None:
        """Read the heads of these streams again, and their ids, as they may have been moved."""
        for stream in streams:
            self._heads.pop(stream, None)
            self._stream_ids.pop(stream, None)
        self._blocks.forget(streams)


def _refused_streams(group: list[_Pending], plan: Plan) -> set[str]:
    return {
        pending.request.stream
        for pending, outcome in zip(group, plan.outcomes, strict=True)
        if isinstance(outcome, StoreError)
    }


def _resolve(group: list[_Pending], plan: Plan) -> None:
    for pending, outcome in zip(group, plan.outcomes, strict=True):
        if isinstance(outcome, StoreError):
            _fail([pending], outcome)
        elif not pending.outcome.done():  # done: the caller was cancelled
            pending.outcome.set_result(outcome)


def _fail_damaged(group: list[_Pending], damaged: Mapping[str, StoreDamaged]) -> list[_Pending]:
    """Fail the appends to damaged streams; return the others."""
    for stream, damage in damaged.items():
        _fail([pending for pending in group if pending.request.stream == stream], damage)
    return [pending for pending in group if pending.request.stream not in damaged]


def _fail_refused(group: list[_Pending], plan: Plan) -> list[_Pending]:
    """Fail the appends that the plan refused; return the others."""
    accepted: list[_Pending] = []
    for pending, outcome in zip(group, plan.outcomes, strict=True):
        if isinstance(outcome, StoreError):
            _fail([pending], outcome)
        else:
            accepted.append(pending)
    return accepted


def _fail(group: Sequence[_Pending], error: StoreError) -> None:
    for pending in group:
        if not pending.outcome.done():
            pending.outcome.set_exception(error)
