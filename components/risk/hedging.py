"""Risk in hedging mode: an order is checked against the leg that it changes, not against the net position.

- An order that is not reduce-only opens: all of its quantity adds to its leg, to exposure and to margin,
  whatever the other leg is. Limits on a position hold for each leg by itself, so also for their net.
- A reduce-only order closes, and never more than its leg. It adds nothing, so it passes all limits on
  positions, exposure, margin and losses.

The sums of working orders keep the two kinds apart: an order that closes one leg and an order of the same
side that opens the other are not added up.
"""

from decimal import Decimal
from typing import NamedTuple

from components.risk.context import RiskContext
from components.risk.exposure import SymbolExposure, WorkingExposure
from components.risk.flow import DuplicateKey, duplicate_key
from components.risk.order_check import Once, OrderCheck
from components.risk.views import LegsView
from components.risk.working_orders import (
    NOTHING,
    ZERO,
    Share,
    StrategyWorkingOrders,
    SymbolSums,
    WorkingOrder,
    WorkingOrders,
)
from kernel.events import BUY, SELL, Order, PositionSide, Side
from kernel.identifiers import StrategyId
from kernel.position_sides import position_side_of, size_of


class OwnLegs:
    """The legs of an account that has one strategy alone."""

    def __init__(self, strategy: StrategyId, legs: LegsView) -> None:
        self._strategy = strategy
        self._legs = legs
        self.strategy_leg = legs.strategy_leg

    def account_leg(self, symbol: str, side: PositionSide) -> Decimal:
        """The strategy's leg."""
        return self._legs.strategy_leg(self._strategy, symbol, side)


class LegCheck(OrderCheck):
    """An order beside the leg that it changes and the working orders that change it in the same direction."""

    def __init__(
        self, order: Order, ts: int, context: RiskContext, replaced: WorkingOrder | None = None
    ) -> None:
        self._side = position_side_of(order)
        super().__init__(order, ts, context, replaced)
        assert context.legs is not None, "a check of legs without a view of them"
        self.held = context.legs.account_leg(order.symbol, self._side)
        sums = self.working.state.by_symbol.get(order.symbol, NOTHING)
        self.projected_position = self._projected(self.held, sums)

    def _projected(self, held: Decimal, sums: SymbolSums) -> Decimal:
        """A leg once the order and the working ones of its kind are filled."""
        order = self.order
        if not order.reduce_only:
            change = self.added_quantity + _opening(sums, order.side)
            return held + change if order.side is BUY else held - change
        change = self.added_quantity + _closing(sums, order.side)
        left = max(ZERO, size_of(held, self._side) - change)
        return size_of(left, self._side)

    @Once
    # of a check of legs: it is read in the same way
    def strategy_held(self) -> Decimal:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The leg of the strategy whose order it is."""
        legs, order = self.context.legs, self.order
        assert legs is not None
        return legs.strategy_leg(order.strategy, order.symbol, self._side)

    @Once
    # of a check of legs: it is read in the same way
    def reduces(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.order.reduce_only or not self.added_quantity

    @property
    def takes_cash(self) -> bool:
        return bool(self.opening_quantity)

    @Once
    # of a check of legs: it is read in the same way
    def duplicate_key(self) -> DuplicateKey:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The terms, with a quantity below 0 for an order that closes: it repeats none that opens."""
        strategy, symbol, side, order_type, quantity, *prices = duplicate_key(self.order)
        if self.order.reduce_only:
            quantity = -quantity
        limit, stop, trail, percent = prices
        return strategy, symbol, side, order_type, quantity, limit, stop, trail, percent

    @property
    def is_closing(self) -> bool:
        return self.order.reduce_only and size_of(self.held, self._side) > 0


class LegExposure(WorkingExposure):
    """The exposure that working orders would add to the legs: all that opens, on both sides."""

    __slots__ = ()

    def added_by(self, symbol: str, side: Side, *, quantity: Decimal, value: Decimal) -> Decimal:  # noqa: ARG002  # the signature of netting mode
        return value

    def _counted(self, symbol: str, one: SymbolExposure) -> tuple[Decimal, Decimal]:
        counted, rate_of = one.buy_value + one.sell_value, self._account.opening_margin_rate
        if not counted:
            return ZERO, ZERO
        margin = one.buy_value * rate_of(symbol, BUY) + one.sell_value * rate_of(symbol, SELL)
        return counted, margin


class _ByLeg(WorkingOrders):
    """The sums of working orders, of which those that close add nothing to exposure and cash."""

    __slots__ = ()

    def quantity_awaiting_parent(self, order: Order) -> Decimal:
        """Only a reduce-only order is an exit of its parent; any other one opens the other leg."""
        return super().quantity_awaiting_parent(order) if order.reduce_only else ZERO

    def _shift_values(self, order: Order, *, before: Share, after: Share) -> None:
        if not order.reduce_only:
            super()._shift_values(order, before=before, after=after)


class LegWorkingOrders(_ByLeg):
    """The working orders of the account in hedging mode."""

    __slots__ = ()


class LegStrategyWorkingOrders(_ByLeg, StrategyWorkingOrders):
    """The working orders of one strategy in hedging mode, for reading."""

    __slots__ = ()


def _opening(sums: SymbolSums, side: Side) -> Decimal:
    return sums.buy - sums.closing_buy if side is BUY else sums.sell - sums.closing_sell


def _closing(sums: SymbolSums, side: Side) -> Decimal:
    return sums.closing_buy if side is BUY else sums.closing_sell


class ModeParts(NamedTuple):
    """The parts of risk that depend on the position mode."""

    order_check: type[OrderCheck]
    working_orders: type[WorkingOrders]
    strategy_working_orders: type[StrategyWorkingOrders]
    exposure: type[WorkingExposure]


NETTING = ModeParts(OrderCheck, WorkingOrders, StrategyWorkingOrders, WorkingExposure)
HEDGING = ModeParts(LegCheck, LegWorkingOrders, LegStrategyWorkingOrders, LegExposure)


def mode_parts(context: RiskContext) -> ModeParts:
    """The parts for the mode of an account."""
    return NETTING if context.legs is None else HEDGING
