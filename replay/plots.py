"""The charts of a run as one Plotly figure, from the same data as the report's charts."""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.configuration import no_such
from kernel.errors import InputError
from replay.report.charts import ChartData, Indicator, Markers, PriceChart, chart_data
from replay.report.prices import PriceHistory
from replay.results import RunResult

if TYPE_CHECKING:
    import plotly.graph_objects as go

ACCENT, MUTED, GAIN, LOSS = "#2f6fed", "#68727f", "#12805a", "#c8372d"
LOSS_AREA = "rgba(200, 55, 45, .16)"
FEW_POINTS = 40
"""Below this number the points of a line are marked."""


def run_figure(
    result: RunResult, prices: PriceHistory, *, symbol: str = "", log_scale: bool = False
) -> "go.Figure":
    """Price with entries and exits, logged figures, equity and drawdown, over one axis of time (UTC).

    - The price is of ``symbol``; without one, of the most traded. Bars are candles.
    - Logged figures of the size of the price are drawn on it, others below it.
    - Equity is in money, beside the benchmark.
    - ``log_scale``: of price and equity.

    Raises ``InputError`` for a symbol without prices.
    """
    if symbol and symbol not in prices:
        raise InputError(f"symbol: {no_such(symbol, list(prices))}")
    chosen = symbol or next(iter(prices), "")
    data = chart_data(result, {chosen: prices[chosen]} if chosen else {})
    subplots: Any = importlib.import_module("plotly.subplots")  # plotly has no types
    chart = data.prices[0] if data.prices else None
    below = [] if chart is None else [one for one in chart.indicators if not one.on_price]
    heights = [*([0.46] if chart else []), *([0.18] if below else []), 0.34, 0.20]
    figure = subplots.make_subplots(
        rows=len(heights), cols=1, shared_xaxes=True, vertical_spacing=0.04, row_heights=heights
    )
    if chart is not None:
        _add_price(figure, chart)
        _add_indicators(figure, below, row=2)
    _add_curve(figure, data, row=len(heights) - 1)
    figure.update_layout(
        template="plotly_white",
        height=260 + 180 * len(heights),
        margin={"l": 70, "r": 20, "t": 60, "b": 40},
        hovermode="x unified",
        title={"text": _title(result), "font": {"size": 15}},
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.01, "yanchor": "bottom"},
    )
    figure.update_xaxes(rangeslider_visible=False)
    if log_scale:
        for row in {1, len(heights) - 1}:
            figure.update_yaxes(type="log", row=row, col=1)
    return figure


def _title(result: RunResult) -> str:
    names = ", ".join(one.strategy for one in result.strategies)
    warning = f" <span style='color:{LOSS}'>failed: do not rely on it</span>" if result.failures else ""
    return f"{names}{warning}"


def _add_price(figure: Any, chart: PriceChart) -> None:  # plotly has no types
    if chart.candles is None:
        figure.add_scatter(
            x=chart.x,
            y=chart.y,
            mode=_mode(chart.x),
            name=chart.symbol,
            line={"color": MUTED, "width": 1.1},
            hovertemplate="%{y:,.6~f}",
            row=1,
            col=1,
        )
    else:
        figure.add_candlestick(
            **msgspec.structs.asdict(chart.candles),
            name=chart.symbol,
            increasing={"line": {"color": GAIN, "width": 1}},
            decreasing={"line": {"color": LOSS, "width": 1}},
            opacity=0.7,
            row=1,
            col=1,
        )
    _add_indicators(figure, [one for one in chart.indicators if one.on_price], row=1)
    marks = (
        (chart.long_entries, "Long entry", "triangle-up", ACCENT),
        (chart.short_entries, "Short entry", "triangle-down", ACCENT),
        (chart.gains, "Exit with gain", "circle", GAIN),
        (chart.losses, "Exit with loss", "circle", LOSS),
    )
    for points, name, shape, colour in marks:
        if points.x:
            _add_markers(figure, points, name=name, shape=shape, colour=colour)
    figure.update_yaxes(title_text=chart.symbol, tickformat=",.6~f", row=1, col=1)


def _add_indicators(figure: Any, indicators: Sequence[Indicator], *, row: int) -> None:  # as above
    for one in indicators:
        figure.add_scatter(
            x=one.x,
            y=one.y,
            mode="lines",
            name=one.name,
            line={"width": 1.2},
            hovertemplate="%{y:,.6~f}",
            row=row,
            col=1,
        )


def _add_markers(figure: Any, points: Markers, *, name: str, shape: str, colour: str) -> None:  # as above
    figure.add_scatter(
        x=points.x,
        y=points.y,
        text=points.text,
        mode="markers",
        name=name,
        marker={"symbol": shape, "color": colour, "size": 9, "line": {"color": "white", "width": 1}},
        hovertemplate="%{text}",
        row=1,
        col=1,
    )


def _add_curve(figure: Any, data: ChartData, *, row: int) -> None:  # as above
    curve = data.curve
    figure.add_scatter(
        x=curve.x,
        y=curve.equity,
        mode=_mode(curve.x),
        name="Equity",
        line={"color": ACCENT, "width": 1.6},
        hovertemplate="%{y:,.2f} " + data.currency,
        showlegend=bool(curve.benchmark),
        row=row,
        col=1,
    )
    if curve.benchmark:
        figure.add_scatter(
            x=curve.x,
            y=curve.benchmark,
            mode="lines",
            name="Benchmark",
            line={"color": MUTED, "width": 1.1, "dash": "dot"},
            hovertemplate="%{y:,.2f} " + data.currency,
            row=row,
            col=1,
        )
    figure.add_scatter(
        x=curve.x,
        y=curve.drawdown,
        mode=_mode(curve.x),
        name="Drawdown",
        fill="tozeroy",
        fillcolor=LOSS_AREA,
        line={"color": LOSS, "width": 1},
        hovertemplate="%{y:.2%}",
        showlegend=False,
        row=row + 1,
        col=1,
    )
    figure.update_yaxes(title_text=f"Equity, {data.currency}", tickformat=",.4~f", row=row, col=1)
    figure.update_yaxes(title_text="Drawdown", tickformat=".2~%", row=row + 1, col=1)


def _mode(points: list[str]) -> str:
    return "lines+markers" if len(points) < FEW_POINTS else "lines"
