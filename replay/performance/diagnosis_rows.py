"""A diagnosis as rows for the terminal and the report, and as fields for programs."""

from collections.abc import Mapping, Sequence

from replay import figures
from replay.performance.diagnosis import Finding
from replay.performance.regimes import DIRECTION, HALVES, VOLATILITY, YEARS, of_kind, regimes
from replay.results import RunResult
from replay.rows import Rows, number, text

SHOWN = 4
"""Warnings that a terminal shows after a run; the report has all findings."""


def warning_rows(found: Sequence[Finding]) -> Rows:
    """The first warnings, a row for each; none without a warning."""
    warnings = [one for one in found if one.is_warning]
    more = len(warnings) - SHOWN
    note = f"{more} more in the report and with --json." if more > 0 else ""
    rows = tuple((one.words,) for one in warnings[:SHOWN])
    return Rows("Diagnosis", (text("Finding"),), rows, note)


def regime_rows(result: RunResult) -> Rows:
    """A row for each part of the time: halves, years, and kinds of market."""
    found = regimes(result)
    shown = [one for kind in (HALVES, YEARS, VOLATILITY, DIRECTION) for one in of_kind(found, kind)]
    rows = tuple(
        (one.name, f"{one.days:,}", f"{one.pnl:,.2f}", figures.percent(one.total_return)) for one in shown
    )
    note = (
        f"P&L is in {result.currency}, deposits left out. Volatility is the benchmark's over 21 trading "
        "days; every strategy that buys depends on days on which it did not fall."
    )
    columns = (text("Part of the time"), number("Days"), number("P&L"), number("Return"))
    return Rows("By part of the time", columns, rows, note, tuple(one.pnl for one in shown))


def finding_fields(found: Sequence[Finding]) -> list[Mapping[str, object]]:
    """The findings for programs."""
    return [
        {
            "kind": one.kind.value,
            "warning": one.is_warning,
            "words": one.words,
            "figures": dict(one.figures),
        }
        for one in found
    ]
