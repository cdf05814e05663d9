"""Queue position: the size that must trade at its price before a resting limit order fills.

What it remembers of an order (in ``Resting``): the price at which it queues, the size ahead of it, the size
that the market showed there last, and the size traded there since.

What changes the size ahead:

- The order joins the queue behind the whole size shown at its price. In a book that is the size of its level.
  In quotes only the best price has a size: an order at a worse price joins when the market reaches its price,
  and an order at a better price has nothing ahead.
- A trade at the price fills the front of the queue first. The rest of it, after the size ahead, fills the
  order.
- The shown size falls by more than was traded: the difference was cancelled, and the ``QueueModel`` decides
  how much of it was ahead of the order.
- A trade beyond the price fills the order, because all orders ahead of it have filled.

What never happens: the size ahead is larger than the size shown, or our orders at one price together fill
more than was traded. They do not count each other in the queue.

The probabilities are those of Rigtorp, "Estimating order queue position" (2013),
rigtorp.se/2013/06/08/estimating-order-queue-position.html: with ``front`` ahead of the order and ``back``
behind it, a cancelled unit was ahead with probability ``f(front) / (f(front) + f(back))``.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from math import inf, isfinite, log1p, pow
from typing import Protocol

import msgspec

from brokers.simulated.fills.book import BookFill, OpenBook
from brokers.simulated.fills.port import Price, QuoteFill, TradeFill
from brokers.simulated.resting import Resting
from kernel.events import BUYER, SELLER, Quote, Trade

_DIGITS = 9
"""Decimals of a size ahead. Float noise must not cost a lot of the smallest size, 1e-8."""


class QueueModel(Protocol):
    """The model that decides how much of a cancelled size was ahead of the order."""

    def ahead_after(self, cancelled: float, *, front: float, back: float) -> float:
        """The size ahead after ``cancelled`` of ``front + back`` was cancelled. All sizes are 0 or more."""
        ...


class PessimisticQueue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cancelled size was behind the order, as long as there is size behind it."""

    def ahead_after(self, cancelled: float, *, front: float, back: float) -> float:
        return front - max(cancelled - back, 0.0)


class Weighting(StrEnum):
    """The function ``f`` in the probability that a cancelled unit was ahead."""

    LOG = "log"
    """log(1 + x)"""
    POWER = "power"
    """x to the power of ``exponent``"""


class ProbabilisticQueue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A share of each cancelled size was ahead, equal to the probability.

    ``exponent`` is for ``weighting: power``. With 1, cancelled size is spread evenly over the queue. With a
    larger exponent, more of it comes from the longer part of the queue.
    """

    weighting: Weighting = Weighting.LOG
    exponent: float = 2.0

    def __post_init__(self) -> None:
        if not (0.0 < self.exponent <= 100.0):
            raise ValueError(f"exponent {self.exponent} is not above 0 and at most 100")

    def ahead_after(self, cancelled: float, *, front: float, back: float) -> float:
        share = self._share(front, back)
        ahead = front - share * cancelled
        return min(max(ahead, 0.0), front + back - cancelled)

    def _share(self, front: float, back: float) -> float:
        """The share of a cancelled size that was ahead, from 0 to 1."""
        if not front or not back:
            return 1.0 if front else 0.0
        if self.weighting is Weighting.LOG:
            return log1p(front) / (log1p(front) + log1p(back))
        # powers of the ratio that is at most 1, so that none overflows
        if back <= front:
            return 1.0 / (1.0 + pow(back / front, self.exponent))
        ratio = pow(front / back, self.exponent)
        return ratio / (1.0 + ratio)


QUEUE_MODELS: Mapping[str, type[PessimisticQueue] | type[ProbabilisticQueue]] = {
    "pessimistic": PessimisticQueue,
    "probabilistic": ProbabilisticQueue,
}
"""Models of ``broker.queue`` by name."""


class QueuedBook:
    """A book model in which resting limit orders have a place in the queue."""

    def __init__(self, fills: BookFill, queue: QueueModel) -> None:
        self._fills = fills
        self._queue = queue

    def fill(self, resting: Resting, book: OpenBook) -> Price | None:
        price = self._fills.fill(resting, book)
        if price is None and _is_working_limit(resting):
            show(self._queue, resting, book.size_at(resting.order.side, resting.limit))
        return price


class QueuedQuotes:
    """A quote model in which resting limit orders have a place in the queue at the best price."""

    def __init__(self, fills: QuoteFill, queue: QueueModel) -> None:
        self._fills = fills
        self._queue = queue

    def fill(self, resting: Resting, quote: Quote) -> Price | None:
        price = self._fills.fill(resting, quote)
        if price is None and _is_working_limit(resting):
            best, size = (quote.bid, quote.bid_size) if resting.is_buy else (quote.ask, quote.ask_size)
            if best == resting.limit:
                show(self._queue, resting, size)
            elif best and isfinite(best) and (best < resting.limit) is resting.is_buy:
                show(self._queue, resting, 0.0)
        return price


class QueuedTrades:
    """A trade model in which a resting limit order fills when its turn in the queue comes."""

    def __init__(self, fills: TradeFill) -> None:
        self._fills = fills

    def fill(self, resting: Resting, trade: Trade) -> Price | None:
        if not _is_working_limit(resting) or not (resting.is_posted or _has_joined(resting)):
            return self._fills.fill(resting, trade)
        if not isfinite(trade.price + trade.size):
            return None
        if trade.price < resting.limit if resting.is_buy else trade.price > resting.limit:
            return Price(resting.limit, slips=False, executed_ts=trade.ts)
        if trade.price != resting.limit or not _has_joined(resting) or not _serves(trade, resting):
            return None
        served = round(trade.size - resting.queue_ahead, _DIGITS)
        resting.queue_traded += trade.size
        resting.queue_ahead = max(-served, 0.0)
        if served <= 0.0:
            return None
        quantity = Decimal(repr(served))
        return Price(resting.limit, slips=False, executed_ts=trade.ts, quantity=quantity)


def show(queue: QueueModel, resting: Resting, shown: float) -> None:
    """Update an order by the size shown at its price: it joins the queue, or its place improves."""
    if not 0.0 <= shown < inf:
        return  # no size
    if not _has_joined(resting):
        resting.queue_price = resting.limit
        resting.queue_ahead = shown
    else:
        before = resting.queue_shown - resting.queue_traded
        front = min(resting.queue_ahead, max(before, 0.0))
        if shown < before:
            front = queue.ahead_after(before - shown, front=front, back=before - front)
        resting.queue_ahead = round(min(max(front, 0.0), shown), _DIGITS)
    resting.queue_shown = shown
    resting.queue_traded = 0.0


def _is_working_limit(resting: Resting) -> bool:
    return resting.is_limited and not resting.waits_for


def _has_joined(resting: Resting) -> bool:
    return resting.queue_price == resting.limit


def _serves(trade: Trade, resting: Resting) -> bool:
    """Whether the trade was with the side of the book that the order rests on."""
    return trade.aggressor is not (BUYER if resting.is_buy else SELLER)
