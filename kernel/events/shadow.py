"""Live orders beside a simulated twin: what the fill model made of each order that went out."""

from decimal import Decimal
from enum import StrEnum

from kernel.events.header import Event
from kernel.events.order_terms import OrderStatus, Side
from kernel.identifiers import ClientOrderId, StrategyId


class ShadowOutcome(StrEnum):
    """Which of the two sides filled an order, at least in part."""

    FILLED = "filled"
    """Both."""
    MISSED = "missed"
    """The simulated venue alone: the live order missed its fill."""
    LUCKY = "lucky"
    """The live venue alone."""
    UNFILLED = "unfilled"
    """Neither."""


class ShadowCompared(Event, frozen=True, tag=95):
    """Input: an order has ended at the live venue and at the simulated one; once for each order.

    - ``live_quantity``, ``simulated_quantity``: what was filled. ``live_price``, ``simulated_price``: the
      average prices; ``None`` without a fill.
    - ``difference_bps``: of the prices, in basis points of the simulated one; above 0 where live was worse.
      ``None`` unless both filled.
    - ``difference``: the same in ``currency``, on the quantity that both filled.
    - ``live_fees``, ``simulated_fees``: in ``currency``, a cost if above 0.
    - ``live_first_ns`` ... ``simulated_last_ns``: from the submission to the first and to the last fill;
      ``None`` without a fill.
    - ``live_status``, ``simulated_status``: how the order ended on each side.
    - ``reason``: why it ended at the live venue, if that was told.
    """

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    side: Side
    quantity: Decimal
    outcome: ShadowOutcome
    live_quantity: Decimal
    simulated_quantity: Decimal
    live_price: Decimal | None
    simulated_price: Decimal | None
    difference_bps: float | None
    difference: Decimal
    live_fees: Decimal
    simulated_fees: Decimal
    currency: str
    live_first_ns: int | None
    live_last_ns: int | None
    simulated_first_ns: int | None
    simulated_last_ns: int | None
    live_status: OrderStatus
    simulated_status: OrderStatus
    reason: str = ""
