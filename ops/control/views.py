"""What the control API shows of a running daemon, computed when somebody asks. No secret is in it."""

from collections.abc import Iterator
from typing import Any

import msgspec

from components.risk.state import RiskState
from components.strategy_host.translation import host_name
from kernel.decimals import exact
from kernel.events import TradingState
from kernel.identifiers import StrategyId
from ops.daemon.strategy_pnl import StrategyPnl, pnl_of
from replay.deploying.canary_schedule import shown_share, words_of_steps
from replay.session import LiveSession
from strategies.sdk.limits import RiskLimits
from strategies.sdk.strategy_limits import Capital, StrategyLimits


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a daemon runs, and whether it is ready to trade."""

    live: bool
    ready: bool


class DeploymentView(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment and its canary.

    - ``share``: of its capital, now. ``due_ts``: when its next step is due, in ns; 0: when it is promoted.
    - ``stopped``: why its schedule was stopped; empty: it was not.
    """

    deployed_ts: int
    operator: str
    code_hash: str
    origin: str
    schedule: str
    share: str
    next_share: str
    due_ts: int
    stopped: str


class StrategyView(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy of the daemon.

    - ``state``: ``running``, ``paused``, ``backing off`` or ``quarantined``.
    - ``source_hash``: the SHA-256 of its file, in hex.
    - ``pnl``: since the log began; ``None`` if it has no ledger yet.
    - ``deployment``: ``None`` for a strategy that is from the configuration file.
    """

    strategy: str
    state: str
    reference: str
    version: str
    source_hash: str
    symbols: tuple[str, ...]
    params: dict[str, Any]  # a strategy's own values
    capital: Capital | None
    pnl: StrategyPnl | None
    deployment: DeploymentView | None = None


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    """Recorded code of a strategy. ``is_refused``: it is not loaded from its file again. Times in ns, UTC."""

    code_hash: str
    version: str
    first_ts: int
    last_ts: int
    is_refused: bool
    is_running: bool


NOT_CONFIRMED = "not_confirmed"
"""Restricts live trading before its confirmation."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of a unified diff; empty if the code is the same."""

    lines: str


class Latch(msgspec.Struct, frozen=True, kw_only=True):
    """What restricts trading: the operator (an empty ``rule``), a limit that was breached, or the venue.

    For the venue of live trading ``rule`` is the cause: that it is not confirmed, or errors there.
    """

    rule: str
    symbol: str
    strategy: str
    state: TradingState


class LimitsView(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of the account and of strategies, and what restricts trading now."""

    trading_state: TradingState
    kill_switch: bool
    latches: tuple[Latch, ...]
    account: RiskLimits
    strategies: dict[str, StrategyLimits]


@exact
def strategies_of(session: LiveSession) -> tuple[StrategyView, ...]:
    """The strategies, in order of loading."""
    gained = {one.strategy: one for one in pnl_of(session)}
    return tuple(
        StrategyView(
            strategy=one.strategy_id,
            state=_state_of(session, one.strategy_id),
            reference=one.loaded.reference,
            version=one.loaded.version,
            source_hash=one.loaded.source_hash,
            symbols=one.symbols,
            params=msgspec.convert(msgspec.to_builtins(one.loaded.strategy.params), dict[str, object]),
            capital=one.terms.capital,
            pnl=gained.get(one.strategy_id),
            deployment=_deployment_of(session, one.strategy_id),
        )
        for one in session.plan.strategies
    )


def _deployment_of(session: LiveSession, strategy: StrategyId) -> DeploymentView | None:
    one = session.deployments.of(strategy)
    if one is None:
        return None
    later = one.next_step
    return DeploymentView(
        deployed_ts=one.event.ts,
        operator=one.event.operator,
        code_hash=one.event.code_hash,
        origin=one.event.origin,
        schedule=words_of_steps(one.event.steps),
        share=shown_share(one.share),
        next_share="" if later is None else shown_share(later.share),
        due_ts=one.due_ts,
        stopped=one.stopped,
    )


def limits_of(session: LiveSession) -> LimitsView:
    """The limits that are in force."""
    state = session.core.risk.state
    return LimitsView(
        trading_state=state.trading_state,
        kill_switch=state.is_killed,
        latches=tuple(_latches(state)),
        account=session.plan.config.risk,
        strategies={
            one.strategy_id: one.terms.limits for one in session.plan.strategies if one.terms.limits.is_any
        },
    )


def _latches(state: RiskState) -> Iterator[Latch]:
    if state.is_held:
        yield Latch(rule=NOT_CONFIRMED, symbol="", strategy="", state=TradingState.HALTED)
    for cause, held in state.downgrades.items():
        yield Latch(rule=cause.value, symbol="", strategy="", state=held)
    for key, held in state.latches.items():
        yield Latch(rule=key.rule, symbol=key.symbol, strategy=key.strategy, state=held)


def config_of(session: LiveSession) -> dict[str, object]:
    """The configuration in force, as the log has it: every value, secrets by name alone."""
    return msgspec.convert(msgspec.to_builtins(session.plan.config), dict[str, object])


def _state_of(session: LiveSession, strategy: StrategyId) -> str:
    bus = session.core.bus
    is_out = bus.state.quarantined.get(host_name(strategy))
    if is_out is not None:
        return "quarantined" if is_out else "backing off"
    return "paused" if session.is_paused(strategy) else "running"
