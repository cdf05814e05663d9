"""The period of a log that ``--from`` and ``--to`` name."""

import click

from components.assembly.moments import moment_ns
from kernel.errors import ConfigError
from replay.past.core import time_ns

Period = tuple[int | None, int | None]
"""The first and last moment in ns UTC, both inclusive; ``None``: no bound."""


def period_of(start: str | None, end: str | None) -> Period:
    """The period of two options, of which a day is the whole UTC day. Raises ``UsageError``."""
    try:
        from_ts = None if start is None else moment_ns(start, key="--from")
        to_ts = time_ns(end, key="--to")
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    if from_ts is not None and to_ts is not None and to_ts < from_ts:
        raise click.UsageError(f"--to {end} is before --from {start}")
    return from_ts, to_ts
