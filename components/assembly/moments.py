"""Converts days and times of a configuration to ns UTC."""

from datetime import UTC, date, datetime, time

from kernel.errors import ConfigError
from kernel.time_units import DAY_NS, DAY_S, SECOND_NS

LAST_TS = 2**63 - 1
"""2262-04-11: the last possible time of an event. The first is 1970-01-01."""


def is_day(text: str) -> bool:
    """Whether a text is a date without a time."""
    return len(text.strip()) <= len("2008-01-01")


def moment_ns(text: str, *, key: str) -> int:
    """ns since the epoch; for a date, the start of that day. A text without an offset is UTC.

    Raises ``ConfigError`` naming ``key``.
    """
    try:
        if is_day(text):
            moment = datetime.combine(date.fromisoformat(text.strip()), time(), UTC)
        else:
            moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ConfigError(
            f"{key}: {text!r} is not a date like 2008-01-31 or a time like 2008-01-31T14:30:00"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    ts = (delta.days * DAY_S + delta.seconds) * SECOND_NS + delta.microseconds * 1_000
    if not 0 <= ts <= LAST_TS - DAY_NS:
        raise ConfigError(f"{key}: {text!r} is outside 1970-01-01 to 2262-04-10; leave it out for no bound")
    return ts
