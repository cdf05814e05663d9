"""The orders of a strategy in hedging mode (``kernel.position_sides``).

- Attached exits are reduce-only, as in netting mode: each closes the leg that its order opened.
- A target is a target of the net position. Its order first closes the leg on the other side, and a second one
  opens the rest. So both legs are only held at once by a strategy that asks for them with orders.
- The orders of one group and side all close or all open, because a group counts as one order.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from components.strategy_host.order_plans import NO_PARENT, HeldView, OrderPlans
from components.strategy_host.sizes import Sizes
from components.strategy_host.state import HostState
from kernel.events import BUY, InstrumentDefined, Order, OrderIntent, PositionSide, VenueFeature
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.position_sides import LONG_LEG, SHORT_LEG, size_of
from strategies.sdk.decisions import OneCancelsOther, PlaceOrder, Target


class LegsView(Protocol):
    """The legs of strategies."""

    def strategy_leg(self, strategy: StrategyId, symbol: str, side: PositionSide) -> Decimal: ...


class HedgedOrderPlans(OrderPlans):
    """Makes the order intents of one strategy in hedging mode."""

    def __init__(
        self,
        strategy: StrategyId,
        legs: LegsView,
        *,
        slug: str,
        state: HostState,
        instrument: Callable[[str], InstrumentDefined],
        sizes: Sizes,
        held: HeldView,
        has: Callable[[VenueFeature], bool],
    ) -> None:
        super().__init__(
            strategy, slug=slug, state=state, instrument=instrument, sizes=sizes, held=held, has=has
        )
        self._legs = legs

    def targeted(self, ts: int, wanted: Target) -> list[OrderIntent]:
        """The orders for the difference to a target of the net position: none, one, or two of one side."""
        intents = super().targeted(ts, wanted)
        if not intents:
            return []
        order, asked = intents[0].order, intents[0].asked
        closable = self._closable(order)
        if not closable:
            return intents
        closing = msgspec.structs.replace(order, quantity=min(order.quantity, closable), reduce_only=True)
        rest = order.quantity - closing.quantity
        if not rest:
            return [OrderIntent(ts, closing, asked)]
        opening = msgspec.structs.replace(order, client_order_id=self._next_id(), quantity=rest)
        return [OrderIntent(ts, closing, asked), OrderIntent(ts, opening, asked)]

    def cancelling(
        self, ts: int, wanted: OneCancelsOther, *, parent_id: ClientOrderId = NO_PARENT
    ) -> list[OrderIntent]:
        intents = super().cancelling(ts, wanted, parent_id=parent_id)
        kinds = {(intent.order.side, intent.order.reduce_only) for intent in intents if intent.order.group_id}
        if len(kinds) > len({side for side, _ in kinds}):
            raise ValueError(
                "one cancels other: in hedging mode the orders of one side are all reduce_only, or none of "
                "them; got both"
            )
        return intents

    def _exits(self, ts: int, wanted: PlaceOrder, *, entry: Order) -> Sequence[OrderIntent]:
        if entry.reduce_only:
            raise ValueError("in hedging mode a reduce_only order opens nothing that exits could close")
        return super()._exits(ts, wanted, entry=entry)

    def _closable(self, order: Order) -> Decimal:
        """The whole lots of the leg that the order's side can close."""
        side = SHORT_LEG if order.side is BUY else LONG_LEG
        size = size_of(self._legs.strategy_leg(self._strategy, order.symbol, side), side)
        lot_size = self._instrument(order.symbol).lot_size
        return max(Decimal(0), size // lot_size * lot_size)
