"""A run's result as rows for a terminal, the report and notebooks. All are pure functions of the result.

``result_lines`` are names and figures, one in each line. The others are tables: of strategies, symbols,
reasons of exits, drawdowns, open positions, and what was odd in the data. ``result_json`` has the same fields
for programs.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType

import msgspec
import numpy as np
from rich.table import Table
from rich.text import Text

from eventstore.data_issues import described, summary
from kernel.decimals import exact
from kernel.events import Side
from replay import figures
from replay.performance.rolling import annual_turnover
from replay.performance.strategy_results import StrategyResult
from replay.performance.trades import OpenLot
from replay.results import RunResult, RunStrategy
from replay.rows import Rows, number, text

WORST_DRAWDOWNS = 5
ISSUES_SHOWN = 10

BENCHMARK_DRAWDOWN = "benchmark_max_drawdown"

METRIC_OF: Mapping[str, str] = MappingProxyType(
    {
        "Total return": "total_return",
        "Annual return": "annual_return",
        "Volatility": "volatility",
        "Sharpe": "sharpe",
        "Sortino": "sortino",
        "Calmar": "calmar",
        "Max drawdown": "max_drawdown",
        "Win rate": "win_rate",
        "Profit factor": "profit_factor",
        "Average trade duration": "average_trade_duration_ns",
        "Best trade": "best_trade",
        "Worst trade": "worst_trade",
        "Benchmark drawdown": BENCHMARK_DRAWDOWN,
        "Alpha": "alpha",
        "Beta": "beta",
        "Correlation": "correlation",
    }
)
"""The field of the figure by the name of its line, where it may be undefined for a reason."""

_ALARMS = ("Ruined", "Problems")
"""The lines that are red on a terminal."""


@exact
def result_table(result: RunResult) -> Table:
    """A table of names and figures, one in each line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, figure in result_lines(result):
        style = "not dim bold red" if name in _ALARMS else ""
        table.add_row(Text(name, style), Text(figure, style))
    return table


@exact
def result_lines(result: RunResult) -> Iterator[tuple[str, str]]:
    """Names and figures, line by line: what was run on what, what happened, and the figures.

    A figure that is not defined is shown with the reason.
    """
    undefined = undefined_figures(result)
    for name, figure in _lines(result):
        yield name, figures.explained(figure, undefined.get(METRIC_OF.get(name, "")))


def undefined_figures(result: RunResult) -> Mapping[str, str]:
    """The reason for each figure of the run, or of its comparison, that is not defined, by name."""
    beside = result.benchmark
    return {**result.metrics.undefined, **({} if beside is None else _beside(beside.undefined))}


def _beside(undefined: Mapping[str, str]) -> dict[str, str]:
    return {BENCHMARK_DRAWDOWN if key == "max_drawdown" else key: why for key, why in undefined.items()}


def _lines(result: RunResult) -> Iterator[tuple[str, str]]:
    yield from _settings_lines(result)
    yield from _event_lines(result)
    yield from _return_lines(result)
    yield from _benchmark_lines(result)
    yield from _drawdown_lines(result)
    yield from _trade_lines(result)
    for terms in result.assumed:
        yield "Assumed", terms
    for note in result.notes:
        yield "Note", note
    for stream, issues in result.data_issues.items():
        yield "Data quality", f"{stream}: {summary(issues)}"
    found = problems(result)
    if found:
        yield "Problems", found
    if result.digest:
        yield "Digest", result.digest


def _settings_lines(result: RunResult) -> Iterator[tuple[str, str]]:
    m = result.metrics
    for one in result.strategies:
        yield "Strategy", " ".join(part for part in (one.strategy, one.version, f"({one.reference})") if part)
        yield "Parameters", params_text(one)
    yield "Data", data_text(result)
    yield "Symbols", figures.names(result.symbols)
    yield "Period", figures.period(result.days)
    yield "Initial cash", f"{figures.money(m.initial_equity)} {result.currency}"


def _event_lines(result: RunResult) -> Iterator[tuple[str, str]]:
    yield "Events", f"{result.events:,} ({result.inputs:,} inputs, {result.derived:,} derived)"
    yield "Orders", f"{result.orders:,} submitted, {result.denied:,} denied, {result.rejected:,} rejected"
    yield "Fills", f"{result.fills:,}"
    yield "Trades", f"{result.metrics.trade_count:,} closed, {len(result.open_lots):,} open"


def _return_lines(result: RunResult) -> Iterator[tuple[str, str]]:
    m = result.metrics
    yield "Final equity", f"{figures.money(m.final_equity)} {result.currency}"
    ruined_ts = ruin_ts(result)
    if ruined_ts is not None:
        yield "Ruined", f"{figures.moment(ruined_ts)}: the equity was 0 or below"
    yield "Equity peak", f"{figures.money(equity_peak(result))} {result.currency}"
    beside = result.benchmark
    with_benchmark = f" (benchmark {figures.percent(beside.total_return)})" if beside is not None else ""
    yield "Total return", figures.percent(m.total_return) + with_benchmark
    yield "Annual return", figures.percent(m.annual_return)
    yield "Volatility", figures.percent(m.volatility)
    yield "Sharpe", figures.ratio(m.sharpe)
    yield "Sortino", figures.ratio(m.sortino)
    yield "Calmar", figures.ratio(m.calmar)


def _benchmark_lines(result: RunResult) -> Iterator[tuple[str, str]]:
    one = result.benchmark
    if one is None:
        return
    yield "Benchmark", one.name
    yield "Benchmark drawdown", figures.percent(one.max_drawdown)
    yield "Alpha", figures.percent(one.alpha)
    yield "Beta", figures.ratio(one.beta)
    yield "Correlation", figures.ratio(one.correlation)


def _drawdown_lines(result: RunResult) -> Iterator[tuple[str, str]]:
    m, falls = result.metrics, result.drawdowns
    longest = f", longest {figures.duration(m.max_drawdown_duration_ns)}" if m.max_drawdown else ""
    yield "Max drawdown", figures.percent(m.max_drawdown) + longest
    if falls:
        depth, length = average_drawdown(result)
        yield "Average drawdown", f"{figures.percent(depth)}, {figures.duration(length)}"


def _trade_lines(result: RunResult) -> Iterator[tuple[str, str]]:
    m, averages = result.metrics, result.statistics
    yield "Win rate", figures.percent(m.win_rate)
    yield "Profit factor", figures.ratio(m.profit_factor)
    yield "Expectancy", figures.percent(averages.expectancy)
    yield "SQN", figures.ratio(averages.sqn)
    yield "Average trade", _average_trade(result)
    yield "Average win, loss", f"{_money(averages.average_win)}, {_money(averages.average_loss)}"
    yield "Best trade", figures.percent(m.best_trade)
    yield "Worst trade", figures.percent(m.worst_trade)
    yield "Average trade duration", figures.duration(m.average_trade_duration_ns)
    yield "Exposure", f"{figures.percent(m.exposure)} of the marks"
    yield "Exposure time", figures.percent(result.time_in_market)
    yield "Turnover", _turnover(result)
    yield "Fees", f"{figures.money(m.fees)} {result.currency}"
    if result.income:
        shown = (f"{one.name} {figures.money(one.amount)} {one.currency}" for one in result.income)
        yield "Income", ", ".join(shown)


def _turnover(result: RunResult) -> str:
    turnover = annual_turnover(result.flow, result.equity)
    return figures.UNDEFINED if turnover is None else f"{figures.percent(turnover)} of the equity, a year"


def _average_trade(result: RunResult) -> str:
    averages = result.statistics
    if averages.average_pnl is None:
        return figures.UNDEFINED
    return (
        f"{figures.money(averages.average_pnl)} {result.currency}, {figures.percent(averages.average_return)}"
    )


def problems(result: RunResult) -> str:
    """The number of problems of each kind, and the first problem; empty without any.

    A finished run without a fill is a problem too: its figures say nothing about its strategies.
    """
    if not result.fills and (result.digest or result.first_problem):
        return _without_fills(result)
    counts = {
        "ruin": int(result.ruined_ts > 0),
        "failures": result.failures,
        "margin calls": result.margin_calls,
        "decisions refused": result.refused,
        "orders denied": result.denied,
        "orders rejected": result.rejected,
    }
    counted = ", ".join(f"{name}: {count:,}" for name, count in counts.items() if count)
    return f"{counted}; first: {result.first_problem}" if counted else result.first_problem


def _without_fills(result: RunResult) -> str:
    """Why a run has no fill: the orders and decisions that had no effect, or that there were none."""
    counts = {
        "denied": result.denied,
        "rejected": result.rejected,
        "sent": max(0, result.orders - result.rejected),
    }
    parts = [f"{count:,} {'was' if count == 1 else 'were'} {what}" for what, count in counts.items() if count]
    if result.refused:
        parts.append(
            f"{result.refused:,} {'decision was' if result.refused == 1 else 'decisions were'} refused"
        )
    others = {
        "ruin": int(result.ruined_ts > 0),
        "failures": result.failures,
        "margin calls": result.margin_calls,
    }
    parts += [f"{name}: {count:,}" for name, count in others.items() if count]
    first = f"; first: {result.first_problem}" if result.first_problem else ""
    return f"no order was filled: {', '.join(parts) or 'none was sent'}{first}"


def params_text(one: RunStrategy) -> str:
    """The parameters of a strategy as ``name=value``, by comma."""
    return ", ".join(f"{name}={value}" for name, value in params_of(one).items()) or "none"


def params_of(one: RunStrategy) -> Mapping[str, object]:
    """The parameters of a strategy by name."""
    return msgspec.json.decode(one.params or "{}", type=dict[str, object])


def data_text(result: RunResult) -> str:
    """The data streams with the numbers of their first and last event that were played."""
    return figures.names([f"{one.stream} {one.first_seq}-{one.last_seq}" for one in result.sources])


@exact
def equity_peak(result: RunResult) -> Decimal:
    """The highest equity at any mark, to the cent."""
    return Decimal(repr(float(result.equity.equity.max()))).quantize(Decimal("0.01"))


def ruin_ts(result: RunResult) -> int | None:
    """When the equity was below 0 with nothing left to sell, or 0 or below at a mark, whichever came first.

    ``None`` if that never happened, or the run began so.
    """
    curve = result.equity
    marked = np.flatnonzero(curve.equity <= 0)
    at_mark = int(curve.ts[marked[0]]) if len(marked) and marked[0] > 0 else 0
    return min((ts for ts in (result.ruined_ts, at_mark) if ts), default=None)


def average_drawdown(result: RunResult) -> tuple[float | None, float | None]:
    """Mean depth and mean duration in ns of all drawdowns; ``None`` without one."""
    falls = result.drawdowns
    if not falls:
        return None, None
    lengths = [fall.duration_ns for fall in falls]
    depth = sum(fall.depth for fall in falls) / len(falls)
    return depth, sum(lengths) / len(lengths)


# --- tables -----------------------------------------------------------------------------------


@exact
def tables_of(result: RunResult) -> Iterator[Rows]:
    """All tables that have rows, in the order in which they are shown."""
    for table in (
        strategy_rows(result),
        symbol_rows(result),
        exit_rows(result),
        drawdown_rows(result),
        open_rows(result),
        issue_rows(result),
    ):
        if table:
            yield table


@exact
def strategy_rows(result: RunResult) -> Rows:
    """A row for each strategy; none for a run of one."""
    columns = (
        text("Strategy"), number("Trades"), number("Win rate", rank=2), number("Trade P&L", rank=1),
        number("Net P&L"), number("Return"), number("Drawdown", rank=1), number("Sharpe", rank=3),
        number("Exposure", rank=4), number("Fees", rank=2),
    )  # fmt: skip
    several = result.by_strategy if len(result.by_strategy) > 1 else ()
    return Rows(
        "By strategy", columns, tuple(_strategy_cells(one) for one in several), strategies_note(result),
        tuple(float(one.trade_pnl if one.pnl is None else one.pnl.net) for one in several),
    )  # fmt: skip


def _strategy_cells(one: StrategyResult) -> tuple[str, ...]:
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


@exact
def symbol_rows(result: RunResult) -> Rows:
    """A row for each traded symbol; none for a run of one symbol."""
    columns = (
        text("Symbol"), number("Trades"), number("Open"), number("Win rate"), number("P&L"),
        number("Best trade", rank=1), number("Worst trade", rank=1), number("Exposure time", rank=2),
        number("Fees", rank=3),
    )  # fmt: skip
    shown = result.by_symbol if len(result.symbols) > 1 else ()
    rows = tuple(
        (
            one.symbol,
            f"{one.trade_count:,}",
            f"{one.open_lots:,}",
            figures.percent(one.win_rate),
            figures.money(one.pnl),
            figures.percent(one.best_trade),
            figures.percent(one.worst_trade),
            figures.percent(one.time_in_market),
            figures.money(one.commission),
        )
        for one in shown
    )
    note = f"Money is in {result.currency}. P&L is of closed trades, after commission."
    return Rows("By symbol", columns, rows, note, tuple(float(one.pnl) for one in shown))


@exact
def exit_rows(result: RunResult) -> Rows:
    """A row for each reason of exits: the tag of the closing order, risk, or the kind of order."""
    rows = tuple(
        (one.reason, f"{one.trade_count:,}", figures.percent(one.win_rate), figures.money(one.pnl))
        for one in result.exits
    )
    columns = (text("Exit"), number("Trades"), number("Win rate"), number("P&L"))
    return Rows("By exit", columns, rows, "", tuple(float(one.pnl) for one in result.exits))


def drawdown_rows(result: RunResult) -> Rows:
    """The deepest drawdowns, the deepest first."""
    columns = (
        number("Depth"), text("Peak"), text("Deepest", rank=1), text("Recovered"), number("Duration"),
    )  # fmt: skip
    worst = sorted(result.drawdowns, key=lambda fall: fall.depth)[:WORST_DRAWDOWNS]
    rows = tuple(
        (
            figures.percent(fall.depth),
            figures.moment(fall.peak_ts),
            figures.moment(fall.trough_ts),
            "not yet" if fall.end_ts is None else figures.moment(fall.end_ts),
            figures.duration(fall.duration_ns),
        )
        for fall in worst
    )
    return Rows("Deepest drawdowns", columns, rows)


@exact
def open_rows(result: RunResult) -> Rows:
    """A row for each open position's lot, valued at the last price if it is known."""
    columns = (
        text("Strategy", rank=1), text("Symbol"), text("Side"), number("Quantity"), text("Entry"),
        number("Price"), number("Last price", rank=2), number("Open P&L"),
    )  # fmt: skip
    gains = [open_pnl(result, lot) for lot in result.open_lots]
    rows = tuple(
        (
            lot.strategy,
            lot.symbol,
            "long" if lot.side is Side.BUY else "short",
            figures.quantity(lot.quantity),
            figures.moment(lot.entry_ts),
            figures.price(lot.entry_price),
            figures.last_price(last),
            _money(gain),
        )
        for lot, gain in zip(result.open_lots, gains, strict=True)
        for last in (result.last_prices.get(lot.symbol),)
    )
    note = "P&L is in the instrument's currency, after the commission of the entry."
    return Rows("Open positions", columns, rows, note, tuple(float(gain or 0) for gain in gains))


def issue_rows(result: RunResult) -> Rows:
    """What was found odd in the data of the period, in order of streams and time."""
    found = [(stream, one) for stream, issues in result.data_issues.items() for one in issues]
    rows = tuple(
        (stream, one.issue.value.replace("_", " "), described(one)) for stream, one in found[:ISSUES_SHOWN]
    )
    columns = text("Stream", rank=2), text("Issue", rank=1), text("Found")
    more = f" The first {ISSUES_SHOWN} of {len(found):,} are listed." if len(found) > ISSUES_SHOWN else ""
    return Rows("Found in the data", columns, rows, f"These may be right: a split is a jump.{more}")


def open_pnl(result: RunResult, lot: OpenLot) -> Decimal | None:
    """The P&L of a lot at the last price, after its commission; ``None`` if the price is not known."""
    last = result.last_prices.get(lot.symbol)
    if last is None:
        return None
    return lot.gain_at(Decimal(repr(last))) - lot.commission


def _money(amount: Decimal | None) -> str:
    return figures.UNDEFINED if amount is None else figures.money(amount)
