"""The orders of a run or live log with the market around them: what an order cost, and how long it took.

The market was noted at the intent of an order (its *arrival*), and again at each fill. All costs are positive
if they are against us:

- slippage: fills against the arrival price, in money
- against the limit: fills against the order's own limit; below 0 is better than the limit
- against the VWAP: fills against the market's average price between the intent and the order's end
- spread: fills against the middle of the quote at the fill
- missed: the part that was not filled, at the last price when the order ended, against the arrival price

The arrival price is the middle of the last quote with both sides, and without one the last trade or close.
Amounts are ``Decimal``, exact, in the instrument's currency. An order that worked through a split is in the
units after it, with all its prices.
"""

from decimal import Decimal

import msgspec

from kernel.events import (
    BUY,
    InstrumentDefined,
    Liquidity,
    Order,
    OrderStatus,
)
from kernel.identifiers import FillId
from replay.execution_analysis.sightings import ZERO, Sighting


class Execution(msgspec.Struct, frozen=True):
    """A fill with the market at that time. Corrected fills have the corrected quantity and price.

    ``ts``: of the execution, ``known_ts``: when we knew of it, ns UTC. ``commission``: in money, in the
    instrument's currency, by the last rate of the log before it; at par without one.
    """

    fill_id: FillId
    ts: int
    known_ts: int
    quantity: Decimal
    price: Decimal
    commission: Decimal
    liquidity: Liquidity
    market: Sighting


class ExecutedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order from its intent to its end.

    - ``order``: its terms, the latest if they were replaced.
    - ``decided_ts``: of the intent, or of the first record of an order without one; ``sent_ts``,
      ``accepted_ts``, ``done_ts``: 0 if it never was.
    - ``arrival``: the market at the decision; ``last_price``: at the end of the order or of the log.
    - ``vwap``: of the market's trades from the decision to the end; without trades, of its bars by their
      typical prices (high, low and close).
    - ``rule``: of risk, if it was denied. ``reason``: why it was denied, rejected, cancelled or expired.
    """

    order: Order
    status: OrderStatus
    decided_ts: int
    sent_ts: int
    accepted_ts: int
    done_ts: int
    arrival: Sighting
    fills: tuple[Execution, ...]
    last_price: Decimal | None
    vwap: Decimal | None
    currency: str
    terms: InstrumentDefined
    rule: str = ""
    reason: str = ""

    @property
    def was_sent(self) -> bool:
        """Whether it reached the venue."""
        return self.sent_ts > 0

    @property
    def filled(self) -> Decimal:
        """The filled quantity."""
        return sum((fill.quantity for fill in self.fills), ZERO)

    @property
    def is_filled(self) -> bool:
        """Whether all of it was filled, and no bust took a part back."""
        return self.status is OrderStatus.FILLED and self.filled >= self.order.quantity

    @property
    def fees(self) -> Decimal:
        """The commissions of its fills."""
        return sum((fill.commission for fill in self.fills), ZERO)

    @property
    def notional(self) -> Decimal:
        """Of its fills, at least 0."""
        worths = (abs(self.terms.unit_notional(fill.price)) * fill.quantity for fill in self.fills)
        return sum(worths, ZERO)

    @property
    def arrival_notional(self) -> Decimal | None:
        """Of its fills at the arrival price; ``None`` without one."""
        if self.arrival.price is None or not self.filled:
            return None
        return abs(self.terms.unit_notional(self.arrival.price)) * self.filled

    @property
    def slippage(self) -> Decimal | None:
        """The cost of its fills against the arrival price; ``None`` without fills or without that price."""
        return self._against(self.arrival.price)

    @property
    def against_limit(self) -> Decimal | None:
        """The cost of its fills against its limit."""
        return self._against(self.order.limit_price)

    @property
    def against_vwap(self) -> Decimal | None:
        """The cost of its fills against the market's average price."""
        return self._against(self.vwap)

    @property
    def spread_paid(self) -> Decimal | None:
        """The cost of its fills against the middle of the quotes; ``None`` if a fill had no quote."""
        costs = [
            None
            if fill.market.bid is None or fill.market.price is None
            else self._cost(fill.price, fill.market.price) * fill.quantity
            for fill in self.fills
        ]
        found = [cost for cost in costs if cost is not None]
        return sum(found, ZERO) if found and len(found) == len(costs) else None

    @property
    def missed(self) -> Decimal | None:
        """The cost of what was not filled: the last price against the arrival price. 0 if all was filled."""
        rest = self.order.quantity - self.filled
        if not self.was_sent or rest <= 0:
            return ZERO
        if self.arrival.price is None or self.last_price is None:
            return None
        return self._cost(self.last_price, self.arrival.price) * rest

    @property
    def first_fill_ns(self) -> int | None:
        """From the decision to the first fill; ``None`` without one."""
        return self.fills[0].ts - self.decided_ts if self.fills else None

    @property
    def done_ns(self) -> int | None:
        """From the decision to the last fill of an order that was filled."""
        return self.fills[-1].ts - self.decided_ts if self.is_filled and self.fills else None

    def _against(self, price: Decimal | None) -> Decimal | None:
        if price is None or not self.fills:
            return None
        return sum((self._cost(fill.price, price) * fill.quantity for fill in self.fills), ZERO)

    def _cost(self, price: Decimal, other: Decimal) -> Decimal:
        """The cost of one unit at a price instead of another one."""
        worse = self.terms.unit_value(price) - self.terms.unit_value(other)
        return worse if self.order.side is BUY else -worse
