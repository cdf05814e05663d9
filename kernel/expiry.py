"""The expiry of instruments and orders.

Both are valid up to and including ``expiry_ts``: market data at exactly that time still counts. One
nanosecond later they have expired.
"""


def has_expired(expiry_ts: int, ts: int) -> bool:
    """Whether ``ts`` is after ``expiry_ts``. An ``expiry_ts`` of 0 means no expiry."""
    return 0 < expiry_ts < ts


def first_ts_after(expiry_ts: int) -> int:
    """The first moment at which it has expired."""
    return expiry_ts + 1
