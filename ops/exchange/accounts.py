"""The accounts of the exchange: cash, positions, and every order that was ever given. Pure."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from brokers.orders.exchange_protocol import CURRENCY, Report
from brokers.orders.port import VenueAccount, VenueOrder, VenueOrderState, VenuePosition
from kernel.events import BUY, OrderType, Side, TimeInForce
from kernel.identifiers import BrokerOrderId, ClientOrderId

ZERO = Decimal(0)


class AccountConfig(msgspec.Struct, frozen=True, kw_only=True):
    """An account of the exchange, the key that opens it, and its cash at the start."""

    name: str = "demo"
    key: str = "demo-key"
    cash: Decimal = Decimal(1_000_000)


class DeskOrder(msgspec.Struct, kw_only=True):
    """An order at the exchange. ``rests``: it waits in the book, and fills at its limit as a maker."""

    client_order_id: ClientOrderId
    broker_order_id: BrokerOrderId
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    limit_price: Decimal | None
    time_in_force: TimeInForce
    filled_quantity: Decimal = ZERO
    state: VenueOrderState = VenueOrderState.OPEN
    reason: str = ""
    rests: bool = False

    @property
    def leaves_quantity(self) -> Decimal:
        """The quantity that is not filled."""
        return self.quantity - self.filled_quantity

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.state is VenueOrderState.OPEN

    def shown(self) -> VenueOrder:
        """The order as a client is told."""
        return VenueOrder(
            client_order_id=self.client_order_id,
            broker_order_id=self.broker_order_id,
            symbol=self.symbol,
            side=self.side,
            quantity=self.quantity,
            filled_quantity=self.filled_quantity,
            state=self.state,
            limit_price=self.limit_price,
            reason=self.reason,
        )


class DeskPosition(msgspec.Struct):
    """A position, signed, and the average price at which it was opened."""

    quantity: Decimal = ZERO
    average_price: Decimal = ZERO

    def add(self, quantity: Decimal, price: Decimal) -> None:
        """Buy (or sell, below 0)."""
        held, whole = self.quantity, self.quantity + quantity
        if not whole:
            self.average_price = ZERO
        elif not held or (held > 0) is not (whole > 0):
            self.average_price = price
        elif abs(whole) > abs(held):
            self.average_price = (held * self.average_price + quantity * price) / whole
        self.quantity = whole


class DeskAccount:
    """One account. Its orders keep their ids for ever: none is taken twice."""

    def __init__(self, config: AccountConfig) -> None:
        self.name = config.name
        self.key = config.key
        self.cash = config.cash
        self.positions: dict[str, DeskPosition] = {}
        self.orders: dict[ClientOrderId, DeskOrder] = {}
        self.fills: list[Report] = []
        self.repeated: list[ClientOrderId] = []
        """Ids that were given more than once."""

    @property
    def open_orders(self) -> list[DeskOrder]:
        """The orders that may still fill, oldest first."""
        return [order for order in self.orders.values() if order.is_open]

    def book(self, order: DeskOrder, fill: Report) -> None:
        """Book a fill."""
        assert fill.quantity is not None
        assert fill.price is not None
        signed = fill.quantity if order.side is BUY else -fill.quantity
        self.positions.setdefault(order.symbol, DeskPosition()).add(signed, fill.price)
        self.cash -= signed * fill.price + (fill.commission or ZERO)
        order.filled_quantity += fill.quantity
        self.fills.append(fill)

    def held(self) -> tuple[VenuePosition, ...]:
        """The positions that are not flat."""
        return tuple(
            VenuePosition(symbol=symbol, quantity=one.quantity, average_price=one.average_price)
            for symbol, one in self.positions.items()
            if one.quantity
        )

    def shown(self, prices: Mapping[str, Decimal]) -> VenueAccount:
        """The account as a client is told; positions at these prices."""
        worth = sum((one.quantity * prices.get(symbol, ZERO) for symbol, one in self.positions.items()), ZERO)
        equity = self.cash + worth
        return VenueAccount(
            cash=self.cash, equity=equity, buying_power=max(ZERO, self.cash), currency=CURRENCY
        )
