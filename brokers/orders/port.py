"""The port of a venue that takes real orders.

A request has three outcomes: it was accepted, it was rejected, or nobody knows (a timeout, a lost connection,
an answer that makes no sense). Nobody may send an order again because its outcome is unknown: it is asked
about, by its client order id.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec

from kernel.events import ApprovedOrder, ExecutionReport, MessageQuarantined, Side, VenueDeclared
from kernel.identifiers import BrokerOrderId, ClientOrderId


class Outcome(StrEnum):
    """What became of a request."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    """It may have arrived, and may have been carried out."""


class VenueOrderState(StrEnum):
    """The state of an order at the venue."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class VenueOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the venue has it; ``quantity`` is the whole of it."""

    client_order_id: ClientOrderId
    broker_order_id: BrokerOrderId
    symbol: str
    side: Side
    quantity: Decimal
    filled_quantity: Decimal
    state: VenueOrderState
    limit_price: Decimal | None = None
    reason: str = ""


class VenuePosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position as the venue has it, signed."""

    symbol: str
    quantity: Decimal
    average_price: Decimal | None = None


class VenueAccount(msgspec.Struct, frozen=True, kw_only=True):
    """The account as the venue has it, in ``currency``."""

    cash: Decimal
    equity: Decimal
    buying_power: Decimal
    currency: str


class VenueConnection(Protocol):
    """One connection to an account. Every wait has a time limit of the connection's own.

    A request raises ``VenueUnavailable`` only if nothing has left: then it may be made again. A question
    raises it if there is no answer, which never means "no such order".
    """

    async def submit(self, order: ApprovedOrder) -> Outcome:
        """Send an order."""
        ...

    async def cancel(
        self, client_order_id: ClientOrderId, symbol: str, broker_order_id: BrokerOrderId
    ) -> Outcome:
        """Ask the venue to cancel an order. To ask twice does no harm."""
        ...

    async def replace(self, order: ApprovedOrder, broker_order_id: BrokerOrderId) -> Outcome:
        """Ask the venue for new terms of an order: its whole quantity and its prices."""
        ...

    async def cancel_all(self) -> int:
        """Cancel every order of the account; returns how many. Raises ``VenueUnavailable``."""
        ...

    async def order(self, client_order_id: ClientOrderId) -> VenueOrder | None:
        """An order, open or not; ``None`` if the venue says that it has no such order."""
        ...

    async def open_orders(self) -> Sequence[VenueOrder]: ...
    async def fills_since(self, ts: int) -> Sequence[ExecutionReport]:
        """The account's fills that were executed at ``ts`` (ns UTC) or later, oldest first.

        As they are now: a corrected one has its new quantity and price, a busted one ``kind`` FILL_BUSTED. 0
        asks for all that the venue still has: if it has filled more of an order than it has told.
        """
        ...

    async def positions(self) -> Sequence[VenuePosition]: ...
    async def account(self) -> VenueAccount: ...
    def reports(self) -> AsyncIterator[ExecutionReport | MessageQuarantined]:
        """What happens to orders, from the login on, in the venue's order; acceptances and rejections too.

        Somebody must read them: answers to requests and questions come on the way. A message that makes no
        sense is given as a record of it. Raises ``VenueUnavailable`` when the connection is lost. What
        happened while there was none is not told: ask for it.
        """
        ...


class LiveVenue(Protocol):
    """A venue that takes real orders, with one account."""

    @property
    def name(self) -> str:
        """The name under which it is in events."""
        ...

    @property
    def account(self) -> str:
        """The account's id at the venue."""
        ...

    @property
    def ids_are_unique(self) -> bool:
        """Whether it refuses a client order id for ever that it has seen once.

        Only then may an order of an earlier session that it has never seen be sent: should that have been
        sent after all and arrive late, it is refused.
        """
        ...

    def declared(self, ts: int) -> VenueDeclared:
        """The input that declares the orders that it takes."""
        ...

    def connect(self) -> AbstractAsyncContextManager[VenueConnection]:
        """Connect and log in. Raises ``VenueUnavailable``, for a wrong account or key too."""
        ...
