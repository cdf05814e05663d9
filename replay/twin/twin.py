"""The twin of a log: what the fill models make of the orders that really went out.

What it remembers: a core with the simulated broker (``core``), and each order that has not ended on both
sides: its fills as the log has them, and as the simulated broker made them.

What changes it: the events of the log, in order, inputs and derived ones alike. An order enters with
``OrderSubmitted``, and its cancels and replacements go to both venues. The simulated broker gets market data
before the log's orders of the same moment, as in a simulated run.

- An order is compared when it has ended on both sides.
- Live may end first. A simulated order that still works ``wait_s`` later is cancelled at the next market
  event of its symbol after that, which may still fill it: nobody would cancel it otherwise.
- The position that the simulated broker counts, for orders that only reduce, is that of the log, with the
  orders under way as it filled them: when an order is compared, the log's position is taken over.

What never happens: an answer of the simulated broker leads to another order, or reaches the log's core.

Live fills are seen when the log has them, and simulated ones when the broker makes them.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from brokers.simulated.broker import SimulatedBroker
from components.portfolio.rates import rate_between, set_rate
from kernel.corporate_actions import RESTATING, is_void, successor
from kernel.decimals import exact
from kernel.errors import StreamMissing
from kernel.events import (
    BUY,
    MARKET_TYPES,
    AdjustPosition,
    Bar,
    BookDelta,
    BookSnapshot,
    CalendarDefined,
    CancelSubmitted,
    CashMoved,
    ConfigLoaded,
    CorporateAction,
    Event,
    ExecutionKind,
    ExecutionReport,
    FeedGapDetected,
    FillCorrected,
    FxRateSet,
    InstrumentDefined,
    MarketEvent,
    ModelLoaded,
    Order,
    OrderAdjusted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
    OrderStatus,
    OrderSubmitted,
    OrderType,
    Quote,
    ReplaceSubmitted,
    RunStarted,
    SessionChanged,
    SessionStarted,
    TimerFired,
    Trade,
    TradingStatusChanged,
)
from kernel.fees import paid_by_terms
from kernel.identifiers import ClientOrderId, FillId
from kernel.reopenings import ENDS
from kernel.time_units import SECOND_NS
from replay.run_config import WAIT_S
from replay.twin.comparison import OrderComparison, OrderSide, TwinFill, compare
from replay.twin.core import TwinCore, settings_of

NO_CHANGES: Mapping[str, str] = {}
ZERO, ONE = Decimal(0), Decimal(1)

FACTS: frozenset[type[Event]] = frozenset(
    {
        InstrumentDefined,
        CalendarDefined,
        TradingStatusChanged,
        CorporateAction,
        AdjustPosition,
        CashMoved,
        FxRateSet,
        FeedGapDetected,
    }
)
"""What the twin's core takes beside market data and orders."""

OPENING: frozenset[type[Event]] = frozenset(
    {RunStarted, ConfigLoaded, ModelLoaded, SessionStarted, SessionChanged}
)
_REQUESTS: frozenset[type[Event]] = frozenset({OrderSubmitted, CancelSubmitted, ReplaceSubmitted})
_OUTCOMES: frozenset[type[Event]] = frozenset(
    {OrderFilled, FillCorrected, OrderCancelled, OrderExpired, OrderRejected, OrderReplaced, OrderAdjusted}
)
QUIET_TYPES = FACTS | OPENING | _REQUESTS | _OUTCOMES
"""All that a twin reads of a log but market data and time."""
TWIN_TYPES = QUIET_TYPES | MARKET_TYPES | {TimerFired}

_ENDINGS: Mapping[ExecutionKind, OrderStatus] = {
    ExecutionKind.REJECTED: OrderStatus.REJECTED,
    ExecutionKind.CANCELLED: OrderStatus.CANCELLED,
    ExecutionKind.EXPIRED: OrderStatus.EXPIRED,
}


class TwinOrder(msgspec.Struct):
    """An order that the twin follows. It is in the units of its end, when it was over on both sides.

    - ``is_given_up``: its simulated side was cancelled by the twin.
    - ``symbol_now``: the symbol of its units now, and ``ratio`` how many there are for one of them.
    """

    order: Order
    submitted_ts: int
    live: OrderSide
    simulated: OrderSide
    symbol_now: str
    ratio: Decimal = ONE
    is_given_up: bool = False

    @property
    def is_over(self) -> bool:
        """Whether it has ended on both sides."""
        return bool(self.live.ended_ts and self.simulated.ended_ts)


class Twin:
    """The twin of one log."""

    def __init__(
        self,
        *,
        wait_s: float = WAIT_S,
        changes: Mapping[str, str] = NO_CHANGES,
        keeps_ended: bool = False,
        ignored: Container[ClientOrderId] = (),
    ) -> None:
        """Make it for a log that begins.

        - ``wait_s``: how long a simulated order may work on after the live one.
        - ``changes``: other values of ``broker``, by path.
        - ``keeps_ended``: for ``all_orders``.
        - ``ignored``: orders that are not simulated.
        """
        self._wait_ns = round(wait_s * SECOND_NS)
        self._changes = dict(changes)
        self._core: TwinCore | None = None
        self._rules = 0
        self._opening: list[Event] = []
        self._orders: dict[ClientOrderId, TwinOrder] = {}
        self._ignored = ignored
        self._kept: dict[ClientOrderId, TwinOrder] | None = {} if keeps_ended else None
        self._waiting: dict[str, list[TwinOrder]] = {}
        """By symbol: orders that have ended live and work on at the simulated venue."""
        self._rates: dict[str, dict[str, Decimal]] = {}

    @property
    def core(self) -> TwinCore:
        """The core. Raises ``StreamMissing`` for a log that has not begun as one does."""
        if self._core is None:
            raise StreamMissing("it is not the log of a run: it has no session")
        return self._core

    @property
    def open_orders(self) -> Mapping[ClientOrderId, TwinOrder]:
        """The orders that have not ended on both sides."""
        return self._orders

    @exact
    def take(self, events: Sequence[Event], *, follows: bool = True) -> list[OrderComparison]:
        """Take the next events of the log, and answer the orders that have ended on both sides.

        With ``follows`` false, orders that are submitted here are not simulated. They move the position that
        the simulated broker counts by their live fills. Raises ``ComponentError`` if the core fails.
        """
        ended: list[OrderComparison] = []
        rest: list[Event] = []
        for event in events:
            if isinstance(event, MarketEvent) and self._can_wait(event):
                rest.append(event)
                continue
            if rest:
                ended += map(self.compared, self._hear(self.core.take(rest)))
                rest = []
            ended += map(self.compared, self._take(event, follows=follows))
        if rest:
            ended += map(self.compared, self._hear(self.core.take(rest)))
        return ended

    @exact
    def all_orders(self) -> list[OrderComparison]:
        """All orders that were followed, at the prices of now; those that have not ended too."""
        assert self._kept is not None, "a twin that forgets its orders"
        return [self.compared(order) for order in self._kept.values()]

    def compared(self, order: TwinOrder) -> OrderComparison:
        """An order on both sides, as it is now."""
        mark = self.core.last_price(order.symbol_now)
        return compare(
            order.order,
            order.live,
            order.simulated,
            submitted_ts=order.submitted_ts,
            terms=self.core.market.instrument(order.order.symbol),
            mark=None if mark is None else mark * order.ratio,
        )

    # --- the log --------------------------------------------------------------------------------

    def _can_wait(self, event: MarketEvent) -> bool:
        """Whether a market event can fill nothing and end no wait.

        Many of them are given to the core at once: one by one they take 6 us each, together a third of one.
        """
        return self._core is not None and not self._opening and not self._core.waits_for(event.symbol)

    def _take(self, event: Event, *, follows: bool) -> Iterable[TwinOrder]:
        if self._opening or isinstance(event, RunStarted | ConfigLoaded):
            return self._open(event, follows=follows)
        match event:
            case OrderSubmitted():
                is_wanted = follows and event.order.client_order_id not in self._ignored
                return self._submit(event) if is_wanted else ()
            case CancelSubmitted() | ReplaceSubmitted() | OrderAdjusted():
                reports = self.core.take((event,))
                self._note_terms(event)
                return self._hear(reports)
            case TimerFired(
                owner=SimulatedBroker.name
            ):  # of a simulated log: in the order in which they fired
                return self._hear(self.core.advance(event.ts))
            case OrderFilled():
                return self._filled(event)
            case FillCorrected():
                return self._corrected(event)
            case OrderCancelled():
                return self._ended(event.client_order_id, event, OrderStatus.CANCELLED, event.reason)
            case OrderExpired():
                return self._ended(event.client_order_id, event, OrderStatus.EXPIRED, event.reason)
            case OrderRejected():
                return self._ended(event.client_order_id, event, OrderStatus.REJECTED, event.reason)
            case OrderReplaced():
                self._note_terms(event)
                return ()
            case FxRateSet():
                set_rate(self._rates, event)
                return self._hear(self.core.take((event,)))
            case Bar() | Quote() | Trade() | BookSnapshot() | BookDelta():
                return self._market(event)
            case CorporateAction(kind=kind) if kind in RESTATING and not is_void(event):
                self._restate(event)
                return self._hear(self.core.take((event,)))
            case _ if type(event) in FACTS:
                return self._hear(self.core.take((event,)))
            case _:
                return ()

    def _open(self, event: Event, *, follows: bool) -> list[TwinOrder]:
        """Keep the inputs of an opening, and go on with a core of its settings at its end."""
        if isinstance(event, RunStarted):
            self._rules = event.rules
        self._opening.append(event)
        if type(event) not in ENDS:
            return []
        opening, self._opening = self._opening, []
        settings = settings_of(opening, rules=self._rules, changes=self._changes)
        before = self._core
        if before is None or before.settings != settings:
            self._core = TwinCore(settings)
            if before is not None:
                self._core.take_over(before)
        ended: list[TwinOrder] = []
        for each in opening:
            if not isinstance(each, RunStarted | ConfigLoaded):
                ended += self._take(each, follows=follows)
        return ended

    def _submit(self, event: OrderSubmitted) -> Iterable[TwinOrder]:
        key = event.order.client_order_id
        order = self._orders[key] = TwinOrder(
            event.order, event.ts, OrderSide(), OrderSide(), event.order.symbol
        )
        if self._kept is not None:
            self._kept[key] = order
        return self._hear(self.core.take((event,)))

    def _note_terms(self, event: Event) -> None:
        """The terms that an order has now at the live venue."""
        if isinstance(event, OrderReplaced | OrderAdjusted):
            known = self._orders.get(event.order.client_order_id)
            if known is not None:
                known.order = event.order

    def _restate(self, action: CorporateAction) -> None:
        """Restate the fills of orders that are not over. Those that are stay in the units of their end."""
        kept = {} if self._kept is None else self._kept
        for key, order in {**kept, **self._orders}.items():
            if order.symbol_now != action.symbol:
                continue
            order.symbol_now = successor(action)
            if key in self._orders:
                order.live.restate(action.ratio)
                order.simulated.restate(action.ratio)
            else:
                order.ratio *= action.ratio

    # --- the live side --------------------------------------------------------------------------

    def _filled(self, event: OrderFilled) -> Iterable[TwinOrder]:
        if self.core.settings.funds is not None:
            self.core.take((event,))  # the account books it
        known = self._known(event.client_order_id)
        if known is not None:
            known.live.fills[event.fill_id] = self._fill(event)
            if not known.live.ended_ts:
                if not event.leaves_quantity:
                    return self._ended(event.client_order_id, event, OrderStatus.FILLED, "")
                known.live.status = OrderStatus.PARTIALLY_FILLED
        if event.client_order_id not in self._orders:
            self.core.move_position(_order_of(event), self._paid(event).quantity)
        return ()

    def _corrected(self, event: FillCorrected) -> Iterable[TwinOrder]:
        key, terms = event.client_order_id, self.core.market.instrument(event.symbol)
        known = self._known(key)
        fill = None if known is None else known.live.fills.get(event.fill_id)
        if self.core.settings.funds is not None:
            self.core.take((event,))
        elif key not in self._orders:
            is_in_units = event.currency == terms.fee_currency and event.side is BUY
            back = event.commission_returned if is_in_units else ZERO
            ratio = ONE if known is None or fill is None else fill.ratio * known.ratio
            moved = (event.quantity - event.old_quantity + back) * ratio
            self.core.move_position(_order_of(event), moved)
        if known is not None and fill is not None:
            known.live.fills[event.fill_id] = _as_corrected(fill, event)
        return ()

    def _ended(
        self, key: ClientOrderId, event: Event, status: OrderStatus, reason: str
    ) -> Iterator[TwinOrder]:
        known = self._orders.get(key)
        if known is None:
            return
        live = known.live
        live.ended_ts, live.status, live.reason = event.ts, status, reason
        if known.simulated.ended_ts:
            yield self._over(known)
        else:
            self._waiting.setdefault(known.order.symbol, []).append(known)

    # --- the simulated side ---------------------------------------------------------------------

    def _market(self, event: MarketEvent) -> Iterator[TwinOrder]:
        """Let the broker match a market event, and give up orders that have waited for long enough."""
        yield from self._hear(self.core.take((event,)))
        for order in tuple(self._waiting.get(event.symbol, ())):
            if not order.is_given_up and event.ts > order.live.ended_ts + self._wait_ns:
                order.is_given_up = True
                terms = order.order
                cancel = CancelSubmitted(event.ts, terms.client_order_id, terms.strategy, terms.symbol)
                yield from self._hear(self.core.take((cancel,)))

    def _hear(self, reports: Sequence[ExecutionReport]) -> Iterator[TwinOrder]:
        """Note the reports of the simulated broker; gives the orders that are over with them.

        At one moment an order may get several fills, or a fill and its end. So whether it still works says
        nothing about a fill before the last one.
        """
        told = [one for one in reports if one.kind is ExecutionKind.FILL or one.kind in _ENDINGS]
        last = {report.client_order_id: place for place, report in enumerate(told)}
        for place, report in enumerate(told):
            known = self._orders.get(report.client_order_id)
            if known is None or known.simulated.ended_ts:
                continue
            side = known.simulated
            if report.kind is ExecutionKind.FILL:
                fill = _as_filled(report, known.order)
                side.fills[report.fill_id] = self._fill(fill)
                if place < last[report.client_order_id] or self.core.is_working(report.client_order_id):
                    side.status = OrderStatus.PARTIALLY_FILLED
                    continue
                side.status = OrderStatus.FILLED
            else:
                side.status, side.reason = _ENDINGS[report.kind], report.reason
            side.ended_ts = report.ts
            if known.live.ended_ts:
                yield self._over(known)

    def _over(self, order: TwinOrder) -> TwinOrder:
        """Forget an order that is over, and go on from the position that the log has."""
        del self._orders[order.order.client_order_id]
        waiting = self._waiting.get(order.order.symbol, [])
        if order in waiting:
            waiting.remove(order)
        self.core.move_position(order.order, order.live.quantity - order.simulated.quantity)
        return order

    # --- fills ----------------------------------------------------------------------------------

    def _known(self, key: ClientOrderId) -> TwinOrder | None:
        """An order that is followed, or is kept after its end: a fill may come late."""
        found = self._orders.get(key)
        return self._kept.get(key) if found is None and self._kept is not None else found

    def _fill(self, event: OrderFilled) -> TwinFill:
        """A fill with its fee in the instrument's currency, by the rates of now; at par without a rate."""
        paid = self._paid(event)
        fee = paid.commission * self._rate(paid.currency, event.symbol)
        return TwinFill(event.ts, paid.quantity, paid.price, fee, self.core.mid_price(event.symbol))

    def _paid(self, event: OrderFilled) -> OrderFilled:
        return paid_by_terms(event, {event.symbol: self.core.market.instrument(event.symbol)})

    def _rate(self, currency: str, symbol: str) -> Decimal:
        own = self.core.market.instrument(symbol).currency
        return rate_between(self._rates, currency, own) or Decimal(1)


def _as_filled(report: ExecutionReport, order: Order) -> OrderFilled:
    """A simulated fill in the form of the log's."""
    assert report.quantity is not None
    assert report.price is not None
    return OrderFilled(
        report.ts,
        order.client_order_id,
        order.strategy,
        report.symbol,
        order.side,
        report.quantity,
        report.price,
        report.commission or ZERO,
        ZERO,
        FillId(report.fill_id),
        report.executed_ts,
        report.liquidity,
        report.commission_currency or "USD",
    )


def _as_corrected(fill: TwinFill, event: FillCorrected) -> TwinFill:
    """A fill as the venue corrected it; a bust returns its fee. Units that were its fee stay its fee.

    The correction is on the terms of the day of the fill, and the fill in the units of its order.
    """
    price = event.price / fill.ratio
    if not event.quantity:
        return msgspec.structs.replace(fill, quantity=ZERO, price=price, fee=ZERO)
    units = event.old_quantity * fill.ratio - fill.quantity
    fee = units * price if units else fill.fee
    return msgspec.structs.replace(fill, quantity=event.quantity * fill.ratio - units, price=price, fee=fee)


def _order_of(fill: OrderFilled | FillCorrected) -> Order:
    """The order of a fill, as far as its position is concerned."""
    return Order(fill.client_order_id, fill.strategy, fill.symbol, fill.side, OrderType.MARKET, fill.quantity)
