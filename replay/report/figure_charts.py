"""The data of the charts of figures: rolling, by year, of exposure and costs, and of single trades."""

import html
from collections.abc import Sequence

import msgspec
import numpy as np

from kernel.time_units import DAY_NS
from replay.equity import DailyCloses, EquityCurve, Floats, Integers, daily_closes
from replay.performance.benchmark import Benchmark
from replay.performance.journal import JournalEntry
from replay.performance.metrics import periods_per_year
from replay.performance.rolling import rolling, turnover_over_time, yearly_returns
from replay.performance.trades import RoundTrip, entry_notional, net_returns
from replay.report.chart_times import chart_times, kept_points
from replay.results import RunResult

BINS = 60
"""Bars of a histogram."""
DRAWN_TRADES = 2_000
"""Most trades of a scatter chart: more points cover each other."""


class RollingChart(msgspec.Struct, frozen=True):
    """Sharpe ratio and volatility (a fraction) of the last ``window`` returns; empty for a short run."""

    window: int
    x: list[str]
    sharpe: list[float | None]
    volatility: list[float | None]


class YearChart(msgspec.Struct, frozen=True):
    """Returns by calendar year as fractions; ``benchmark`` is empty without one."""

    x: list[str]
    returns: list[float | None]
    benchmark: list[float | None]


class FlowChart(msgspec.Struct, frozen=True):
    """Exposure as a fraction of equity at marks; turnover and costs by month or day."""

    x: list[str]
    exposure: list[float | None]
    parts: list[str]
    is_monthly: bool
    turnover: list[float | None]
    costs: list[float]


class TradeChart(msgspec.Struct, frozen=True):
    """Returns of trades as fractions of the notional at entry, after commission.

    - ``bins``: the middle of each bar of the histogram, of ``width``; ``counts`` of all trades.
    - ``mae``, ``mfe``, ``returns``, ``text``: of the trades that are drawn as points. ``mae`` is above 0.
    - ``note``: which trades are drawn, if not all.
    """

    bins: list[float]
    width: float
    counts: list[int]
    mae: list[float]
    mfe: list[float]
    returns: list[float]
    text: list[str]
    note: str


def rolling_chart(result: RunResult) -> RollingChart:
    """Rolling figures of a run."""
    closes = daily_closes(result.equity)
    found = rolling(closes, periods_per_year(closes.days))
    kept = kept_points(found.volatility)
    return RollingChart(
        found.window,
        _day_texts(found.days[kept]),
        _numbers(found.sharpe[kept]),
        _numbers(found.volatility[kept]),
    )


def year_chart(result: RunResult) -> YearChart:
    """Yearly returns of a run and of its benchmark."""
    own = yearly_returns(daily_closes(result.equity))
    beside = () if result.benchmark is None else yearly_returns(_closes_of(result.equity, result.benchmark))
    return YearChart(
        [str(one.year) for one in own],
        _numbers(np.array([one.value for one in own])),
        _numbers(np.array([one.value for one in beside])),
    )


def flow_chart(result: RunResult) -> FlowChart:
    """Exposure, turnover and costs over time."""
    curve = result.equity
    share: Floats = np.full(len(curve), np.nan)
    np.divide(curve.exposure, curve.equity, out=share, where=curve.equity > 0)
    kept = kept_points(np.nan_to_num(share))
    flow = turnover_over_time(result.flow, curve)
    return FlowChart(
        chart_times(curve.ts[kept]),
        _numbers(share[kept]),
        _day_texts(flow.starts),
        flow.is_monthly,
        _numbers(flow.turnover),
        [float(value) for value in flow.costs],
    )


def trade_chart(trades: Sequence[RoundTrip], journal: Sequence[JournalEntry]) -> TradeChart:
    """Returns of all trades, and excursions of those in the journal that are drawn."""
    returns = np.array(net_returns(trades), dtype=np.float64)
    counts, edges = np.histogram(returns, bins=BINS) if len(returns) else (np.empty(0), np.zeros(1))
    chosen = set(map(id, drawn_trades([one.trade for one in journal])))
    drawn = [one for one in journal if id(one.trade) in chosen]
    note = ""
    if drawn and len(trades) > DRAWN_TRADES:
        note = f"{len(drawn):,} of {len(trades):,} trades are drawn, evenly in order of their returns."
    notionals = [float(entry_notional(one.trade)) for one in drawn]
    return TradeChart(
        [float(middle) for middle in (edges[:-1] + edges[1:]) / 2],
        float(edges[1] - edges[0]) if len(edges) > 1 else 0.0,
        [int(count) for count in counts],
        [-float(one.mae) / cost for one, cost in zip(drawn, notionals, strict=True)],
        [float(one.mfe) / cost for one, cost in zip(drawn, notionals, strict=True)],
        [float(one.trade.net_pnl) / cost for one, cost in zip(drawn, notionals, strict=True)],
        [_label(one.trade) for one in drawn],
        note,
    )


def drawn_trades(trades: Sequence[RoundTrip]) -> Sequence[RoundTrip]:
    """The trades that are drawn: all, or of many every n-th in order of returns, the extremes among them."""
    known = [one for one in trades if entry_notional(one) > 0]
    if len(known) <= DRAWN_TRADES:
        return known
    ordered = sorted(known, key=lambda one: one.net_return or 0.0)
    places: list[int] = np.linspace(0, len(ordered) - 1, DRAWN_TRADES).round().astype(np.int64).tolist()
    return [ordered[place] for place in places]


def _label(trade: RoundTrip) -> str:
    day = np.datetime_as_string(np.datetime64(trade.exit_ts, "ns"), unit="D")
    return html.escape(f"{trade.symbol} {day}")


def _closes_of(curve: EquityCurve, beside: Benchmark) -> DailyCloses:
    return daily_closes(msgspec.structs.replace(curve, equity=beside.value, unitised=None))


def _day_texts(days: Integers) -> list[str]:
    return [text[:10] for text in chart_times(days * DAY_NS)]


def _numbers(values: Floats) -> list[float | None]:
    """Numbers for JSON, which has no NaN."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]
