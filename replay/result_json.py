"""A run's result as one JSON object for programs, with the same fields as the tables."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from eventstore.data_issues import described
from kernel.decimals import exact
from kernel.events import Side
from kernel.time_units import SECOND_NS
from replay import figures
from replay.performance.diagnosis import diagnose
from replay.performance.diagnosis_rows import finding_fields
from replay.performance.regimes import regimes
from replay.performance.rolling import annual_turnover
from replay.performance.strategy_results import StrategyResult
from replay.performance.trade_statistics import SymbolResult
from replay.performance.trades import OpenLot
from replay.results import RunResult
from replay.tables import average_drawdown, equity_peak, open_pnl, params_of, undefined_figures

StrategyField = str | int | float | None
JsonField = StrategyField | Sequence[str] | Sequence[Mapping[str, object]] | Mapping[str, str]


@exact
def to_json(result: RunResult) -> dict[str, JsonField]:
    """One object, flat but for lists. Money is exact, as strings; times are ISO 8601 UTC;
    undefined figures are null, and ``undefined`` has their reasons by name.

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
        "margin_calls": result.margin_calls,
        "ruined": figures.iso(result.ruined_ts) if result.ruined_ts else None,
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
        "income": [
            {"kind": one.kind.value, "currency": one.currency, "amount": _exact(one.amount)}
            for one in result.income
        ],
        "undefined": dict(undefined_figures(result)),
        "digest": result.digest,
        "assumed": list(result.assumed),
        "notes": list(result.notes),
        "data_issues": issue_fields(result),
        "by_strategy": strategy_fields(result),
        **_more(result),
    }


@exact
def strategy_fields(result: RunResult) -> list[dict[str, StrategyField]]:
    """The figures of each strategy."""
    return [_strategy_json(one) for one in result.by_strategy]


@exact
def symbol_fields(result: RunResult) -> list[dict[str, StrategyField]]:
    """The figures of each traded symbol."""
    return [_symbol_json(one) for one in result.by_symbol]


@exact
def issue_fields(result: RunResult) -> list[dict[str, StrategyField]]:
    """What was odd in the data, by stream and time. ``found`` and ``limit``: see ``DataIssueFound``."""
    return [
        {
            "stream": stream,
            "symbol": one.symbol,
            "timeframe": one.timeframe,
            "issue": one.issue.value,
            "from": figures.iso(one.from_ts),
            "to": figures.iso(one.to_ts),
            "found": one.found,
            "limit": one.limit,
            "words": described(one),
        }
        for stream, issues in result.data_issues.items()
        for one in issues
    ]


def _more(result: RunResult) -> dict[str, JsonField]:
    """What was run on what, averages, the benchmark, and the tables."""
    one, averages = result.benchmark, result.statistics
    depth, length_ns = average_drawdown(result)
    return {
        "references": [each.reference for each in result.strategies],
        "parameters": [params_of(each) for each in result.strategies],
        "data": [
            {"stream": each.stream, "first_seq": each.first_seq, "last_seq": each.last_seq}
            for each in result.sources
        ],
        "initial_cash": _exact(result.metrics.initial_equity),
        "equity_peak": _exact(equity_peak(result)),
        "benchmark": None if one is None else one.name,
        "benchmark_return": None if one is None else one.total_return,
        "benchmark_max_drawdown": None if one is None else one.max_drawdown,
        "alpha": None if one is None else one.alpha,
        "beta": None if one is None else one.beta,
        "correlation": None if one is None else one.correlation,
        "average_drawdown": depth,
        "average_drawdown_duration_s": _seconds(length_ns),
        "expectancy": averages.expectancy,
        "sqn": averages.sqn,
        "average_trade": averages.average_return,
        "average_trade_pnl": _amount(averages.average_pnl),
        "average_win": _amount(averages.average_win),
        "average_loss": _amount(averages.average_loss),
        "exposure_time": result.time_in_market,
        "by_symbol": symbol_fields(result),
        "exits": [
            {
                "reason": each.reason,
                "trades": each.trade_count,
                "win_rate": each.win_rate,
                "pnl": _exact(each.pnl),
            }
            for each in result.exits
        ],
        "drawdowns": [
            {
                "peak": figures.iso(fall.peak_ts),
                "deepest": figures.iso(fall.trough_ts),
                "recovered": None if fall.end_ts is None else figures.iso(fall.end_ts),
                "depth": fall.depth,
                "duration_s": fall.duration_ns / SECOND_NS,
            }
            for fall in result.drawdowns
        ],
        "open_positions": [_open_json(result, lot) for lot in result.open_lots],
        "annual_turnover": annual_turnover(result.flow, result.equity),
        "diagnosis": finding_fields(diagnose(result)),
        "by_part_of_time": [msgspec.to_builtins(one) for one in regimes(result)],
    }


def _symbol_json(one: SymbolResult) -> dict[str, StrategyField]:
    return {
        "symbol": one.symbol,
        "trades": one.trade_count,
        "open_lots": one.open_lots,
        "win_rate": one.win_rate,
        "pnl": _exact(one.pnl),
        "fees": _exact(one.commission),
        "best_trade": one.best_trade,
        "worst_trade": one.worst_trade,
        "exposure_time": one.time_in_market,
    }


def _open_json(result: RunResult, lot: OpenLot) -> dict[str, StrategyField]:
    return {
        "strategy": lot.strategy,
        "symbol": lot.symbol,
        "side": "long" if lot.side is Side.BUY else "short",
        "quantity": _exact(lot.quantity),
        "entry": figures.iso(lot.entry_ts),
        "entry_price": _exact(lot.entry_price),
        "last_price": result.last_prices.get(lot.symbol),
        "pnl": _amount(open_pnl(result, lot)),
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


def _exact(amount: Decimal) -> str:
    return f"{amount:f}"


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else _exact(amount)


def _seconds(value_ns: float | None) -> float | None:
    return None if value_ns is None else value_ns / SECOND_NS
