"""Reads the executed orders of a log: once, in its order; nothing is played.

At the intent of an order the market is noted (its *arrival*), and again at each fill. A split restates the
market and all orders that work.
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
from kernel.corporate_actions import RESTATING, is_void, successor, terms_under_new_symbol
from kernel.decimals import exact
from kernel.errors import InputError
from kernel.events import (
    Bar,
    CorporateAction,
    Event,
    FillCorrected,
    FxRateSet,
    InstrumentDefined,
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
from replay.execution_analysis.records import ExecutedOrder, Execution
from replay.execution_analysis.sightings import MarketInSymbol, Sighting
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
            old, new = self._terms.get(action.symbol), self._terms.get(new_symbol)
            terms = terms_under_new_symbol(action, old=old, new=new)
            if terms is not None:
                self._terms[new_symbol] = terms

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
