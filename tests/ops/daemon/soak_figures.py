"""What a soak measured, and what of it should not have happened."""

from collections.abc import Sequence
from statistics import median

import msgspec

LIMIT_MB = 150.0
"""The most memory of a daemon."""
GROWTH_MB = 8.0
"""The most that memory may grow from the second quarter to the last one.

What is bounded fills in the first minutes: the last finished orders, the last fills of each position.
"""
SNAPSHOT_GROWTH = 1.5
"""The most by which snapshots may be larger in the last quarter than in the second one. The number of
finished orders that they hold moves between one and two times 10,000."""
MORE_ALLOWED = 2
"""Tasks, files or threads that may be there by chance at the moment of a sample."""


class Sample(msgspec.Struct, frozen=True):
    """A daemon at one moment.

    - ``cpu_s``: used by the daemon so far; ``market_cpu_s``: by the exchange.
    - ``reconnects``: of its feed.
    - ``snapshot_mb``: the size of the newest snapshot; 0 before the first one.
    - ``snapshots``: the number of the last seq in it.
    - ``segments``: files of the log.
    """

    at_s: float
    memory_mb: float
    tasks: int
    files: int
    threads: int
    seq: int
    inputs: int
    waiting_peak: int
    commit_p50_ms: float
    commit_p99_ms: float
    cpu_s: float
    market_cpu_s: float
    reconnects: int
    orders: int
    snapshot_seq: int
    snapshot_mb: float
    segments: int


class Soak(msgspec.Struct, frozen=True):
    """The result of a soak.

    - ``stopped_with``: the exit code of the daemon.
    - ``verified``: the last words of ``replay verify`` about its log.
    - ``complaints``: why it ended early.
    """

    samples: tuple[Sample, ...]
    stopped_with: int
    verified: str
    complaints: tuple[str, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """What should not have happened, in sentences."""
        found = list(self.complaints)
        if self.stopped_with:
            found.append(f"the daemon ended with {self.stopped_with}")
        if not self.verified.startswith("paper: reproduced"):
            found.append(f"the log does not verify: {self.verified}")
        return (*found, *faults_of(self.samples))


def faults_of(samples: Sequence[Sample]) -> tuple[str, ...]:
    """What grew, or stood still."""
    quarter = len(samples) // 4
    if not quarter:
        return (f"{len(samples)} samples are too few; expected at least 4",)
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    found: list[str] = []
    most = max(one.memory_mb for one in samples)
    if most > LIMIT_MB:
        found.append(f"memory reached {most:.1f} MB, more than {LIMIT_MB:g}")
    growth = median(one.memory_mb for one in late) - median(one.memory_mb for one in early)
    if growth > GROWTH_MB:
        found.append(f"memory grew by {growth:.1f} MB, more than {GROWTH_MB:g}")
    for name in ("tasks", "files", "threads"):
        before, after = (max(getattr(one, name) for one in part) for part in (early, late))
        if after > before + MORE_ALLOWED:
            found.append(f"{name} grew from {before} to {after}")
    before_mb, after_mb = (max(one.snapshot_mb for one in part) for part in (early, late))
    if before_mb and after_mb > before_mb * SNAPSHOT_GROWTH:
        found.append(f"snapshots grew from {before_mb:.1f} to {after_mb:.1f} MB")
    if late[-1].inputs <= early[-1].inputs:
        found.append("no inputs came at the end")
    return tuple(found)


def report(result: Soak) -> Sequence[str]:
    """The result in lines for people."""
    samples = result.samples
    if not samples:
        return (*result.faults,)
    first, last = samples[0], samples[-1]
    tenths = [samples[min(len(samples) - 1, number * len(samples) // 10)] for number in range(10)] + [last]
    return (
        f"{last.at_s / 60:.1f} minutes, {last.inputs:,} inputs ({last.inputs / last.at_s:,.0f}/s), "
        f"{last.seq:,} events, {last.reconnects} reconnects, {last.segments} segments",
        "memory MB: " + " ".join(f"{one.memory_mb:.0f}" for one in tenths),
        "snapshot MB: " + " ".join(f"{one.snapshot_mb:.1f}" for one in tenths),
        f"tasks {first.tasks} to {last.tasks}; open files {first.files} to {last.files}; "
        f"threads {first.threads} to {last.threads}",
        f"open orders {last.orders}; inbox peak {last.waiting_peak}; "
        f"commit p50 {last.commit_p50_ms:.2f} ms, p99 {last.commit_p99_ms:.2f} ms; "
        f"CPU {100 * last.cpu_s / last.at_s:.0f} % of a core, "
        f"the exchange's {100 * last.market_cpu_s / last.at_s:.0f} %",
        f"verified: {result.verified}",
        *(f"FAULT: {fault}" for fault in result.faults),
    )
