"""Round trips: fills matched first in, first out, per strategy and symbol.

Exact in ``Decimal``. For one strategy and symbol, with signed quantities:

    sum of -signed notionals of all fills  ==  sum of pnl of round trips - cost of open lots

so once a position is flat the round trips add up to the portfolio's realised P&L, whatever way it
averages costs. Commissions are shared out by quantity, rounded to ``COMMISSION_QUANTUM``; what is
rounded away goes to the last part, so they add up too. Only fills make trades: a position that an
operator set by hand is none.

A trade is in its instrument's currency: a commission in another one is converted at the rate of its fill. Of
what it was worth in the account's, ``rate`` tells.

Open lots follow splits, mergers and symbol changes at their cost; a delisting and a merger for cash alone
close them. What is no whole lot of the instrument's afterwards leaves the oldest lot with its cost: no trade,
but paid for in cash.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from components.portfolio.position import COST_QUANTUM
from components.portfolio.rates import rate_between, set_rate
from kernel.corporate_actions import is_void, whole_lots
from kernel.decimals import exact
from kernel.events import (
    CorporateAction,
    CorporateActionKind,
    FillCorrected,
    FxRateSet,
    InstrumentDefined,
    OrderFilled,
    Side,
)
from kernel.identifiers import ClientOrderId, FillId, StrategyId

COMMISSION_QUANTUM = Decimal("1E-10")
PRICE_QUANTUM = Decimal("1E-10")
ONE = Decimal(1)
ZERO = Decimal(0)

FillKey = tuple[ClientOrderId, FillId]
Corrections = Mapping[FillKey, FillCorrected]
"""The last correction of every corrected fill."""


class Restatement(msgspec.Struct, frozen=True, gc=False):
    """From ``ts`` on, what was a lot of ``old_symbol`` is ``ratio`` times as many of another or the same."""

    ts: int
    old_symbol: str
    ratio: Decimal


class RoundTrip(msgspec.Struct, frozen=True, gc=False):
    """A quantity that was bought and sold, or sold short and bought back.

    ``side`` is that of the entry: BUY is a long trade. Times are of the executions, ns UTC. ``pnl`` is
    before ``commission``, which holds the shares of both fills; a cost is positive. Symbol, quantity and
    entry price are on the terms of the exit: ``restated`` says what happened in between, oldest first.
    ``exit_order`` is empty where a delisting or a merger for cash closed the lot. Prices and amounts are in
    ``currency``, the instrument's; ``rate`` is what a unit of it was worth in the account's at the exit, 1
    where no rate was on record.
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
    entry_order: ClientOrderId = ClientOrderId("")
    exit_order: ClientOrderId = ClientOrderId("")
    restated: tuple[Restatement, ...] = ()
    rate: Decimal = ONE
    currency: str = "USD"

    @property
    @exact
    def net_pnl(self) -> Decimal:
        """P&L after commission."""
        return self.pnl - self.commission

    @property
    @exact
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


@exact
def match_fills(
    fills: Iterable[OrderFilled],
    corrections: Corrections | None = None,
    *,
    multipliers: Mapping[str, Decimal] | None = None,
    actions: Sequence[CorporateAction] = (),
) -> Matched:
    """Match fills in the order of the log; ``multipliers`` by symbol, 1 where not given.

    A corrected fill counts as corrected from the beginning; one that was busted (quantity 0) makes no
    trade, and its commission belongs to none. ``actions`` are in order of time; a delisting names its price.
    """
    terms = {
        symbol: InstrumentDefined(0, symbol, multiplier=multiplier)
        for symbol, multiplier in (multipliers or {}).items()
    }
    matcher = FifoMatcher(corrections or {}, terms, actions)
    for fill in fills:
        matcher.take(fill)
    return matcher.matched()


class FifoMatcher:
    """Matches fills one by one; keeps the open lots of every (strategy, symbol).

    ``actions`` and ``rates``, each in order of time, take effect before the first execution at or after
    their ``ts``. ``currency`` is the account's; empty, no trade is converted into it.
    """

    def __init__(
        self,
        corrections: Corrections,
        instruments: Mapping[str, InstrumentDefined],
        actions: Sequence[CorporateAction] = (),
        *,
        rates: Sequence[FxRateSet] = (),
        currency: str = "",
    ) -> None:
        self._corrections = corrections
        self._instruments = instruments
        self._actions = deque(actions)
        self._pending_rates = deque(rates)
        self._rates: dict[str, dict[str, Decimal]] = {}
        self._currency = currency
        self._open: dict[tuple[StrategyId, str], deque[_Lot]] = {}
        self._closed: list[RoundTrip] = []

    def take(self, fill: OrderFilled) -> None:
        """Close the oldest lots on the other side; what is left over opens a lot."""
        ts = fill.executed_ts or fill.ts
        self._advance(ts)
        commission = self._converted(fill.commission, fill.currency, self._currency_of(fill.symbol))
        incoming = _Lot(fill.side, fill.quantity, fill.price, commission, ts, fill.client_order_id)
        correction = self._corrections.get((fill.client_order_id, fill.fill_id))
        if correction is not None:
            incoming.quantity, incoming.price = correction.quantity, correction.price
        lots = self._open.setdefault((fill.strategy, fill.symbol), deque())
        while incoming.quantity and lots and lots[0].side is not incoming.side:
            self._close(fill.strategy, fill.symbol, entry=lots[0], leaving=incoming)
            if not lots[0].quantity:
                lots.popleft()
        if incoming.quantity:
            lots.append(incoming)

    def matched(self) -> Matched:
        """Everything so far, and what the actions after the last fill made of it."""
        while self._actions:
            self._advance(self._actions[0].ts)
        still_open = [
            OpenLot(
                strategy,
                symbol,
                lot.side,
                lot.quantity,
                lot.ts,
                lot.price,
                lot.commission,
                self._multiplier(symbol),
            )
            for (strategy, symbol), lots in self._open.items()
            for lot in lots
        ]
        return Matched(tuple(self._closed), tuple(sorted(still_open, key=lambda lot: lot.entry_ts)))

    def _close(self, strategy: StrategyId, symbol: str, *, entry: "_Lot", leaving: "_Lot") -> None:
        quantity = min(entry.quantity, leaving.quantity)
        multiplier = self._multiplier(symbol)
        gained = quantity * leaving.price - entry.cost_of(quantity)
        trade = RoundTrip(
            strategy,
            symbol,
            entry.side,
            quantity,
            entry.ts,
            leaving.ts,
            entry.price,
            leaving.price,
            (gained if entry.side is Side.BUY else -gained) * multiplier,
            entry.take_commission(quantity) + leaving.take_commission(quantity),
            multiplier,
            entry.order,
            leaving.order,
            entry.restated,
            self._rate_of(symbol),
            self._currency_of(symbol),
        )
        entry.take(quantity)
        leaving.take(quantity)
        self._closed.append(trade)

    def _advance(self, ts: int) -> None:
        """Let what happened up to ``ts`` take effect, rates before actions of the same time."""
        while self._actions and self._actions[0].ts <= ts:
            action = self._actions.popleft()
            self._take_rates(action.ts)
            self._restate(action)
        self._take_rates(ts)

    def _take_rates(self, ts: int) -> None:
        while self._pending_rates and self._pending_rates[0].ts <= ts:
            set_rate(self._rates, self._pending_rates.popleft())

    def _converted(self, amount: Decimal, currency: str, into: str) -> Decimal:
        """An amount in another currency, at par where there is no rate."""
        if not amount or currency == into:
            return amount
        rate = rate_between(self._rates, currency, into)
        return amount if rate is None else (amount * rate).quantize(COMMISSION_QUANTUM)

    def _rate_of(self, symbol: str) -> Decimal:
        own = self._currency_of(symbol)
        rate = rate_between(self._rates, own, self._currency) if self._currency else None
        return ONE if rate is None else rate

    def _currency_of(self, symbol: str) -> str:
        terms = self._instruments.get(symbol)
        return InstrumentDefined(0, symbol).currency if terms is None else terms.currency

    def _multiplier(self, symbol: str) -> Decimal:
        terms = self._instruments.get(symbol)
        return ONE if terms is None else terms.multiplier

    # --- corporate actions --------------------------------------------------------------------

    def _restate(self, action: CorporateAction) -> None:
        """What an action makes of every strategy's open lots."""
        if is_void(action):
            return
        for strategy, symbol in [key for key in self._open if key[1] == action.symbol]:
            lots = self._open.pop((strategy, symbol))
            match action.kind:
                case CorporateActionKind.SPLIT:
                    self._open[strategy, symbol] = self._scaled(lots, action, symbol)
                case CorporateActionKind.MERGER | CorporateActionKind.SYMBOL_CHANGE if _is_exchange(action):
                    self._become(strategy, lots, action)
                case CorporateActionKind.DIVIDEND:
                    self._open[strategy, symbol] = lots
                case _:
                    for lot in lots:
                        self._close(strategy, symbol, entry=lot, leaving=_last(lot, action))

    def _become(self, strategy: StrategyId, lots: "deque[_Lot]", action: CorporateAction) -> None:
        """Lots of the new symbol; against ones on the other side they are closed, oldest first."""
        there = self._open.setdefault((strategy, action.new_symbol), deque())
        for lot in self._scaled(lots, action, action.new_symbol):
            while lot.quantity and there and there[0].side is not lot.side:
                self._close(strategy, action.new_symbol, entry=there[0], leaving=lot)
                if not there[0].quantity:
                    there.popleft()
            if lot.quantity:
                there.append(lot)

    def _scaled(self, lots: "deque[_Lot]", action: CorporateAction, symbol: str) -> "deque[_Lot]":
        """``ratio`` new units for one old, in whole lots together; what is too much leaves the oldest."""
        restatement = Restatement(action.ts, action.symbol, action.ratio)
        for lot in lots:
            lot.restate(restatement)
        terms = self._instruments.get(symbol)
        total = sum((lot.quantity for lot in lots), ZERO)
        surplus = total - whole_lots(total, ONE if terms is None else terms.lot_size)
        if surplus < 0:  # the ratio was rounded down
            lots[-1].quantity -= surplus
        while surplus > 0:
            gone = min(surplus, lots[0].quantity)
            surplus -= gone
            lots[0].take(gone)
            if not lots[0].quantity:
                lots.popleft()
        return lots


class _Lot(msgspec.Struct, gc=False):
    """What is left of one fill: quantity to match, commission to share out.

    ``cost`` only once the lot was restated: from then on its price is a rounded one.
    """

    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    ts: int
    order: ClientOrderId
    restated: tuple[Restatement, ...] = ()
    cost: Decimal | None = None

    def take_commission(self, quantity: Decimal) -> Decimal:
        """The share of ``quantity``, taken before the quantity is; all of it with the last part."""
        share = self.commission
        if quantity != self.quantity and share:
            share = (share * quantity / self.quantity).quantize(COMMISSION_QUANTUM)
        self.commission -= share
        return share

    def cost_of(self, quantity: Decimal) -> Decimal:
        """What a part cost, before the multiplier."""
        if self.cost is None:
            return quantity * self.price
        if quantity == self.quantity:
            return self.cost
        return (self.cost * quantity / self.quantity).quantize(COST_QUANTUM)

    def take(self, quantity: Decimal) -> None:
        """Less of the lot, and less of its cost."""
        if self.cost is not None:
            self.cost -= self.cost_of(quantity)
        self.quantity -= quantity

    def restate(self, restatement: Restatement) -> None:
        """More or fewer units at the same cost."""
        self.cost = self.cost_of(self.quantity)
        self.quantity *= restatement.ratio
        self.price = (self.cost / self.quantity).quantize(PRICE_QUANTUM)
        self.restated = (*self.restated, restatement)


def _is_exchange(action: CorporateAction) -> bool:
    """Whether there are new shares for the old ones; otherwise there is only cash, or nothing."""
    return action.ratio > 0 and bool(action.new_symbol)


def _last(lot: _Lot, action: CorporateAction) -> _Lot:
    """The other side of a lot that a delisting, or a merger for cash, closes at ``amount``."""
    side = Side.SELL if lot.side is Side.BUY else Side.BUY
    return _Lot(side, lot.quantity, action.amount, ZERO, action.ts, ClientOrderId(""))
