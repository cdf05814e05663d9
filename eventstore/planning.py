"""The decision about a group of appends: accepted, refused, and the blocks to write. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from eventstore.block import GENESIS_HASH, Block, BlockHeader, EncodedRun, seal
from eventstore.encoding import BLOCK_BYTES, BLOCK_EVENTS
from eventstore.port import StreamHead
from kernel.errors import AppendConflict, StoreError

MAX_SEQ = (1 << 42) - 1
"""Most events in a stream: 4.4e12, a million a second for 50 days. A block's id has 42 bits for the seq."""


class AppendRequest(msgspec.Struct, frozen=True, gc=False):
    """Encoded events to append after ``expected_seq``."""

    stream: str
    runs: tuple[EncodedRun, ...]
    expected_seq: int

    @property
    def end_seq(self) -> int:
        """The seq that the last event will have."""
        return self.expected_seq + sum(run.count for run in self.runs)

    @property
    def payload_bytes(self) -> int:
        """Size of all payloads."""
        return sum(len(run.payload) for run in self.runs)


class Plan(msgspec.Struct, frozen=True):
    """The decision. ``outcomes`` has for each request the stream's head after it, or the error."""

    blocks: list[Block]
    heads: dict[str, StreamHead]
    outcomes: list[StreamHead | StoreError]


def plan_appends(requests: Sequence[AppendRequest], heads: Mapping[str, StreamHead]) -> Plan:
    """Decide requests in order of arrival, against the heads of their streams.

    Requests that follow each other in a stream share blocks. A request that conflicts is refused alone.
    ``heads`` must hold the head of every stream in ``requests``.
    """
    # Ends of these streams only: copying all heads would make writing many streams quadratic. Their hashes
    # are not known before the blocks are sealed.
    ends = {request.stream: heads[request.stream] for request in requests}
    refusals: dict[int, StoreError] = {}
    left_behind: dict[int, StreamHead] = {}
    taken: dict[str, list[EncodedRun]] = {}
    for place, request in enumerate(requests):
        end = ends[request.stream]
        refusal = _refusal(request, end)
        if refusal is not None:
            refusals[place] = refusal
            continue
        if request.runs:
            taken.setdefault(request.stream, []).extend(request.runs)
            last_ts = request.runs[-1].last_ts
            end = ends[request.stream] = StreamHead(stream=request.stream, seq=request.end_seq, ts=last_ts)
        left_behind[place] = end
    chains = {stream: _sealed(heads[stream], runs) for stream, runs in taken.items()}
    outcomes = [
        refusals[place] if place in refusals else _hashed(left_behind[place], chains.get(request.stream, []))
        for place, request in enumerate(requests)
    ]
    return Plan(
        blocks=[block for chain in chains.values() for block in chain],
        heads={stream: head_of(chain[-1].header) for stream, chain in chains.items()},
        outcomes=outcomes,
    )


def head_of(last: BlockHeader) -> StreamHead:
    """The head of a stream that ends with this block."""
    return StreamHead(stream=last.stream, seq=last.last_seq, ts=last.last_ts, block_hash=last.hash)


def _refusal(request: AppendRequest, end: StreamHead) -> StoreError | None:
    if request.expected_seq != end.seq:
        return AppendConflict(request.stream, expected_seq=request.expected_seq, actual_seq=end.seq)
    if request.runs and end.seq > 0 and request.runs[0].first_ts < end.ts:
        return StoreError(
            f"stream {request.stream!r}: ts would decrease from {end.ts} at seq {end.seq} to "
            f"{request.runs[0].first_ts}; nothing was appended"
        )
    if request.end_seq > MAX_SEQ:
        return StoreError(f"stream {request.stream!r} is full: seq {request.end_seq} is above {MAX_SEQ}")
    return None


def _sealed(head: StreamHead, runs: list[EncodedRun]) -> list[Block]:
    """Blocks of these runs, in order, as few as the limits allow."""
    groups: list[list[EncodedRun]] = []
    count = size = 0
    for run in runs:
        count += run.count
        size += len(run.payload)
        is_apart = run.is_block or (bool(groups) and groups[-1][-1].is_block)
        if not groups or is_apart or count > BLOCK_EVENTS or size > BLOCK_BYTES:
            groups.append([])
            count, size = run.count, len(run.payload)
        groups[-1].append(run)
    blocks: list[Block] = []
    first_seq, previous_hash = head.seq + 1, head.block_hash or GENESIS_HASH
    for group in groups:
        block = seal(head.stream, first_seq, runs=group, previous_hash=previous_hash)
        blocks.append(block)
        first_seq, previous_hash = block.header.last_seq + 1, block.header.hash
    return blocks


def _hashed(end: StreamHead, chain: list[Block]) -> StreamHead:
    """The head with the hash of its block, which may also hold events of the next request."""
    for block in chain:
        if block.header.first_seq <= end.seq <= block.header.last_seq:
            return msgspec.structs.replace(end, block_hash=block.header.hash)
    return end
