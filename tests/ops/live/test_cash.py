"""The account's cash: taken from the venue once for each account, then compared."""

import asyncio
from decimal import Decimal
from pathlib import Path

from kernel.events import CashFlowKind, CashMoved, TradingState
from kernel.events.live import CashMismatched
from ops.exchange.accounts import AccountConfig, DeskAccount
from tests.ops.control.running import until
from tests.ops.live.trading import (
    ACCOUNT,
    BUY,
    NOTHING,
    SELL,
    exchange_of,
    live_at,
    trading,
    until_logged,
    write_live,
)

OFTEN = ", reconcile_every_s: 0.05"


async def test_cash_that_differs_is_told_once_and_restricts_nothing(tmp_path: Path) -> None:
    async with live_at(tmp_path, venue=OFTEN) as live:
        await live.order(BUY, 3)
        await until(lambda: live.held() == 3)
        live.account.cash -= Decimal("0.01")  # what is tolerated
        await asyncio.sleep(0.2)  # some comparisons
        live.account.cash -= 5  # a fee that the log knows nothing of
        await until_logged(live, CashMismatched)
        await live.order(SELL, 1)
        await until(lambda: live.held() == 2)
        live.account.cash -= 7
        await until_logged(live, CashMismatched, 2)
        told = await live.logged(CashMismatched)

    assert [one.theirs - one.ours for one in told] == [Decimal("-5.01"), Decimal("-12.01")]
    assert {(one.account, one.currency) for one in told} == {(ACCOUNT, "USD")}
    assert live.state is TradingState.ACTIVE


async def test_difference_is_over_when_an_operator_books_it(tmp_path: Path) -> None:
    async with live_at(tmp_path, venue=OFTEN) as live:
        await live.order(BUY, 3)
        await until(lambda: live.held() == 3)
        live.account.cash -= 5
        await until_logged(live, CashMismatched)
        fee = CashMoved(0, Decimal(-5), "USD", "market data", CashFlowKind.FEE)
        live.session.engine.report(fee)
        await until(lambda: live.session.core.portfolio.cash == live.account.cash)
        await asyncio.sleep(0.2)  # some comparisons
        live.account.cash -= 2
        await until_logged(live, CashMismatched, 2)
        told = await live.logged(CashMismatched)

    assert [one.theirs - one.ours for one in told] == [-5, -2]


async def test_cash_is_not_compared_while_a_future_is_held(tmp_path: Path) -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        exchange.send_now(10)
        path = write_live(tmp_path, url, venue=OFTEN)
        terms = "symbol: AAA, tick_size: 0.01, lot_size: 1"
        text = path.read_text("utf-8").replace(terms, f"{terms}, asset_class: future")
        path.write_text(text, "utf-8")
        async with trading(tmp_path, exchange) as live:
            await live.order(BUY, 3)
            await until(lambda: live.held() == 3)
            await asyncio.sleep(0.2)  # some comparisons
            paid = live.account.cash != live.session.core.portfolio.cash
            await live.order(SELL, 3)
            await until(lambda: live.held() == 0)
            await asyncio.sleep(0.2)
            told = await live.logged(CashMismatched)

    assert paid
    assert told == []


async def test_cash_of_another_account_takes_the_place_of_the_first_ones(tmp_path: Path) -> None:
    exchange = exchange_of()
    second = AccountConfig(name="second", key="demo-key", cash=Decimal(50_000))
    exchange.orders.accounts["second"] = DeskAccount(second)
    async with exchange.serving() as url:
        exchange.send_now(10)
        path = write_live(tmp_path, url)
        async with trading(tmp_path, exchange) as live:
            await live.order(NOTHING)
            first = live.session.core.portfolio.cash
        path.write_text(path.read_text("utf-8").replace(f"account: {ACCOUNT}", "account: second"), "utf-8")
        async with trading(tmp_path, exchange, is_confirmed=False) as live:
            await live.order(NOTHING)
            cash, told = live.session.core.portfolio.cash, await live.logged(CashMismatched)

    assert (first, cash) == (Decimal(10) ** 9, Decimal(50_000))
    assert told == []


async def test_account_in_another_currency_gets_no_orders(tmp_path: Path) -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        exchange.send_now(10)
        write_live(tmp_path, url, "portfolio: {currency: EUR}")
        async with trading(tmp_path, exchange, is_confirmed=False, is_connected=False) as live:
            await until(lambda: "is in USD, and portfolio.currency is EUR" in live.edge.status.reason)
            cash = live.session.core.portfolio.cash

    assert cash == 0
