"""Orders of a live session at the exchange: each is sent once, and both agree on what became of it."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from brokers.orders.port import VenueOrderState
from kernel.events import (
    AdjustPosition,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
    OrderStateUnknown,
    OrderStatus,
    OrderSubmitted,
    PositionMismatched,
    ReplaceRejected,
    ResumeTrading,
    TradingState,
    TransitionRefused,
)
from kernel.identifiers import StrategyId
from ops.exchange.order_faults import OrderFaults
from replay.verification import verify_run
from tests.ops.control.running import until
from tests.ops.live.trading import (
    BUY,
    CANCEL,
    LOG,
    NOTHING,
    PATIENT,
    REPLACE,
    REST,
    SELL,
    away,
    connected,
    exchange_of,
    live_at,
    order_of,
    trading,
    write_live,
)


async def test_orders_are_filled_at_the_exchange_and_both_agree(tmp_path: Path) -> None:
    async with live_at(tmp_path) as live:
        await live.order(BUY, 7)
        await until(lambda: live.held() == 7)
        await live.order(SELL, 3)
        await until(lambda: live.held() == 4)
        there, cash = live.there(), live.account.cash
        ours = live.session.core.portfolio.cash
        fills = await live.logged(OrderFilled)
        verified = await verify_run(live.store, LOG)

    assert there == 4
    assert ours == cash
    assert [fill.quantity for fill in fills] == [7, 3]
    assert fills[0].commission == Decimal("0.035")
    assert verified.derived_count


async def test_resting_order_is_replaced_and_cancelled(tmp_path: Path) -> None:
    async with live_at(tmp_path) as live:
        await live.order(REST, 5)
        await until(lambda: live.statuses() == [OrderStatus.ACCEPTED])
        (order,) = live.account.open_orders
        await live.order(REPLACE, 8)
        await until(lambda: order.quantity == 8)
        await live.order(CANCEL)
        await until(lambda: not live.open_orders())
        replaced, cancelled = await live.logged(OrderReplaced), await live.logged(OrderCancelled)

    assert (order.quantity, order.limit_price) == (Decimal(8), Decimal(2))
    assert not order.is_open
    assert [one.order.quantity for one in replaced] == [8]
    assert [one.leaves_quantity for one in cancelled] == [8]


async def test_rejected_order_says_why(tmp_path: Path) -> None:
    async with live_at(tmp_path, faults=OrderFaults(reject_every=1)) as live:
        await live.order(BUY)
        await until(lambda: not live.open_orders())
        rejected, accepted = await live.logged(OrderRejected), await live.logged(OrderAccepted)

    assert [one.reason for one in rejected] == ["rejected on purpose"]
    assert not accepted


async def test_order_without_an_acknowledgement_is_asked_about_and_never_sent_again(
    tmp_path: Path,
) -> None:
    async with live_at(tmp_path, faults=OrderFaults(drop_ack_every=1)) as live:
        for _ in range(3):
            await live.order(BUY, 2)
            await until(lambda: not live.open_orders())
        held = live.held()
        submitted = await live.logged(OrderSubmitted)

    assert len(submitted) == len(live.account.orders) == 3
    assert live.account.repeated == []
    assert held == live.there() == 6


async def test_lost_order_is_rejected_after_it_was_asked_about_twice(tmp_path: Path) -> None:
    async with live_at(tmp_path, faults=OrderFaults(lose_every=1)) as live:
        await live.order(BUY)
        await until(lambda: not live.open_orders())
        unknown = await live.logged(OrderStateUnknown)
        rejected = await live.logged(OrderRejected)

    assert len(unknown) == 1
    assert [one.reason for one in rejected] == ["venue does not have it, asked twice"]
    assert live.account.orders == {}


async def test_fill_before_a_late_acknowledgement_and_reports_that_repeat_are_booked_once(
    tmp_path: Path,
) -> None:
    faults = OrderFaults(delay_ack_every=1, ack_delay_s=0.1, duplicate_report_every=1)
    async with live_at(tmp_path, faults=faults) as live:
        await live.order(BUY, 5)
        await until(lambda: live.edge.status.sent == 1)
        fills, repeated = await live.logged(OrderFilled), await live.logged(TransitionRefused)
        held = live.held()

    assert [fill.quantity for fill in fills] == [5]
    assert held == live.there() == 5
    assert "fill already booked" in [one.reason for one in repeated]


async def test_fill_after_a_cancel_is_booked(tmp_path: Path) -> None:
    async with live_at(tmp_path, faults=OrderFaults(late_fill_every=1)) as live:
        await live.order(REST, 4)
        await until(lambda: live.statuses() == [OrderStatus.ACCEPTED])
        await live.order(CANCEL)
        await until(lambda: live.held() == 2)
        cancelled = await live.logged(OrderCancelled)

    assert len(cancelled) == 1
    assert live.there() == 2
    assert live.account.open_orders == []


async def test_large_order_fills_in_parts_as_the_market_shows_size(tmp_path: Path) -> None:
    async with live_at(tmp_path) as live:
        await live.order(BUY, 5_000)
        while live.held() < 5_000:
            live.exchange.send_now(2)
            await live.order(NOTHING)
        fills = await live.logged(OrderFilled)

    assert len(fills) > 1
    assert sum(fill.quantity for fill in fills) == 5_000


async def test_order_of_an_earlier_session_that_never_left_is_sent_after_a_crash(tmp_path: Path) -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        exchange.send_now(10)
        write_live(tmp_path, url, venue=PATIENT)
        async with trading(tmp_path, exchange) as live, away(exchange):
            await until(lambda: not live.edge.status.is_connected)
            await live.order(BUY, 3)
            await live.order(NOTHING)
        before = len(live.account.orders)
        async with trading(tmp_path, exchange, is_confirmed=False) as live:
            await until(lambda: live.held() == 3)
            submitted = await live.logged(OrderSubmitted)
            await verify_run(live.store, LOG)

    assert before == 0
    assert len(submitted) == len(live.account.orders) == 1


async def test_order_that_left_before_a_crash_is_adopted_with_its_fills(tmp_path: Path) -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        exchange.send_now(10)
        write_live(tmp_path, url)
        async with trading(tmp_path, exchange) as live:
            await live.order(BUY, 50_000)
            await until(lambda: live.held() > 0)
        exchange.send_now(10)
        there = live.there()
        async with trading(tmp_path, exchange, is_confirmed=False) as live:
            await until(lambda: live.held() == there)
            statuses = live.statuses()
            await live.order(CANCEL)
            await until(lambda: not live.open_orders())
            mismatched = await live.logged(PositionMismatched)
            await verify_run(live.store, LOG)

    assert statuses == [OrderStatus.PARTIALLY_FILLED]
    assert len(live.account.orders) == 1
    assert live.account.repeated == []
    assert mismatched == []


async def test_replacement_without_an_acknowledgement_is_found_by_asking(tmp_path: Path) -> None:
    async with live_at(tmp_path, faults=OrderFaults(drop_ack_every=2)) as live:
        await live.order(REST, 5)
        await until(lambda: live.statuses() == [OrderStatus.ACCEPTED])
        await live.order(REPLACE, 8)
        await until(lambda: live.statuses() == [OrderStatus.ACCEPTED])
        replaced = await live.logged(OrderReplaced)

    assert [(one.order.quantity, one.order.limit_price) for one in replaced] == [(Decimal(8), Decimal(2))]


async def test_lost_replacement_leaves_the_old_terms(tmp_path: Path) -> None:
    async with live_at(tmp_path, faults=OrderFaults(lose_every=2)) as live:
        await live.order(REST, 5)
        await until(lambda: live.statuses() == [OrderStatus.ACCEPTED])
        await live.order(REPLACE, 8)
        await until(lambda: live.statuses() == [OrderStatus.ACCEPTED])
        refused = await live.logged(ReplaceRejected)
        (order,) = live.session.core.orders.state.open.values()

    assert len(refused) == 1
    assert order.order.quantity == live.account.open_orders[0].quantity == 5


@pytest.mark.parametrize("faults", [OrderFaults(lose_every=2), OrderFaults(drop_ack_every=2)])
async def test_cancel_that_is_lost_or_not_acknowledged_has_its_effect(
    tmp_path: Path, faults: OrderFaults
) -> None:
    async with live_at(tmp_path, faults=faults) as live:
        await live.order(REST, 5)
        await until(lambda: live.statuses() == [OrderStatus.ACCEPTED])
        await live.order(CANCEL)
        await until(lambda: not live.open_orders())
        cancelled = await live.logged(OrderCancelled)

    assert len(cancelled) == 1
    assert live.account.open_orders == []


async def test_order_that_comes_after_it_counted_as_absent_is_cancelled(tmp_path: Path) -> None:
    async with live_at(tmp_path, faults=OrderFaults(lose_every=2)) as live:
        await live.order(BUY)
        await until(lambda: live.held() == 1)
        await live.order(REST, 4)
        await until(lambda: not live.open_orders())
        (rejected,) = await live.logged(OrderRejected)
        async with connected(tmp_path) as other:  # what was lost on the way arrives after all
            await other.submit(order_of(rejected.client_order_id, 4, limit=1))
        await until(lambda: not live.account.open_orders)
        state = live.account.orders[rejected.client_order_id].state

    assert state is VenueOrderState.CANCELLED


async def test_difference_is_told_once_and_is_over_when_an_operator_adjusts_the_position(
    tmp_path: Path,
) -> None:
    async with live_at(tmp_path, venue=", reconcile_every_s: 0.05") as live:
        async with connected(tmp_path) as other:
            await other.submit(order_of("by-hand", 7))
        await until(lambda: live.state is TradingState.REDUCE_ONLY)
        await asyncio.sleep(0.3)  # some more comparisons
        for command in (
            AdjustPosition(0, "ann", StrategyId("scripted"), "AAA", Decimal(7), Decimal(700), "a gift"),
            ResumeTrading(0, "ann", "it is ours now"),
        ):
            live.session.engine.report(command)
        await until(lambda: live.state is TradingState.ACTIVE)
        await asyncio.sleep(0.3)
        state, told = live.state, await live.logged(PositionMismatched)

    assert [(one.ours, one.theirs) for one in told] == [(Decimal(0), Decimal(7))]
    assert state is TradingState.ACTIVE
