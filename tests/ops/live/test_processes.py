"""Live trading by real processes: killed at random moments, stopped by ``onetape panic`` while it hangs."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random, SystemRandom

import msgspec
import pytest

from eventstore import open_store
from kernel.events import OrderFilled, OrderSubmitted, SessionStarted
from kernel.events.live import LiveTradingConfirmed
from ops.daemon.status import DaemonStatus
from ops.exchange.accounts import AccountConfig, DeskAccount
from ops.exchange.order_faults import OrderFaults
from ops.exchange.server import Exchange, ExchangeConfig
from replay.verification import verify_run
from tests.ops.control.running import logged, until
from tests.ops.daemon.processes import Daemon, Forks
from tests.ops.daemon.worlds import STRATEGIES
from tests.ops.live.trading import ACCOUNT, LOG, SECRETS, SELDOM, write_live

SEED = int(os.environ.get("ONETAPE_CHAOS_SEED", "0")) or SystemRandom().randrange(1, 1_000_000)
FAULTS = OrderFaults(
    drop_ack_every=7, lose_every=11, duplicate_report_every=13, delay_ack_every=5, ack_delay_s=0.05
)
SETTLES_S = 120
"""Thousands of requests may wait after a kill, and each is asked about."""
NEVER_RESTRICTED = "downgrade: {rejections: 0, unknown_orders: 0, disconnected_s: 0, mismatch: false}"


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as started:
        yield started


def market(rate: float, faults: OrderFaults) -> Exchange:
    account = AccountConfig(name=ACCOUNT, key="demo-key", cash=Decimal(10) ** 9)
    return Exchange(ExchangeConfig(symbols=2, rate=rate, seed=SEED, order_faults=faults, accounts=(account,)))


def write_busy(folder: Path, url: str, *extra: str) -> None:
    """A strategy that trades all the time."""
    path = write_live(folder, url, "snapshots: {every_s: 0.2}", *extra)
    (folder / "busy.py").write_text(STRATEGIES, "utf-8")
    entry = 'strategy: "busy.py:Busy"'
    path.write_text(path.read_text("utf-8").replace('strategy: "trade.py:Scripted"', entry), "utf-8")


def is_connected(status: DaemonStatus) -> bool:
    """Whether orders can leave."""
    return status.venue is not None and status.venue.is_connected


def is_sure(status: DaemonStatus) -> bool:
    """Whether it is connected, and no order is doubtful."""
    return status.venue is not None and status.venue.is_connected and not status.venue.doubtful


async def until_settled(daemon: Daemon, account: DeskAccount) -> None:
    """Wait until nothing is under way: no request waits, none is in doubt, and for a second nothing happens.

    Requests of before wait in the lanes while faults cut the connection, so one look is not enough.
    """
    quiet, before = 0, (-1, -1)
    async with asyncio.timeout(SETTLES_S):
        while quiet < 10:
            status = await daemon.status()
            waiting = any(one.edge == "broker" and (one.depth or one.is_behind) for one in status.lanes)
            now = (0 if status.venue is None else status.venue.sent, len(account.fills))
            quiet = quiet + 1 if is_sure(status) and not waiting and now == before else 0
            before = now
            await asyncio.sleep(0.1)


async def started(forks: Forks, folder: Path) -> Daemon:
    daemon = Daemon(forks, folder, name=LOG, environment=SECRETS)
    await asyncio.to_thread(daemon.started)
    return daemon


async def go_live(forks: Forks, folder: Path) -> None:
    words = ("go-live", "live.yaml", "--log", LOG, "--account", ACCOUNT, "--reason", "a test")
    ended = await asyncio.to_thread(lambda: forks.run(folder, *words))
    assert ended.code == 0, ended.complaint


async def kill_again_and_again(forks: Forks, folder: Path, *, rounds: int) -> DeskAccount:
    """Kill the daemon so often, then let it end in order; the exchange is the judge."""
    sys.stdout.write(f"ONETAPE_CHAOS_SEED={SEED}\n")
    dice, exchange = Random(SEED), market(400, FAULTS)
    account = exchange.orders.accounts[ACCOUNT]
    async with exchange.serving() as url:
        write_busy(folder, url, NEVER_RESTRICTED)
        for number in range(rounds):
            daemon = await started(forks, folder)
            if not number:
                await go_live(forks, folder)
                await until(lambda: bool(account.fills))
            if dice.random() < 0.7:
                await daemon.until(is_connected)
            await asyncio.sleep(dice.uniform(0, 0.7))
            await asyncio.to_thread(daemon.kill)
        daemon = await started(forks, folder)
        await daemon.until(lambda status: status.venue is not None and status.venue.sent > 3)
        exchange.config = msgspec.structs.replace(exchange.config, rate=SELDOM)
        await until_settled(daemon, account)
        assert await asyncio.to_thread(daemon.stop) == 0, daemon.complaint
    return account


async def check_both_sides(folder: Path, account: DeskAccount) -> None:
    """No id was given twice, no order is lost, and both sides have the same fills and positions."""
    async with await open_store(folder / "live.tape", read_only=True) as store:
        submitted = await logged(store, OrderSubmitted, log=LOG)
        fills = await logged(store, OrderFilled, log=LOG)
        sessions = await logged(store, SessionStarted, log=LOG)
        confirmed = await logged(store, LiveTradingConfirmed, log=LOG)
        verified = await verify_run(store, LOG)
    keys = [one.order.client_order_id for one in submitted]
    positions: dict[str, Decimal] = {}
    for fill in fills:
        signed = fill.quantity if fill.side == "buy" else -fill.quantity
        positions[fill.symbol] = positions.get(fill.symbol, Decimal(0)) + signed

    assert verified.derived_count
    assert len(confirmed) == 1
    assert len(sessions) > 1
    assert account.repeated == []
    assert len(set(keys)) == len(keys)
    assert set(account.orders) <= set(keys)
    assert {(one.fill_id, one.quantity, one.price) for one in fills} == {
        (one.fill_id, one.quantity, one.price) for one in account.fills
    }
    assert len(fills) == len(account.fills)
    assert {symbol: held for symbol, held in positions.items() if held} == {
        symbol: one.quantity for symbol, one in account.positions.items() if one.quantity
    }


@pytest.mark.slow
async def test_daemon_killed_50_times_while_it_trades_live_sends_nothing_twice_and_loses_nothing(
    forks: Forks, tmp_path: Path
) -> None:
    account = await kill_again_and_again(forks, tmp_path, rounds=50)

    await check_both_sides(tmp_path, account)


async def test_panic_cancels_at_the_venue_while_the_daemon_hangs(forks: Forks, tmp_path: Path) -> None:
    exchange = market(400, OrderFaults())
    account = exchange.orders.accounts[ACCOUNT]
    async with exchange.serving() as url:
        write_busy(tmp_path, url)
        daemon = await started(forks, tmp_path)
        await go_live(forks, tmp_path)
        await until(lambda: len(account.open_orders) > 0)
        daemon.send(signal.SIGSTOP)
        words = ("panic", "live.yaml", "--reason", "it hangs", "--wait", "0.2")
        done = await asyncio.to_thread(lambda: forks.run(tmp_path, *words, environment=SECRETS))
        left, sent = len(account.open_orders), len(account.orders)
        daemon.send(signal.SIGCONT)
        status = await daemon.until(lambda one: one.trading_state == "killed")
        after = len(account.orders)
        await asyncio.to_thread(daemon.stop)

    assert done.code == 0, done.complaint
    assert "does not answer" in done.said
    assert "cancelled at venue, account demo" in done.said
    assert left == 0
    assert after == sent
    assert status.trading_state == "killed"


async def test_panic_kills_a_process_that_does_not_answer(forks: Forks, tmp_path: Path) -> None:
    exchange = market(400, OrderFaults())
    account = exchange.orders.accounts[ACCOUNT]
    async with exchange.serving() as url:
        write_busy(tmp_path, url)
        daemon = await started(forks, tmp_path)
        await go_live(forks, tmp_path)
        await until(lambda: len(account.open_orders) > 0)
        daemon.send(signal.SIGSTOP)
        words = ("panic", "live.yaml", "--kill-process", "--wait", "0.2")
        done = await asyncio.to_thread(lambda: forks.run(tmp_path, *words, environment=SECRETS))
        code = await asyncio.to_thread(daemon.ended)
        left = len(account.open_orders)
        daemon = await started(forks, tmp_path)
        status = await daemon.until(lambda one: one.trading_state == "killed")
        await asyncio.to_thread(daemon.stop)

    assert done.code == 0, done.complaint
    assert f"process {daemon.pid}" not in done.said
    assert "is killed; its log is recovered at the next start" in done.said
    assert code == -signal.SIGKILL
    assert left == 0
    assert status.trading_state == "killed"
