"""Rules on the terms, the quantity and the value of one order."""

from decimal import Decimal

from components.risk.order_check import OrderCheck
from kernel.events import InstrumentDefined
from strategies.sdk.risk_rules import Denial

ZERO = Decimal(0)


class OrderTerms:
    """Denies orders whose quantity or prices are not above 0, or not on the instrument's lot and tick.

    Prices of 0 and below are let through for instruments that have them.

    Orders of strategies are already rounded; orders of algorithms, notebooks and operators may not be.
    """

    def check(self, order_check: OrderCheck) -> Denial | None:
        order, instrument = order_check.order, order_check.instrument
        quantity, lot = order.quantity, instrument.lot_size
        if not quantity.is_finite() or quantity <= ZERO:
            return Denial("order_terms", "the quantity must be a number above 0", ZERO, str(quantity))
        if quantity % lot:
            return Denial("order_terms", f"the quantity must be a multiple of the lot {lot}", lot, quantity)
        if instrument.minimum_quantity and order_check.quantity < instrument.minimum_quantity:
            sentence = "the quantity must be at least the instrument's minimum"
            return Denial("order_terms", sentence, instrument.minimum_quantity, order_check.quantity)
        if order.limit_price is not None:
            denial = _off_tick("limit", order.limit_price, instrument)
            if denial is not None:
                return denial
        if order.stop_price is not None:
            denial = _off_tick("stop", order.stop_price, instrument)
            if denial is not None:
                return denial
        return _too_little(order_check) if instrument.minimum_notional else None


class MaxOrderQuantity:
    """Denies orders of more than ``limit`` units."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, order_check: OrderCheck) -> Denial | None:
        if order_check.replaced is None and order_check.order.quantity <= self.limit:
            return None
        quantity = order_check.quantity
        if quantity <= self.limit:
            return None
        return Denial("max_order_quantity", "the order is too large", self.limit, quantity)


class MaxOrderNotional:
    """Denies orders worth more than ``limit`` in the account's currency."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, order_check: OrderCheck) -> Denial | None:
        if order_check.price is None:
            return Denial("max_order_notional", "there is no price to value the order at", self.limit, ZERO)
        if order_check.notional <= self.limit:
            return None
        return Denial("max_order_notional", "the order is worth too much", self.limit, order_check.notional)


def _too_little(order_check: OrderCheck) -> Denial | None:
    """The denial of an order below the minimum notional; ``None`` if there is no price yet."""
    least = order_check.instrument.minimum_notional
    if order_check.price is None:
        return None
    notional = order_check.quantity * order_check.instrument.unit_notional(order_check.price)
    if notional >= least:
        return None
    sentence = "the order must be worth at least the instrument's minimum notional"
    return Denial("order_terms", sentence, least, notional)


def _off_tick(name: str, price: Decimal, instrument: InstrumentDefined) -> Denial | None:
    tick = instrument.tick_size
    if not price.is_finite() or (price <= 0 and not instrument.allow_negative_prices):
        return Denial("order_terms", f"the {name} price must be a number above 0", ZERO, str(price))
    if price % tick:
        return Denial("order_terms", f"the {name} price must be a multiple of the tick {tick}", tick, price)
    return None
