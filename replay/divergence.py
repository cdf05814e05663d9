"""The first event that a replay did not make as the record has it: who made it, and the likely cause."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from brokers.simulated.back_office import BackOffice
from brokers.simulated.broker import SimulatedBroker
from components.allocation.allocator import Allocator
from components.broker_watch.watch import BrokerWatch
from components.emulation.emulator import Emulator
from components.execution.algorithms import ExecutionAlgorithms
from components.orders.orders import Orders
from components.portfolio.portfolio import Portfolio
from components.risk.risk import Risk
from components.risk_monitor.margin_watch import MarginWatch
from components.risk_monitor.monitor import RiskMonitor
from components.strategy_host.translation import host_name
from kernel.comparison import RecordDiffers
from kernel.errors import ReplayDiverged
from kernel.events import (
    AccountMarked,
    CancelAllOrders,
    CancelExecutionIntent,
    CancelIntent,
    CashMoved,
    ComponentFailed,
    ComponentQuarantined,
    ComponentRestarted,
    DecisionRefused,
    Event,
    ExecutionFinished,
    ExecutionReport,
    ExecutionRequested,
    ExpireOrderIntent,
    FlattenPositions,
    HeldOrderTriggered,
    HistoryFellShort,
    LedgerMarked,
    MarginMarked,
    Order,
    OrderApproved,
    OrderDenied,
    OrderIntent,
    OrderOrigin,
    PositionChanged,
    PositionMismatched,
    ReplaceApproved,
    ReplaceDenied,
    ReplaceIntent,
    RiskLimitBreached,
    SignalRaised,
    SignalsAggregated,
    StrategyLogged,
    TimerFired,
    TimerScheduled,
    TradingStateChanged,
)
from kernel.events.live import CashMismatched, LiveTradingConfirmed, LiveTradingHeld, TradingDowngraded

MAKERS: Mapping[type[Event], str] = {
    OrderApproved: Risk.name,
    OrderDenied: Risk.name,
    ReplaceApproved: Risk.name,
    ReplaceDenied: Risk.name,
    RiskLimitBreached: RiskMonitor.name,
    TradingStateChanged: Risk.name,
    ExecutionReport: SimulatedBroker.name,
    PositionChanged: Portfolio.name,
    AccountMarked: Portfolio.name,
    LedgerMarked: Portfolio.name,
    MarginMarked: MarginWatch.name,
    CashMoved: BackOffice.name,
    SignalsAggregated: Allocator.name,
    ExecutionFinished: ExecutionAlgorithms.name,
    ExpireOrderIntent: Emulator.name,
    LiveTradingHeld: BrokerWatch.name,
    LiveTradingConfirmed: BrokerWatch.name,
    TradingDowngraded: BrokerWatch.name,
    PositionMismatched: BrokerWatch.name,
    CashMismatched: BrokerWatch.name,
    CancelAllOrders: Risk.name,
    FlattenPositions: Risk.name,
    HeldOrderTriggered: Emulator.name,
}
"""Who makes an event of a type, where that does not depend on the event. All else of orders: ``Orders``."""

OF_STRATEGIES = (
    CancelIntent,
    ReplaceIntent,
    SignalRaised,
    DecisionRefused,
    CancelExecutionIntent,
    StrategyLogged,
    HistoryFellShort,
)

OF_TIMERS = (TimerFired, TimerScheduled)
OF_COMPONENTS = (ComponentFailed, ComponentQuarantined, ComponentRestarted)


class Cause(StrEnum):
    """Why a replay differs from its record."""

    CODE = "code"
    """Of a strategy, a model or the core."""
    CONFIG = "config"
    """The configuration, or the terms and calendars that follow from it."""
    FEATURES = "features"
    """A data stream that is built from another one is built in another way since."""
    DATA = "data"
    """The inputs or the record itself were changed or damaged."""
    NONDETERMINISM = "nondeterminism"
    """Something that no log holds: a clock, chance, the order of a set, state outside of the state."""


class Divergence(msgspec.Struct, frozen=True):
    """The first difference.

    - ``seq``: of the record; 0 if the replay went on after its end.
    - ``number``: of the input that the replay was at.
    - ``component``: that made the event.
    - ``recorded``, ``replayed``: both events; ``None`` where that side has none.
    - ``cause``, ``evidence``: the likely cause, and what speaks for it.
    """

    seq: int
    number: int
    component: str
    recorded: Event | None
    replayed: Event | None
    cause: Cause
    evidence: str


class Diverged(ReplayDiverged):
    """A replay that differs from its record, with its likely cause."""

    def __init__(self, message: str, divergence: Divergence) -> None:
        made_by = f"; made by {divergence.component}" if divergence.component else ""
        super().__init__(f"{message}{made_by}; likely cause: {divergence.cause}: {divergence.evidence}")
        self.divergence = divergence


def opening_diverged(message: str, *, seq: int, cause: Cause, evidence: str) -> Diverged:
    """A fact of the opening of a run that is wrong."""
    return Diverged(message, Divergence(seq, 0, "", None, None, cause, evidence))


def diverged_by(differs: RecordDiffers, *, cause: Cause, evidence: str) -> Diverged:
    """A record that differs, with its cause."""
    event = differs.replayed if differs.recorded is None else differs.recorded
    component = "" if event is None else maker_of(event)
    found = Divergence(
        differs.seq, differs.number, component, differs.recorded, differs.replayed, cause, evidence
    )
    return Diverged(str(differs), found)


def maker_of(event: Event) -> str:
    """The component that makes such an event; empty for an input."""
    if isinstance(event, OF_TIMERS):
        return event.owner
    if isinstance(event, OF_COMPONENTS):
        return event.component
    order = getattr(event, "order", None)
    if isinstance(event, OrderIntent | ExecutionRequested) and isinstance(order, Order):
        if order.origin is OrderOrigin.RISK:
            return Risk.name
        return ExecutionAlgorithms.name if order.whole_id else host_name(order.strategy)
    if isinstance(event, OF_STRATEGIES):
        return host_name(event.strategy)
    if type(event) in MAKERS:
        return MAKERS[type(event)]
    return Orders.name if isinstance(order, Order) or hasattr(event, "client_order_id") else ""
