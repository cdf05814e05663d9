"""Limits of time that do not count the time in which the daemon itself was held up.

On a busy machine a process may not run for seconds. What it waited for had no time either, or has happened
and was not seen yet. So a limit is waited for in parts: one in which the daemon was held up counts as one,
however long it took.
"""

from collections.abc import Iterator
from math import ceil

PARTS = 10
LONGEST_PART_S = 0.25


def parts_of(limit_s: float) -> Iterator[float]:
    """The lengths of the parts of a limit, in seconds."""
    count = max(PARTS, ceil(limit_s / LONGEST_PART_S))
    for _ in range(count):
        yield limit_s / count
