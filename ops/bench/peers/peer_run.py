"""The shared part of the peers' scripts: command line, measures and the line of output.

Uses only the standard library, as it runs in the peers' environments, without our packages.
"""

import argparse
import json
import platform
import resource
from dataclasses import asdict, dataclass
from pathlib import Path

UNITS = 100
"""Size of the position that the strategy holds, long or short."""

CASH = 1_000_000
"""Starting cash in USD, enough that no engine ever refuses an order."""


@dataclass(frozen=True)
class Task:
    """The run to make."""

    count: int
    fast: int
    slow: int
    seed: int


@dataclass(frozen=True)
class Outcome:
    """The result of a run.

    - ``seconds``: from the first quote to the last one processed.
    - ``load_seconds``: making the quotes and loading them into the engine.

    The start of Python and imports are in neither.
    """

    seconds: float
    load_seconds: float
    orders: int
    fills: int
    final_position: float
    final_equity: float | None


def parse_task(description: str) -> Task:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--count", type=int, default=1_000_000, help="number of quotes")
    parser.add_argument("--fast", type=int, default=500, help="period of the fast average, in quotes")
    parser.add_argument("--slow", type=int, default=2_000, help="period of the slow average, in quotes")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random walk")
    return Task(**vars(parser.parse_args()))


def report(engine: str, version: str, task: Task, outcome: Outcome) -> None:
    """Print the run as one line of JSON."""
    line = {
        "engine": engine,
        "version": version,
        "python": platform.python_version(),
        **asdict(task),
        **asdict(outcome),
        "quotes_per_s": task.count / outcome.seconds,
        "peak_rss_mb": peak_rss_mb(),
    }
    print(json.dumps(line), flush=True)


def peak_rss_mb() -> float:
    """Return the peak resident memory of this process in MiB.

    Read from /proc where it exists: ``ru_maxrss`` begins with the peak of the parent process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
