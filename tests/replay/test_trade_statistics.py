"""Averages of trades, trades by symbol and by exit, time in the market, drawdown periods."""

import importlib
import warnings
from decimal import Decimal
from random import Random
from typing import Any

import numpy as np
import pytest

from kernel.events import BUY, SELL, OrderFilled, OrderOrigin, OrderType
from kernel.events.order_terms import Order
from kernel.identifiers import ClientOrderId
from kernel.time_units import DAY_NS
from replay.performance.drawdown_periods import drawdown_periods
from replay.performance.trade_statistics import (
    NO_ORDER,
    exits_by_reason,
    figures_by_symbol,
    reason_of,
    time_in_market,
    trade_statistics,
)
from replay.performance.trades import Matched, RoundTrip, match_fills
from tests.replay.recorded_run import STRATEGY, day, fill


def matched(*fills: OrderFilled) -> Matched:
    return match_fills(fills)


def random_trades(seed: int, *, count: int) -> tuple[RoundTrip, ...]:
    """Long trades one after the other, each of a day."""
    dice = Random(seed)
    fills: list[OrderFilled] = []
    for number in range(count):
        entry = dice.randint(9_000, 11_000)
        exit_ = entry + dice.randint(-800, 900)
        fills.append(fill(day(2 * number), BUY, "10", f"{entry / 100:.2f}", fill_id=f"b{number}"))
        fills.append(fill(day(2 * number + 1), SELL, "10", f"{exit_ / 100:.2f}", fill_id=f"s{number}"))
    return matched(*fills).trades


def judged(trades: tuple[RoundTrip, ...], equity: list[float]) -> dict[str, Any]:  # what pandas holds
    """The figures of ``backtesting`` for trades of one day each, and an equity of a point a day."""
    stats = pytest.importorskip("backtesting._stats", reason="compares with the PyPI package backtesting")
    pandas = importlib.import_module("pandas")
    index = pandas.date_range("2024-01-01", periods=len(equity), freq="D")
    frame = pandas.DataFrame(
        {
            "PnL": [float(trade.net_pnl) for trade in trades],
            "ReturnPct": [trade.net_return for trade in trades],
            "Duration": [pandas.Timedelta(trade.duration_ns, "ns") for trade in trades],
            "EntryBar": [(trade.entry_ts - day(0)) // DAY_NS for trade in trades],
            "ExitBar": [(trade.exit_ts - day(0)) // DAY_NS for trade in trades],
        }
    )
    closes = pandas.DataFrame({"Close": equity}, index=index)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, about what backtesting calls
        found: dict[str, Any] = dict(stats.compute_stats(frame, np.array(equity), closes, None))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_averages_are_those_of_backtesting(seed: int) -> None:
    trades = random_trades(seed, count=20)

    ours, theirs = trade_statistics(trades), judged(trades, [100.0 + (n * 7) % 11 for n in range(41)])

    assert ours.sqn == pytest.approx(theirs["SQN"], rel=1e-12)
    assert ours.expectancy == pytest.approx(theirs["Expectancy [%]"] / 100, rel=1e-9)
    assert ours.average_return == pytest.approx(theirs["Avg. Trade [%]"] / 100, rel=1e-9)


def test_averages_in_money_are_after_commission() -> None:
    trades = matched(
        fill(day(0), BUY, "10", "100"), fill(day(1), SELL, "10", "103", commission="2"),
        fill(day(2), BUY, "10", "100"), fill(day(3), SELL, "10", "99", commission="2"),
    ).trades  # fmt: skip

    averages = trade_statistics(trades)

    assert (averages.average_win, averages.average_loss) == (Decimal(28), Decimal(-12))
    assert averages.average_pnl == Decimal(8)


def test_averages_without_trades_or_spread_are_undefined() -> None:
    none, one = trade_statistics(()), trade_statistics(random_trades(1, count=1))

    assert (none.average_pnl, none.expectancy, none.average_return, none.sqn) == (None, None, None, None)
    assert one.sqn is None


def test_overlapping_trades_count_once_in_the_time_in_the_market() -> None:
    found = matched(
        fill(day(1), BUY, "1", "10", symbol="A"), fill(day(2), BUY, "1", "10", symbol="B"),
        fill(day(3), SELL, "1", "10", symbol="A"), fill(day(4), SELL, "1", "10", symbol="B"),
        fill(day(9), BUY, "1", "10", symbol="A"),
    )  # fmt: skip

    share = time_in_market(found.trades, found.open_lots, (day(0), day(10)))

    assert share == pytest.approx(0.4)


def test_time_in_the_market_of_a_moment_is_undefined() -> None:
    assert time_in_market((), (), (day(1), day(1))) is None


def test_trades_are_told_apart_by_symbol() -> None:
    found = matched(
        fill(day(1), BUY, "1", "10", symbol="A"), fill(day(2), SELL, "1", "12", symbol="A", commission="1"),
        fill(day(3), BUY, "1", "10", symbol="B"), fill(day(4), SELL, "1", "9", symbol="B"),
        fill(day(5), BUY, "1", "10", symbol="B"), fill(day(6), SELL, "1", "9", symbol="B"),
        fill(day(7), BUY, "1", "10", symbol="C"),
    )  # fmt: skip

    b, a, c = figures_by_symbol(found.trades, found.open_lots, (day(0), day(10)))

    assert [(one.symbol, one.trade_count, one.open_lots) for one in (b, a, c)] == [
        ("B", 2, 0), ("A", 1, 0), ("C", 0, 1),
    ]  # fmt: skip
    assert (a.pnl, a.commission, a.win_rate, a.best_trade) == (Decimal(1), Decimal(1), 1.0, 0.1)
    assert (b.pnl, b.win_rate, b.worst_trade) == (Decimal(-2), 0.0, -0.1)
    assert b.time_in_market == pytest.approx(0.2)
    assert c.time_in_market == pytest.approx(0.3)


def test_exits_are_counted_by_the_reason_of_the_closing_order() -> None:
    trades = random_trades(1, count=3)
    reasons = {trades[0].exit_order: "stop", trades[1].exit_order: "stop"}

    found = exits_by_reason(trades, reasons)

    assert [(one.reason, one.trade_count) for one in found] == [("stop", 2), ("unknown", 1)]
    assert found[0].pnl == trades[0].net_pnl + trades[1].net_pnl


def test_a_trade_that_no_order_closed_says_so() -> None:
    (trade,) = random_trades(1, count=1)
    ended = RoundTrip(
        trade.strategy, trade.symbol, trade.side, trade.quantity, trade.entry_ts, trade.exit_ts,
        trade.entry_price, trade.exit_price, trade.pnl, trade.commission,
    )  # fmt: skip

    assert exits_by_reason((ended,), {})[0].reason == NO_ORDER


@pytest.mark.parametrize(
    ("tag", "origin", "kind", "reason"),
    [
        ("below average", OrderOrigin.STRATEGY, OrderType.MARKET, "below average"),
        ("", OrderOrigin.RISK, OrderType.MARKET, "risk"),
        ("", OrderOrigin.STRATEGY, OrderType.STOP_LIMIT, "stop limit order"),
    ],
)
def test_the_reason_of_an_order_is_its_tag_else_risk_else_its_kind(
    tag: str, origin: OrderOrigin, kind: OrderType, reason: str
) -> None:
    order = Order(ClientOrderId("o"), STRATEGY, "A", SELL, kind, Decimal(1), tag=tag, origin=origin)

    assert reason_of(order) == reason


# --- drawdowns --------------------------------------------------------------------------------


def test_a_drawdown_runs_from_its_peak_to_the_recovery() -> None:
    equity = np.array([100.0, 110.0, 99.0, 105.0, 110.0, 120.0, 90.0, 100.0])
    ts = np.array([day(number) for number in range(len(equity))])

    first, second = drawdown_periods(ts, equity)

    assert (first.peak_ts, first.trough_ts, first.end_ts) == (day(1), day(2), day(4))
    assert (first.depth, first.duration_ns) == pytest.approx((-0.1, 3 * DAY_NS))
    assert (second.peak_ts, second.trough_ts, second.end_ts) == (day(5), day(6), None)
    assert (second.depth, second.duration_ns) == pytest.approx((-0.25, 2 * DAY_NS))


def test_an_equity_that_never_falls_has_no_drawdown() -> None:
    ts = np.array([day(0), day(1), day(2)])

    assert drawdown_periods(ts, np.array([1.0, 1.0, 2.0])) == ()


@pytest.mark.parametrize("seed", range(3))
def test_drawdowns_are_those_of_backtesting(seed: int) -> None:
    dice = Random(seed)
    equity = [1_000.0]
    for _ in range(200):
        equity.append(equity[-1] * (1 + dice.uniform(-0.03, 0.032)))
    equity.append(max(equity) + 1)  # backtesting leaves out a drawdown that never ended
    ts = np.array([day(number) for number in range(len(equity))])

    ours, theirs = drawdown_periods(ts, np.array(equity)), judged(random_trades(1, count=20), equity)

    assert min(one.depth for one in ours) == pytest.approx(theirs["Max. Drawdown [%]"] / 100)
    assert np.mean([one.depth for one in ours]) == pytest.approx(theirs["Avg. Drawdown [%]"] / 100)
    longest = max(one.duration_ns for one in ours)
    assert longest == theirs["Max. Drawdown Duration"].value
