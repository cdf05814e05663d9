"""Queue position: how much must trade at its price before a resting limit order fills.

What is remembered of an order, in its ``Resting``: the price at which it queues, the size ahead of it, the
size that the market showed there last, and what has traded there since.

What changes the size ahead:

- The order joins the queue behind all the size shown at its price. On books that is its level. On quotes only
  the best price has a size: an order behind it joins when the market reaches its price, and an order that
  betters the market has nobody ahead.
- A trade at the price serves the front of the queue first. What is left of it after the size ahead fills the
  order.
- The shown size falls by more than was traded: the difference was cancelled, and the ``QueueModel`` says how
  much of it stood ahead.
- A trade beyond the price fills the order: everybody ahead of it was served.

What never happens: the size ahead is never more than the size shown. Several of our orders at one price do
not see each other in the queue. Together they still never fill more than was traded.

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
    """How much of a cancelled size stood ahead of the order."""

    def ahead_after(self, cancelled: float, *, front: float, back: float) -> float:
        """The size ahead after ``cancelled`` of ``front + back`` was cancelled. All sizes are 0 or more."""
        ...


class PessimisticQueue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cancellations come from behind the order as long as there is size behind it."""

    def ahead_after(self, cancelled: float, *, front: float, back: float) -> float:
        return front - max(cancelled - back, 0.0)


class Weighting(StrEnum):
    """The function ``f`` of the probability that a cancelled unit stood ahead."""

    LOG = "log"
    """log(1 + x)"""
    POWER = "power"
    """x to the power of ``exponent``"""


class ProbabilisticQueue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A share of each cancellation stood ahead, as the probability says.

    ``exponent`` is for ``weighting: power``. With 1, cancellations are spread evenly over the queue. The
    larger it is, the more of them come from the longer part of the queue.
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
        """The share of a cancelled size that stood ahead, from 0 to 1."""
        if not front or not back:
            return 1.0 if front else 0.0
        if self.weighting is Weighting.LOG:
            return log1p(front) / (log1p(front) + log1p(back))
        # by the ratio that is at most 1, so that no power overflows
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
    """Tell an order the size shown at its price. It joins the queue, or its place moves up."""
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
