"""When the last moment of an instrument or an order is over.

Both are good up to and including that moment: what the market says at exactly ``expiry_ts`` still counts, and
one nanosecond later they have expired.
"""


def has_expired(expiry_ts: int, ts: int) -> bool:
    """Whether ``ts`` is after the last moment; an ``expiry_ts`` of 0 never comes."""
    return 0 < expiry_ts < ts


def first_ts_after(expiry_ts: int) -> int:
    """The first moment at which it has expired."""
    return expiry_ts + 1
