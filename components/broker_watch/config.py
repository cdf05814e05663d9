"""When live trading restricts itself: the settings under ``downgrade:``."""

from enum import StrEnum
from typing import Annotated

import msgspec

from kernel.events import TradingState

Count = Annotated[int, msgspec.Meta(ge=0)]


class DowngradeTo(StrEnum):
    """What live trading is restricted to after errors."""

    REDUCE_ONLY = "reduce_only"
    """Only orders that make positions smaller."""
    HALTED = "halted"
    """No orders, except those of the operator's flatten command; working orders are cancelled."""

    @property
    def state(self) -> TradingState:
        """The trading state."""
        return TradingState(self.value)


class DowngradeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The errors after which live trading restricts itself, until an operator resumes it."""

    to: DowngradeTo = DowngradeTo.REDUCE_ONLY
    """Reduce-only leaves the strategies' exits alive."""
    rejections: Count = 5
    """Orders in a row that the venue rejects; an accepted one counts from 0 again. Five are no accident. 0:
    any number."""
    unknown_orders: Count = 3
    """Requests in a row whose outcome is unknown. One happens whenever a connection breaks. 0: any number."""
    mismatch: bool = True
    """A position at the venue that is not ours, or an order of the account that is not in the log."""
    disconnected_s: Annotated[float, msgspec.Meta(ge=0)] = 60.0
    """How long the venue may be away; most reconnects take seconds. 0: any time."""
