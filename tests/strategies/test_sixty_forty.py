"""Sixty-forty holds its weights and puts them back when a period is over, sells before buys."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from kernel.errors import InputError
from strategies.sdk import PlaceOrder, Side
from strategies.sixty_forty import SixtyForty
from tests.strategies.sample_context import SampleContext, attach, daily_bar, orders_of, working_order


def day(text: str) -> int:
    """Days since 1970 of a date."""
    return int(datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC).timestamp()) // 86_400


def show(strategy: SixtyForty, date_text: str, **closes: float) -> list[PlaceOrder]:
    """Show one bar per symbol; everything that the strategy ordered, in order."""
    context = strategy.ctx
    assert isinstance(context, SampleContext)
    orders: list[PlaceOrder] = []
    for symbol, close in closes.items():
        bar = daily_bar(day(date_text), symbol, close)
        context.see(bar)
        orders += orders_of(strategy.on_bar(bar))
    return orders


def started(**params: object) -> tuple[SixtyForty, SampleContext]:
    """A strategy that holds 600 SPY and 800 AGG of 100,000, bought on 2024-01-30."""
    strategy = SixtyForty(invested=1.0, **params)
    context = attach(strategy, "SPY", "AGG")
    for order in show(strategy, "2024-01-30", SPY=100.0, AGG=50.0):
        context.portfolio.fill(order)
    return strategy, context


def terms(orders: list[PlaceOrder]) -> list[tuple[Side, str, int]]:
    return [(order.side, order.symbol, int(Decimal(str(order.quantity)))) for order in orders]


def test_weights_are_bought_once_both_symbols_have_a_bar() -> None:
    strategy = SixtyForty(invested=1.0)
    attach(strategy, "SPY", "AGG")

    first = show(strategy, "2024-01-30", SPY=100.0)
    second = show(strategy, "2024-01-30", AGG=50.0)

    assert (first, terms(second)) == ([], [(Side.BUY, "SPY", 600), (Side.BUY, "AGG", 800)])


def test_nothing_is_traded_within_a_period() -> None:
    strategy, _ = started()

    assert show(strategy, "2024-01-31", SPY=200.0, AGG=50.0) == []


def test_first_bars_of_the_next_month_sell_what_is_above_its_weight() -> None:
    strategy, _ = started()

    orders = show(strategy, "2024-02-01", SPY=200.0, AGG=50.0)

    assert terms(orders) == [(Side.SELL, "SPY", 120)]  # 60 % of 160,000 is 480 shares


def test_buys_follow_at_the_next_bars_once_the_sells_are_filled() -> None:
    strategy, context = started()
    for order in show(strategy, "2024-02-01", SPY=200.0, AGG=50.0):
        context.portfolio.fill(order)

    orders = show(strategy, "2024-02-02", SPY=200.0, AGG=50.0)

    assert terms(orders) == [(Side.BUY, "AGG", 480)]


def test_buys_wait_while_an_order_is_working() -> None:
    strategy, context = started()
    show(strategy, "2024-02-01", SPY=200.0, AGG=50.0)
    context.portfolio.working.append(working_order("SPY"))

    assert show(strategy, "2024-02-02", SPY=200.0, AGG=50.0) == []


def test_buys_are_made_once() -> None:
    strategy, context = started()
    for text in ("2024-02-01", "2024-02-02"):
        for order in show(strategy, text, SPY=200.0, AGG=50.0):
            context.portfolio.fill(order)

    assert show(strategy, "2024-02-05", SPY=150.0, AGG=50.0) == []


def test_quarterly_rebalancing_waits_for_the_next_quarter() -> None:
    strategy, _ = started(rebalance="quarter")

    in_february = show(strategy, "2024-02-01", SPY=200.0, AGG=50.0)
    in_april = show(strategy, "2024-04-01", SPY=200.0, AGG=50.0)

    assert (in_february, terms(in_april)) == ([], [(Side.SELL, "SPY", 120)])


def test_period_is_over_only_when_both_symbols_are_past_it() -> None:
    strategy, _ = started()

    late_bond = show(strategy, "2024-01-31", AGG=50.0)
    early_stock = show(strategy, "2024-02-01", SPY=200.0)

    assert late_bond + early_stock == []


def test_other_symbols_are_left_alone() -> None:
    strategy = SixtyForty()
    attach(strategy, "SPY", "AGG", "GLD")

    assert show(strategy, "2024-01-30", GLD=100.0) == []


def test_uninvested_share_stays_in_cash() -> None:
    strategy = SixtyForty(invested=0.5)
    context = attach(strategy, "SPY", "AGG")

    for order in show(strategy, "2024-01-30", SPY=100.0, AGG=50.0):
        context.portfolio.fill(order)

    assert context.portfolio.cash == Decimal(50_000)


def test_stock_and_bond_must_be_two_symbols() -> None:
    with pytest.raises(InputError, match="stock and bond must be two symbols, both are 'SPY'"):
        SixtyForty(bond="SPY")
