"""Comparisons of runs as rows of text, as objects for programs, and as a page with their equity over time."""

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template
from typing import Any

import msgspec
import numpy as np

from kernel.decimals import exact
from kernel.errors import InputError
from replay import figures
from replay.divergence import maker_of
from replay.past.explanation_rows import event_fields
from replay.past.run_comparison import FirstDifference, Matched, RunComparison
from replay.report.files import check_replaceable
from replay.report.parts import asset, card, escaped
from replay.results import RunResult, unmarked_note
from replay.rows import Rows, number, text

SHOWN = 20
"""Most orders and fills of each run that are shown."""

GRID = "rgba(125, 135, 148, .25)"
"""Seen on a light and on a dark page."""

POINTS = 2_000
"""Most points of a line."""


@exact
def comparison_rows(found: RunComparison) -> tuple[Rows, ...]:
    """The tables of two runs: settings, first difference, figures, orders and fills of one of them alone."""
    names = (found.a.run_stream, found.b.run_stream)
    settings = tuple((key, _short(a), _short(b)) for key, a, b in found.settings)
    return (
        Rows("Settings that differ", (text("Setting"), *map(text, names)), settings),
        figure_rows((found.a, found.b), with_change=True),
        _matched_rows("Orders", found.orders, names),
        _matched_rows("Fills", found.fills, names),
    )


@exact
def figure_rows(results: Sequence[RunResult], *, with_change: bool = False) -> Rows:
    """The figures of several runs beside each other."""
    columns = [text("Figure"), *(number(one.run_stream) for one in results)]
    rows: list[tuple[str, ...]] = []
    for name, values, shown in _figures(results):
        cells = [name, *shown]
        if with_change:
            cells.append(_change(values[0], values[-1]))
        rows.append(tuple(cells))
    if with_change:
        columns.append(number("Change"))
    return Rows("Figures", tuple(columns), tuple(rows), note=_unmarked(results))


def _unmarked(results: Sequence[RunResult]) -> str:
    """Which logs had fills after their last mark, so that their equity is older than they are."""
    notes = ((one.run_stream, unmarked_note(one.unmarked_fills)) for one in results)
    return "\n".join(f"{name}: {note}." for name, note in notes if note)


def first_words(first: FirstDifference | None) -> str:
    """The first difference in a few lines."""
    if first is None:
        return "All records are equal."
    lines = [f"The first difference is at input {first.number:,} after the start:"]
    for seq, event in ((first.seq_a, first.a), (first.seq_b, first.b)):
        if event is None:
            lines.append("  the run has ended")
            continue
        maker = maker_of(event) or "an input"
        told = " ".join(f"{key}={_short(value)}" for key, value in event_fields(event).items() if value != "")
        lines.append(f"  seq {seq:,}: {type(event).__name__} ({maker}) {told}")
    return "\n".join(lines)


@exact
def comparison_object(found: RunComparison) -> dict[str, object]:
    """Two runs for programs."""
    first = found.first
    return {
        "a": found.a.run_stream,
        "b": found.b.run_stream,
        "is_equal": found.is_equal,
        "first": None
        if first is None
        else {
            "input": first.number,
            "seq_a": first.seq_a,
            "seq_b": first.seq_b,
            **{
                side: None if event is None else {"type": type(event).__name__, **event_fields(event)}
                for side, event in (("event_a", first.a), ("event_b", first.b))
            },
        },
        "settings": [{"setting": key, "a": a, "b": b} for key, a, b in found.settings],
        "figures": figures_object((found.a, found.b)),
        "orders": msgspec.to_builtins(found.orders),
        "fills": msgspec.to_builtins(found.fills),
    }


@exact
def figures_object(results: Sequence[RunResult]) -> dict[str, dict[str, float | None]]:
    """The figures by run and name."""
    found = list(_figures(results))
    return {
        one.run_stream: {name: values[place] for name, values, _ in found}
        for place, one in enumerate(results)
    }


@exact
def write_overlay(results: Sequence[RunResult], path: Path) -> Path:
    """Write a page with the figures of runs and their equity over one axis of time.

    Equity is shown as a part of the run's first. Raises ``InputError`` as ``write_report`` does.
    """
    check_replaceable(path)
    go: Any = importlib.import_module("plotly.graph_objects")  # plotly has no types
    io: Any = importlib.import_module("plotly.io")
    figure = go.Figure()
    for one in results:
        curve = one.equity
        step = max(1, len(curve.ts) // POINTS)
        values = np.asarray(curve.performance, dtype=float)[::step]
        times = np.asarray(curve.ts)[::step].astype("datetime64[ns]")
        figure.add_scatter(x=times, y=values / values[0], name=one.run_stream, mode="lines")
    figure.update_layout(
        height=520, hovermode="x unified", paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        font={"color": "#7d8794"}, margin={"l": 60, "r": 20, "t": 20, "b": 40}, legend={"orientation": "h"},
    )  # fmt: skip
    figure.update_xaxes(gridcolor=GRID, zerolinecolor=GRID)
    figure.update_yaxes(gridcolor=GRID, zerolinecolor=GRID)
    chart = io.to_html(figure, include_plotlyjs=True, full_html=False, config={"displaylogo": False})
    document = Template(asset("overlay.html")).substitute(
        title=escaped(", ".join(one.run_stream for one in results)),
        style=asset("report.css"),
        chart=chart,
        tables=card(figure_rows(results)),
    )
    try:
        path.write_text(document, encoding="utf-8")
    except OSError as error:
        raise InputError(f"report {path}: cannot be written: {error.strerror}") from error
    return path


def _figures(results: Sequence[RunResult]) -> Iterator[tuple[str, list[float | None], list[str]]]:
    """Each figure: its name, its value in each run, and how that is shown."""
    money = (
        ("Final equity", [one.metrics.final_equity for one in results]),
        ("Fees", [one.metrics.fees for one in results]),
    )
    for name, amounts in money:
        yield name, [float(amount) for amount in amounts], [figures.money(amount) for amount in amounts]
    for name, field in (
        ("Return", "total_return"),
        ("Annual return", "annual_return"),
        ("Volatility", "volatility"),
        ("Max. drawdown", "max_drawdown"),
        ("Win rate", "win_rate"),
    ):
        shares: list[float | None] = [getattr(one.metrics, field) for one in results]
        yield name, shares, [figures.percent(share) for share in shares]
    for name, field in (("Sharpe", "sharpe"), ("Sortino", "sortino"), ("Profit factor", "profit_factor")):
        ratios: list[float | None] = [getattr(one.metrics, field) for one in results]
        yield name, ratios, [figures.UNDEFINED if one is None else f"{one:.2f}" for one in ratios]
    for name, counts in (
        ("Trades", [one.metrics.trade_count for one in results]),
        ("Orders", [one.orders for one in results]),
        ("Fills", [one.fills for one in results]),
        ("Denied", [one.denied for one in results]),
        ("Failures", [one.failures for one in results]),
    ):
        yield name, [float(count) for count in counts], [f"{count:,}" for count in counts]


def _change(a: float | None, b: float | None) -> str:
    if a is None or b is None:
        return figures.UNDEFINED
    return "0" if a == b else f"{b - a:+,.6g}"


def _matched_rows(title: str, found: Matched, names: tuple[str, str]) -> Rows:
    columns = (text("Only in"), text(title))
    rows = [(names[0], words) for words in found.only_a[:SHOWN]]
    rows += [(names[1], words) for words in found.only_b[:SHOWN]]
    left = max(0, len(found.only_a) - SHOWN) + max(0, len(found.only_b) - SHOWN)
    note = f"{found.both:,} in both; {len(found.only_a):,} and {len(found.only_b):,} in one alone"
    if left:
        note += f"; {left:,} are not shown here: --json"
    return Rows(f"{title} that differ", columns, tuple(rows), note=note)


def _short(value: object) -> str:
    shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return shown if len(shown) <= 100 else f"{shown[:100]}..."
