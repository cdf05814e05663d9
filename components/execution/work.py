"""The state of orders that are worked in parts."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from kernel.events import AlgorithmTerms, Order
from kernel.identifiers import ClientOrderId

ZERO = Decimal(0)


class Stage(StrEnum):
    """The stage of a worked order."""

    WAITING = "waiting"
    """Before its start."""
    WORKING = "working"
    CLOSING = "closing"
    """After its end: the rest is sent as one market order."""
    STOPPING = "stopping"
    """No more parts are sent; those at the venue are being cancelled."""


class Part(msgspec.Struct, gc=False):
    """An unfinished part: an order at the venue, or on its way there."""

    leaves_quantity: Decimal
    is_cancelling: bool = False


class Work(msgspec.Struct):
    """One worked order.

    - ``order``: the whole order. It is never sent itself.
    - ``terms``: its algorithm.
    - ``parts``: the unfinished parts.
    - ``sent``: the ids of all parts, finished ones included.
    - ``steps_begun``: number of steps of time that have begun.
    - ``volume``: market volume since the last part was sent.
    - ``volume_source``: where that volume is read, trades or a timeframe of bars.
    - ``timer_ts``: the due time of its timer; 0 without one.
    - ``reason``: why it stops early; empty if it does not.
    - ``is_out_of_time``: it stops because its time is over.
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
        """The leaves quantity of all unfinished parts."""
        return sum((part.leaves_quantity for part in self.parts.values()), ZERO)

    @property
    def unsent_quantity(self) -> Decimal:
        """The quantity that is neither filled nor working, and may still be sent."""
        return self.order.quantity - self.filled_quantity - self.working_quantity


class ExecutionState(msgspec.Struct):
    """The whole state of the component.

    - ``works``: unfinished worked orders by id, oldest first.
    - ``wholes``: the id of the worked order, by the id of each of its parts, finished parts included.
    """

    works: dict[ClientOrderId, Work] = {}
    wholes: dict[ClientOrderId, ClientOrderId] = {}
