"""What a subscriber's checkpoint may be."""

from kernel.errors import StoreError


def check_checkpoint(subscriber: str, seq: int) -> None:
    """Raise ``StoreError`` unless the subscriber has a name and ``seq`` is a whole number >= 0."""
    if not subscriber or not subscriber.isprintable():
        raise StoreError(f"a subscriber's name is printable and not empty, not {subscriber!r}")
    if type(seq) is not int or not 0 <= seq < 1 << 63:
        raise StoreError(f"subscriber {subscriber!r}: a checkpoint is a whole number >= 0, not {seq!r}")
