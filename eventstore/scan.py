"""Walks along a stream's blocks: finds the start, skips and loads blocks, and checks the hash chain.

All stores use this walk. A store offers its blocks through ``BlockSource``; reading, following and verifying
are built on ``BlockScan``.
"""

from collections import deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

from eventstore.block import GENESIS_HASH, Block, BlockHeader, check_chain
from eventstore.port import Selection, StreamHead
from eventstore.selection import matches
from kernel.errors import StoreDamaged, StreamMissing

HEADERS_PER_LOAD = 512
"""Most headers fetched at once: about 100 kB, and one round trip to a thread for up to two million events."""

_FIRST_HEADERS = 4
"""Headers fetched first, and then eight times as many each time: a reader of one event needs one header, and
512 take as long as a block of quotes."""

PAGE_BYTES = 1 << 19
"""Payload bytes fetched at once (a page); at least one block.

This is two blocks of quotes. Reading is then within a tenth of a plain loop over SQLite, hash and decoder. At
4 MB it is no faster, as a page no longer fits the processor's cache. A reader holds two pages: 100 MB in a
merge of 100 streams.
"""


class BlockSource(Protocol):
    """A store's blocks. Nothing that it returns is trusted: the scan checks everything."""

    async def pinned(self, stream: str) -> "BlockSource":
        """The same blocks, as they are under this key now, even if they are moved to another key later.

        Afterwards it raises ``StreamMissing`` if they were removed, and for a ``last_seq`` of moved ones.
        """
        ...

    async def start(self, stream: str) -> StreamHead:
        """The end of the events that are not here any more; seq 0 if all are here."""
        ...

    async def last_seq(self, stream: str) -> int:
        """The seq of the stream's last event; 0 if it has none."""
        ...

    async def headers(self, stream: str, *, from_seq: int, limit: int) -> list[BlockHeader]:
        """Up to ``limit`` consecutive headers, from the block that holds ``from_seq`` on.

        Returns fewer if a later header is unreadable; raises ``StoreDamaged`` if the first is.
        """
        ...

    async def blocks(self, headers: Sequence[BlockHeader]) -> list[Block]:
        """The blocks of these headers of one stream, in the same order.

        Returns fewer if a later block is unreadable; raises ``StoreDamaged`` if the first is.
        """
        ...


class _Stretch(msgspec.Struct, frozen=True):
    """The next headers of a scan, up to one page.

    - ``passed``: headers that are intact.
    - ``wanted``: those among them whose blocks must be loaded.
    - ``damage``: the damage that ended the stretch, if any.
    - ``is_last``: whether no later block can match the selection.
    """

    passed: list[BlockHeader]
    wanted: list[BlockHeader]
    damage: StoreDamaged | None = None
    is_last: bool = False


class BlockScan:
    """One walk along a stream, forwards. It can go on when the stream has grown.

    Every header is checked against the chain, also of blocks that are skipped. After an error or a
    cancellation ``page`` may be called again.
    """

    def __init__(self, source: BlockSource, stream: str, selection: Selection) -> None:
        self._source = source
        self._stream = stream
        self._selection = selection
        self._previous_hash: bytes | None = None  # None: the first block is not found yet
        self._headers: deque[BlockHeader] = deque()
        self._next_load = _FIRST_HEADERS
        self._start = StreamHead(stream)
        self.next_seq = max(1, selection.from_seq)
        self.is_finished = False
        """Whether no later event can match, present or future."""

    @property
    def is_begun(self) -> bool:
        """Whether the first block was looked for."""
        return self._previous_hash is not None

    def has_more(self, end_seq: int) -> bool:
        """Whether blocks up to ``end_seq`` are left to scan."""
        return not self.is_finished and self.next_seq <= end_seq

    async def page(self, end_seq: int) -> list[Block]:
        """The next blocks up to ``end_seq`` that may match; an empty list at the end."""
        while self.has_more(end_seq):
            if not self._headers:
                await self._load_headers(end_seq)
            stretch = self._next_stretch(end_seq)
            blocks = await self._source.blocks(stretch.wanted) if stretch.wanted else []
            if len(blocks) < len(stretch.wanted):
                unread = stretch.passed.index(stretch.wanted[len(blocks)])
                self._pass(stretch.passed[:unread])
                return blocks  # the next page starts at the unreadable block, and raises
            self._pass(stretch.passed)
            if stretch.damage is not None and not blocks:
                raise stretch.damage
            self.is_finished = stretch.is_last
            if blocks:
                return blocks
        return []

    def _next_stretch(self, end_seq: int) -> _Stretch:
        """The next stretch among the loaded headers. Changes nothing."""
        passed: list[BlockHeader] = []
        wanted: list[BlockHeader] = []
        size, next_seq, previous_hash = 0, self.next_seq, self._previous_hash
        for header in self._headers:
            if next_seq > end_seq or size >= PAGE_BYTES:
                break
            damage = self._damage(header, next_seq, previous_hash=previous_hash)
            if damage is not None:
                return _Stretch(passed=passed, wanted=wanted, damage=damage)
            if self._starts_beyond(header):
                return _Stretch(passed=passed, wanted=wanted, is_last=True)
            passed.append(header)
            if matches(header, self._selection):
                wanted.append(header)
                size += header.payload_bytes
            if self._reaches_end(header):
                return _Stretch(passed=passed, wanted=wanted, is_last=True)
            next_seq, previous_hash = header.last_seq + 1, header.hash
        return _Stretch(passed=passed, wanted=wanted)

    def _damage(
        self, header: BlockHeader, next_seq: int, *, previous_hash: bytes | None
    ) -> StoreDamaged | None:
        assert previous_hash is not None, "a scan is placed before it looks at headers"
        if header.first_seq != next_seq:
            reason = f"seq {next_seq} is missing; the next block starts at {header.first_seq}"
            return StoreDamaged(self._stream, first_bad_seq=next_seq, reason=reason)
        try:
            check_chain(header, previous_hash)
        except StoreDamaged as damage:
            return damage
        return None

    def _starts_beyond(self, header: BlockHeader) -> bool:
        to_seq, to_ts = self._selection.to_seq, self._selection.to_ts
        return (to_seq is not None and header.first_seq > to_seq) or (
            to_ts is not None and header.first_ts > to_ts
        )

    def _reaches_end(self, header: BlockHeader) -> bool:
        to_seq, to_ts = self._selection.to_seq, self._selection.to_ts
        return (to_seq is not None and header.last_seq >= to_seq) or (
            to_ts is not None and header.last_ts > to_ts
        )

    def _pass(self, headers: list[BlockHeader]) -> None:
        for header in headers:
            self._headers.popleft()
            self.next_seq, self._previous_hash = header.last_seq + 1, header.hash

    async def _load_headers(self, end_seq: int) -> None:
        if self._previous_hash is None:
            await self._place(end_seq)
        if self.next_seq > end_seq:
            return
        loaded = await self._source.headers(self._stream, from_seq=self.next_seq, limit=self._next_load)
        self._next_load = min(8 * self._next_load, HEADERS_PER_LOAD)
        if not loaded:
            reason = f"seqs {self.next_seq} to {end_seq} are missing"
            raise StoreDamaged(self._stream, first_bad_seq=self.next_seq, reason=reason)
        self._headers.extend(loaded)

    async def _place(self, end_seq: int) -> None:
        """Find the first block to scan, and the hash before it."""
        self._start = await self._source.start(self._stream)
        self._skip_missing(self._start)
        start = await self._seek(end_seq)
        if start <= end_seq and start > 1:
            start = (await self._header_at(start)).first_seq
        self.next_seq, self._previous_hash = start, await self._hash_before(start)

    def _skip_missing(self, start: StreamHead) -> None:
        """Go to the first event that is here. Raise ``StreamMissing`` if a missing one may be selected."""
        if self.next_seq > start.seq:
            return
        from_ts = self._selection.from_ts
        if from_ts is None or from_ts <= start.ts:
            raise StreamMissing(
                f"stream {self._stream!r}: events {self.next_seq} to {start.seq} are no longer in the store; "
                f"it can be read from seq {start.seq + 1} on"
            )
        self.next_seq = start.seq + 1

    async def _hash_before(self, first_seq: int) -> bytes:
        if first_seq == self._start.seq + 1:
            return self._start.block_hash or GENESIS_HASH
        return (await self._header_at(first_seq - 1)).hash

    async def _header_at(self, seq: int) -> BlockHeader:
        found = await self._source.headers(self._stream, from_seq=seq, limit=1)
        if not found or not found[0].first_seq <= seq <= found[0].last_seq:
            raise StoreDamaged(self._stream, first_bad_seq=seq, reason=f"seq {seq} is missing")
        return found[0]

    async def _seek(self, end_seq: int) -> int:
        """The seq to start at: the selection's first seq, or a later one if its time bound allows."""
        from_ts = self._selection.from_ts
        if from_ts is None:
            return self.next_seq
        try:
            start = await self._bisect_ts(from_ts, end_seq)
            return start if await self._is_all_earlier(start - 1, from_ts) else self.next_seq
        except StoreDamaged:
            return self.next_seq  # start at the beginning: the walk then reports the first damage

    async def _bisect_ts(self, from_ts: int, end_seq: int) -> int:
        """The first seq of the first block that ends at ``from_ts`` or later, or the seq after the last
        block.

        Uses headers that are not checked yet.
        """
        low, high = self.next_seq, end_seq + 1
        while low < high:
            header = await self._header_at((low + high) // 2)
            if header.last_ts < from_ts:
                low = header.last_seq + 1
            else:
                high = max(low, header.first_seq)
        return low

    async def _is_all_earlier(self, seq: int, from_ts: int) -> bool:
        """Whether the block that holds ``seq`` is intact and ends before ``from_ts``.

        Since ``ts`` never decreases, all blocks before it then end before ``from_ts`` too.
        """
        if seq < self.next_seq:
            return True
        header = await self._header_at(seq)
        check_chain(header, await self._hash_before(header.first_seq))
        return header.last_ts < from_ts
