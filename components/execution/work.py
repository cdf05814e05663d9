"""What is remembered of an order that is worked in parts."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from kernel.events import AlgorithmTerms, Order
from kernel.identifiers import ClientOrderId

ZERO = Decimal(0)


class Stage(StrEnum):
    """Where a worked order is in its life."""

    WAITING = "waiting"
    """Before its start."""
    WORKING = "working"
    CLOSING = "closing"
    """Its time is over; the rest goes out, or went out, as one market order."""
    STOPPING = "stopping"
    """No more parts; it waits for those at the venue to end."""


class Part(msgspec.Struct, gc=False):
    """An order at the venue, or on its way there, and what is left of it."""

    leaves_quantity: Decimal
    is_cancelling: bool = False


class Work(msgspec.Struct):
    """One order and how far it came. ``order`` was never sent itself; its id names the whole.

    ``parts`` are the unfinished ones, ``sent`` the ids of all that there were. ``steps_begun`` counts steps
    of time; ``volume`` is what the market traded since the last part was sent, read from ``volume_source``;
    ``timer_ts`` is 0 for no timer. ``reason`` says why it stops early; ``is_out_of_time``: its time is over.
    """

    order: Order
    terms: AlgorithmTerms
    stage: Stage = Stage.WAITING
    filled_quantity: Decimal = ZERO
    parts: dict[ClientOrderId, Part] = {}
    sent: list[ClientOrderId] = []
    steps_begun: int = 0
    volume: Decimal = ZERO
    volume_source: str = ""
    timer_ts: int = 0
    reason: str = ""
    is_out_of_time: bool = False

    @property
    def working_quantity(self) -> Decimal:
        """What the unfinished parts may still fill."""
        return sum((part.leaves_quantity for part in self.parts.values()), ZERO)

    @property
    def unsent_quantity(self) -> Decimal:
        """What is neither filled nor working: all that may still be sent."""
        return self.order.quantity - self.filled_quantity - self.working_quantity


class ExecutionState(msgspec.Struct):
    """Worked orders that are not finished by id, oldest first.

    ``wholes`` names the order that each of their parts is of, those parts included that have ended.
    """

    works: dict[ClientOrderId, Work] = {}
    wholes: dict[ClientOrderId, ClientOrderId] = {}
