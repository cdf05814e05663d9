"""Words between us and the exchange that are lost, late or wrong: both sides agree in the end."""

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from kernel.events import (
    CancelAllOrders,
    EngageKillSwitch,
    ExecutionKind,
    FillCorrected,
    OrderCancelled,
    OrderRejected,
    OrderReplaced,
    OrderStateUnknown,
    OrderStatus,
    OrderSubmitted,
    PositionMismatched,
    TransitionRefused,
)
from kernel.events.live import CashMismatched
from kernel.identifiers import ClientOrderId, FillId
from kernel.time_units import SECOND_NS
from ops.control.outside import cancel_outside
from ops.exchange.order_faults import OrderFaults
from replay.run_config import load_run_config
from tests.ops.control.running import until
from tests.ops.live.trading import (
    ACCOUNT,
    BUY,
    CANCEL,
    NOTHING,
    PATIENT,
    REST,
    SECRETS,
    away,
    connected,
    exchange_of,
    live_at,
    order_of,
    trading,
    until_logged,
    write_live,
)

MUTE = OrderFaults(lose_answer_every=1)
"""A venue that does what it is asked and reports it, but answers no request."""
NO_OVERLAP = ", fills_overlap_s: 0"
SCORES = 50_000
"""More than the market shows at once: such an order fills again at each price."""


# --- requests without an answer -------------------------------------------------------------------


async def test_order_whose_answer_is_lost_after_its_reports_is_open_and_dies_with_the_kill_switch(
    tmp_path: Path,
) -> None:
    async with live_at(tmp_path, venue=", answer_s: 0.3", faults=MUTE) as live:
        await live.order(REST, 5)
        await until_logged(live, OrderStateUnknown)
        await until(lambda: live.statuses() == [OrderStatus.ACCEPTED])
        live.session.engine.report(EngageKillSwitch(0, "ann", "a test"))
        await until(lambda: not live.account.open_orders)
        await until(lambda: not live.open_orders())
        submitted = await live.logged(OrderSubmitted)

    assert len(submitted) == len(live.account.orders) == 1


async def test_cancel_of_an_order_that_becomes_unknown_meanwhile_is_not_forgotten(tmp_path: Path) -> None:
    faults = OrderFaults(lose_every=2, lose_answer_every=1)
    async with live_at(tmp_path, venue=", answer_s: 1", faults=faults) as live:
        await live.ask(REST, 5)
        await until(lambda: bool(live.account.orders))
        await live.order(CANCEL)  # it waits for the answer to the order; then it is lost
        await until(lambda: not live.open_orders())
        cancelled, unknown = await live.logged(OrderCancelled), await live.logged(OrderStateUnknown)

    assert len(cancelled) == len(unknown) == 1
    assert live.account.open_orders == []


async def test_order_in_an_unknown_state_is_cancelled_with_all_others(tmp_path: Path) -> None:
    async with live_at(tmp_path, faults=OrderFaults(drop_ack_every=1)) as live:
        live.exchange.orders.is_away = True
        await live.order(REST, 5)
        await until(lambda: live.statuses() == [OrderStatus.UNKNOWN])
        live.session.engine.report(CancelAllOrders(0, "ann", "", "a test"))
        await live.order(NOTHING)
        live.exchange.orders.is_away = False
        await until(lambda: not live.open_orders())
        cancelled = await live.logged(OrderCancelled)

    assert len(cancelled) == 1
    assert live.account.open_orders == []


@pytest.mark.slow
async def test_order_that_arrives_just_after_a_panic_is_cancelled_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    exchange = exchange_of()
    async with exchange.serving() as url:
        exchange.send_now(10)
        path = write_live(tmp_path, url)
        path.write_text(path.read_text("utf-8").replace("settle_s: 0.05", "settle_s: 5"), "utf-8")
        config = load_run_config(path)
        account = exchange.orders.accounts[ACCOUNT]
        async with connected(tmp_path) as hung:
            await hung.submit(order_of("early", 1, limit=1))
            async with asyncio.TaskGroup() as group:
                panicking = group.create_task(asyncio.to_thread(cancel_outside, config, "it hangs"))
                await until(lambda: not account.open_orders)
                await hung.submit(order_of("late", 1, limit=1))
            done = panicking.result()

    assert account.open_orders == []
    assert done == "2 orders cancelled at venue, account demo"


# --- orders that wait for the venue ---------------------------------------------------------------


async def test_order_of_an_unknown_outcome_is_not_sent_again_after_a_crash(tmp_path: Path) -> None:
    exchange = exchange_of(OrderFaults(lose_every=2))
    async with exchange.serving() as url:
        exchange.send_now(10)
        write_live(tmp_path, url)
        async with trading(tmp_path, exchange) as live:
            await live.order(REST, 4)
            await until(lambda: live.statuses() == [OrderStatus.ACCEPTED])
            exchange.orders.is_away = True
            await live.order(BUY, 3)
            await until(lambda: live.statuses()[1:] == [OrderStatus.UNKNOWN])
            await live.order(NOTHING)
        exchange.orders.is_away = False
        async with trading(tmp_path, exchange, is_confirmed=False) as live:
            await until(lambda: live.open_orders() == 1)
            rejected = await live.logged(OrderRejected)

    assert [one.reason for one in rejected] == ["venue does not have it, asked twice"]
    assert len(live.account.orders) == 1


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_order_that_was_cancelled_before_it_could_be_sent_does_not_leave(
    tmp_path: Path, *, is_restarted: bool
) -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        exchange.send_now(10)
        write_live(tmp_path, url, venue=PATIENT)
        async with trading(tmp_path, exchange) as live:
            async with away(exchange):
                await until(lambda: not live.edge.status.is_connected)
                await live.order(BUY, 3)
                await live.order(CANCEL)
                await live.order(NOTHING)
            if not is_restarted:
                await until(lambda: not live.open_orders())
        async with trading(tmp_path, exchange, is_confirmed=False) as live:
            await until(lambda: not live.open_orders())
            cancelled = await live.logged(OrderCancelled)

    assert [one.leaves_quantity for one in cancelled] == [3]
    assert live.account.orders == {}


# --- fills ----------------------------------------------------------------------------------------


async def test_fills_of_a_time_without_a_connection_are_booked_after_a_later_restart(tmp_path: Path) -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        exchange.send_now(10)
        write_live(tmp_path, url, venue=NO_OVERLAP)
        async with trading(tmp_path, exchange) as live:
            await live.order(BUY, SCORES)
            await until(lambda: live.held() > 0)
            exchange.orders.is_away = True
            exchange.orders.drop_connections()
            await until(lambda: not live.edge.status.is_connected)
            await live.order(NOTHING)
            exchange.send_now(10)  # it fills meanwhile, and the log goes on
            await live.order(NOTHING)
            missing = live.there() - live.held()
        exchange.orders.is_away = False
        async with trading(tmp_path, exchange, is_confirmed=False) as live:
            await until(lambda: live.held() == live.there())

    assert missing > 0


async def test_fill_that_the_venue_dates_too_early_is_found_by_the_quantity_of_its_order(
    tmp_path: Path,
) -> None:
    async with live_at(tmp_path) as live:
        await live.order(BUY, SCORES)
        await until(lambda: live.held() > 0)
        async with away(live.exchange):
            await until(lambda: not live.edge.status.is_connected)
            live.exchange.send_now(2)
            fills = live.account.fills
            fills[-1] = msgspec.structs.replace(fills[-1], ts=fills[-1].ts - 7_200 * SECOND_NS)
        await until(lambda: live.held() == live.there())


async def test_fills_of_two_symbols_may_have_the_same_id(tmp_path: Path) -> None:
    async with live_at(tmp_path) as live:
        for symbol in ("AAA", "AAB"):
            await live.order(BUY, SCORES, symbol)
        await until(lambda: live.held() > 0 and live.held("AAB") > 0)
        async with away(live.exchange):
            await until(lambda: not live.edge.status.is_connected)
            before = len(live.account.fills)
            live.exchange.send_now(2)
            fills = live.account.fills
            fills[before:] = [msgspec.structs.replace(one, fill_id=FillId("T1")) for one in fills[before:]]
        await until(lambda: live.held() == live.there())
        await until(lambda: live.held("AAB") == live.there("AAB"))

    assert {one.symbol for one in fills[before:]} == {"AAA", "AAB"}


# --- terms ----------------------------------------------------------------------------------------


async def test_new_terms_that_were_not_heard_of_are_taken_over(tmp_path: Path) -> None:
    async with live_at(tmp_path, venue=", reconcile_every_s: 0.05") as live:
        await live.order(REST, 5)
        await until(lambda: live.statuses() == [OrderStatus.ACCEPTED])
        async with away(live.exchange):
            await until(lambda: not live.edge.status.is_connected)
            live.account.open_orders[0].quantity = Decimal(8)
        await until_logged(live, OrderReplaced)
        (entry,) = live.session.core.orders.state.open.values()
        replaced = await live.logged(OrderReplaced)

    assert entry.order.quantity == 8
    assert len(replaced) == 1


async def test_corrections_of_a_time_without_a_connection_are_booked(tmp_path: Path) -> None:
    async with live_at(tmp_path) as live:
        await live.order(BUY, 5)
        await until(lambda: live.held() == 5)
        await live.order(BUY, 3)
        await until(lambda: live.held() == 8)
        fills, account = live.account.fills, live.account
        async with away(live.exchange):
            await until(lambda: not live.edge.status.is_connected)
            price, quantity = fills[0].price, fills[1].quantity
            assert price is not None
            assert quantity is not None
            fills[0] = msgspec.structs.replace(fills[0], price=price + 1)
            fills[1] = msgspec.structs.replace(fills[1], kind=ExecutionKind.FILL_BUSTED)
            account.positions["AAA"].quantity -= quantity
            account.cash += quantity * (fills[1].price or 0) + (fills[1].commission or 0) - 5
        await until(lambda: live.held() == 5)
        await until(lambda: live.session.core.portfolio.cash == account.cash)
        corrected = await live.logged(FillCorrected)
        told = await live.logged(PositionMismatched, CashMismatched)

    assert [one.fill_id for one in corrected] == [fills[0].fill_id, fills[1].fill_id]
    assert told == []


async def test_orders_that_are_over_are_not_asked_about_after_a_crash(tmp_path: Path) -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        exchange.send_now(10)
        write_live(tmp_path, url)
        async with trading(tmp_path, exchange) as live:
            await live.order(REST, 5)
            await until(lambda: live.statuses() == [OrderStatus.ACCEPTED])
            await live.order(CANCEL)
            await until(lambda: not live.open_orders())
            await live.order(NOTHING)
        async with trading(tmp_path, exchange, is_confirmed=False) as live:
            refused = await live.logged(TransitionRefused)

    assert refused == []


@pytest.mark.slow
async def test_long_list_of_fills_is_no_outage(tmp_path: Path) -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        exchange.send_now(10)
        write_live(tmp_path, url)
        async with trading(tmp_path, exchange) as live:
            await live.order(BUY, 5)
            await until(lambda: live.held() == 5)
            (fill,) = live.account.fills
            others = [msgspec.structs.replace(fill, client_order_id=ClientOrderId("by-hand"))] * 40_000
            live.account.fills += others
            live.exchange.orders.drop_connections()
            await until(lambda: not live.edge.status.is_connected)
            await until(lambda: live.edge.status.is_connected)


# --- another log of the same account --------------------------------------------------------------


async def test_orders_of_another_log_at_the_same_account_have_other_ids(tmp_path: Path) -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        exchange.send_now(10)
        for name in ("first", "second"):
            folder = tmp_path / name
            folder.mkdir()
            path = write_live(folder, url, "downgrade: {mismatch: false}")
            text = path.read_text("utf-8").replace("store: live.tape", f"store: {name}.tape")
            path.write_text(text, "utf-8")
            async with trading(folder, exchange) as live:
                await live.order(BUY, 3)
                await until(lambda: live.held() == 3)
            await asyncio.sleep(1)  # a log begins with the number of its second

    assert live.account.repeated == []
    assert live.there() == 6
