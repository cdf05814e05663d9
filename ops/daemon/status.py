"""The figures of a running daemon, which the control API shows.

They are computed when somebody asks; nothing is counted for them per event that the engine does not count
anyway.
"""

import resource
from pathlib import Path

import msgspec

from brokers.feeds.pipeline import FeedStatus
from brokers.orders.edge import EdgeStatus
from kernel.decimals import exact
from ops.alerts.status import AlertsStatus
from ops.daemon.lane_status import LaneStatus
from ops.daemon.shadow import ShadowStatus
from ops.daemon.slow_hooks import SlowHook
from ops.daemon.strategy_pnl import StrategyPnl
from ops.daemon.workers import WorkerStatus
from replay.session import LiveSession


class HeldPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position of a strategy; ``value`` in the account's currency, ``None`` without a price or a rate."""

    strategy: str
    symbol: str
    quantity: str
    value: str | None


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that is not finished."""

    client_order_id: str
    strategy: str
    symbol: str
    side: str
    order_type: str
    quantity: str
    filled: str
    status: str


class DaemonStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A daemon at one moment. Times in ns since the epoch, UTC; money in the account's currency.

    - ``is_ready``: it has recovered and takes inputs, no feed has failed for good, the venue is connected.
    - ``seq``: the last durable record; ``inputs``: of all sessions.
    - ``waiting``, ``waiting_peak``: inputs in the inbox.
    - ``commit_p50_ms``, ``commit_p99_ms``: from taking inputs to their being durable, of the last steps.
    - ``failing``: components that get no events, with their state.
    - ``lanes``: of the edges that take events; the control API is one.
    - ``pnl``: by strategy, since the log began.
    - ``alerts``: those that are open, and the channels.
    - ``workers``: the processes of strategies that have one.
    - ``slow_hooks``: what took longer than ``engine.slow_hook_ms`` in the core, by strategy.
    - ``venue``: that of live trading; ``None`` for a simulated one. ``shadow``: the twin of mode ``shadow``.
    - ``tasks``: of the event loop; their number depends on the feeds, never on how long it runs.
    """

    mode: str
    log: str
    store: str
    pid: int
    epoch: int
    started_ts: int
    ts: int
    is_ready: bool
    seq: int
    inputs: int
    steps: int
    waiting: int
    waiting_peak: int
    refused: int
    commit_p50_ms: float
    commit_p99_ms: float
    trading_state: str
    currency: str
    cash: str
    equity: str
    positions: tuple[HeldPosition, ...]
    orders: tuple[OpenOrder, ...]
    feeds: tuple[FeedStatus, ...]
    failing: dict[str, str]
    snapshot_seq: int
    disk: str
    memory_mb: float
    lanes: tuple[LaneStatus, ...] = ()
    pnl: tuple[StrategyPnl, ...] = ()
    workers: tuple[WorkerStatus, ...] = ()
    slow_hooks: tuple[SlowHook, ...] = ()
    tasks: int = 0
    alerts: AlertsStatus = AlertsStatus()
    venue: EdgeStatus | None = None
    shadow: ShadowStatus | None = None


def rss_mb() -> float:
    """The resident memory of this process, in 2^20 bytes."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize() / (1 << 20)
    except OSError:  # not on Linux: the peak is the nearest figure
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@exact
def positions_of(session: LiveSession) -> tuple[HeldPosition, ...]:
    """The open positions of all strategies."""
    account = session.core.portfolio
    return tuple(
        HeldPosition(
            strategy=strategy,
            symbol=symbol,
            quantity=f"{quantity:f}",
            value=None if value is None else f"{value:.2f}",
        )
        for symbol in account.open_symbols()
        for strategy, quantity in account.holders(symbol).items()
        for value in (account.strategies.market_value(strategy, symbol),)
    )


def orders_of(session: LiveSession) -> tuple[OpenOrder, ...]:
    """The orders that are not finished, oldest first."""
    return tuple(
        OpenOrder(
            client_order_id=entry.order.client_order_id,
            strategy=entry.order.strategy,
            symbol=entry.order.symbol,
            side=entry.order.side.value,
            order_type=entry.order.order_type.value,
            quantity=f"{entry.order.quantity:f}",
            filled=f"{entry.filled_quantity:f}",
            status=entry.status.value,
        )
        for entry in session.core.orders.state.open.values()
    )
