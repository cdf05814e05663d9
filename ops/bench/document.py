"""The measurements as tables for the terminal and as docs/benchmarks.md."""

import platform
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

import msgspec
from rich.table import Table

from ops.bench.ours import StoreResult
from ops.bench.peers.runner import PeerResult

OURS = "onetape"
MB = 1_000_000


class Variant(msgspec.Struct, frozen=True):
    """A pair of averages. They decide how many orders there are, by how often they cross."""

    name: str
    fast: int
    slow: int


class Part(msgspec.Struct, frozen=True):
    """A measurement of a single part: the command and its output."""

    command: str
    output: str


class Measured(msgspec.Struct):
    """All measurements of one ``make bench``."""

    rounds: int
    stores: list[StoreResult] = []
    runs: list[tuple[Variant, PeerResult]] = []
    large: list[tuple[Variant, PeerResult]] = []
    absent: dict[str, str] = {}
    import_ms: float = 0.0
    parts: list[Part] = []


class Sheet(msgspec.Struct, frozen=True):
    """A table: title, column names, rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(measured: Measured) -> Iterator[Table]:
    """The measurements for a terminal."""
    for sheet in sheets(measured):
        table = Table(title=sheet.title)
        for position, column in enumerate(sheet.columns):
            table.add_column(column, justify="left" if position == 0 else "right")
        for row in sheet.rows:
            table.add_row(*row)
        yield table


def page(measured: Measured) -> str:
    """The measurements as Markdown."""
    parts = [
        _INTRODUCTION.format(machine=_machine(), rounds=measured.rounds, python=platform.python_version())
    ]
    for sheet in sheets(measured):
        parts.append(f"## {sheet.title}\n")
        parts.append("| " + " | ".join(sheet.columns) + " |")
        parts.append("| --- |" + " ---: |" * (len(sheet.columns) - 1))
        parts += ["| " + " | ".join(row) + " |" for row in sheet.rows]
        parts.append("")
    if measured.parts:
        printed = (f"$ {part.command}\n{part.output}" for part in measured.parts)
        parts.append("## Parts by themselves\n\n```text\n" + "\n\n".join(printed) + "\n```\n")
    parts += [f"Left out: {title}: {reason}." for title, reason in measured.absent.items()]
    parts.append(_NOTES)
    return "\n".join(parts)


def sheets(measured: Measured) -> Iterator[Sheet]:
    """The measurements as tables, with best and median of the rounds."""
    yield _store_sheet(measured.stores)
    for variant in dict.fromkeys(variant for variant, _ in measured.runs):
        yield _replay_sheet(variant, [result for other, result in measured.runs if other == variant])
    if measured.large:
        yield _size_sheet(measured)
    yield Sheet(
        "Imports",
        ("what", "milliseconds"),
        (("`import kernel, eventstore, strategies.sdk`", f"{measured.import_ms:.0f}"),),
    )


def _store_sheet(results: Iterable[StoreResult]) -> Sheet:
    by_durability: dict[str, list[StoreResult]] = {}
    for result in results:
        by_durability.setdefault(result.durability, []).append(result)
    rows = tuple(
        (
            durability,
            *_best_and_median([result.append_per_s for result in group]),
            *_best_and_median([result.read_per_s for result in group]),
            f"{group[0].bytes_per_event:.0f}",
        )
        for durability, group in by_durability.items()
    )
    columns = ("durability", "append, M/s", "median", "read back decoded, M/s", "median", "bytes per event")
    return Sheet("Event store: quotes per second, hash chain included", columns, rows)


def _replay_sheet(variant: Variant, results: list[PeerResult]) -> Sheet:
    by_engine: dict[str, list[PeerResult]] = {}
    for result in results:
        by_engine.setdefault(f"{result.engine} {result.version}", []).append(result)
    ours = max(result.quotes_per_s for result in results if result.engine == OURS)
    rows = tuple(
        (
            engine,
            group[0].python,
            f"{group[0].count:,}",
            f"{group[0].orders:,}",
            *(f"{speed:,.0f}" for speed in _best_median([result.quotes_per_s for result in group])),
            f"{ours / max(result.quotes_per_s for result in group):.1f}",
            f"{max(result.peak_rss_mb for result in group):.0f}",
        )
        for engine, group in by_engine.items()
    )
    columns = (
        "engine",
        "Python",
        "quotes",
        "orders",
        "best, quotes/s",
        "median",
        "we are x faster",
        "peak MiB",
    )
    return Sheet(f"Replay, {variant.name}: EMA {variant.fast}/{variant.slow}", columns, rows)


def _size_sheet(measured: Measured) -> Sheet:
    """The median of the small runs next to the one large run."""
    rows: list[tuple[str, ...]] = []
    for variant, large in measured.large:
        small = [result for other, result in measured.runs if other == variant and result.engine == OURS]
        rows.append(_size_row(variant, small))
        rows.append(_size_row(variant, [large]))
    columns = ("variant", "quotes", "orders", "runs", "us per quote, median", "peak MiB")
    return Sheet("Size: one million and ten million quotes", columns, tuple(rows))


def _size_row(variant: Variant, results: list[PeerResult]) -> tuple[str, ...]:
    cost_us = 1e6 / median([result.quotes_per_s for result in results])
    peak = max(result.peak_rss_mb for result in results)
    first = results[0]
    return (
        variant.name,
        f"{first.count:,}",
        f"{first.orders:,}",
        str(len(results)),
        f"{cost_us:.2f}",
        f"{peak:.0f}",
    )


def _best_and_median(values: list[float]) -> tuple[str, str]:
    best, middle = _best_median(values)
    return f"{best / MB:.2f}", f"{middle / MB:.2f}"


def _best_median(values: list[float]) -> tuple[float, float]:
    return max(values), median(values)


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or "unknown processor"
    return f"{model}, {len(models) or 'unknown'} cores, {platform.system()}"


_INTRODUCTION = """# Benchmarks

Written by `python -m ops.bench --rounds {rounds}` (CPython {python}; machine: {machine}).
Every run is a process of its own on one core; engines take turns. The machine is shared and noisy: compare
the ratios, and best with best.

The task: quotes of a seeded random walk on a grid of 0.01, one symbol, one quote a second. Two exponential
averages of the mid price; a market order at each crossing, to be long or short 100. Ours runs with risk
limits, portfolio and simulated broker, and appends every derived event to the store. Its time includes
reading the quotes from the store and checking the hash chain. The peers hold all quotes in memory; they are
made and loaded before the time is taken.
"""

_NOTES = """
## Notes

- Parts of a live session (`ops.bench.live`) run with `full` durability, so no figure is better than a synced
  write of a page, which is measured in the same run. They take two cores: one for the session, one for the
  sending process and SQLite's thread. On a machine that has other work they show the machine.
- With single-message frames the WebSocket library takes most of the time: about 4 us of CPU a message,
  against 0.7 us in frames of fifty (`python -m ops.bench.feeds`).
- A start on a log without a snapshot plays the log again, strategies included. So it takes longer with more
  strategies; `python -m ops.bench.restart --strategies 5` measures that.
- NautilusTrader fills at the bid or ask of the quote that caused the decision, backtrader at the mid of the
  next bar, onetape at the next quote. So the decisions are the same but the fills are not. NautilusTrader 2.0
  and backtrader start an average from the mean of its first values, which changes a few decisions near the
  start.
- NautilusTrader 1.x slows down with every closed position, so it gets fewer quotes with many orders. It is
  measured with pandas 2.3; with pandas 3 it is about 2.5 times slower.
- backtrader has no quotes, so it gets a bar for each quote.
- `make bench-peers` creates the peers' environments; a missing one is left out with a message.
"""
