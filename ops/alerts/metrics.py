"""The metrics that rules can name: figures of a running daemon, read when a rule looks.

Nothing is counted for them per event that is not counted anyway, but for fill rate and slippage. A metric
without a value now, such as the age of data that never came, is ``None``, and no rule finds anything then.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

import msgspec

from brokers.feeds.pipeline import FeedPipeline
from kernel.decimals import exact
from kernel.time_units import SECOND_NS
from ops.alerts.losses import Losses
from ops.alerts.order_tallies import OrderTallies
from ops.daemon.status import rss_mb
from ops.daemon.upkeep import Upkeep
from replay.run_config import RunConfig
from replay.session import LiveSession

CRASHES_WITHIN_NS = 3_600 * SECOND_NS


class Parts(msgspec.Struct):
    """The parts of a daemon that metrics read, and what is remembered for them.

    - ``slow_hooks``: counts them since the start.
    - ``crash_times``: when sessions were found to have ended without a stop.
    """

    config: RunConfig
    session: LiveSession
    feeds: Sequence[FeedPipeline]
    upkeep: Upkeep
    tallies: OrderTallies
    losses: Losses
    now: int = 0
    loop_lag_ms: float = 0.0
    crash_times: list[int] = []
    slow_hooks: Callable[[], int] = lambda: 0

    @exact
    def look(self, now: int) -> None:
        """Take the time and the account of now. Called before metrics are read."""
        self.now = now
        account, currency = self.session.core.portfolio, self.config.portfolio.currency
        ledgers = (ledgers.get(currency) for ledgers in account.state.ledgers.values())
        paid_in = sum((one.deposits for one in ledgers if one is not None), Decimal(0))
        self.losses.look(now, equity=account.equity, paid_in=paid_in)


class Metric(msgspec.Struct, frozen=True):
    """A metric: what it is, for people, and how it is read."""

    doc: str
    read: Callable[[Parts], float | None]


def _inbox_pct(parts: Parts) -> float:
    return 100.0 * parts.session.engine.inbox_depth / parts.config.engine.inbox_capacity


def _stale_feeds(parts: Parts) -> float:
    states = (feed.status for feed in parts.feeds)
    fresh = [any(one.is_connected and one.is_fresh for one in state.sources) for state in states]
    return float(fresh.count(False))


def _data_age_s(parts: Parts) -> float | None:
    heard = [one.last_heard_ts for feed in parts.feeds for one in feed.status.sources if one.last_heard_ts]
    return max(0.0, (parts.now - max(heard)) / SECOND_NS) if heard else None


def _edge_waiting(parts: Parts) -> float:
    return float(max((lanes.depth for lanes in parts.session.engine.lanes.values()), default=0))


def _crashes(parts: Parts) -> float:
    return float(len([ts for ts in parts.crash_times if ts > parts.now - CRASHES_WITHIN_NS]))


def _quarantined(parts: Parts) -> float:
    return float(len(parts.session.engine.bus.state.quarantined))


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "equity": Metric("equity, in the account's currency", lambda parts: parts.losses.equity),
        "cash": Metric(
            "cash, in the account's currency", lambda parts: float(parts.session.core.portfolio.cash)
        ),
        "drawdown_pct": Metric(
            "how far equity is below its highest value, in %", lambda parts: parts.losses.drawdown_pct
        ),
        "day_loss_pct": Metric(
            "how far equity is below its first value of the UTC day, in %",
            lambda parts: parts.losses.day_loss_pct,
        ),
        "open_symbols": Metric(
            "symbols with a position",
            lambda parts: float(len(tuple(parts.session.core.portfolio.open_symbols()))),
        ),
        "open_orders": Metric(
            "orders that are not finished",
            lambda parts: float(len(parts.session.core.orders.state.open)),
        ),
        "fill_rate_pct": Metric(
            "filled orders among the last 100 that were filled, rejected or expired, in %; from 20 on",
            lambda parts: parts.tallies.fill_rate_pct,
        ),
        "slippage_bps": Metric(
            "how much worse than the mid price at their submission the last 100 fills of market orders were, "
            "on average, in basis points; from 20 on",
            lambda parts: parts.tallies.slippage_bps,
        ),
        "shadow_bps": Metric(
            "how much worse than their simulated twins the last 100 orders of mode `shadow` were filled, on "
            "average, in basis points; from 20 on",
            lambda parts: parts.tallies.shadow_bps,
        ),
        "stale_feeds": Metric("feeds without a source that is connected and delivers", _stale_feeds),
        "data_age_s": Metric("seconds since any source was heard", _data_age_s),
        "inputs": Metric(
            "inputs of all sessions", lambda parts: float(parts.session.engine.bus.state.input_count)
        ),
        "inbox_depth": Metric(
            "inputs that wait for the core", lambda parts: float(parts.session.engine.inbox_depth)
        ),
        "inbox_pct": Metric("the same, in % of the room for them", _inbox_pct),
        "refused_inputs": Metric(
            "malformed inputs since the start", lambda parts: float(parts.session.engine.refused)
        ),
        "commit_p50_ms": Metric(
            "from taking inputs to their being durable, median of the last steps",
            lambda parts: parts.session.engine.commit_ms[0],
        ),
        "commit_p99_ms": Metric("the same, 99th percentile", lambda parts: parts.session.engine.commit_ms[1]),
        "edge_waiting": Metric("events that wait for the slowest edge", _edge_waiting),
        "quarantined": Metric("components and strategies that get no events", _quarantined),
        "loop_lag_ms": Metric(
            "how late the last look was: a strategy that thinks for a second holds up everything",
            lambda parts: parts.loop_lag_ms,
        ),
        "slow_hooks": Metric(
            "steps of the core, mostly calls of strategies, that took longer than `engine.slow_hook_ms`, "
            "since the start",
            lambda parts: float(parts.slow_hooks()),
        ),
        "memory_mb": Metric("resident memory", lambda _: rss_mb()),
        "disk_level": Metric(
            "0: room enough; 1, 2, 3: below `warn_mb`, `thin_mb`, `halt_mb` of the section `disk`",
            lambda parts: float(parts.upkeep.disk_level),
        ),
        "crashes": Metric("starts within the last hour after an end without a stop", _crashes),
    }
)
