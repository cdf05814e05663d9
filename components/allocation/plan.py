"""What the allocator remembers: opinions, and for each symbol the plan that they came to."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from kernel.events import (
    CancelRejected,
    ExecutionFinished,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    SignalRaised,
)
from kernel.identifiers import ClientOrderId, StrategyId

ZERO = Decimal(0)

Exits = tuple[Decimal, Decimal | None, Decimal | None]
"""Position, stop-loss price and take-profit price that exit orders were made for."""


Postponed = (
    SignalRaised
    | OrderFilled
    | OrderDenied
    | OrderCancelled
    | OrderExpired
    | OrderRejected
    | ExecutionFinished
    | CancelRejected
)


class Opinion(msgspec.Struct, frozen=True):
    """A strategy's last signal on a symbol; ``score`` is its strength, negative for short, 0 for flat."""

    ts: int
    score: float
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


class Role(StrEnum):
    """What an order of the plan is for."""

    ENTRY = "entry"
    """Moves the position to the target, up or down."""
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"


class Working(msgspec.Struct, gc=False):
    """An order of the plan that is not finished.

    ``is_at_market``: it is sent whole, though the plan's orders are worked in parts.
    """

    role: Role
    is_cancelling: bool = False
    is_at_market: bool = False


class Plan(msgspec.Struct):
    """What a symbol's position is to be, and the orders that bring it there and protect it.

    ``entry_target`` is the target that the working entry was made for, ``exits_for`` what the exits were.
    """

    target: Decimal = ZERO
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    working: dict[ClientOrderId, Working] = {}
    entry_target: Decimal = ZERO
    exits_for: Exits = (ZERO, None, None)


class AllocationState(msgspec.Struct):
    """Opinions by symbol and strategy, plans by symbol; ``due`` are symbols to be put together anew.

    ``action_count`` counts the corporate actions that plans are restated by. ``postponed`` is what was heard
    while others restated theirs, and is acted on afterwards.
    """

    epoch: int = 0
    order_count: int = 0
    opinions: dict[str, dict[StrategyId, Opinion]] = {}
    plans: dict[str, Plan] = {}
    due: list[str] = []
    action_count: int = 0
    postponed: list[Postponed] = []
