"""The gate between two environments: what a version must have shown before it leaves one."""

from itertools import pairwise
from math import sqrt
from statistics import fmean, stdev

from kernel.events.deployments import GateRow
from replay.deploying.gate_measures import Conduct, Counted, Measured
from replay.deploying.settings import GateLimits
from replay.rows import Rows, text

NO_FILL = "no fills"


def rows_of_gate(
    measured: Measured, limits: GateLimits, *, reviewed_by: str, alerts_confirmed_by: str, open_alerts: int
) -> tuple[GateRow, ...]:
    """All conditions. A figure that could not be measured does not meet its condition."""
    period = f"seq {measured.from_seq:,} to {measured.to_seq:,}"
    days = len(measured.days)
    crashes = _sum(measured.crashes, measured.failures)
    return (
        GateRow(
            "trading days", f"{days}", f"at least {limits.trading_days}", days >= limits.trading_days, period
        ),
        _counted("crashes", crashes, limits.crashes, period),
        _slippage(measured, limits, period),
        _fill_rate(measured.paper, limits, period),
        _pnl(measured, limits, period),
        _counted("risk breaches", measured.breaches, limits.breaches, period),
        GateRow("review", _by(reviewed_by), "by somebody", bool(reviewed_by)),
        GateRow(
            "alerts",
            f"{_by(alerts_confirmed_by)}, {open_alerts} open",
            "confirmed by somebody",
            bool(alerts_confirmed_by),
        ),
    )


def gate_table(rows: tuple[GateRow, ...], *, strategy: str, origin: str) -> Rows:
    """The conditions as a table."""
    columns = (
        text("Condition"),
        text("Measured"),
        text("Limit"),
        text("Passed"),
        text("Place in the log", rank=1),
    )
    cells = tuple(
        (row.check, row.measured, row.limit, "yes" if row.is_passed else "NO", row.place) for row in rows
    )
    return Rows(f"Gate of {strategy} out of {origin}", columns, cells)


def _by(name: str) -> str:
    return f"by {name}" if name else "by nobody"


def _sum(*counted: Counted) -> Counted:
    places = [one.first_seq for one in counted if one.count]
    return Counted(sum(one.count for one in counted), min(places, default=0))


def _counted(check: str, counted: Counted, most: int, period: str) -> GateRow:
    place = f"first at seq {counted.first_seq:,}" if counted.count else period
    return GateRow(check, f"{counted.count}", f"at most {most}", counted.count <= most, place)


def _slippage(measured: Measured, limits: GateLimits, period: str) -> GateRow:
    """How much worse fills were than those of the model."""
    limit = f"at most {limits.slippage_bps:g} bps above the model"
    own, model = measured.paper.slippages, measured.backtest.slippages
    if not own or not model:
        return GateRow("slippage", NO_FILL, limit, is_passed=False, place=period)
    worse = fmean(own) - fmean(model)
    shown = f"{worse:+.2f} bps: {fmean(own):.2f}, model {fmean(model):.2f}, {len(own)} fills"
    return GateRow("slippage", shown, limit, worse <= limits.slippage_bps, period)


def _fill_rate(own: Conduct, limits: GateLimits, period: str) -> GateRow:
    limit = f"above {limits.fill_rate_pct:g}%"
    if not own.ended:
        return GateRow("fill rate", "no orders ended", limit, is_passed=False, place=period)
    rate = 100.0 * own.filled / own.ended
    shown = f"{rate:.1f}% of {own.ended} orders"
    return GateRow("fill rate", shown, limit, rate > limits.fill_rate_pct, period)


def _pnl(measured: Measured, limits: GateLimits, period: str) -> GateRow:
    """How far the P&L is from the backtest's, against how much the backtest's varies over such a period."""
    limit = f"at most {limits.pnl_deviations:g} standard deviations from the backtest"
    own = [float(value) for value in measured.paper.pnl if value is not None]
    model = [float(value) for value in measured.backtest.pnl if value is not None]
    if len(own) != len(measured.paper.pnl) or len(model) != len(measured.backtest.pnl) or len(model) < 3:
        return GateRow("P&L", "needs two days with prices", limit, is_passed=False, place=period)
    daily = [after - before for before, after in pairwise(model)]
    deviation = stdev(daily) * sqrt(len(daily))
    gained, expected = own[-1] - own[0], model[-1] - model[0]
    shown = f"{gained:.2f}, backtest {expected:.2f}, standard deviation {deviation:.2f}"
    is_near = abs(gained - expected) <= limits.pnl_deviations * deviation
    return GateRow("P&L", shown, limit, is_near, period)
