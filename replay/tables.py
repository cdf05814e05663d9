"""A run's result as tables for a terminal and as one JSON object, with the same fields."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.table import Table

from kernel.decimals import exact
from kernel.time_units import SECOND_NS
from replay import figures
from replay.results import RunResult
from replay.strategy_results import StrategyResult

StrategyField = str | int | float | None
JsonField = StrategyField | Sequence[str] | Sequence[dict[str, StrategyField]]


@exact
def result_table(result: RunResult) -> Table:
    """A table of names and figures, one in each line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, figure in result_lines(result):
        table.add_row(name, figure)
    return table


@exact
def strategies_table(result: RunResult) -> Table | None:
    """A table with a line for each strategy; ``None`` for a run of one."""
    if len(result.by_strategy) < 2:
        return None
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in STRATEGY_COLUMNS:
        table.add_column(name, justify="left" if name == "Strategy" else "right", no_wrap=name != "Strategy")
    for one in result.by_strategy:
        table.add_row(*strategy_cells(one))
    return table


STRATEGY_COLUMNS = (
    "Strategy", "Trades", "Win rate", "Trade P&L", "Net P&L", "Return", "Drawdown", "Sharpe", "Exposure",
    "Fees",
)  # fmt: skip


def strategy_cells(one: StrategyResult) -> tuple[str, ...]:
    """The cells of a strategy's line, below ``STRATEGY_COLUMNS``."""
    m = one.metrics
    return (
        one.strategy,
        f"{one.trades.trade_count:,}",
        figures.percent(one.trades.win_rate),
        figures.money(one.trade_pnl),
        figures.UNDEFINED if one.pnl is None else figures.money(one.pnl.net),
        figures.percent(None if m is None else m.total_return),
        figures.percent(None if m is None else m.max_drawdown),
        figures.ratio(None if m is None else m.sharpe),
        figures.percent(None if m is None else m.exposure),
        figures.money(one.fees),
    )


def strategies_note(result: RunResult) -> str:
    """A sentence about what the columns mean, or need."""
    money = f"Money is in {result.currency}."
    if any(one.pnl is None for one in result.by_strategy):
        return f"{money} P&L and returns over time by strategy need portfolio: {{mark_ledgers: true}}."
    return f"{money} Returns are on the strategy's capital or, without one, on the account's starting equity."


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
    """One object, flat but for ``by_strategy``. Money is exact, as strings; times are ISO 8601 UTC;
    undefined figures are null.

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
        "by_strategy": [_strategy_json(one) for one in result.by_strategy],
    }


def _strategy_json(one: StrategyResult) -> dict[str, StrategyField]:
    """The figures of one strategy; those that need marks of its ledger are null without."""
    m, pnl, trades = one.metrics, one.pnl, one.trades
    return {
        "strategy": one.strategy,
        "orders": one.orders,
        "denied": one.denied,
        "rejected": one.rejected,
        "refused": one.refused,
        "fills": one.fills,
        "trades": trades.trade_count,
        "open_lots": one.open_lots,
        "win_rate": trades.win_rate,
        "profit_factor": trades.profit_factor,
        "average_trade_duration_s": _seconds(trades.average_trade_duration_ns),
        "best_trade": trades.best_trade,
        "worst_trade": trades.worst_trade,
        "trade_pnl": _exact(one.trade_pnl),
        "fees": _exact(one.fees),
        "initial_equity": _exact(one.initial_equity),
        "final_equity": None if m is None else _exact(m.final_equity),
        "realised_pnl": None if pnl is None else _exact(pnl.realised),
        "unrealised_pnl": None if pnl is None else _exact(pnl.unrealised),
        "income": None if pnl is None else _exact(pnl.income),
        "net_pnl": None if pnl is None else _exact(pnl.net),
        "total_return": None if m is None else m.total_return,
        "annual_return": None if m is None else m.annual_return,
        "volatility": None if m is None else m.volatility,
        "sharpe": None if m is None else m.sharpe,
        "sortino": None if m is None else m.sortino,
        "calmar": None if m is None else m.calmar,
        "max_drawdown": None if m is None else m.max_drawdown,
        "max_drawdown_duration_s": None if m is None else m.max_drawdown_duration_ns / SECOND_NS,
        "exposure": None if m is None else m.exposure,
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
