"""Round trips: fills matched first in, first out, per strategy and symbol; in hedging mode per leg.

Exact in ``Decimal``. For one strategy and symbol, with signed quantities:

    sum of -signed notionals of all fills  ==  sum of pnl of round trips - cost of open lots

So once a position is flat, the round trips add up to the portfolio's realised P&L, independent of the
portfolio's way to average costs. Commissions are divided by quantity and rounded to ``COMMISSION_QUANTUM``;
the last part gets the rounding difference, so they add up too. Only fills make trades, not a position that an
operator set by hand.

A trade is in its instrument's currency. A commission in another currency is converted at the rate at its
fill. ``rate`` converts the trade into the account's currency.

Splits, mergers and symbol changes change open lots and keep their cost. A delisting, or a merger for cash
alone, closes them. If the new quantity is not in whole lots of the instrument, the surplus is taken from the
oldest lot together with its cost. It is paid for in cash and is not a trade.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from components.portfolio.position import COST_QUANTUM
from components.portfolio.rates import rate_between, set_rate
from kernel.contracts import inverse
from kernel.corporate_actions import (
    changes_holdings,
    fraction_after,
    is_void,
    named_price,
    successor,
    terms_under_new_symbol,
    units_after,
    units_given,
)
from kernel.decimals import exact
from kernel.events import (
    CorporateAction,
    CorporateActionKind,
    FillCorrected,
    FxRateSet,
    InstrumentDefined,
    OrderFilled,
    PositionSide,
    Side,
)
from kernel.fees import paid_by_terms
from kernel.identifiers import ClientOrderId, FillId, StrategyId

COMMISSION_QUANTUM = Decimal("1E-10")
PRICE_QUANTUM = Decimal("1E-10")
ONE = Decimal(1)
ZERO = Decimal(0)

FillKey = tuple[ClientOrderId, FillId]
Corrections = Mapping[FillKey, FillCorrected]
"""The last correction of each corrected fill."""


class Restatement(msgspec.Struct, frozen=True, gc=False):
    """At ``ts`` a lot of ``old_symbol`` became ``ratio`` times as many units, of a new or the same symbol."""

    ts: int
    old_symbol: str
    ratio: Decimal


class RoundTrip(msgspec.Struct, frozen=True, gc=False):
    """A quantity that was bought and sold, or sold short and bought back.

    - ``side``: of the entry; BUY is a long trade.
    - ``entry_ts``, ``exit_ts``: times of the executions, ns UTC.
    - ``symbol``, ``quantity``, ``entry_price``: on the terms of the exit.
    - ``restated``: the corporate actions between entry and exit, oldest first.
    - ``pnl``: before commission.
    - ``commission``: its share of the commissions of both fills; a cost is positive.
    - ``exit_order``: empty if a delisting or a merger for cash closed the lot.
    - ``currency``: the instrument's; all prices and amounts are in it.
    - ``rate``: one unit of ``currency`` in the account's currency at the exit; 1 if no rate is known.
    - ``is_inverse``: a unit is worth the multiplier over the price.
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
    is_inverse: bool = False

    @exact
    def gain_at(self, price: Decimal) -> Decimal:
        """The P&L before commission if it had been closed at ``price``."""
        return _gain(self, price)

    @property
    @exact
    def net_pnl(self) -> Decimal:
        """P&L after commission."""
        return self.pnl - self.commission

    @property
    @exact
    def net_return(self) -> float | None:
        """P&L after commission divided by the notional at entry; ``None`` for an entry at price 0."""
        notional = entry_notional(self)
        return float((self.pnl - self.commission) / notional) if notional else None

    @property
    def duration_ns(self) -> int:
        """Time from entry to exit."""
        return self.exit_ts - self.entry_ts


@exact
def net_pnls(trades: Sequence[RoundTrip]) -> list[Decimal]:
    """P&L after commission of each trade, in the account's currency."""
    return [(trade.pnl - trade.commission) * trade.rate for trade in trades]


@exact
def net_returns(trades: Sequence[RoundTrip]) -> list[float]:
    """``net_return`` of each trade that has one."""
    notionals = [entry_notional(trade) for trade in trades]
    return [
        float((trade.pnl - trade.commission) / notional)
        for trade, notional in zip(trades, notionals, strict=True)
        if notional
    ]


class OpenLot(msgspec.Struct, frozen=True, gc=False):
    """The part of an entry that is not closed, with its share of the commission.

    ``currency``: the instrument's; the price is in it.
    """

    strategy: StrategyId
    symbol: str
    side: Side
    quantity: Decimal
    entry_ts: int
    entry_price: Decimal
    commission: Decimal
    multiplier: Decimal = ONE
    is_inverse: bool = False
    entry_order: ClientOrderId = ClientOrderId("")
    currency: str = "USD"

    @exact
    def gain_at(self, price: Decimal) -> Decimal:
        """The P&L before commission at ``price``."""
        return _gain(self, price)


def entry_notional(one: RoundTrip | OpenLot) -> Decimal:
    """The notional at the entry, in the instrument's currency."""
    return abs(_unit_value(one.entry_price, is_inverse=one.is_inverse)) * one.quantity * one.multiplier


def _gain(one: RoundTrip | OpenLot, price: Decimal) -> Decimal:
    entry, value = (_unit_value(each, is_inverse=one.is_inverse) for each in (one.entry_price, price))
    return (value - entry) * one.quantity * one.multiplier * (1 if one.side is Side.BUY else -1)


def _unit_value(price: Decimal, *, is_inverse: bool) -> Decimal:
    """The value at which a unit is booked at a price, at a multiplier of 1."""
    return -inverse(price) if is_inverse else price


class Matched(msgspec.Struct, frozen=True):
    """Closed round trips in order of their exits, and open lots, oldest first."""

    trades: tuple[RoundTrip, ...]
    open_lots: tuple[OpenLot, ...]


def last_corrections(events: Iterable[FillCorrected]) -> dict[FillKey, FillCorrected]:
    """The last correction of each corrected fill; it is the valid one."""
    return {(event.client_order_id, event.fill_id): event for event in events}


@exact
def match_fills(
    fills: Iterable[OrderFilled],
    corrections: Corrections | None = None,
    *,
    multipliers: Mapping[str, Decimal] | None = None,
    actions: Sequence[CorporateAction] = (),
) -> Matched:
    """Match fills in the order of the log.

    - ``corrections``: a corrected fill has its last corrected values from the beginning. A busted fill
      (quantity 0) makes no trade, and its commission belongs to no trade.
    - ``multipliers``: by symbol; 1 if not given.
    - ``actions``: in order of time. A delisting has the price at which it closes lots.
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
    """Matches fills one by one; keeps the open lots of every position.

    ``actions`` and ``rates`` must be in order of time. Each takes effect before the first execution at or
    after its ``ts``. ``currency`` is the account's; if it is empty, ``rate`` is 1 in every trade.
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
        self._instruments = dict(instruments)
        self._actions = deque(actions)
        self._pending_rates = deque(rates)
        self._rates: dict[str, dict[str, Decimal]] = {}
        self._currency = currency
        self._open: dict[_Key, deque[_Lot]] = {}
        self._closed: list[RoundTrip] = []
        self.closed_at_par: CorporateAction | None = None
        """The first action that closed a lot at an amount in a currency without a rate."""

    def take(self, fill: OrderFilled) -> None:
        """Close the oldest lots on the other side; the remaining quantity opens a lot."""
        ts = fill.executed_ts or fill.ts
        self._advance(ts)
        correction = self._corrections.get((fill.client_order_id, fill.fill_id))
        if correction is not None:
            fill = msgspec.structs.replace(fill, quantity=correction.quantity, price=correction.price)
        terms, commission = self._instruments.get(fill.symbol), fill.commission
        own = InstrumentDefined(0, fill.symbol).currency if terms is None else terms.currency
        if commission and fill.currency != own:
            fill = paid_by_terms(fill, self._instruments) if fill.quantity else fill
            commission = self._converted(fill.commission, fill.currency, own)
        incoming = _Lot(fill.side, fill.quantity, fill.price, commission, ts, fill.client_order_id)
        if terms is not None and terms.is_inverse:
            incoming.is_inverse = True
        lots = self._open.setdefault(_Key(fill.strategy, fill.symbol, fill.position_side), deque())
        while incoming.quantity and lots and lots[0].side is not incoming.side:
            self._close(fill.strategy, fill.symbol, entry=lots[0], leaving=incoming)
            if not lots[0].quantity:
                lots.popleft()
        if incoming.quantity:
            lots.append(incoming)

    def matched(self) -> Matched:
        """All trades and open lots so far, after the remaining actions."""
        while self._actions:
            self._advance(self._actions[0].ts)
        still_open = [
            OpenLot(
                key.strategy,
                key.symbol,
                lot.side,
                lot.quantity,
                lot.ts,
                lot.price,
                lot.commission,
                self._multiplier(key.symbol),
                self._is_inverse(key.symbol),
                lot.order,
                self._currency_of(key.symbol),
            )
            for key, lots in self._open.items()
            for lot in lots
        ]
        return Matched(tuple(self._closed), tuple(sorted(still_open, key=lambda lot: lot.entry_ts)))

    def _close(self, strategy: StrategyId, symbol: str, *, entry: "_Lot", leaving: "_Lot") -> None:
        quantity = min(entry.quantity, leaving.quantity)
        multiplier = self._multiplier(symbol)
        gained = leaving.cost_of(quantity) - entry.cost_of(quantity)
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
            entry.is_inverse,
        )
        entry.take(quantity)
        leaving.take(quantity)
        self._closed.append(trade)

    def _advance(self, ts: int) -> None:
        """Apply rates and actions up to ``ts``, rates before actions of the same time."""
        while self._actions and self._actions[0].ts <= ts:
            action = self._actions.popleft()
            self._take_rates(action.ts)
            self._restate(action)
        self._take_rates(ts)

    def _take_rates(self, ts: int) -> None:
        while self._pending_rates and self._pending_rates[0].ts <= ts:
            set_rate(self._rates, self._pending_rates.popleft())

    def _converted(self, amount: Decimal, currency: str, into: str) -> Decimal:
        """The amount in another currency; at a rate of 1 if no rate is known."""
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

    def _is_inverse(self, symbol: str) -> bool:
        terms = self._instruments.get(symbol)
        return terms is not None and terms.is_inverse

    def _multiplier(self, symbol: str) -> Decimal:
        terms = self._instruments.get(symbol)
        return ONE if terms is None else terms.multiplier

    # --- corporate actions --------------------------------------------------------------------

    def _restate(self, action: CorporateAction) -> None:
        """Apply an action to every strategy's open lots."""
        if action.kind is CorporateActionKind.SPIN_OFF and not is_void(action):
            self._spin_off(action)
        if not changes_holdings(action):
            return
        new_symbol = successor(action)
        if action.kind is CorporateActionKind.SYMBOL_CHANGE:
            self._rename(action)
        for key in [key for key in self._open if key.symbol == action.symbol]:
            lots = self._open.pop(key)
            if new_symbol == key.symbol:
                self._open[key] = self._scaled(lots, action, new_symbol)
            elif new_symbol:
                self._become(key, lots, action)
            else:
                if action.amount and action.currency not in ("", self._currency_of(key.symbol)):
                    self.closed_at_par = self.closed_at_par or action
                for lot in lots:
                    self._close(key.strategy, key.symbol, entry=lot, leaving=_last(lot, action))

    def _spin_off(self, action: CorporateAction) -> None:
        """Give every strategy a lot of the new shares, with ``cost_fraction`` of the cost of its lots."""
        terms = self._instruments.get(action.new_symbol, InstrumentDefined(0, action.new_symbol))
        for key, lots in [(key, lots) for key, lots in self._open.items() if key.symbol == action.symbol]:
            held = sum((lot.quantity for lot in lots), ZERO)
            given = units_given(held, action.ratio, lot_size=terms.lot_size)
            if not given:
                continue
            cost = sum((lot.release_cost(action.cost_fraction) for lot in lots), ZERO)
            price = (cost / given).quantize(PRICE_QUANTUM)
            lot = _Lot(lots[0].side, given, price, ZERO, action.ts, ClientOrderId(""), cost=cost)
            self._join(key._replace(symbol=action.new_symbol), lot)

    def _rename(self, action: CorporateAction) -> None:
        """Give the new symbol the terms of the old one, unless it has its own."""
        old, new = self._instruments.get(action.symbol), self._instruments.get(action.new_symbol)
        terms = terms_under_new_symbol(action, old=old, new=new)
        if terms is not None:
            self._instruments[action.new_symbol] = terms

    def _become(self, key: "_Key", lots: "deque[_Lot]", action: CorporateAction) -> None:
        """Turn lots into lots of the new symbol. They close lots there on the other side, oldest first."""
        for lot in self._scaled(lots, action, action.new_symbol):
            self._join(key._replace(symbol=action.new_symbol), lot)

    def _join(self, key: "_Key", lot: "_Lot") -> None:
        """Add a lot that came without a fill."""
        there = self._open.setdefault(key, deque())
        while lot.quantity and there and there[0].side is not lot.side:
            self._close(key.strategy, key.symbol, entry=there[0], leaving=lot)
            if not there[0].quantity:
                there.popleft()
        if lot.quantity:
            there.append(lot)

    def _scaled(self, lots: "deque[_Lot]", action: CorporateAction, symbol: str) -> "deque[_Lot]":
        """The lots with ``ratio`` units for each old one, in whole lots in total.

        A surplus is taken from the oldest lots.
        """
        restatement, ratio = Restatement(action.ts, action.symbol, action.ratio), action.ratio
        held = sum((lot.quantity for lot in lots), ZERO)
        for lot in lots:
            lot.restate(restatement)
        terms = self._instruments.get(symbol, InstrumentDefined(0, symbol))
        whole = units_after(held, ratio, lot_size=terms.lot_size)
        surplus = held * ratio - whole
        if surplus and whole and not fraction_after(held, ratio, lot_size=terms.lot_size):
            rounded = lots[-1] if surplus < 0 else max(lots, key=lambda lot: lot.quantity)
            rounded.quantity -= surplus
            surplus = ZERO
        while surplus > 0:
            gone = min(surplus, lots[0].quantity)
            surplus -= gone
            lots[0].take(gone)
            if not lots[0].quantity:
                lots.popleft()
        return lots


class _Key(NamedTuple):
    """The lots that fills of each other's side close. ``side``: the leg in hedging mode."""

    strategy: StrategyId
    symbol: str
    side: PositionSide | None


class _Lot(msgspec.Struct, gc=False):
    """The unmatched rest of a fill: its quantity and its commission.

    ``cost`` is set when the lot is first restated, as its price is rounded from then on.
    """

    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    ts: int
    order: ClientOrderId
    restated: tuple[Restatement, ...] = ()
    cost: Decimal | None = None
    is_inverse: bool = False

    def take_commission(self, quantity: Decimal) -> Decimal:
        """Take the commission of ``quantity`` from the lot, all of it for the last part.

        Call it before ``take``.
        """
        share = self.commission
        if quantity != self.quantity and share:
            share = (share * quantity / self.quantity).quantize(COMMISSION_QUANTUM)
        self.commission -= share
        return share

    def cost_of(self, quantity: Decimal) -> Decimal:
        """The cost of a part, without the multiplier."""
        if self.cost is None:
            return quantity * self.price if not self.is_inverse else -quantity * inverse(self.price)
        if quantity == self.quantity:
            return self.cost
        return (self.cost * quantity / self.quantity).quantize(COST_QUANTUM)

    def take(self, quantity: Decimal) -> None:
        """Reduce the lot's quantity, and its cost."""
        if self.cost is not None:
            self.cost -= self.cost_of(quantity)
        self.quantity -= quantity

    def release_cost(self, fraction: Decimal) -> Decimal:
        """Take a fraction of the cost, and return the amount taken."""
        if not fraction:
            return ZERO
        cost = self.cost_of(self.quantity)
        taken = (cost * fraction).quantize(COST_QUANTUM)
        self.cost = cost - taken
        self.price = self._price_of(self.cost)
        return taken

    def _price_of(self, cost: Decimal) -> Decimal:
        """The price at which the quantity has this cost."""
        price = -self.quantity / cost if self.is_inverse else cost / self.quantity
        return price.quantize(PRICE_QUANTUM)

    def restate(self, restatement: Restatement) -> None:
        """Change the number of units and keep the cost."""
        self.cost = self.cost_of(self.quantity)
        self.quantity *= restatement.ratio
        self.price = self._price_of(self.cost)
        self.restated = (*self.restated, restatement)


def _last(lot: _Lot, action: CorporateAction) -> _Lot:
    """The closing side of a lot, at the ``amount`` of a merger for cash or the price that a delisting names.

    A delisting that names no price closes at cost: the share never had one.
    """
    price: Decimal | None = action.amount
    if action.kind is CorporateActionKind.DELISTING:
        price = named_price(action)
    side = Side.SELL if lot.side is Side.BUY else Side.BUY
    if price is None:
        closing = _Lot(side, lot.quantity, lot.price, ZERO, action.ts, ClientOrderId(""), cost=lot.cost)
    else:
        closing = _Lot(side, lot.quantity, price, ZERO, action.ts, ClientOrderId(""))
    closing.is_inverse = lot.is_inverse
    return closing
