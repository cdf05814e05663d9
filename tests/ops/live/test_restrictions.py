"""What keeps orders from a venue: the last look, the missing confirmation, and errors at the venue."""

from decimal import Decimal
from pathlib import Path

import pytest

from brokers.orders.port import VenueConnection
from kernel.errors import ConfigError
from kernel.events import (
    EngageKillSwitch,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    PositionMismatched,
    ResumeTrading,
    TradingState,
)
from kernel.events.live import (
    ConfirmLiveTrading,
    DowngradeCause,
    ForeignOrderReported,
    LiveTradingHeld,
    TradingDowngraded,
)
from ops.exchange.order_faults import OrderFaults
from replay.run_config import load_run_config
from tests.ops.control.running import until
from tests.ops.live.trading import (
    ACCOUNT,
    BUY,
    NOTHING,
    PATIENT,
    Live,
    away,
    connected,
    exchange_of,
    live_at,
    order_of,
    trading,
    write_live,
)

FOREIGN = "by-hand-1"


async def causes_of(live: Live) -> list[DowngradeCause]:
    return [one.trigger for one in await live.logged(TradingDowngraded)]


async def by_hand(other: VenueConnection) -> None:
    """Somebody else buys, and leaves an order there."""
    await other.submit(order_of(FOREIGN, 7))
    await other.submit(order_of(f"{FOREIGN}-rest", 2, limit=1))


# --- the last look --------------------------------------------------------------------------------


async def test_order_that_waits_for_the_venue_does_not_leave_once_the_kill_switch_is_engaged(
    tmp_path: Path,
) -> None:
    async with live_at(tmp_path, venue=PATIENT) as live:
        async with away(live.exchange):
            await until(lambda: not live.edge.status.is_connected)
            await live.order(BUY, 3)
            live.session.engine.report(EngageKillSwitch(0, "ann", "a test"))
            await until(lambda: live.state is TradingState.KILLED)
        await until(lambda: not live.open_orders())
        rejected = await live.logged(OrderRejected)

    assert [one.reason for one in rejected] == ["not sent: the kill switch is engaged"]
    assert live.account.orders == {}


async def test_order_that_waited_too_long_for_the_venue_does_not_leave(tmp_path: Path) -> None:
    async with live_at(tmp_path, venue=", send_within_s: 0.001") as live:
        async with away(live.exchange):
            await until(lambda: not live.edge.status.is_connected)
            await live.order(BUY, 3)
        await until(lambda: not live.open_orders())
        (expired,) = await live.logged(OrderExpired)

    assert expired.reason.startswith("not sent: it waited ")
    assert live.account.orders == {}


# --- the confirmation -----------------------------------------------------------------------------


async def test_no_order_leaves_before_the_confirmation_which_holds_over_restarts(tmp_path: Path) -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        exchange.send_now(10)
        write_live(tmp_path, url)
        async with trading(tmp_path, exchange, is_confirmed=False) as live:
            await live.order(BUY)
            live.session.engine.report(ResumeTrading(0, "ann", "not the way"))
            await live.order(BUY)
            denied = await live.logged(OrderDenied)
            before = len(live.account.orders)
            await live.confirm()
        async with trading(tmp_path, exchange, is_confirmed=False) as live:
            await live.order(BUY)
            await until(lambda: live.held() == 1)
            held = await live.logged(LiveTradingHeld)

    assert [one.reason for one in denied] == ["trading is halted"] * 2
    assert before == 0
    assert len(held) == 1


async def test_another_account_needs_a_confirmation_of_its_own(tmp_path: Path) -> None:
    exchange = exchange_of()
    exchange.orders.accounts["second"] = exchange.orders.accounts[ACCOUNT]
    async with exchange.serving() as url:
        exchange.send_now(10)
        path = write_live(tmp_path, url)
        async with trading(tmp_path, exchange):
            pass
        path.write_text(path.read_text("utf-8").replace(f"account: {ACCOUNT}", "account: second"), "utf-8")
        async with trading(tmp_path, exchange, is_confirmed=False) as live:
            await until(lambda: live.state is TradingState.HALTED)
            held = await live.logged(LiveTradingHeld)

    assert [one.account for one in held] == [ACCOUNT, "second"]


async def test_account_cannot_change_while_something_is_held_in_it(tmp_path: Path) -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        exchange.send_now(10)
        path = write_live(tmp_path, url)
        async with trading(tmp_path, exchange) as live:
            await live.order(BUY)
            await until(lambda: live.held() == 1)
            await live.order(NOTHING)
        path.write_text(path.read_text("utf-8").replace(f"account: {ACCOUNT}", "account: second"), "utf-8")
        with pytest.raises(ConfigError, match="close them before it goes on at venue with account second"):
            async with trading(tmp_path, exchange):
                pass


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("mode: live", "mode: paper", "venue: mode paper sends no real orders"),
        ("mode: live", "mode: live\ndurability: normal", "mode live needs full"),
        ("venue: {", "environment: {}\n#", "venue: expected one: mode live"),
        ("ws://host/orders", "http://host/orders", "venue.url: expected ws://"),
        (
            "ws://host/orders",
            "ws://me:secret@host/orders",
            "venue.url: a secret may not be in",
        ),
    ],
)
def test_configuration_of_live_mode_is_checked(tmp_path: Path, old: str, new: str, problem: str) -> None:
    path = write_live(tmp_path, "ws://host/market")
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")

    with pytest.raises(ConfigError, match=problem):
        load_run_config(path)


# --- errors at the venue --------------------------------------------------------------------------


async def test_rejections_in_a_row_restrict_trading_until_an_operator_resumes_it(tmp_path: Path) -> None:
    async with live_at(
        tmp_path, "downgrade: {rejections: 3, to: halted}", faults=OrderFaults(reject_every=1)
    ) as live:
        for _ in range(3):
            await live.order(BUY)
            await until(lambda: not live.open_orders())
        state = live.state
        live.session.engine.report(ResumeTrading(0, "ann", "mended"))
        await until(lambda: live.state is TradingState.ACTIVE)
        causes = await causes_of(live)

    assert state is TradingState.HALTED
    assert causes == [DowngradeCause.REJECTIONS]


@pytest.mark.parametrize("faults", [OrderFaults(lose_every=1), OrderFaults(drop_ack_every=1)])
async def test_unknown_orders_in_a_row_restrict_trading(tmp_path: Path, faults: OrderFaults) -> None:
    async with live_at(tmp_path, "downgrade: {unknown_orders: 2, rejections: 0}", faults=faults) as live:
        for _ in range(2):
            await live.order(BUY)
            await until(lambda: not live.open_orders())
        causes = await causes_of(live)
        state = live.state

    assert causes == [DowngradeCause.UNKNOWN_ORDERS]
    assert state is TradingState.REDUCE_ONLY


async def test_venue_that_is_away_for_too_long_restricts_trading(tmp_path: Path) -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        write_live(tmp_path, url, "downgrade: {disconnected_s: 0.2}")
        async with trading(tmp_path, exchange, is_confirmed=False) as live:
            live.session.engine.report(ConfirmLiveTrading(0, "ann", "venue", ACCOUNT, "a test"))
            live.session.engine.report(ResumeTrading(0, "ann", "it took long to connect, perhaps"))
            await until(lambda: live.state is TradingState.ACTIVE)
            before = len(await causes_of(live))
            async with away(exchange):
                await until(lambda: live.state is TradingState.REDUCE_ONLY)
            causes = await causes_of(live)

    assert causes[before:] == [DowngradeCause.DISCONNECTED]


async def test_trades_and_orders_of_somebody_else_restrict_trading(tmp_path: Path) -> None:
    async with live_at(tmp_path) as live:
        async with connected(tmp_path) as other:
            await by_hand(other)
        await until(lambda: live.state is TradingState.REDUCE_ONLY)
        foreign = await live.logged(ForeignOrderReported)
        mismatched = await live.logged(PositionMismatched)
        causes = await causes_of(live)

    assert [one.client_order_id for one in foreign] == [f"{FOREIGN}-rest"]
    assert [(one.symbol, one.ours, one.theirs) for one in mismatched] == [("AAA", Decimal(0), Decimal(7))]
    assert causes == [DowngradeCause.FOREIGN_ORDER, DowngradeCause.POSITION_MISMATCH]


async def test_orders_that_waited_too_long_are_no_rejections_of_the_venue(tmp_path: Path) -> None:
    async with live_at(tmp_path, "downgrade: {rejections: 2}", venue=", send_within_s: 0.001") as live:
        async with away(live.exchange):
            await until(lambda: not live.edge.status.is_connected)
            for _ in range(3):
                await live.order(BUY)
        await until(lambda: not live.open_orders())
        causes = await causes_of(live)

    assert causes == []
