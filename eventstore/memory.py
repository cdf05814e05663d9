"""The event store in memory: for tests, notebooks and replays whose results need not be kept."""

from bisect import bisect_left
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from operator import attrgetter
from types import TracebackType

import msgspec

from eventstore.block import Block, BlockHeader, EncodedEvents
from eventstore.checkpoint import check_checkpoint
from eventstore.encoding import encode_runs
from eventstore.growth import StreamMarks
from eventstore.planning import AppendRequest, head_of, plan_appends
from eventstore.port import Batch, Damage, Selection, StreamHead, StreamInfo, StreamMove
from eventstore.reading import block_hash, follow_batches, read_batches, verify_blocks
from eventstore.stream_info import event_types_in, holding_only, symbols_in_all
from eventstore.stream_keys import CATALOGUE, is_name
from kernel.errors import StoreError, StreamMissing
from kernel.events import Event

_ALL = Selection()

_last_seq_of: Callable[[Block], int] = attrgetter("header.last_seq")


class MemoryEventStore:
    """``EventStore`` that keeps sealed blocks in lists, as long as the object lives."""

    def __init__(self) -> None:
        self._blocks = _MemoryBlocks()
        self._checkpoints: dict[str, int] = {}
        self._marks = StreamMarks()

    async def __aenter__(self) -> "MemoryEventStore":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def append(
        self,
        stream: str,
        events: Sequence[Event] | EncodedEvents,
        *,
        expected_seq: int,
        causes: Sequence[int] | None = None,
    ) -> StreamHead:
        """See ``EventStore.append``. Never suspends."""
        runs = encode_runs(stream, events, causes=causes)
        request = AppendRequest(stream=stream, runs=runs, expected_seq=expected_seq)
        plan = plan_appends([request], {stream: self._blocks.head(stream)})
        outcome = plan.outcomes[0]
        if isinstance(outcome, StoreError):
            raise outcome
        if plan.blocks:
            self._blocks.add(stream, plan.blocks)
            self._marks.set(stream)
        return outcome

    async def head(self, stream: str) -> StreamHead:
        """See ``EventStore.head``."""
        return self._blocks.head(stream)

    async def block_hash(self, stream: str, seq: int) -> bytes:
        """See ``EventStore.block_hash``."""
        return await block_hash(self._blocks, stream, seq)

    async def streams(
        self, names: Collection[str] | None = None, *, holding: type[Event] | None = None
    ) -> tuple[StreamInfo, ...]:
        """See ``EventStore.streams``."""
        wanted = filter(is_name, self._blocks.names()) if names is None else sorted(set(names))
        infos = tuple(_info(blocks) for blocks in map(self._blocks.of, wanted) if blocks)
        return infos if holding is None else holding_only(infos, holding)

    def read(self, stream: str, selection: Selection = _ALL) -> AsyncGenerator[Batch, None]:
        """See ``EventStore.read``."""
        return read_batches(self._blocks, stream, selection)

    def follow(self, stream: str, selection: Selection = _ALL) -> AsyncGenerator[Batch, None]:
        """See ``EventStore.follow``. Ends when no later event can match the selection."""
        return follow_batches(self._blocks, stream, selection, growth=self._marks)

    async def verify(self, stream: str) -> Damage | None:
        """See ``EventStore.verify``."""
        return await verify_blocks(self._blocks, stream)

    async def move(self, moves: Sequence[StreamMove], *, record: Event, expected_seq: int) -> None:
        """See ``EventStore.move``. Never suspends."""
        runs = encode_runs(CATALOGUE, (record,))
        request = AppendRequest(stream=CATALOGUE, runs=runs, expected_seq=expected_seq)
        plan = plan_appends([request], {CATALOGUE: self._blocks.head(CATALOGUE)})
        for outcome in plan.outcomes:
            if isinstance(outcome, StoreError):
                raise outcome
        self._blocks.move(moves)
        self._blocks.add(CATALOGUE, plan.blocks)
        for key in (CATALOGUE, *(each for move in moves for each in (move.stream, move.to or ""))):
            self._marks.set(key)

    async def checkpoint(self, subscriber: str) -> int:
        """See ``EventStore.checkpoint``."""
        self._blocks.check_open()
        return self._checkpoints.get(subscriber, 0)

    async def save_checkpoint(self, subscriber: str, seq: int) -> None:
        """See ``EventStore.save_checkpoint``."""
        self._blocks.check_open()
        check_checkpoint(subscriber, seq)
        self._checkpoints[subscriber] = max(seq, self._checkpoints.get(subscriber, 0))

    async def close(self) -> None:
        """Drop all events; followers end with ``StoreError``. Idempotent."""
        self._blocks.close()
        self._marks.set_all()


def _under(block: Block, key: str) -> Block:
    return msgspec.structs.replace(block, header=msgspec.structs.replace(block.header, stream=key))


def _info(blocks: list[Block]) -> StreamInfo:
    headers = [block.header for block in blocks]
    first, last = headers[0], headers[-1]
    return StreamInfo(
        stream=last.stream,
        last_seq=last.last_seq,
        first_ts=first.first_ts,
        last_ts=last.last_ts,
        block_count=len(headers),
        payload_bytes=sum(header.payload_bytes for header in headers),
        head_hash=last.hash.hex(),
        symbols=symbols_in_all([header.symbols for header in headers]),
        event_types=event_types_in(header.types for header in headers),
    )


class _MemoryBlocks:
    """``BlockSource`` over lists."""

    def __init__(self) -> None:
        self._by_stream: dict[str, list[Block]] = {}
        self._is_closed = False

    def of(self, stream: str) -> list[Block]:
        self.check_open()
        return self._by_stream.get(stream, [])

    def add(self, stream: str, blocks: list[Block]) -> None:
        self._by_stream.setdefault(stream, []).extend(blocks)

    def move(self, moves: Sequence[StreamMove]) -> None:
        """All moves or none. A pinned reader keeps its list, which is emptied if its events are removed."""
        moved = dict(self._by_stream)
        removed: list[list[Block]] = []
        for move in moves:
            blocks = moved.pop(move.stream, [])
            if not blocks or blocks[-1].header.hash != move.block_hash:
                raise StoreError(f"stream {move.stream!r} was changed meanwhile; nothing was done")
            if move.to is None:
                removed.append(blocks)
                continue
            if move.to in moved:
                raise StoreError(f"there is a stream {move.to!r} already; nothing was done")
            moved[move.to] = [_under(block, move.to) for block in blocks]
        self._by_stream = moved
        for blocks in removed:
            blocks.clear()

    async def pinned(self, stream: str) -> "_MemoryBlocks":
        held = self._by_stream.get(stream)
        return self if held is None else _PinnedBlocks(self, stream, held)

    def names(self) -> list[str]:
        self.check_open()
        return sorted(self._by_stream)

    def head(self, stream: str) -> StreamHead:
        blocks = self.of(stream)
        return head_of(blocks[-1].header) if blocks else StreamHead(stream=stream)

    def check_open(self) -> None:
        if self._is_closed:
            raise StoreError("the store in memory is closed")

    def close(self) -> None:
        self._is_closed = True
        self._by_stream.clear()

    async def start(self, stream: str) -> StreamHead:
        return StreamHead(stream)

    async def last_seq(self, stream: str) -> int:
        return self.head(stream).seq

    async def headers(self, stream: str, *, from_seq: int, limit: int) -> list[BlockHeader]:
        start = self._place(stream, from_seq)
        return [block.header for block in self.of(stream)[start : start + limit]]

    async def blocks(self, headers: Sequence[BlockHeader]) -> list[Block]:
        return [self.of(header.stream)[self._place(header.stream, header.first_seq)] for header in headers]

    def _place(self, stream: str, seq: int) -> int:
        return bisect_left(self.of(stream), seq, key=_last_seq_of)


class _PinnedBlocks(_MemoryBlocks):
    """The blocks that one stream has now, wherever they are moved."""

    def __init__(self, store: _MemoryBlocks, stream: str, held: list[Block]) -> None:
        super().__init__()
        self._store = store
        self._stream = stream
        self._held = held

    def of(self, stream: str) -> list[Block]:
        self._store.check_open()
        if not self._held:
            raise self._moved()
        return self._held if stream == self._stream else []

    async def pinned(self, stream: str) -> _MemoryBlocks:
        assert stream == self._stream, "a reader reads one stream"
        return self

    async def last_seq(self, stream: str) -> int:
        if self._store.of(stream) is not self._held:
            raise self._moved()
        return self._held[-1].header.last_seq

    def _moved(self) -> StreamMissing:
        return StreamMissing(
            f"stream {self._stream!r} was deleted, put aside or replaced while it was being read"
        )
