"""Order entry of ``onetape exchange``: what a client sends and receives, in JSON. ``docs/live.md`` shows it.

A client logs in first. Each request has a number ``n``, and one answer with the same number. Reports come
without being asked for. Quantities and prices are texts, as decimals.
"""

from decimal import Decimal
from typing import Annotated

import msgspec

from brokers.orders.port import VenueAccount, VenueOrder, VenuePosition
from kernel.events import ExecutionKind, Liquidity, OrderType, Side, TimeInForce
from kernel.identifiers import BrokerOrderId, ClientOrderId, FillId

PATH = "/orders"
CURRENCY = "USD"
LATEST_NS = 2**63 - 1


class Asked(msgspec.Struct, frozen=True, kw_only=True, tag_field="op"):
    """A request; ``n`` numbers it within its connection."""

    n: int


class Login(Asked, frozen=True, kw_only=True, tag="login"):
    """Who the client is."""

    account: str
    key: str


class Submit(Asked, frozen=True, kw_only=True, tag="submit"):
    """A new order."""

    client_order_id: ClientOrderId
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False


class Cancel(Asked, frozen=True, kw_only=True, tag="cancel"):
    """Cancel an order."""

    client_order_id: ClientOrderId


class Replace(Asked, frozen=True, kw_only=True, tag="replace"):
    """New terms of an order: its whole quantity and its limit."""

    client_order_id: ClientOrderId
    quantity: Decimal
    limit_price: Decimal | None = None


class CancelAll(Asked, frozen=True, kw_only=True, tag="cancel_all"):
    """Cancel every order of the account."""


class AskOrder(Asked, frozen=True, kw_only=True, tag="order"):
    """An order by its client order id."""

    client_order_id: ClientOrderId


class AskOpenOrders(Asked, frozen=True, kw_only=True, tag="open_orders"):
    """All open orders."""


class AskFills(Asked, frozen=True, kw_only=True, tag="fills"):
    """The fills since a time, in ns UTC."""

    since: int = 0


class AskPositions(Asked, frozen=True, kw_only=True, tag="positions"):
    """The positions that are not flat."""


class AskAccount(Asked, frozen=True, kw_only=True, tag="account"):
    """Cash and equity."""


Request = (
    Login
    | Submit
    | Cancel
    | Replace
    | CancelAll
    | AskOrder
    | AskOpenOrders
    | AskFills
    | AskPositions
    | AskAccount
)


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="T"):
    """A message of the exchange."""


class Done(Told, frozen=True, kw_only=True, tag="done"):
    """A request was carried out. ``count``: how many orders it changed."""

    n: int
    count: int = 0


class Refusal(Told, frozen=True, kw_only=True, tag="refused"):
    """A request was refused."""

    n: int
    reason: str


class OneOrder(Told, frozen=True, kw_only=True, tag="order"):
    """An order; ``None``: there is none with this id."""

    n: int
    order: VenueOrder | None = None


class Orders(Told, frozen=True, kw_only=True, tag="orders"):
    """Open orders."""

    n: int
    orders: tuple[VenueOrder, ...] = ()


class Report(Told, frozen=True, kw_only=True, tag="report"):
    """Something happened to an order. ``ts`` in ns UTC; the quantity of a fill is that of the fill."""

    kind: ExecutionKind
    client_order_id: ClientOrderId
    symbol: str
    broker_order_id: BrokerOrderId = BrokerOrderId("")
    ts: Annotated[int, msgspec.Meta(ge=0, le=LATEST_NS)] = 0
    fill_id: FillId = FillId("")
    quantity: Decimal | None = None
    price: Decimal | None = None
    commission: Decimal | None = None
    liquidity: Liquidity = Liquidity.UNKNOWN
    limit_price: Decimal | None = None
    reason: str = ""


class Fills(Told, frozen=True, kw_only=True, tag="fills"):
    """Fills, oldest first."""

    n: int
    fills: tuple[Report, ...] = ()


class Positions(Told, frozen=True, kw_only=True, tag="positions"):
    """Positions."""

    n: int
    positions: tuple[VenuePosition, ...] = ()


class Account(Told, frozen=True, kw_only=True, tag="account"):
    """The account."""

    n: int
    account: VenueAccount


Answer = Done | Refusal | OneOrder | Orders | Fills | Positions | Account
Message = Answer | Report
