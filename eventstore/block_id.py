"""The row id of a block: stream id * 2^42 + first seq. One b-tree, in reading order."""

from eventstore.planning import MAX_SEQ

_STREAM_SHIFT = MAX_SEQ.bit_length()

MAX_STREAMS = (1 << 63 - _STREAM_SHIFT) - 1
"""Most streams in a store: the number that fits beside a seq in a row id of 63 bits."""


def block_id(stream_id: int, first_seq: int) -> int:
    """The row id of a block."""
    return stream_id << _STREAM_SHIFT | first_seq


def stream_id_of(row_id: int) -> int:
    """The stream that the block belongs to."""
    return row_id >> _STREAM_SHIFT


def first_seq_of(row_id: int) -> int:
    """The seq of the block's first event."""
    return row_id & MAX_SEQ
