"""Figures of closed round trips beside those of ``metrics``, each with its formula and its source.

``None`` means undefined: without trades, without a spread, or without trades of one kind. Money is in the
account's currency and after commission. Returns are fractions of the notional at entry.
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import numpy as np

from kernel.decimals import exact
from kernel.events import Order, OrderOrigin
from kernel.identifiers import ClientOrderId
from replay.equity import Floats
from replay.performance.trades import OpenLot, RoundTrip, net_pnls, net_returns

ZERO = Decimal(0)

Period = tuple[int, int]
"""The beginning and the end of a run, ns UTC."""

NO_ORDER = "corporate action or expiry"
"""The exit reason of a trade that no order closed."""


class TradeStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Averages of closed round trips.

    - ``average_pnl``, ``average_win``, ``average_loss``: mean P&L of all trades, of gains, and of losses.
    - ``average_return``: geometric mean of the returns (``Avg. Trade`` of ``backtesting``).
    - ``expectancy``: arithmetic mean of the returns (``Expectancy`` of ``backtesting``).
    - ``sqn``: System Quality Number.
    """

    average_pnl: Decimal | None
    average_win: Decimal | None
    average_loss: Decimal | None
    average_return: float | None
    expectancy: float | None
    sqn: float | None


class SymbolResult(msgspec.Struct, frozen=True, kw_only=True):
    """The trades in one symbol. ``time_in_market`` is a share of the run; ``pnl`` is of closed trades."""

    symbol: str
    trade_count: int
    open_lots: int
    win_rate: float | None
    pnl: Decimal
    commission: Decimal
    best_trade: float | None
    worst_trade: float | None
    time_in_market: float | None


class ExitReason(msgspec.Struct, frozen=True, kw_only=True):
    """The trades that ended for one reason."""

    reason: str
    trade_count: int
    win_rate: float
    pnl: Decimal


@exact
def trade_statistics(trades: Sequence[RoundTrip]) -> TradeStatistics:
    """All averages of some trades."""
    pnls = net_pnls(trades)
    returns = np.array(net_returns(trades))
    return TradeStatistics(
        average_pnl=_mean(pnls),
        average_win=_mean([pnl for pnl in pnls if pnl > 0]),
        average_loss=_mean([pnl for pnl in pnls if pnl < 0]),
        average_return=geometric_mean(returns),
        expectancy=float(np.mean(returns)) if len(returns) else None,
        sqn=system_quality(np.array([float(pnl) for pnl in pnls])),
    )


def geometric_mean(returns: Floats) -> float | None:
    """``prod(1 + returns) ** (1 / n) - 1``; undefined below a return of -1."""
    if len(returns) == 0 or float(returns.min()) < -1.0:
        return None
    with np.errstate(divide="ignore"):
        return math.expm1(float(np.mean(np.log1p(returns))))


def system_quality(pnls: Floats) -> float | None:
    """``sqrt(n) * mean / std(ddof=1)``, in money. Undefined for one trade, or if all are equal.

    Source: Van K. Tharp, Definitive Guide to Position Sizing; ``SQN`` of ``backtesting``.
    """
    if len(pnls) < 2 or np.ptp(pnls) == 0:
        return None
    return math.sqrt(len(pnls)) * float(np.mean(pnls) / np.std(pnls, ddof=1))


def time_in_market(trades: Sequence[RoundTrip], lots: Sequence[OpenLot], period: Period) -> float | None:
    """The share of the time with an open position, from the times of executions: overlaps count once.

    Source: ``Exposure Time`` of ``backtesting``, with time in place of bars.
    """
    start_ts, end_ts = period
    if end_ts <= start_ts:
        return None
    spans = [(trade.entry_ts, trade.exit_ts) for trade in trades]
    spans += [(lot.entry_ts, end_ts) for lot in lots]
    held, until = 0, start_ts
    for begin, end in sorted(spans):
        held += max(0, min(end, end_ts) - max(begin, until))
        until = max(until, min(end, end_ts))
    return held / (end_ts - start_ts)


@exact
def figures_by_symbol(
    trades: Sequence[RoundTrip], lots: Sequence[OpenLot], period: Period
) -> tuple[SymbolResult, ...]:
    """The trades by symbol, the most traded first."""
    closed: dict[str, list[RoundTrip]] = {}
    still_open: dict[str, list[OpenLot]] = {}
    for trade in trades:
        closed.setdefault(trade.symbol, []).append(trade)
    for lot in lots:
        still_open.setdefault(lot.symbol, []).append(lot)
    found: list[SymbolResult] = []
    for symbol in {**closed, **still_open}:
        own, open_lots = closed.get(symbol, []), still_open.get(symbol, [])
        returns = net_returns(own)
        found.append(
            SymbolResult(
                symbol=symbol,
                trade_count=len(own),
                open_lots=len(open_lots),
                win_rate=_win_rate(own),
                pnl=sum(net_pnls(own), ZERO),
                commission=sum((trade.commission * trade.rate for trade in own), ZERO),
                best_trade=max(returns, default=None),
                worst_trade=min(returns, default=None),
                time_in_market=time_in_market(own, open_lots, period),
            )
        )
    found.sort(key=lambda one: (-one.trade_count, one.symbol))
    return tuple(found)


@exact
def exits_by_reason(
    trades: Sequence[RoundTrip], reasons: Mapping[ClientOrderId, str]
) -> tuple[ExitReason, ...]:
    """The trades by the reason of their closing order, the most frequent first."""
    groups: dict[str, list[RoundTrip]] = {}
    for trade in trades:
        groups.setdefault(exit_reason(trade, reasons), []).append(trade)
    return tuple(
        ExitReason(
            reason=reason,
            trade_count=len(own),
            win_rate=_win_rate(own) or 0.0,
            pnl=sum(net_pnls(own), ZERO),
        )
        for reason, own in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    )


def reason_of(order: Order) -> str:
    """Why an order was given: its tag, else risk, else the kind of order."""
    if order.tag:
        return order.tag
    if order.origin is OrderOrigin.RISK:
        return "risk"
    return f"{order.order_type.value.replace('_', ' ')} order"


def exit_reason(trade: RoundTrip, reasons: Mapping[ClientOrderId, str]) -> str:
    """The reason of one trade's end."""
    return reasons.get(trade.exit_order, "unknown") if trade.exit_order else NO_ORDER


def _mean(amounts: Sequence[Decimal]) -> Decimal | None:
    return sum(amounts, ZERO) / len(amounts) if amounts else None


def _win_rate(trades: Sequence[RoundTrip]) -> float | None:
    return sum(trade.pnl > trade.commission for trade in trades) / len(trades) if trades else None
