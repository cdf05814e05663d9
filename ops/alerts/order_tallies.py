"""Counts the fate of orders for the metrics of fill rate, slippage and the twin, from the events of orders.

- What it remembers: the outcome of the last orders that the venue ended, the slippage of the last market
  fills, how far the last orders were from their simulated twins, and the mid price when each open market
  order was submitted.
- What changes it: events of orders, as they become durable.
- What never happens: orders that we cancelled count as not filled.
"""

from collections import deque
from collections.abc import Callable
from math import fsum

from kernel.events import (
    BUY,
    MARKET,
    Event,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
    Quote,
)
from kernel.events.shadow import ShadowCompared
from kernel.identifiers import ClientOrderId

HEARD: frozenset[type[Event]] = frozenset(
    {OrderSubmitted, OrderFilled, OrderRejected, OrderExpired, OrderCancelled, ShadowCompared}
)
LAST = 100
"""Orders and fills that a figure is made of."""
LEAST = 20
"""As many are needed before there is a figure."""
MOST_OPEN = 10_000
"""Market orders whose price is remembered; the oldest one is forgotten."""


class OrderTallies:
    """The tallies of one daemon."""

    def __init__(self, quote_of: Callable[[str], Quote | None]) -> None:
        """``quote_of``: the last quote of a symbol."""
        self._quote_of = quote_of
        self._outcomes = deque[bool](maxlen=LAST)
        self._slippages = deque[float](maxlen=LAST)
        self._differences = deque[float](maxlen=LAST)
        self._mids: dict[ClientOrderId, float] = {}

    @property
    def fill_rate_pct(self) -> float | None:
        """How many of the orders that the venue ended were filled."""
        count = len(self._outcomes)
        return None if count < LEAST else 100.0 * self._outcomes.count(True) / count

    @property
    def slippage_bps(self) -> float | None:
        """How much worse than the mid price market orders were filled, on average."""
        count = len(self._slippages)
        return None if count < LEAST else fsum(self._slippages) / count

    @property
    def shadow_bps(self) -> float | None:
        """How much worse live fills were than those of their simulated twins, on average."""
        count = len(self._differences)
        return None if count < LEAST else fsum(self._differences) / count

    def hear(self, event: Event) -> None:
        """Take an event of an order; others are ignored."""
        match event:
            case OrderSubmitted(order=order) if order.order_type is MARKET:
                quote = self._quote_of(order.symbol)
                if quote is not None and quote.bid > 0.0 and quote.ask > 0.0:
                    self._mids[order.client_order_id] = (quote.bid + quote.ask) / 2
                    if len(self._mids) > MOST_OPEN:
                        del self._mids[next(iter(self._mids))]
            case OrderFilled():
                self._fill(event)
            case OrderRejected() | OrderExpired():
                self._outcomes.append(False)
                self._mids.pop(event.client_order_id, None)
            case ShadowCompared(difference_bps=bps) if bps is not None:
                self._differences.append(bps)
            case OrderCancelled():
                self._mids.pop(event.client_order_id, None)
            case _:
                pass

    def _fill(self, fill: OrderFilled) -> None:
        mid = self._mids.get(fill.client_order_id)
        if mid is not None:
            worse = float(fill.price) - mid if fill.side is BUY else mid - float(fill.price)
            self._slippages.append(10_000.0 * worse / mid)
        if not fill.leaves_quantity:
            self._outcomes.append(True)
            self._mids.pop(fill.client_order_id, None)
