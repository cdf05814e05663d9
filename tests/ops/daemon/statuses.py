"""A status of a daemon for tests, and the command run against a server in this loop."""

import asyncio
from pathlib import Path

import msgspec
from click.testing import Result

from brokers.feeds.pipeline import FeedStatus, SourceStatus
from kernel.time_units import SECOND_NS
from ops.daemon.lane_status import LaneStatus
from ops.daemon.status import DaemonStatus, HeldPosition, OpenOrder
from ops.daemon.strategy_pnl import StrategyPnl, SymbolPnl
from tests.ops.commands import onetape

START_TS = 1_795_888_725 * SECOND_NS

SOURCE = SourceStatus("main", "running", True, True, True, 2, START_TS + 90 * SECOND_NS, "")

STATUS = DaemonStatus(
    mode="paper",
    log="paper",
    store="paper.tape",
    pid=7,
    epoch=3,
    started_ts=START_TS,
    ts=START_TS + 93_784 * SECOND_NS,
    is_ready=True,
    seq=1_234_567,
    inputs=1_000_000,
    steps=50_000,
    waiting=4,
    waiting_peak=61,
    refused=0,
    commit_p50_ms=0.41,
    commit_p99_ms=1.9,
    trading_state="active",
    currency="USD",
    cash="71944.20",
    equity="99886.50",
    positions=(
        HeldPosition(strategy="ping", symbol="AAA", quantity="97", value="27942.30"),
        HeldPosition(strategy="ping", symbol="AAB", quantity="-5", value=None),
    ),
    orders=(
        OpenOrder(
            client_order_id="paper-3-17",
            strategy="ping",
            symbol="AAA",
            side="buy",
            order_type="limit",
            quantity="10",
            filled="4",
            status="partially_filled",
        ),
    ),
    feeds=(FeedStatus("main", 999_000, 1, 0, (SOURCE,)),),
    failing={},
    snapshot_seq=1_200_000,
    disk="62.5 GB free",
    memory_mb=75.9,
    lanes=(
        LaneStatus(
            edge="alerts", depth=3, peak=9, handled_seq=1_234_000, conflated=0, failures=1, is_behind=False
        ),
    ),
    pnl=(
        StrategyPnl(
            strategy="ping",
            realised="10.00",
            unrealised="-120.50",
            commissions="3.00",
            income="0.00",
            net="-113.50",
            symbols=(SymbolPnl(symbol="AAA", realised="10.00", unrealised="-120.50"),),
        ),
    ),
)


def changed_status(**changes: object) -> DaemonStatus:
    """The status with other values."""
    return msgspec.structs.replace(STATUS, **changes)


async def asked(*arguments: str | Path) -> Result:
    """The command in a thread, while this loop serves."""
    return await asyncio.to_thread(onetape, *arguments)
