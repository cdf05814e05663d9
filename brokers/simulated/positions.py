"""The venue's own count of positions, from its fills.

A count says which positions of a symbol an order changes, and keeps them:

- ``NetCount``: a strategy has one net position in a symbol.
- ``LegCount``, in hedging mode: it has a long and a short leg, and the order says which of them it changes
  (``kernel.position_sides``).
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Protocol

from brokers.simulated.state import NO_POSITIONS, ZERO, Counted, SimulatedBrokerState
from kernel.events import AdjustPosition, Order, PositionSide
from kernel.identifiers import StrategyId
from kernel.position_sides import LONG_LEG, SHORT_LEG, position_side_of, sides_set_by


class LegsView(Protocol):
    """The legs that the account has booked in hedging mode."""

    def strategy_legs(self, strategy: StrategyId, side: PositionSide) -> Mapping[str, Decimal]: ...


class PositionCount(Protocol):
    """The positions of all strategies."""

    def positions_for(self, order: Order) -> Mapping[str, Decimal]:
        """The positions that orders like this one change, by strategy."""
        ...

    def side_of(self, order: Order) -> PositionSide | None:
        """The leg that an order changes in hedging mode."""
        ...

    def move(self, order: Order, quantity: Decimal) -> None:
        """Add a fill of a signed quantity. A closed position is deleted."""
        ...

    def on_adjustment(self, event: AdjustPosition) -> None:
        """Copy the position that an operator set."""
        ...

    def recount(self, strategy: StrategyId) -> None:
        """Copy the positions that the account has booked for a strategy."""
        ...


class CountState(Protocol):
    """Where a count keeps its positions."""

    @property
    def positions(self) -> Counted: ...


class ShortsOf:
    """The short legs in the state of the venue."""

    def __init__(self, state: SimulatedBrokerState) -> None:
        self._state = state

    @property
    def positions(self) -> Counted:
        return self._state.shorts


class NetCount:
    """One position for each strategy and symbol."""

    def __init__(
        self, state: CountState, booked: Callable[[StrategyId], Mapping[str, Decimal]] | None
    ) -> None:
        """``booked``: the positions that the account has; ``None``: the venue knows no account."""
        self._state = state
        self._booked = booked

    def positions_for(self, order: Order) -> Mapping[str, Decimal]:
        return self._state.positions.get(order.symbol, NO_POSITIONS)

    def side_of(self, order: Order) -> PositionSide | None:  # noqa: ARG002  # the count's signature
        return None

    def move(self, order: Order, quantity: Decimal) -> None:
        symbol, strategy = order.symbol, order.strategy
        positions = self._state.positions
        held = positions.get(symbol)
        if held is None:
            positions[symbol] = {strategy: quantity}
            return
        total = held.get(strategy, ZERO) + quantity
        if total:
            held[strategy] = total
        else:
            del held[strategy]

    def on_adjustment(self, event: AdjustPosition) -> None:
        self._state.positions.setdefault(event.symbol, {})[event.strategy] = event.quantity

    def recount(self, strategy: StrategyId) -> None:
        positions = self._state.positions
        if self._booked is None:
            return
        for held in positions.values():
            held.pop(strategy, None)
        for symbol, quantity in self._booked(strategy).items():
            positions.setdefault(symbol, {})[strategy] = quantity


class LegCount:
    """A long and a short leg for each strategy and symbol: a count for each."""

    def __init__(self, state: SimulatedBrokerState, legs: LegsView) -> None:
        self._counts = {
            LONG_LEG: NetCount(state, partial(legs.strategy_legs, side=LONG_LEG)),
            SHORT_LEG: NetCount(ShortsOf(state), partial(legs.strategy_legs, side=SHORT_LEG)),
        }

    def positions_for(self, order: Order) -> Mapping[str, Decimal]:
        return self._counts[position_side_of(order)].positions_for(order)

    def side_of(self, order: Order) -> PositionSide | None:
        return position_side_of(order)

    def move(self, order: Order, quantity: Decimal) -> None:
        self._counts[position_side_of(order)].move(order, quantity)

    def on_adjustment(self, event: AdjustPosition) -> None:
        for side in sides_set_by(event):
            self._counts[side].on_adjustment(event)

    def recount(self, strategy: StrategyId) -> None:
        for count in self._counts.values():
            count.recount(strategy)
