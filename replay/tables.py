"""A run's result as a table for a terminal and as one flat JSON object, with the same fields."""

from collections.abc import Iterator
from decimal import Decimal

from rich.table import Table

from kernel.decimals import exact
from kernel.time_units import SECOND_NS
from replay import figures
from replay.results import RunResult

JsonField = str | int | float | list[str] | None


@exact
def result_table(result: RunResult) -> Table:
    """A table of names and figures, one in each line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, figure in result_lines(result):
        table.add_row(name, figure)
    return table


def result_lines(result: RunResult) -> Iterator[tuple[str, str]]:
    """Names and figures of the table, line by line."""
    m = result.metrics
    yield "Period", figures.period(m.start_ts, m.end_ts)
    yield "Events", f"{result.events:,} ({result.inputs:,} inputs, {result.derived:,} derived)"
    yield "Orders", f"{result.orders:,} submitted, {result.denied:,} denied, {result.rejected:,} rejected"
    yield "Fills", f"{result.fills:,}"
    yield "Trades", f"{m.trade_count:,} closed, {len(result.open_lots):,} open"
    yield "Final equity", f"{figures.money(m.final_equity)} {result.currency}"
    yield "Total return", figures.percent(m.total_return)
    yield "Annual return", figures.percent(m.annual_return)
    yield "Volatility", figures.percent(m.volatility)
    yield "Sharpe", figures.ratio(m.sharpe)
    yield "Sortino", figures.ratio(m.sortino)
    yield "Calmar", figures.ratio(m.calmar)
    yield "Max drawdown", _drawdown(m.max_drawdown, m.max_drawdown_duration_ns)
    yield "Win rate", figures.percent(m.win_rate)
    yield "Profit factor", figures.ratio(m.profit_factor)
    yield "Exposure", figures.percent(m.exposure)
    yield "Average trade duration", figures.duration(m.average_trade_duration_ns)
    yield "Best trade", figures.percent(m.best_trade)
    yield "Worst trade", figures.percent(m.worst_trade)
    yield "Fees", f"{figures.money(m.fees)} {result.currency}"
    if result.first_problem:
        yield "Problems", problems(result)
    if result.digest:
        yield "Digest", result.digest


def problems(result: RunResult) -> str:
    """The number of problems of each kind, and the first problem."""
    counts = {
        "failures": result.failures,
        "decisions refused": result.refused,
        "orders denied": result.denied,
        "orders rejected": result.rejected,
    }
    counted = ", ".join(f"{name}: {count:,}" for name, count in counts.items() if count)
    return f"{counted}; first: {result.first_problem}"


@exact
def to_json(result: RunResult) -> dict[str, JsonField]:
    """One flat object. Money is exact, as strings; times are ISO 8601 UTC; undefined figures are null.

    Rates are fractions (0.05 is 5 %), durations are in seconds. New names may be added; existing ones never
    change.
    """
    m = result.metrics
    return {
        "run_stream": result.run_stream,
        "strategies": [one.strategy for one in result.strategies],
        "symbols": list(result.symbols),
        "start": figures.iso(m.start_ts),
        "end": figures.iso(m.end_ts),
        "events": result.events,
        "inputs": result.inputs,
        "derived": result.derived,
        "orders": result.orders,
        "denied": result.denied,
        "rejected": result.rejected,
        "refused": result.refused,
        "failures": result.failures,
        "first_problem": result.first_problem or None,
        "fills": result.fills,
        "trades": m.trade_count,
        "open_lots": len(result.open_lots),
        "currency": result.currency,
        "initial_equity": _exact(m.initial_equity),
        "final_equity": _exact(m.final_equity),
        "total_return": m.total_return,
        "annual_return": m.annual_return,
        "volatility": m.volatility,
        "sharpe": m.sharpe,
        "sortino": m.sortino,
        "calmar": m.calmar,
        "max_drawdown": m.max_drawdown,
        "max_drawdown_duration_s": m.max_drawdown_duration_ns / SECOND_NS,
        "win_rate": m.win_rate,
        "profit_factor": m.profit_factor,
        "exposure": m.exposure,
        "average_trade_duration_s": _seconds(m.average_trade_duration_ns),
        "best_trade": m.best_trade,
        "worst_trade": m.worst_trade,
        "fees": _exact(m.fees),
        "digest": result.digest,
    }


def _drawdown(depth: float | None, length_ns: int) -> str:
    return (
        f"{figures.percent(depth)}, longest {figures.duration(length_ns)}"
        if depth
        else figures.percent(depth)
    )


def _exact(amount: Decimal) -> str:
    return f"{amount:f}"


def _seconds(value_ns: float | None) -> float | None:
    return None if value_ns is None else value_ns / SECOND_NS
