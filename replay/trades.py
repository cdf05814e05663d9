"""Round trips: fills matched first in, first out, per strategy and symbol.

Exact in ``Decimal``. For one strategy and symbol, with signed quantities:

    sum of -signed notionals of all fills  ==  sum of pnl of round trips - cost of open lots

so once a position is flat the round trips add up to the portfolio's realised P&L, whatever way it
averages costs. Commissions are shared out by quantity, rounded to ``COMMISSION_QUANTUM``; what is
rounded away goes to the last part, so they add up too. Only fills make trades: a position that an
operator set by hand is none.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from kernel.events import FillCorrected, OrderFilled, Side
from kernel.identifiers import ClientOrderId, FillId, StrategyId

COMMISSION_QUANTUM = Decimal("1E-10")
ONE = Decimal(1)
ZERO = Decimal(0)

FillKey = tuple[ClientOrderId, FillId]
Corrections = Mapping[FillKey, FillCorrected]
"""The last correction of every corrected fill."""


class RoundTrip(msgspec.Struct, frozen=True, gc=False):
    """A quantity that was bought and sold, or sold short and bought back.

    ``side`` is that of the entry: BUY is a long trade. Times are of the executions, ns UTC. ``pnl`` is
    before ``commission``, which holds the shares of both fills; a cost is positive.
    """

    strategy: StrategyId
    symbol: str
    side: Side
    quantity: Decimal
    entry_ts: int
    exit_ts: int
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    commission: Decimal
    multiplier: Decimal = ONE

    @property
    def net_pnl(self) -> Decimal:
        """P&L after commission."""
        return self.pnl - self.commission

    @property
    def net_return(self) -> float | None:
        """P&L after commission over the notional at entry; ``None`` for an entry at price 0."""
        notional = abs(self.entry_price) * self.quantity * self.multiplier
        return float(self.net_pnl / notional) if notional else None

    @property
    def duration_ns(self) -> int:
        """Time from entry to exit."""
        return self.exit_ts - self.entry_ts


class OpenLot(msgspec.Struct, frozen=True, gc=False):
    """What is left of an entry that was not closed; ``commission`` is the share of what is left."""

    strategy: StrategyId
    symbol: str
    side: Side
    quantity: Decimal
    entry_ts: int
    entry_price: Decimal
    commission: Decimal
    multiplier: Decimal = ONE


class Matched(msgspec.Struct, frozen=True):
    """Closed round trips in order of their exits, and the lots still open, oldest first."""

    trades: tuple[RoundTrip, ...]
    open_lots: tuple[OpenLot, ...]


def last_corrections(events: Iterable[FillCorrected]) -> dict[FillKey, FillCorrected]:
    """The correction that holds for every corrected fill: its last one."""
    return {(event.client_order_id, event.fill_id): event for event in events}


def match_fills(
    fills: Iterable[OrderFilled],
    corrections: Corrections | None = None,
    *,
    multipliers: Mapping[str, Decimal] | None = None,
) -> Matched:
    """Match fills in the order of the log; ``multipliers`` by symbol, 1 where not given.

    A corrected fill counts as corrected from the beginning; one that was busted (quantity 0) makes no
    trade, and its commission belongs to none.
    """
    matcher = FifoMatcher(corrections or {}, multipliers or {})
    for fill in fills:
        matcher.take(fill)
    return matcher.matched()


class FifoMatcher:
    """Matches fills one by one; keeps the open lots of every (strategy, symbol)."""

    def __init__(self, corrections: Corrections, multipliers: Mapping[str, Decimal]) -> None:
        self._corrections = corrections
        self._multipliers = multipliers
        self._open: dict[tuple[StrategyId, str], deque[_Lot]] = {}
        self._closed: list[RoundTrip] = []

    def take(self, fill: OrderFilled) -> None:
        """Close the oldest lots on the other side; what is left over opens a lot."""
        incoming = _Lot(fill.side, fill.quantity, fill.price, fill.commission, fill.executed_ts or fill.ts)
        correction = self._corrections.get((fill.client_order_id, fill.fill_id))
        if correction is not None:
            incoming.quantity, incoming.price = correction.quantity, correction.price
        lots = self._open.setdefault((fill.strategy, fill.symbol), deque())
        while incoming.quantity and lots and lots[0].side is not incoming.side:
            self._close(fill, entry=lots[0], leaving=incoming)
            if not lots[0].quantity:
                lots.popleft()
        if incoming.quantity:
            lots.append(incoming)

    def matched(self) -> Matched:
        """Everything so far."""
        still_open = [
            OpenLot(
                strategy,
                symbol,
                lot.side,
                lot.quantity,
                lot.ts,
                lot.price,
                lot.commission,
                self._multipliers.get(symbol, ONE),
            )
            for (strategy, symbol), lots in self._open.items()
            for lot in lots
        ]
        return Matched(tuple(self._closed), tuple(sorted(still_open, key=lambda lot: lot.entry_ts)))

    def _close(self, fill: OrderFilled, *, entry: "_Lot", leaving: "_Lot") -> None:
        quantity = min(entry.quantity, leaving.quantity)
        multiplier = self._multipliers.get(fill.symbol, ONE)
        gained = leaving.price - entry.price if entry.side is Side.BUY else entry.price - leaving.price
        trade = RoundTrip(
            fill.strategy,
            fill.symbol,
            entry.side,
            quantity,
            entry.ts,
            leaving.ts,
            entry.price,
            leaving.price,
            gained * quantity * multiplier,
            entry.take_commission(quantity) + leaving.take_commission(quantity),
            multiplier,
        )
        entry.quantity -= quantity
        leaving.quantity -= quantity
        self._closed.append(trade)


class _Lot(msgspec.Struct, gc=False):
    """What is left of one fill: quantity to match, commission to share out."""

    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    ts: int

    def take_commission(self, quantity: Decimal) -> Decimal:
        """The share of ``quantity``, taken before the quantity is; all of it with the last part."""
        share = self.commission
        if quantity != self.quantity and share:
            share = (share * quantity / self.quantity).quantize(COMMISSION_QUANTUM)
        self.commission -= share
        return share
