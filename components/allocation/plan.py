"""The allocator's state: opinions by symbol and strategy, and a plan for each symbol."""

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
    """A strategy's last signal on a symbol. ``score``: its strength, negative for short, 0 for flat."""

    ts: int
    score: float
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


class Role(StrEnum):
    """The purpose of an order of the plan."""

    ENTRY = "entry"
    """Moves the position to the target, up or down."""
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"


class Working(msgspec.Struct, gc=False):
    """An order of the plan that is not finished.

    ``is_at_market``: it goes out whole, at market, although the plan's orders are worked in parts.
    """

    role: Role
    is_cancelling: bool = False
    is_at_market: bool = False


class Plan(msgspec.Struct):
    """The position that a symbol should have, and the unfinished orders that make and protect it.

    - ``target``: the signed quantity to hold.
    - ``stop_loss``, ``take_profit``: exit prices of the whole position.
    - ``working``: the unfinished orders.
    - ``entry_target``: the target that the working entry was made for.
    - ``exits_for``: the position and prices that the working exits were made for.
    """

    target: Decimal = ZERO
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    working: dict[ClientOrderId, Working] = {}
    entry_target: Decimal = ZERO
    exits_for: Exits = (ZERO, None, None)


class AllocationState(msgspec.Struct):
    """The whole state of the allocator.

    - ``opinions``: by symbol and strategy.
    - ``plans``: by symbol.
    - ``due``: symbols with new signals, to be put together at the round timer.
    - ``action_count``: number of corporate actions that the plans include.
    - ``postponed``: events that arrived in the middle of a corporate action, processed after it.
    """

    epoch: int = 0
    order_count: int = 0
    opinions: dict[str, dict[StrategyId, Opinion]] = {}
    plans: dict[str, Plan] = {}
    due: list[str] = []
    action_count: int = 0
    postponed: list[Postponed] = []
