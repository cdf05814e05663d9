"""Risk rules: each a small class that looks at one order and says yes, or why not.

To add a rule: write a class with ``check``, give ``RiskLimits`` its limit, and list it in ``rules_for``.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Protocol

import msgspec

from kernel.events import InstrumentDefined, Order, Side
from kernel.identifiers import StrategyId
from strategies.sdk.context import RiskLimits

ZERO = Decimal(0)


# Read once: on 3.11 a member of an enum takes 0.1 us to look up, a global 0.02.
_BUY = Side.BUY
_SELL = Side.SELL


class Denial(msgspec.Struct, frozen=True, gc=False):
    """Why an order was refused: the rule, its limit, the value it saw."""

    rule: str
    reason: str
    limit: Decimal
    value: Decimal


class RiskView(Protocol):
    """What rules may know."""

    @property
    def cash(self) -> Decimal: ...
    def net_position(self, symbol: str) -> Decimal: ...
    def working_quantity(self, symbol: str, side: Side) -> Decimal:
        """Quantity of approved, unfinished orders of one side that is not filled yet."""
        ...

    def strategy_working_quantity(self, strategy: StrategyId, symbol: str, side: Side) -> Decimal:
        """The same, of one strategy's orders."""
        ...

    @property
    def reserved_cash(self) -> Decimal:
        """What working buys will cost at the prices they were approved at."""
        ...

    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal: ...
    def instrument(self, symbol: str) -> InstrumentDefined: ...
    def price_of(self, order: Order) -> Decimal | None:
        """The price an order would trade at: its limit, its stop, or the last price."""
        ...


class Rule(Protocol):
    """One limit."""

    def check(self, order: Order, view: RiskView) -> Denial | None: ...


class MaxOrderQuantity:
    """No order larger than ``limit`` units."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, order: Order, view: RiskView) -> Denial | None:  # noqa: ARG002  # the rules' one signature
        if order.quantity <= self.limit:
            return None
        return Denial("max_order_quantity", "the order is too large", self.limit, order.quantity)


class MaxOrderNotional:
    """No order worth more than ``limit`` in the account's currency."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, order: Order, view: RiskView) -> Denial | None:
        price = view.price_of(order)
        if price is None:
            return Denial("max_order_notional", "there is no price to value the order at", self.limit, ZERO)
        notional = order.quantity * price * view.instrument(order.symbol).multiplier
        if notional <= self.limit:
            return None
        return Denial("max_order_notional", "the order is worth too much", self.limit, notional)


class MaxPositionQuantity:
    """No order that could take the net position beyond ``limit`` units; reducing it is always allowed."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, order: Order, view: RiskView) -> Denial | None:
        held = view.net_position(order.symbol)
        reach = _reach(held, order, working=view.working_quantity(order.symbol, order.side))
        if abs(reach) <= self.limit or (abs(reach) < abs(held) and reach * held > 0):
            return None
        return Denial("max_position_quantity", "the position would be too large", self.limit, abs(reach))


class StrategyMaxPosition:
    """No order that could take a strategy beyond the position it declared for itself."""

    def __init__(self, limits: Mapping[StrategyId, Decimal]) -> None:
        self.limits = limits

    def check(self, order: Order, view: RiskView) -> Denial | None:
        limit = self.limits.get(order.strategy)
        if limit is None:
            return None
        held = view.strategy_position(order.strategy, order.symbol)
        working = view.strategy_working_quantity(order.strategy, order.symbol, order.side)
        reach = _reach(held, order, working=working)
        if abs(reach) <= limit or (abs(reach) < abs(held) and reach * held > 0):
            return None
        return Denial("strategy_max_position", "the strategy declared a smaller position", limit, abs(reach))


class NoShortSale:
    """No sale of what is not held."""

    def check(self, order: Order, view: RiskView) -> Denial | None:
        if order.side is _BUY:
            return None
        held = view.net_position(order.symbol)
        reach = _reach(held, order, working=view.working_quantity(order.symbol, _SELL))
        if reach >= 0:
            return None
        return Denial("allow_short", "the sale would leave a short position", ZERO, reach)


class RequireCash:
    """No buy beyond the cash that working buys leave."""

    def check(self, order: Order, view: RiskView) -> Denial | None:
        if order.side is _SELL:
            return None
        available = view.cash - view.reserved_cash
        price = view.price_of(order)
        if price is None:
            return Denial("require_cash", "there is no price to value the order at", available, ZERO)
        needed = order.quantity * price * view.instrument(order.symbol).multiplier
        if needed <= available:
            return None
        return Denial("require_cash", "there is not enough cash", available, needed)


def rules_for(limits: RiskLimits, declared: Mapping[StrategyId, Decimal]) -> Iterator[Rule]:
    """The rules that a configuration asks for; what is not limited is not checked."""
    if limits.max_order_quantity is not None:
        yield MaxOrderQuantity(limits.max_order_quantity)
    if limits.max_order_notional is not None:
        yield MaxOrderNotional(limits.max_order_notional)
    if limits.max_position_quantity is not None:
        yield MaxPositionQuantity(limits.max_position_quantity)
    if declared:
        yield StrategyMaxPosition(declared)
    if not limits.allow_short:
        yield NoShortSale()
    if limits.require_cash:
        yield RequireCash()


def _reach(held: Decimal, order: Order, *, working: Decimal) -> Decimal:
    """The position once the order and the working ones of its side are filled."""
    change = order.quantity + working
    return held + change if order.side is _BUY else held - change
