"""The state of the risk component."""

import msgspec

from components.risk.flow import FlowState
from components.risk.working_orders import WorkingState
from kernel.events import TradingState
from kernel.events.live import DowngradeCause
from kernel.identifiers import ClientOrderId, StrategyId
from strategies.sdk.limits import BreachKey


class Flattening(msgspec.Struct, gc=False):
    """A symbol whose positions are being closed until nothing is held.

    ``clearance``: the narrowest trading state in which its exits go out.
    """

    reason: str
    clearance: TradingState
    unfilled: int = 0
    """Exits in a row that ended without a fill."""


class RiskState(msgspec.Struct):
    """The trading state, the approved orders that are not finished, and the flow of orders."""

    trading_state: TradingState = TradingState.ACTIVE
    working: WorkingState = msgspec.field(default_factory=WorkingState)
    repeated: list[ClientOrderId] = []
    """Ids of denied intents that repeat the id of a working order. Their denial must not end that order."""
    latches: dict[BreachKey, TradingState] = {}
    """By the operator or limit that restricts trading: see ``breaker``."""
    flow: FlowState = msgspec.field(default_factory=FlowState)
    defined: dict[str, bool] = {}
    """Symbols whose terms were defined."""
    flattening: dict[str, Flattening] = {}
    """By symbol."""
    epoch: int = 0
    exit_count: int = 0
    """Exits made, for their ids."""
    rule_failures: int = 0
    """Failures of own rules."""
    own_flow: dict[StrategyId, FlowState] = {}
    """The flow of orders of strategies with limits of their own."""
    is_killed: bool = False
    """Whether the kill switch is engaged."""
    is_held: bool = False
    """Whether live trading waits for its confirmation: nothing but the confirmation ends that."""
    downgrades: dict[DowngradeCause, TradingState] = {}
    """By cause: what live trading was restricted to after errors."""
