"""Rules on the projected position: the position after the order and working orders of its side fill."""

from collections.abc import Mapping
from decimal import Decimal

from components.risk.order_check import OrderCheck
from kernel.configuration import listed
from kernel.events import BUY, InstrumentDefined
from kernel.identifiers import StrategyId
from strategies.sdk.risk_rules import Denial

ZERO = Decimal(0)


class MaxPositionQuantity:
    """Denies orders that could take the net position above ``limit`` units; reducing is always allowed."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, order_check: OrderCheck) -> Denial | None:
        projected_position = abs(order_check.projected_position)
        if projected_position <= self.limit:  # nearly always
            return None
        if (
            _is_within(order_check.projected_position, order_check.held, limit=self.limit)
            or not order_check.added_quantity
        ):
            return None
        return Denial(
            "max_position_quantity", "the position would be too large", self.limit, projected_position
        )


class MaxPositionNotional:
    """Denies orders that could make a position worth more than ``limit`` in the account's currency."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, order_check: OrderCheck) -> Denial | None:
        if not order_check.opening_quantity:
            return None
        if order_check.price is None:
            sentence = "there is no price to value the position at"
            return Denial("max_position_notional", sentence, self.limit, ZERO)
        notional = abs(order_check.projected_position) * order_check.unit_value
        if notional <= self.limit:
            return None
        sentence = "the position must not be worth more than the limit"
        return Denial("max_position_notional", sentence, self.limit, notional)


class StrategyMaxPosition:
    """Denies orders that could take a strategy above its declared largest position."""

    def __init__(self, limits: Mapping[StrategyId, Decimal]) -> None:
        self.limits = limits

    def check(self, order_check: OrderCheck) -> Denial | None:
        limit = self.limits.get(order_check.order.strategy)
        if limit is None:
            return None
        projected_position = order_check.strategy_projected_position
        if (
            _is_within(projected_position, order_check.strategy_held, limit=limit)
            or not order_check.added_quantity
        ):
            return None
        return Denial(
            "strategy_max_position",
            "the strategy declared a smaller position",
            limit,
            abs(projected_position),
        )


class NoShortSale:
    """Denies sales of more than the position.

    ``names_offers``: the sentence names the working orders that offer the position already.
    """

    def __init__(self, *, names_offers: bool = True) -> None:
        self._names_offers = names_offers

    def check(self, order_check: OrderCheck) -> Denial | None:
        if not _sells_short(order_check):
            return None
        sentence = "the sale would leave a short position"
        sentence += _offered(order_check) if self._names_offers else ""
        return Denial("allow_short", sentence, ZERO, order_check.projected_position)


class Shortable:
    """Denies short sales of an instrument that cannot be borrowed; ``names_offers`` as above."""

    def __init__(self, *, names_offers: bool = True) -> None:
        self._names_offers = names_offers

    def concerns(self, instrument: InstrumentDefined) -> bool:
        return not instrument.is_shortable

    def check(self, order_check: OrderCheck) -> Denial | None:
        if not _sells_short(order_check):
            return None
        sentence = f"{order_check.order.symbol} cannot be sold short: the sale must not exceed what is held"
        sentence += _offered(order_check) if self._names_offers else ""
        return Denial("is_shortable", sentence, ZERO, order_check.projected_position)


class LocateQuantity:
    """Denies short sales of more than can be borrowed. ``located``: units by symbol."""

    def __init__(self, located: Mapping[str, Decimal]) -> None:
        self.located = located

    def concerns(self, instrument: InstrumentDefined) -> bool:
        return instrument.symbol in self.located

    def check(self, order_check: OrderCheck) -> Denial | None:
        symbol = order_check.order.symbol
        limit = self.located[symbol]
        if not _sells_short(order_check) or -order_check.projected_position <= limit:
            return None
        sentence = f"only {limit} {symbol} can be borrowed: the short position must not be larger"
        return Denial("locate_quantity", sentence, limit, -order_check.projected_position)


class ReduceOnly:
    """Denies reduce-only orders without a position of the strategy to reduce.

    An exit that waits for its parent is allowed: the parent will open the position.
    """

    def check(self, order_check: OrderCheck) -> Denial | None:
        order = order_check.order
        if not order.reduce_only or order.parent_id:
            return None
        held = order_check.strategy_held
        if held < 0 if order.side is BUY else held > 0:
            return None
        sentence = f"there is no position that a {order.side.value} could reduce"
        return Denial("reduce_only", sentence, ZERO, held)


def _sells_short(order_check: OrderCheck) -> bool:
    """Whether the order could take the position below 0."""
    if order_check.order.side is BUY or order_check.projected_position >= 0:
        return False
    return bool(order_check.added_quantity)


def _offered(order_check: OrderCheck) -> str:
    """The working sales without which this one would be allowed, and the way out; else empty."""
    if order_check.added_quantity > order_check.held:
        return ""
    order, replaced = order_check.order, order_check.replaced
    offers = [
        f"{key} ({working.order.order_type.value})"
        for key, working in order_check.working.state.orders.items()
        if working.order.symbol == order.symbol
        and working.order.side is order.side
        and working is not replaced
    ]
    offered = order_check.held - order_check.added_quantity - order_check.projected_position
    if len(offers) == 1:
        return (
            f": order {offers[0]} already offers {offered:f}; cancel it first, and sell when it is cancelled"
        )
    return (
        f": orders {listed(offers)} already offer {offered:f}; cancel them first, and sell when they are "
        "cancelled"
    )


def _is_within(projected_position: Decimal, held: Decimal, *, limit: Decimal) -> bool:
    """Whether the projected position is within the limit, or at least smaller than the one held."""
    return abs(projected_position) <= limit or (
        abs(projected_position) < abs(held) and projected_position * held > 0
    )
