"""Mode shadow: orders trade live, and each is compared once with what the fill models make of it."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from kernel.events import EdgeState, EdgeStateChanged, OrderFilled, OrderStatus, Side
from kernel.events.shadow import ShadowCompared, ShadowOutcome
from ops.exchange.order_faults import OrderFaults
from replay.days.record import last_day, read_day
from replay.days.tables import day_tables
from replay.run_config import Mode
from replay.twin.reading import read_twin
from replay.verification import verify_run
from tests.ops.control.running import PATIENCE_S, logged, until
from tests.ops.live.trading import (
    BUY,
    CANCEL,
    LOG,
    NOTHING,
    REST,
    SELL,
    Live,
    exchange_of,
    live_at,
    trading,
    write_live,
)

QUICK = "shadow: {every_s: 0.02, wait_s: 0}"
MODELS = "broker: {commission_per_order: 1}"
BAD_MODEL = """
from typing import ClassVar

import msgspec


class Bad(msgspec.Struct, frozen=True):
    needs_volatility: ClassVar[bool] = False

    def price(self, taken):
        raise ValueError("the model is bad")
"""
ASK, BID = Decimal("100.01"), Decimal(100)
"""The quotes of these tests; the exchange fills at prices of its own."""


async def compared(live: Live, count: int) -> list[ShadowCompared]:
    """The comparisons on the log, when there are so many. Quotes go on meanwhile."""
    found: list[ShadowCompared] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < count:
            await live.order(NOTHING)
            found = await logged(live.store, ShadowCompared, log=LOG)
            await asyncio.sleep(0.01)
    return found


async def test_an_exchange_that_fills_worse_than_the_model_is_told(tmp_path: Path) -> None:
    async with live_at(tmp_path, QUICK, MODELS, mode=Mode.SHADOW) as live:
        await live.order(BUY, 7)
        await until(lambda: live.held() == 7)
        (bought,) = await compared(live, 1)
        await live.order(SELL, 3)
        await until(lambda: live.held() == 4)
        _, sold = await compared(live, 2)
        fills = await live.logged(OrderFilled)
        recorded = await read_twin(live.store, LOG)
        assert live.shadow is not None
        status = live.shadow.status
        day = await read_day(live.store, LOG, await last_day(live.store, LOG), now_ts=0)
        await verify_run(live.store, LOG)

    first, second = fills
    assert [one.event(0).client_order_id for one in recorded.orders] == [
        bought.client_order_id,
        sold.client_order_id,
    ]
    assert (bought.live_price, bought.simulated_price) == (first.price, ASK)
    assert bought.difference == 7 * (first.price - ASK) != 0
    assert bought.difference_bps == pytest.approx(float((first.price - ASK) / ASK) * 10_000, abs=1e-5)
    assert (sold.live_price, sold.simulated_price) == (second.price, BID)
    assert sold.difference == 3 * (BID - second.price)
    assert (bought.live_fees, bought.simulated_fees) == (Decimal("0.035"), Decimal(1))
    assert bought.live_status is bought.simulated_status is OrderStatus.FILLED
    assert (status.compared, status.missed, status.problem) == (2, 0, "")
    tables = {rows.title: rows for rows in day_tables(day)}
    assert ("filled", "2", "2") in tables["Live and simulated"].rows
    assert len(tables["Orders that differ"].rows) == 2


async def test_an_order_that_the_venue_lost_is_a_missed_fill(tmp_path: Path) -> None:
    async with live_at(tmp_path, QUICK, mode=Mode.SHADOW, faults=OrderFaults(reject_every=1)) as live:
        await live.order(BUY, 2)
        (found,) = await compared(live, 1)

    assert found.outcome is ShadowOutcome.MISSED
    assert found.live_quantity == 0
    assert found.simulated_quantity == 2
    assert (found.live_price, found.difference_bps) == (None, None)
    assert (found.live_status, found.reason) == (OrderStatus.REJECTED, "rejected on purpose")


async def test_an_order_that_only_live_fills_is_given_up_by_the_twin(tmp_path: Path) -> None:
    """The twin may take a millionth of what is shown, which is less than a lot."""
    models = "broker: {volume: {model: share, params: {limit: 0.000001}}}"
    async with live_at(tmp_path, QUICK, models, mode=Mode.SHADOW) as live:
        await live.order(BUY, 5)
        await until(lambda: live.held() == 5)
        (found,) = await compared(live, 1)

    assert found.outcome is ShadowOutcome.LUCKY
    assert found.live_quantity == 5
    assert found.simulated_status is OrderStatus.CANCELLED


async def test_a_cancelled_order_is_unfilled_on_both_sides(tmp_path: Path) -> None:
    async with live_at(tmp_path, QUICK, mode=Mode.SHADOW) as live:
        await live.order(REST, 5)
        await until(lambda: live.statuses() == [OrderStatus.ACCEPTED])
        await live.order(CANCEL)
        (found,) = await compared(live, 1)

    assert found.outcome is ShadowOutcome.UNFILLED
    assert found.live_status is found.simulated_status is OrderStatus.CANCELLED


async def test_a_fill_after_the_cancel_is_in_the_twin_of_the_record(tmp_path: Path) -> None:
    faults = OrderFaults(late_fill_every=1)
    async with live_at(tmp_path, QUICK, mode=Mode.SHADOW, faults=faults) as live:
        await live.order(REST, 5)
        await until(lambda: live.statuses() == [OrderStatus.ACCEPTED])
        await live.order(CANCEL)
        await until(lambda: bool(live.held()))
        (told,) = await compared(live, 1)
        (late,) = (await read_twin(live.store, LOG)).orders
        held = live.held()

    assert told.outcome is ShadowOutcome.UNFILLED
    assert late.outcome is ShadowOutcome.LUCKY
    assert late.live.status is OrderStatus.CANCELLED
    assert late.live.quantity == held


async def test_a_twin_that_fails_ends_alone_and_trading_goes_on(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BAD_MODEL, "utf-8")
    models = 'broker: {slippage: "bad.py:Bad"}'
    async with live_at(tmp_path, QUICK, models, mode=Mode.SHADOW) as live:
        await live.order(BUY, 2)
        await until(lambda: live.held() == 2)
        await live.order(NOTHING)
        shadow = live.shadow
        assert shadow is not None
        await until(lambda: bool(shadow.status.problem))
        await live.order(SELL, 2)
        await until(lambda: live.held() == 0)
        failed = [one for one in await live.logged(EdgeStateChanged) if one.state is EdgeState.FAILED]

    assert [one.edge for one in failed] == ["shadow"]
    assert "the model is bad" in failed[0].reason


async def test_a_live_log_goes_on_in_mode_shadow_with_a_twin_from_there_on(tmp_path: Path) -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        exchange.send_now(10)
        write_live(tmp_path, url)
        async with trading(tmp_path, exchange) as live:
            await live.order(BUY, 2)
            await until(lambda: live.held() == 2)
        write_live(tmp_path, url, QUICK, mode=Mode.SHADOW)
        async with trading(tmp_path, exchange) as live:
            await live.order(SELL, 2)
            await until(lambda: live.held() == 0)
            found = await compared(live, 1)
            await verify_run(live.store, LOG)

    assert [(one.side, one.live_quantity) for one in found] == [(Side.SELL, Decimal(2))]


async def test_restarts_compare_each_order_once(tmp_path: Path) -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        exchange.send_now(10)
        write_live(tmp_path, url, QUICK, mode=Mode.SHADOW)
        async with trading(tmp_path, exchange) as live:
            await live.order(BUY, 2)
            await until(lambda: live.held() == 2)
            await compared(live, 1)
            await live.order(BUY, 3)
            await until(lambda: live.held() == 5)
        async with trading(tmp_path, exchange) as live:
            await compared(live, 2)
        async with trading(tmp_path, exchange) as live:
            await live.order(SELL, 5)
            await until(lambda: live.held() == 0)
            found = await compared(live, 3)
            await verify_run(live.store, LOG)

    assert [one.live_quantity for one in found] == [2, 3, 5]
    assert len({one.client_order_id for one in found}) == 3
