"""Writes the document. Every text that comes from data is escaped."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template

import msgspec

from eventstore.data_issues import summary
from kernel.decimals import exact
from kernel.errors import InputError
from kernel.events import Side
from replay import figures
from replay.equity import MonthlyReturn, daily_closes, monthly_returns
from replay.performance.diagnosis import Finding, diagnose
from replay.performance.diagnosis_rows import regime_rows
from replay.performance.journal import JournalEntry
from replay.performance.rolling import annual_turnover
from replay.performance.trade_statistics import exit_reason
from replay.performance.trades import OpenLot, RoundTrip, entry_notional
from replay.report.charts import chart_data
from replay.report.files import check_replaceable, head_marks
from replay.report.parts import asset, card, escaped, packed_plotly, tile, tone_of
from replay.report.prices import PriceHistory
from replay.report.provenance import code_rows, data_rows
from replay.results import RunResult, RunStrategy
from replay.tables import (
    data_text,
    drawdown_rows,
    exit_rows,
    issue_rows,
    open_pnl,
    params_of,
    problems,
    result_lines,
    ruin_ts,
    strategy_rows,
    symbol_rows,
    undefined_figures,
)

NOT_SEEN = (
    "A result does not show whether a strategy knows the future, or depends on where its history began: "
    "<code>replay check</code> tries both."
)
TRADES_SHOWN = 500
FULL_COLOUR_AT = 0.10
"""A month that moved 10 % has the strongest colour."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@exact
def write_report(
    result: RunResult, path: Path, prices: PriceHistory, journal: Sequence[JournalEntry] = ()
) -> Path:
    """Write the report to ``path``; return the path. The excursions of trades are those of the journal.

    Raises ``InputError`` if its folder is missing, it cannot be written, or it exists and is not a report.
    """
    check_replaceable(path)
    document = report_page(result, prices, journal)
    try:
        path.write_text(document, encoding="utf-8")
    except OSError as error:
        raise InputError(f"report {path}: cannot be written: {error.strerror}") from error
    return path


@exact
def report_page(result: RunResult, prices: PriceHistory, journal: Sequence[JournalEntry] = ()) -> str:
    """The whole document."""
    data = chart_data(result, prices, journal)
    return Template(asset("page.html")).substitute(
        marks=head_marks(result),
        title=escaped(", ".join(one.strategy for one in result.strategies) or result.run_stream),
        style=asset("report.css"),
        strategies="\n".join(_strategy(one) for one in result.strategies),
        facts=_facts(result),
        tiles="\n".join(_tiles(result)),
        banner=_banner(result),
        by_strategy=card(strategy_rows(result), chart="strategies"),
        tables="\n".join(
            card(rows)
            for rows in (
                symbol_rows(result),
                exit_rows(result),
                drawdown_rows(result),
                regime_rows(result),
                issue_rows(result),
            )
        ),
        diagnosis=_diagnosis(diagnose(result)),
        provenance="\n".join(card(rows) for rows in (code_rows(result), data_rows(result))),
        curve_note=escaped(data.curve.note),
        rolling_hidden="" if data.rolling.x else "hidden",
        window=data.rolling.window,
        flow_hidden="" if len(result.flow) else "hidden",
        part="month" if data.flow.is_monthly else "day",
        trade_charts_hidden="" if result.trades else "hidden",
        excursions_hidden="" if data.trades.mae else "hidden",
        excursions_note=escaped(data.trades.note),
        price_options="\n".join(f"<option>{escaped(one.symbol)}</option>" for one in data.prices),
        price_hidden="" if data.prices else "hidden",
        months=_months(monthly_returns(daily_closes(result.equity))),
        trades=_trades(result),
        trades_hidden="" if result.trades or result.open_lots else "hidden",
        trades_note=_trades_note(result),
        figures="\n".join(_row(name, figure) for name, figure in result_lines(result)),
        config=escaped(_indented(result.config)),
        plotly=packed_plotly(),
        data=_script_json(data),
        script=asset("report.js"),
    )


def _script_json(value: msgspec.Struct) -> str:
    """JSON without ``<``, so that it cannot end the script element around it."""
    return msgspec.json.encode(value).decode().replace("<", "\\u003c")


def _indented(config: str) -> str:
    return msgspec.json.format(config, indent=2) if config else ""


def _row(name: str, value: str) -> str:
    return f"<tr><th scope='row'>{escaped(name)}</th><td>{escaped(value)}</td></tr>"


# --- header and tiles -------------------------------------------------------------------------


def _strategy(one: RunStrategy) -> str:
    """A strategy's name, version, reference and parameters."""
    chips = "".join(
        f"<span class='chip'><b>{escaped(name)}</b> {escaped(value)}</span>"
        for name, value in params_of(one).items()
    )
    version = f" <small>{escaped(one.version)}</small>" if one.version else ""
    return (
        f"<section class='strategy'><h1>{escaped(one.strategy)}{version}</h1>"
        f"<p class='muted'>{escaped(one.reference)}</p><p class='chips'>{chips}</p></section>"
    )


def _banner(result: RunResult) -> str:
    """A red banner above everything else if the figures cannot be relied on. Other problems are amber."""
    reasons: list[str] = []
    if result.failures:
        count = "1 failure" if result.failures == 1 else f"{result.failures:,} failures"
        reasons.append(
            f"<strong>This run failed. Its figures cannot be relied on.</strong> "
            f"{count}; the first: {escaped(result.first_failure)}"
        )
    ruined_ts = ruin_ts(result)
    if ruined_ts is not None:
        when = figures.moment(ruined_ts)
        reasons.append(f"<strong>The account was ruined.</strong> Its equity was 0 or below at {when}.")
    found = problems(result)
    if found and not reasons:
        return f"<p class='banner amber' role='alert'><strong>Problems</strong> {escaped(found)}</p>"
    return "".join(f"<p class='banner' role='alert'>{reason}</p>" for reason in reasons)


def _facts(result: RunResult) -> str:
    facts = {
        "Data": data_text(result),
        "Symbols": figures.names(result.symbols),
        "Period": figures.period(result.days),
        "Initial cash": f"{figures.money(result.metrics.initial_equity)} {result.currency}",
        "Run stream": result.run_stream,
        "Digest": result.digest,
    }
    if result.benchmark is not None:
        facts["Benchmark"] = result.benchmark.name
    for stream, issues in result.data_issues.items():
        facts[f"Data quality of {stream}"] = summary(issues)
    found = problems(result)
    if found:
        facts["Problems"] = found
    return "".join(f"<dt>{escaped(name)}</dt><dd>{escaped(fact)}</dd>" for name, fact in facts.items())


def _tiles(result: RunResult) -> Iterable[str]:
    m, why = result.metrics, undefined_figures(result).get
    drawdown_note = f"longest {figures.duration(m.max_drawdown_duration_ns)}" if m.max_drawdown else ""
    extremes = f"best {figures.percent(m.best_trade)}, worst {figures.percent(m.worst_trade)}"
    yield tile("Final equity", figures.money(m.final_equity), result.currency)
    beside = result.benchmark
    note = "" if beside is None else f"benchmark {figures.percent(beside.total_return)}"
    yield tile("Total return", figures.percent(m.total_return), note, tone=tone_of(m.total_return))
    annual = figures.percent(m.annual_return), why("annual_return", "")
    yield tile("Annual return", *annual, tone=tone_of(m.annual_return))
    yield tile("Volatility", figures.percent(m.volatility), why("volatility", "a year"))
    yield tile("Sharpe", figures.ratio(m.sharpe), why("sharpe", ""))
    yield tile("Sortino", figures.ratio(m.sortino), why("sortino", ""))
    yield tile("Calmar", figures.ratio(m.calmar), why("calmar", ""))
    yield tile("Max drawdown", figures.percent(m.max_drawdown), drawdown_note)
    yield tile("Trades", f"{m.trade_count:,}", f"{result.orders:,} orders, {result.fills:,} fills")
    yield tile("Win rate", figures.percent(m.win_rate), extremes if m.trade_count else "")
    yield tile("Profit factor", figures.ratio(m.profit_factor), why("profit_factor", ""))
    averages = result.statistics
    average = (
        "" if averages.average_pnl is None else f"{figures.money(averages.average_pnl)} {result.currency}"
    )
    yield tile("Average trade", figures.percent(averages.average_return), average)
    yield tile("Expectancy", figures.percent(averages.expectancy), "mean return of a trade")
    yield tile("SQN", figures.ratio(averages.sqn))
    yield tile("Trade duration", figures.duration(m.average_trade_duration_ns), "on average")
    yield tile(
        "Exposure time", figures.percent(result.time_in_market), f"{figures.percent(m.exposure)} of marks"
    )
    turnover = annual_turnover(result.flow, result.equity)
    yield tile("Turnover", figures.percent(turnover), "of the equity, a year" if turnover is not None else "")
    yield tile("Fees", figures.money(m.fees), result.currency)
    if beside is not None:
        yield tile("Alpha", figures.percent(beside.alpha), why("alpha", "a year"))
        correlation = f"correlation {figures.ratio(beside.correlation)}"
        yield tile("Beta", figures.ratio(beside.beta), why("beta", correlation))


def _diagnosis(found: Sequence[Finding]) -> str:
    """A card with all findings, warnings first; nothing without any."""
    if not found:
        return ""
    items = "\n".join(
        f"<li class='{'warned' if one.is_warning else ''}'><b>{'Warning' if one.is_warning else 'Note'}</b> "
        f"{escaped(one.words)}</li>"
        for one in found
    )
    return (
        f"<section class='card' id='diagnosis'><h2>Diagnosis</h2><ul class='findings'>\n{items}\n</ul>"
        f"<p class='muted'>{NOT_SEEN}</p></section>"
    )


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
    tone = tone_of(value)
    return f"<td class='heat {tone} {kind}' style='--strength:{strength:.2f}'>{value * 100:.1f}</td>"


# --- trades -----------------------------------------------------------------------------------


def _trades(result: RunResult) -> str:
    """Closed trades, then open positions."""
    shown = enumerate(result.trades[:TRADES_SHOWN], start=1)
    closed = [_trade(number, trade, exit_reason(trade, result.exit_reasons)) for number, trade in shown]
    return "\n".join([*closed, *(_open_lot(result, lot) for lot in result.open_lots[:TRADES_SHOWN])])


def _trade(number: int, trade: RoundTrip, reason: str) -> str:
    *cells, duration = figures.trade_cells(number, trade)
    gain = f"{figures.money(trade.net_pnl)} {trade.currency}", figures.percent(trade.net_return)
    rest = (reason, duration, figures.money(trade.commission))
    return _trade_row(cells, gain, rest, tone=tone_of(float(trade.net_pnl)))


def _open_lot(result: RunResult, lot: OpenLot) -> str:
    last, gained = result.last_prices.get(lot.symbol), open_pnl(result, lot)
    cells = (
        figures.UNDEFINED,
        lot.strategy,
        lot.symbol,
        "long" if lot.side is Side.BUY else "short",
        figures.quantity(lot.quantity),
        figures.moment(lot.entry_ts),
        figures.price(lot.entry_price),
        "open",
        figures.last_price(last),
    )
    rest = ("", figures.duration(result.end_ts - lot.entry_ts), figures.money(lot.commission))
    cost = entry_notional(lot)
    tone = "" if gained is None else tone_of(float(gained))
    gain = figures.UNDEFINED if gained is None else figures.money(gained)
    rate = None if gained is None or not cost else float(gained / cost)
    return _trade_row(cells, (gain, figures.percent(rate)), rest, tone=tone, kind="open")


def _trade_row(
    cells: Sequence[str], gain: Sequence[str], rest: Sequence[str], *, tone: str, kind: str = ""
) -> str:
    """A row of the list of trades: what is left out first where there is little room comes last."""
    toned = "".join(f"<td class='{tone}'>{escaped(cell)}</td>" for cell in gain)
    before, after = ("".join(f"<td>{escaped(cell)}</td>" for cell in part) for part in (cells, rest))
    return f"<tr class='{kind}'>{before}{toned}{after}</tr>"


def _trades_note(result: RunResult) -> str:
    count, open_count = len(result.trades), len(result.open_lots)
    notes = ["No trade was closed." if not count else "P&L and return are after commission; times are UTC."]
    if count > TRADES_SHOWN:
        notes.append(f"The first {TRADES_SHOWN} of {count:,} are listed; the run's stream holds all trades.")
    if open_count:
        notes.append(
            f"{open_count:,} open {'lot is' if open_count == 1 else 'lots are'} at the end of the list."
            if open_count <= TRADES_SHOWN
            else f"Of {open_count:,} open lots the first {TRADES_SHOWN} are at the end of the list."
        )
    return escaped(" ".join(notes))
