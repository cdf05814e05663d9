"""The segments of a store in a folder: ended, compressed, pruned.

They are kept in the store's record of its segments.
"""

from kernel.events.header import Event, Record


class KeptEvents(Record, frozen=True):
    """Events of a stream that outlive the pruning of a segment.

    - ``first_seq`` and ``last_seq``: the seqs of the stream in the segment.
    - ``event_count``: how many of them are kept.
    - ``head_hash``: the hash of the last kept block, in hex; "" if none is kept. Its chain begins anew.
    """

    stream: str
    first_seq: int
    last_seq: int
    event_count: int
    head_hash: str


class SegmentSealed(Event, frozen=True, tag=146):
    """A segment ended and the next one began. ``first_ts`` and ``last_ts``: of its events, 0 without events.

    ``sha256``: of the file, in hex.
    """

    number: int
    size_bytes: int
    sha256: str
    first_ts: int
    last_ts: int


class SegmentArchived(Event, frozen=True, tag=147):
    """A sealed segment was compressed. ``sha256``: of the compressed file, in hex."""

    number: int
    size_bytes: int
    sha256: str


class SegmentPruned(Event, frozen=True, tag=148):
    """Input: events of a sealed segment were removed by policy.

    - ``kept``: the streams that lost events, with what is left of them. Other streams are kept whole.
    - ``sha256``: of the file with the kept events, in hex; "" if nothing was kept.
    """

    number: int
    kept: tuple[KeptEvents, ...]
    size_bytes: int
    sha256: str
    reason: str = ""
