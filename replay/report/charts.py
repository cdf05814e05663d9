"""The data of the charts that ``report.js`` draws. Times are ISO texts in UTC without an offset."""

import html
from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import inf

import msgspec
import numpy as np

from kernel.corporate_actions import is_void
from kernel.events import CorporateAction, CorporateActionKind, Side
from kernel.time_units import DAY_NS, HOUR_NS, MS_NS
from replay import figures
from replay.equity import EquityCurve, Integers, daily_closes
from replay.performance.journal import JournalEntry
from replay.performance.logged_series import LoggedSeries
from replay.performance.metrics import drawdowns
from replay.performance.sampling import Candles
from replay.performance.trades import OpenLot, RoundTrip
from replay.report.chart_times import chart_times, kept_points
from replay.report.figure_charts import (
    FlowChart,
    RollingChart,
    TradeChart,
    YearChart,
    flow_chart,
    rolling_chart,
    trade_chart,
    year_chart,
)
from replay.report.prices import PriceHistory, PriceSeries
from replay.results import RunResult

MARKED_TRADES = 1_000
"""Most round trips marked for a symbol. More markers would cover each other."""

INTRADAY_BELOW_NS = 20 * HOUR_NS

_MARKED_PRICE = Decimal("1E-8")
"""A price that a split divided by 3 has a rest in the digits after these."""


class CurveChart(msgspec.Struct, frozen=True):
    """Equity in money and drawdown as a fraction."""

    x: list[str]
    equity: list[float]
    benchmark: list[float]
    """The value of the benchmark; empty without one."""
    drawdown: list[float | None]
    is_intraday: bool
    note: str


class StrategyLine(msgspec.Struct, frozen=True):
    """The net P&L of one strategy, in the account's currency."""

    name: str
    x: list[str]
    pnl: list[float]


class Markers(msgspec.Struct, frozen=True):
    """Points on a price chart, each with its text."""

    x: list[str]
    y: list[float]
    text: list[str]


class CandleChart(msgspec.Struct, frozen=True):
    """Bars, by the beginning of the stretch that ends at ``ts``."""

    x: list[str]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]


class Indicator(msgspec.Struct, frozen=True):
    """A figure that a strategy logged. ``on_price``: drawn on the prices, as it is of their size."""

    name: str
    x: list[str]
    y: list[float]
    on_price: bool


class PriceChart(msgspec.Struct, frozen=True):
    """Prices of a symbol with markers for its trades."""

    symbol: str
    x: list[str]
    y: list[float]
    long_entries: Markers
    short_entries: Markers
    gains: Markers
    losses: Markers
    is_intraday: bool
    note: str
    candles: CandleChart | None
    indicators: list[Indicator]


class ChartData(msgspec.Struct, frozen=True):
    """The data of all charts."""

    currency: str
    curve: CurveChart
    strategies: list[StrategyLine]
    """Empty for a run of one strategy, and where ledgers were not marked."""
    prices: list[PriceChart]
    returns: list[float]
    flat_days: int
    """Days with a return of 0. They are left out of ``returns``, where they would hide all others."""
    rolling: RollingChart
    years: YearChart
    flow: FlowChart
    trades: TradeChart


def chart_data(result: RunResult, prices: PriceHistory, journal: Sequence[JournalEntry] = ()) -> ChartData:
    """Prepare the figures of a run. Without a journal no excursions are drawn."""
    returns = daily_closes(result.equity).returns
    moves = returns[np.isfinite(returns) & (returns != 0)]
    return ChartData(
        currency=html.escape(result.currency),
        curve=_curve(result),
        strategies=[
            _strategy_line(one.strategy, one.equity)
            for one in result.by_strategy
            if one.equity is not None and len(result.by_strategy) > 1
        ],
        prices=[_price_chart(result, series) for series in prices.values() if len(series.ts) > 1],
        returns=[float(value) for value in moves],
        flat_days=int(np.count_nonzero(returns == 0)),
        rolling=rolling_chart(result),
        years=year_chart(result),
        flow=flow_chart(result),
        trades=trade_chart(result.trades, journal),
    )


def _kept(curve: EquityCurve) -> tuple[Integers, list[str]]:
    """The points of a curve that are drawn, and their times."""
    kept = kept_points(curve.equity)
    ts = curve.ts[kept]
    is_midnight_mark = (kept > 0) & (ts % DAY_NS == 0)  # it closes the day before, and is drawn there
    return kept, chart_times(ts - is_midnight_mark * MS_NS)


def _strategy_line(name: str, curve: EquityCurve) -> StrategyLine:
    kept, times = _kept(curve)
    return StrategyLine(
        html.escape(name), times, [float(value) for value in curve.equity[kept] - curve.equity[0]]
    )


def _curve(result: RunResult) -> CurveChart:
    curve, beside = result.equity, result.benchmark
    kept, times = _kept(curve)
    return CurveChart(
        x=times,
        equity=[float(value) for value in curve.equity[kept]],
        benchmark=[] if beside is None else [float(value) for value in beside.value[kept]],
        drawdown=[float(value) for value in drawdowns(curve.performance)[kept]],
        is_intraday=_is_intraday(curve.ts[1:]),
        note=_curve_note(len(kept), len(curve)),
    )


def _curve_note(drawn: int, marks: int) -> str:
    if drawn == marks:
        return ""
    return (
        f"Drawn are {drawn:,} of {marks:,} marks, the lowest and highest equity of each stretch of time. "
        "All figures are of all marks."
    )


def _price_chart(result: RunResult, series: PriceSeries) -> PriceChart:
    trades = [trade for trade in result.trades if trade.symbol == series.symbol]
    lots = [lot for lot in result.open_lots if lot.symbol == series.symbol]
    shown = trades[:MARKED_TRADES]
    is_marked_whole = len(shown) == len(trades)
    entries: list[RoundTrip | OpenLot] = [*shown, *(lots if is_marked_whole else ())]
    names_strategy = len(result.strategies) > 1
    splits = [
        one
        for one in result.facts.actions
        if one.symbol == series.symbol and one.kind is CorporateActionKind.SPLIT and not is_void(one)
    ]
    notes = (
        [] if is_marked_whole else [f"The first {len(shown):,} of {len(trades):,} round trips are marked."]
    )
    if series.is_thinned:
        notes.append("The line is reduced to the lowest and highest price of each stretch of time.")
    if series.candles is not None and series.candles.bars_each > 1:
        notes.append(f"Each candle is {series.candles.bars_each} bars.")
    return PriceChart(
        symbol=series.symbol,
        x=chart_times(series.ts),
        y=[float(price) for price in series.price],
        long_entries=_entries(entries, splits, Side.BUY, names_strategy=names_strategy),
        short_entries=_entries(entries, splits, Side.SELL, names_strategy=names_strategy),
        gains=_exits((t for t in shown if t.net_pnl > 0), names_strategy=names_strategy),
        losses=_exits((t for t in shown if t.net_pnl <= 0), names_strategy=names_strategy),
        is_intraday=_is_intraday(series.ts),
        note=" ".join(notes),
        candles=None if series.candles is None else _candles(series.candles),
        indicators=_indicators(result, series),
    )


def _candles(candles: Candles) -> CandleChart:
    return CandleChart(
        chart_times(candles.ts),
        *(
            [float(price) for price in each]
            for each in (candles.open, candles.high, candles.low, candles.close)
        ),
    )


def _indicators(result: RunResult, series: PriceSeries) -> list[Indicator]:
    """The logged figures of a symbol, and those that belong to no symbol."""
    own = [logged for logged in result.logged if logged.symbol in ("", series.symbol) and len(logged.ts)]
    names_strategy = len(result.strategies) > 1
    return [
        Indicator(
            html.escape(f"{logged.strategy}: {logged.name}" if names_strategy else logged.name),
            chart_times(logged.ts),
            [float(value) for value in logged.values],
            _is_of_the_size_of(series, logged),
        )
        for logged in own
    ]


def _is_of_the_size_of(series: PriceSeries, logged: LoggedSeries) -> bool:
    """Whether the middle value is within the prices, give or take a tenth."""
    middle = float(np.median(logged.values))
    return bool(0.9 * series.price.min() <= middle <= 1.1 * series.price.max())


def _entries(
    entries: Sequence[RoundTrip | OpenLot],
    splits: Sequence[CorporateAction],
    side: Side,
    *,
    names_strategy: bool,
) -> Markers:
    """One marker for each entry, even if it was closed in several parts.

    An entry before a split is marked in the terms of its day, as the prices are.
    """
    verb = "Buy" if side is Side.BUY else "Sell short"
    quantities: dict[tuple[int, str, Decimal], float] = {}
    for entry in entries:
        if entry.side is side:
            ratio, price = _ratio_since_entry(entry, splits), entry.entry_price
            if ratio != 1:
                price = (price * ratio).quantize(_MARKED_PRICE).normalize()
            key = (entry.entry_ts, entry.strategy, price)
            quantities[key] = quantities.get(key, 0.0) + float(entry.quantity / ratio)
    texts = [
        f"{verb} {quantity:,.10g} at {figures.price(price)}" + _owner(strategy, names_strategy=names_strategy)
        for (_, strategy, price), quantity in quantities.items()
    ]
    return _markers([(ts, float(price)) for ts, _, price in quantities], texts)


def _ratio_since_entry(entry: RoundTrip | OpenLot, splits: Sequence[CorporateAction]) -> Decimal:
    """The units of the exit, or of now, for one of the entry."""
    end_ts = entry.exit_ts if isinstance(entry, RoundTrip) else inf
    ratio = Decimal(1)
    for one in splits:
        if entry.entry_ts < one.ts <= end_ts:
            ratio *= one.ratio
    return ratio


def _exits(trades: Iterable[RoundTrip], *, names_strategy: bool) -> Markers:
    points: list[tuple[int, float]] = []
    texts: list[str] = []
    for trade in trades:
        verb, currency = "Sell" if trade.side is Side.BUY else "Buy back", html.escape(trade.currency)
        points.append((trade.exit_ts, float(trade.exit_price)))
        texts.append(
            f"{verb} {figures.quantity(trade.quantity)} at {figures.price(trade.exit_price)}<br>"
            f"P&amp;L {trade.net_pnl:+,.2f} {currency} ({figures.percent(trade.net_return)})"
            f" after {figures.duration(trade.duration_ns)}"
            + _owner(trade.strategy, names_strategy=names_strategy)
        )
    return _markers(points, texts)


def _owner(strategy: str, *, names_strategy: bool) -> str:
    """The strategy's name for a marker, escaped, as the plotting library reads texts as HTML."""
    return f"<br>{html.escape(strategy)}" if names_strategy else ""


def _markers(points: list[tuple[int, float]], texts: list[str]) -> Markers:
    ts = np.array([ts for ts, _ in points], dtype=np.int64)
    return Markers(chart_times(ts), [price for _, price in points], texts)


def _is_intraday(ts: Integers) -> bool:
    return len(ts) > 1 and bool(np.median(np.diff(ts)) < INTRADAY_BELOW_NS)
