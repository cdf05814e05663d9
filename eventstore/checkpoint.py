"""Validation of a subscriber's checkpoint."""

from kernel.errors import StoreError


def check_checkpoint(subscriber: str, seq: int) -> None:
    """Raise ``StoreError`` unless the name is printable, not empty, and ``seq`` is a whole number >= 0."""
    if not subscriber or not subscriber.isprintable():
        raise StoreError(f"a subscriber's name must be printable and not empty, but is {subscriber!r}")
    if type(seq) is not int or not 0 <= seq < 1 << 63:
        raise StoreError(
            f"subscriber {subscriber!r}: a checkpoint must be a whole number >= 0, but is {seq!r}"
        )
