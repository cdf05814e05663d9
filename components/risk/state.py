"""All that the risk component remembers."""

import msgspec

from components.risk.flow import FlowState
from components.risk.working import WorkingOrder, WorkingSums
from kernel.events import TradingState
from kernel.identifiers import ClientOrderId


class Flattening(msgspec.Struct, gc=False):
    """A symbol whose positions are being closed until nothing is held."""

    reason: str
    clearance: TradingState
    unfilled: int = 0
    """Exits in a row that ended without a fill."""


class RiskState(msgspec.Struct):
    """Trading state and who holds it; the approved orders that are not finished, and their sums.

    ``latches``: see ``components.risk.gate``. ``defined``: symbols whose terms were given.
    """

    trading_state: TradingState = TradingState.ACTIVE
    working: dict[ClientOrderId, WorkingOrder] = {}
    sums: WorkingSums = msgspec.field(default_factory=WorkingSums)
    latches: dict[str, TradingState] = {}
    flow: FlowState = msgspec.field(default_factory=FlowState)
    defined: dict[str, bool] = {}
    flattening: dict[str, Flattening] = {}
    epoch: int = 0
    exit_count: int = 0
