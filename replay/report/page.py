"""Writes the document. Every text that comes from data is escaped."""

import html
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

import msgspec
from plotly.offline import get_plotlyjs

from kernel.decimals import exact
from kernel.errors import InputError
from replay import figures
from replay.equity import MonthlyReturn, daily_closes, monthly_returns
from replay.report.charts import chart_data
from replay.report.prices import PriceHistory
from replay.results import RunResult, RunStrategy
from replay.strategy_results import StrategyResult
from replay.tables import STRATEGY_COLUMNS, problems, result_lines, strategies_note, strategy_cells
from replay.trades import RoundTrip

TRADES_SHOWN = 500
NAMES_SHOWN = 10
FULL_COLOUR_AT = 0.10
"""A month that moved 10 % has the strongest colour."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@exact
def write_report(result: RunResult, path: Path, prices: PriceHistory) -> Path:
    """Write the report to ``path``, and create its folders; return the path.

    Raises ``InputError`` if the file cannot be written.
    """
    document = report_page(result, prices)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document, encoding="utf-8")
    except OSError as error:
        raise InputError(f"report {path}: cannot be written: {error.strerror}") from error
    return path


@exact
def report_page(result: RunResult, prices: PriceHistory) -> str:
    """The whole document."""
    plotly_script: str = get_plotlyjs()
    data = chart_data(result, prices)
    return Template(_asset("page.html")).substitute(
        title=_text(", ".join(one.strategy for one in result.strategies) or result.run_stream),
        style=_asset("report.css"),
        strategies="\n".join(_strategy(one) for one in result.strategies),
        facts=_facts(result),
        tiles="\n".join(_tiles(result)),
        by_strategy_hidden="" if len(result.by_strategy) > 1 else "hidden",
        strategy_columns="".join(f"<th>{_text(name)}</th>" for name in STRATEGY_COLUMNS),
        by_strategy="\n".join(_strategy_row(one) for one in result.by_strategy),
        strategies_note=_text(strategies_note(result)),
        price_options="\n".join(f"<option>{_text(one.symbol)}</option>" for one in data.prices),
        price_hidden="" if data.prices else "hidden",
        months=_months(monthly_returns(daily_closes(result.equity))),
        trades=_trades(result.trades),
        trades_hidden="" if result.trades else "hidden",
        trades_note=_trades_note(result),
        figures="\n".join(_row(name, figure) for name, figure in result_lines(result)),
        config=_text(_indented(result.config)),
        plotly=plotly_script,
        data=_script_json(data),
        script=_asset("report.js"),
    )


def _asset(name: str) -> str:
    return (files("replay.report") / name).read_text(encoding="utf-8")


def _text(value: object) -> str:
    return html.escape(str(value))


def _script_json(value: msgspec.Struct) -> str:
    """JSON without ``<``, so that it cannot end the script element around it."""
    return msgspec.json.encode(value).decode().replace("<", "\\u003c")


def _indented(config: str) -> str:
    return msgspec.json.format(config, indent=2) if config else ""


def _row(name: str, value: str) -> str:
    return f"<tr><th scope='row'>{_text(name)}</th><td>{_text(value)}</td></tr>"


# --- header and tiles -------------------------------------------------------------------------


def _strategy(one: RunStrategy) -> str:
    """A strategy's name, version, reference and parameters."""
    params: Mapping[str, object] = msgspec.json.decode(one.params or "{}", type=dict[str, object])
    chips = "".join(
        f"<span class='chip'><b>{_text(name)}</b> {_text(value)}</span>" for name, value in params.items()
    )
    version = f" <small>{_text(one.version)}</small>" if one.version else ""
    return (
        f"<section class='strategy'><h1>{_text(one.strategy)}{version}</h1>"
        f"<p class='muted'>{_text(one.reference)}</p><p class='chips'>{chips}</p></section>"
    )


def _strategy_row(one: StrategyResult) -> str:
    """A strategy's line in the table of strategies; gains and losses are coloured."""
    tones = {3: float(one.trade_pnl), 4: 0.0 if one.pnl is None else float(one.pnl.net)}
    cells = enumerate(strategy_cells(one))
    return (
        "<tr>"
        + "".join(f"<td class='{_tone(tones.get(place))}'>{_text(cell)}</td>" for place, cell in cells)
        + "</tr>"
    )


def _facts(result: RunResult) -> str:
    sources = [f"{one.stream} {one.first_seq}-{one.last_seq}" for one in result.sources]
    facts = {
        "Period": figures.period(result.start_ts, result.end_ts),
        "Symbols": _shortened(result.symbols),
        "Run stream": result.run_stream,
        "Data": _shortened(sources),
        "Digest": result.digest,
    }
    if result.first_problem:
        facts["Problems"] = problems(result)
    return "".join(f"<dt>{name}</dt><dd>{_text(fact)}</dd>" for name, fact in facts.items())


def _shortened(names: Sequence[str]) -> str:
    more = len(names) - NAMES_SHOWN
    shown = ", ".join(names[:NAMES_SHOWN])
    return f"{shown} and {more:,} more" if more > 0 else shown


def _tiles(result: RunResult) -> Iterable[str]:
    m = result.metrics
    drawdown_note = f"longest {figures.duration(m.max_drawdown_duration_ns)}" if m.max_drawdown else ""
    extremes = f"best {figures.percent(m.best_trade)}, worst {figures.percent(m.worst_trade)}"
    yield _tile("Final equity", figures.money(m.final_equity), result.currency)
    yield _tile("Total return", figures.percent(m.total_return), tone=_tone(m.total_return))
    yield _tile("Annual return", figures.percent(m.annual_return), tone=_tone(m.annual_return))
    yield _tile("Volatility", figures.percent(m.volatility), "a year")
    yield _tile("Sharpe", figures.ratio(m.sharpe))
    yield _tile("Sortino", figures.ratio(m.sortino))
    yield _tile("Calmar", figures.ratio(m.calmar))
    yield _tile("Max drawdown", figures.percent(m.max_drawdown), drawdown_note)
    yield _tile("Trades", f"{m.trade_count:,}", f"{result.orders:,} orders, {result.fills:,} fills")
    yield _tile("Win rate", figures.percent(m.win_rate), extremes if m.trade_count else "")
    yield _tile("Profit factor", figures.ratio(m.profit_factor))
    yield _tile("Average trade", figures.duration(m.average_trade_duration_ns))
    yield _tile("Exposure", figures.percent(m.exposure), "of marks with a position")
    yield _tile("Fees", figures.money(m.fees), result.currency)


def _tile(name: str, value: str, note: str = "", *, tone: str = "") -> str:
    return (
        f"<div class='tile'><span>{_text(name)}</span><strong class='{tone}'>{_text(value)}</strong>"
        f"<small>{_text(note)}</small></div>"
    )


def _tone(value: float | None) -> str:
    return "" if not value else "gain" if value > 0 else "loss"


# --- months -----------------------------------------------------------------------------------


def _months(returns: tuple[MonthlyReturn, ...]) -> str:
    by_year: dict[int, dict[int, float]] = {}
    for one in returns:
        by_year.setdefault(one.year, {})[one.month] = one.value
    return "\n".join(_year(year, months) for year, months in by_year.items())


def _year(year: int, months: Mapping[int, float]) -> str:
    growth = 1.0
    for value in months.values():
        growth *= 1.0 + value
    cells = "".join(_month_cell(months.get(month)) for month in range(1, 13))
    return f"<tr><th scope='row'>{year}</th>{cells}{_month_cell(growth - 1.0, kind='total')}</tr>"


def _month_cell(value: float | None, *, kind: str = "") -> str:
    if value is None or value != value:  # a month without capital has no return: NaN
        return f"<td class='{kind}'></td>"
    value = round(value, 3) + 0.0  # no "-0.0"
    strength = min(1.0, abs(value) / FULL_COLOUR_AT)
    tone = _tone(value)
    return f"<td class='heat {tone} {kind}' style='--strength:{strength:.2f}'>{value * 100:.1f}</td>"


# --- trades -----------------------------------------------------------------------------------


def _trades(trades: tuple[RoundTrip, ...]) -> str:
    return "\n".join(_trade(number, trade) for number, trade in enumerate(trades[:TRADES_SHOWN], start=1))


def _trade(number: int, trade: RoundTrip) -> str:
    cells = (
        *figures.trade_cells(number, trade),
        figures.money(trade.commission),
    )
    tone = _tone(float(trade.net_pnl))
    return (
        "<tr>"
        + "".join(f"<td>{_text(cell)}</td>" for cell in cells)
        + f"<td class='{tone}'>{_text(figures.money(trade.net_pnl))} {_text(trade.currency)}</td>"
        + f"<td class='{tone}'>{_text(figures.percent(trade.net_return))}</td></tr>"
    )


def _trades_note(result: RunResult) -> str:
    count, open_count = len(result.trades), len(result.open_lots)
    notes = ["No trade was closed." if not count else "P&L and return are after commission; times are UTC."]
    if count > TRADES_SHOWN:
        notes.append(f"The first {TRADES_SHOWN} of {count:,} are listed; the run's stream holds all trades.")
    if open_count:
        notes.append(f"{open_count:,} open {'lot is' if open_count == 1 else 'lots are'} not in the list.")
    return _text(" ".join(notes))
