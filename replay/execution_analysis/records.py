"""The orders of a run or live log with the market around them: what an order cost, and how long it took.

A log is read once, in its order; nothing is played. At the intent of an order the market is noted (its
*arrival*), and again at each fill. All costs are positive if they are against us:

- slippage: fills against the arrival price, in money
- against the limit: fills against the order's own limit; below 0 is better than the limit
- against the VWAP: fills against the market's average price between the intent and the order's end
- spread: fills against the middle of the quote at the fill
- missed: the part that was not filled, at the last price when the order ended, against the arrival price

The arrival price is the middle of the last quote with both sides, and without one the last trade or close.
Amounts are ``Decimal``, exact, in the instrument's currency. An order that worked through a split is in the
units after it, with all its prices.
"""

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec

from components.assembly.moments import moment_ns
from components.portfolio.rates import rate_between, set_rate
from eventstore import EventStore, open_store, read_story
from eventstore.store_opening import is_store_here
from kernel.corporate_actions import RESTATING, is_void, successor
from kernel.decimals import exact
from kernel.errors import InputError
from kernel.events import (
    BUY,
    Bar,
    CorporateAction,
    Event,
    FillCorrected,
    FxRateSet,
    InstrumentDefined,
    Liquidity,
    Order,
    OrderAccepted,
    OrderAdjusted,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderHeld,
    OrderIntent,
    OrderRejected,
    OrderReplaced,
    OrderStatus,
    OrderSubmitted,
    Quote,
    Trade,
)
from kernel.fees import paid_by_terms
from kernel.identifiers import ClientOrderId, FillId
from replay.arguments import moment_of
from replay.blocking import run_blocking
from replay.config import DEFAULT_STORE
from replay.execution_analysis.sightings import ZERO, MarketInSymbol, Sighting
from replay.past.core import time_ns

ONE = Decimal(1)

ENDED = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELLED,
        OrderStatus.EXPIRED,
        OrderStatus.REJECTED,
        OrderStatus.DENIED,
    }
)


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


@exact
async def read_executions(
    store: EventStore, log: str, *, from_ts: int = 0, to_ts: int | None = None
) -> tuple[ExecutedOrder, ...]:
    """The orders of a run or live log that were decided in a period, in order of their decisions.

    Bounds are inclusive, in ns UTC. Raises ``StreamMissing`` and ``StoreDamaged``.
    """
    fold = _Fold()
    async with aclosing(read_story(store, log)) as batches:
        async for batch in batches:
            fold.take(batch.events)
    return tuple(
        one
        for one in fold.orders()
        if one.decided_ts >= from_ts and (to_ts is None or one.decided_ts <= to_ts)
    )


def executions(
    log: str,
    *,
    start: str | date | None = None,
    end: str | date | None = None,
    store: str | Path | EventStore = DEFAULT_STORE,
) -> tuple[ExecutedOrder, ...]:
    """The orders of a run or live log, for notebooks and scripts; see ``read_executions``.

    ``start``, ``end``: UTC days or moments of the decisions, inclusive. Blocks. Raises ``InputError`` if
    there is no store at a path.
    """
    first, last = moment_of(start, key="start"), moment_of(end, key="end")
    from_ts = 0 if first is None else moment_ns(first, key="start")
    return run_blocking(_read_at(store, log, from_ts, time_ns(last, key="end")))


async def _read_at(
    store: str | Path | EventStore, log: str, from_ts: int, to_ts: int | None
) -> tuple[ExecutedOrder, ...]:
    if not isinstance(store, str | Path):
        return await read_executions(store, log, from_ts=from_ts, to_ts=to_ts)
    if not is_store_here(Path(store)):
        raise InputError(f"there is no store at {store}")
    async with await open_store(store, read_only=True) as opened:
        return await read_executions(opened, log, from_ts=from_ts, to_ts=to_ts)


class _Fill(msgspec.Struct, frozen=True):
    """A fill as it was reported.

    - ``rate``: of the currency of its fee in the instrument's; ``commission``: the fee by that rate.
    - ``ratio``: present units for one of the day of the fill.
    """

    event: OrderFilled
    market: Sighting
    commission: Decimal
    rate: Decimal
    ratio: Decimal = ONE

    def corrected(self, correction: FillCorrected | None) -> Execution:
        """The fill with its correction, in the units of the order's end."""
        event, ratio = self.event, self.ratio
        quantity, price, commission = event.quantity, event.price, self.commission
        if correction is not None:
            quantity, price = correction.quantity, correction.price
            commission -= correction.commission_returned * self.rate
        market = self.market
        if ratio != ONE:
            quantity, price, market = quantity * ratio, price / ratio, market.restated(ratio)
        ts = event.executed_ts or event.ts
        return Execution(event.fill_id, ts, event.ts, quantity, price, commission, event.liquidity, market)


class _Open:
    """An order while the log is read."""

    def __init__(self, order: Order, ts: int, market: MarketInSymbol) -> None:
        self.order = order
        self.status = OrderStatus.PENDING
        self.decided_ts = ts
        self.sent_ts = self.accepted_ts = self.done_ts = 0
        self.arrival = market.sighting()
        self.fills: list[_Fill] = []
        self.last_price: Decimal | None = None
        self.rule = self.reason = ""
        self._began = market.trades, market.bars
        self._ended = self._began
        self._market = market

    def end(self, status: OrderStatus, ts: int, reason: str = "") -> None:
        """It is done."""
        self.status, self.done_ts, self.reason = status, ts, reason or self.reason
        self.close()

    def close(self) -> None:
        """Note the market at its end."""
        market = self._market
        self.last_price = market.sighting().price
        self._ended = market.trades, market.bars

    def restate(self, ratio: Decimal) -> None:
        """Go on in the terms after a split. ``market`` is restated already."""
        self.arrival = self.arrival.restated(ratio)
        trades, bars = self._began
        self._began = trades.restated(ratio), bars.restated(ratio)
        self.fills = [msgspec.structs.replace(one, ratio=one.ratio * ratio) for one in self.fills]

    @property
    def vwap(self) -> Decimal | None:
        """Of the trades in its life; without any, of the bars."""
        averages = (end.average_since(begin) for begin, end in zip(self._began, self._ended, strict=True))
        return next((one for one in averages if one is not None), None)


class _Fold:
    def __init__(self) -> None:
        self._markets: dict[str, MarketInSymbol] = {}
        self._found: dict[ClientOrderId, _Open] = {}
        self._terms: dict[str, InstrumentDefined] = {}
        self._corrections: dict[tuple[ClientOrderId, FillId], FillCorrected] = {}
        self._rates: dict[str, dict[str, Decimal]] = {}

    def take(self, events: Sequence[Event]) -> None:
        """Take the next events of the story."""
        for event in events:
            match event:
                case Bar(symbol=symbol) | Quote(symbol=symbol) | Trade(symbol=symbol):
                    self._market(symbol).take(event)
                case InstrumentDefined(symbol=symbol):
                    self._terms[symbol] = event
                case FxRateSet():
                    set_rate(self._rates, event)
                case CorporateAction(kind=kind) if kind in RESTATING and not is_void(event):
                    self._restate(event)
                case OrderIntent(order=order):
                    self._of(order, event.ts)
                case _:
                    self._order(event)

    def orders(self) -> Iterable[ExecutedOrder]:
        """All orders. Those without a venue's or risk's answer yet are left out."""
        for one in self._found.values():
            if one.status is OrderStatus.PENDING and not one.sent_ts:
                continue
            if one.status not in ENDED:
                one.close()
            yield self._executed(one)

    def _order(self, event: Event) -> None:
        match event:
            case OrderHeld(order=order):
                self._of(order, event.ts)
            case OrderSubmitted(order=order):
                one = self._of(order, event.ts)
                one.order, one.status = order, OrderStatus.SUBMITTED
                one.sent_ts = one.sent_ts or event.ts
            case OrderDenied(order=order, rule=rule, reason=reason):
                one = self._of(order, event.ts)
                one.rule = rule
                one.end(OrderStatus.DENIED, event.ts, reason)
            case OrderReplaced(order=order) | OrderAdjusted(order=order):
                self._of(order, event.ts).order = order
            case OrderFilled():
                self._fill(event)
            case FillCorrected(client_order_id=key, fill_id=fill_id):
                self._corrections[key, fill_id] = event
            case OrderAccepted(client_order_id=key) if key in self._found:
                one = self._found[key]
                one.status, one.accepted_ts = OrderStatus.ACCEPTED, one.accepted_ts or event.ts
            case OrderCancelled(client_order_id=key, reason=reason) if key in self._found:
                self._found[key].end(OrderStatus.CANCELLED, event.ts, reason)
            case OrderExpired(client_order_id=key, reason=reason) if key in self._found:
                self._found[key].end(OrderStatus.EXPIRED, event.ts, reason)
            case OrderRejected(client_order_id=key, reason=reason) if key in self._found:
                self._found[key].end(OrderStatus.REJECTED, event.ts, reason)
            case _:
                pass

    def _fill(self, event: OrderFilled) -> None:
        one = self._found.get(event.client_order_id)
        if one is None:
            return
        terms = self._terms_of(event.symbol)
        paid = paid_by_terms(event, {event.symbol: terms})
        rate = rate_between(self._rates, paid.currency, terms.currency) or ONE
        market = self._market(event.symbol).sighting()
        one.fills.append(_Fill(event, market, paid.commission * rate, rate))
        if not event.leaves_quantity:
            one.end(OrderStatus.FILLED, event.ts)
        elif one.status not in ENDED:  # a fill may come after the end of its order
            one.status = OrderStatus.PARTIALLY_FILLED

    def _restate(self, action: CorporateAction) -> None:
        """Restate a market and its open orders. Under a new symbol both go on."""
        market = self._market(action.symbol)
        market.restate(action.ratio)
        for one in self._found.values():
            if one.order.symbol == action.symbol and one.status not in ENDED:
                one.restate(action.ratio)
        new_symbol = successor(action)
        if new_symbol != action.symbol:
            self._markets[new_symbol] = self._markets.pop(action.symbol)

    def _market(self, symbol: str) -> MarketInSymbol:
        return self._markets.setdefault(symbol, MarketInSymbol())

    def _terms_of(self, symbol: str) -> InstrumentDefined:
        return self._terms.get(symbol) or InstrumentDefined(0, symbol)

    def _of(self, order: Order, ts: int) -> _Open:
        found = self._found.get(order.client_order_id)
        if found is None:
            found = _Open(order, ts, self._market(order.symbol))
            self._found[order.client_order_id] = found
        return found

    def _executed(self, one: _Open) -> ExecutedOrder:
        terms = self._terms_of(one.order.symbol)
        fills = [
            fill.corrected(self._corrections.get((fill.event.client_order_id, fill.event.fill_id)))
            for fill in one.fills
        ]
        return ExecutedOrder(
            order=one.order,
            status=one.status,
            decided_ts=one.decided_ts,
            sent_ts=one.sent_ts,
            accepted_ts=one.accepted_ts,
            done_ts=one.done_ts,
            arrival=one.arrival,
            fills=tuple(fill for fill in fills if fill.quantity),
            last_price=one.last_price,
            vwap=one.vwap,
            currency=terms.currency,
            terms=terms,
            rule=one.rule,
            reason=one.reason,
        )
