"""One trading day of a live log: equity, P&L by position, orders, fills, problems and sessions.

A trading day is a UTC day, with the midnight that ends it. Marks of the account belong to the trading day of
their market data, so that one made just after midnight still closes the day before.

Market data are read for the last price of each position alone. So a day can be read while the daemon writes,
and after the quotes of other days have been removed; without a price a P&L is not known.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite

import msgspec

from eventstore import EventStore, Selection, StreamHead
from kernel.decimals import exact
from kernel.errors import InputError, StreamMissing
from kernel.events import (
    AccountMarked,
    Bar,
    Event,
    InstrumentDefined,
    OrderHeld,
    OrderSubmitted,
    PositionSide,
    Quote,
    Trade,
)
from kernel.events.shadow import ShadowCompared
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.time_units import DAY_NS, HOUR_NS, SECOND_NS
from kernel.trading_days import days_since_epoch
from replay.days.books import BOOKED_TYPES, DayBooks, gained_with
from replay.days.problems import PROBLEM_TYPES, DayProblem, problems_of
from replay.days.sessions import SESSION_TYPES, DaySession, DaySessions
from replay.equity import day_of
from replay.order_records import ORDER_TYPES, RunOrders, fold_orders

ZERO = Decimal(0)

LATE_MARK_NS = 7 * DAY_NS
"""The mark that closes a day comes with the next start, if the daemon was off at midnight."""

LOOK_BACK_NS = (60 * SECOND_NS, HOUR_NS, DAY_NS, 7 * DAY_NS)
"""How far back the last prices are looked for, the shortest way first: it decodes the fewest quotes."""

_PRICED: frozenset[type[Event]] = frozenset({Bar, Quote, Trade})


class DayPosition(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy gained with a symbol on the day, and what it held at the end.

    Amounts are in the account's currency at the last rates of the day, before commissions; ``None`` without a
    price or a rate.

    - ``pnl``: realised and unrealised, of this day.
    - ``price``: the last one of the day.
    """

    strategy: StrategyId
    symbol: str
    side: PositionSide | None
    quantity: Decimal
    price: Decimal | None
    value: Decimal | None
    pnl: Decimal | None


class DayRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A trading day of a log. Times in ns UTC, amounts in ``currency``.

    - ``start_ts``: midnight before it; events at this very moment belong to the day before.
    - ``end_ts``: midnight after it; ``is_over``: it is past.
    - ``opening_equity``: of the last mark before the day; 0 if the log began on it.
    - ``closing_equity``: of the last mark of the day; ``None`` without one.
    - ``marks``: the equity at the marks of the day.
    - ``paid_in``: deposits less withdrawals. ``income``: interest, dividends and the like less fees that no
      fill had.
    - ``commissions``: of the day's fills; ``None`` if one is in a currency without a rate.
    - ``compared``: in mode ``shadow``, the orders that were compared with their simulated twins on the day.
    - ``terms``: of the symbols of ``compared``, as last defined.
    """

    log: str
    day: date
    currency: str
    start_ts: int
    end_ts: int
    is_over: bool
    opening_equity: Decimal | None
    closing_equity: Decimal | None
    marks: tuple[tuple[int, Decimal], ...]
    paid_in: Decimal
    commissions: Decimal | None
    positions: tuple[DayPosition, ...]
    orders: RunOrders
    problems: tuple[DayProblem, ...]
    sessions: tuple[DaySession, ...]
    compared: tuple[ShadowCompared, ...] = ()
    terms: Mapping[str, InstrumentDefined] = {}
    income: Decimal = Decimal(0)

    @property
    def is_empty(self) -> bool:
        """Whether nothing happened: no daemon ran."""
        return not (self.sessions or self.marks or self.positions or self.orders.orders or self.problems)

    @property
    def pnl(self) -> Decimal | None:
        """The P&L of all positions after commissions; ``None`` if one of them is not known."""
        gained = [one.pnl for one in self.positions]
        if self.commissions is None or None in gained:
            return None
        return sum((pnl for pnl in gained if pnl is not None), -self.commissions)


async def last_day(store: EventStore, log: str) -> date:
    """The day of the last event of a log. Raises ``StreamMissing``."""
    return _date_of((await _head(store, log)).ts)


@exact
async def read_day(store: EventStore, log: str, day: date, *, now_ts: int) -> DayRecord:
    """Read one day. ``now_ts`` says whether it is over.

    Raises ``StreamMissing`` without such a log, ``InputError`` for a day before or after it, and
    ``StoreError`` for a store that cannot be read.
    """
    head = await _head(store, log)  # a daemon may go on writing: all is read up to here
    (info,) = await store.streams((log,))
    first, last = _date_of(info.first_ts), _date_of(head.ts)
    if not first <= day <= last:
        raise InputError(f"log {log!r} has no events of {day}; it goes from {first} to {last}")
    start_ts = days_since_epoch(int(day.strftime("%Y%m%d"))) * DAY_NS
    end_ts = start_ts + DAY_NS
    books = DayBooks(start_ts)
    async for event in _events(store, log, Selection(to_seq=head.seq, to_ts=end_ts, types=BOOKED_TYPES)):
        books.take(event)
    sessions = DaySessions()
    async for event in _events(store, log, Selection(to_seq=head.seq, types=SESSION_TYPES)):
        sessions.take(event)
    marks, opening = await _marks(store, log, start_ts, to_seq=head.seq)
    if opening is None and first == day:
        opening = ZERO
    types = ORDER_TYPES | PROBLEM_TYPES | {ShadowCompared}
    wanted = Selection(to_seq=head.seq, from_ts=start_ts + 1, to_ts=end_ts, types=types)
    read = [event async for event in _events(store, log, wanted)]
    happened = [event for event in read if not isinstance(event, ShadowCompared)]
    compared = tuple(event for event in read if isinstance(event, ShadowCompared))
    orders = await _orders(store, log, happened, start_ts)
    return DayRecord(
        log=log,
        day=day,
        currency=books.currency,
        start_ts=start_ts,
        end_ts=end_ts,
        is_over=now_ts >= end_ts,
        opening_equity=opening,
        closing_equity=marks[-1].equity if marks else None,
        marks=tuple((mark.ts, mark.equity) for mark in marks),
        paid_in=books.paid_in(),
        income=books.income(),
        commissions=books.commissions(orders.fills),
        positions=await _positions(store, log, books, start_ts, head),
        orders=orders,
        problems=problems_of(happened),
        sessions=sessions.between(start_ts, end_ts),
        compared=compared,
        terms={one.symbol: books.terms(one.symbol) for one in compared},
    )


async def _marks(
    store: EventStore, log: str, start_ts: int, *, to_seq: int
) -> tuple[Sequence[AccountMarked], Decimal | None]:
    """The marks of the day, and the equity of the last mark before it."""
    found: list[AccountMarked] = []
    before: Decimal | None = None
    until_ts = start_ts + DAY_NS + LATE_MARK_NS
    wanted = Selection(to_seq=to_seq, to_ts=until_ts, types=frozenset({AccountMarked}))
    async for event in _events(store, log, wanted):
        assert isinstance(event, AccountMarked)
        day = day_of(event)
        if day < start_ts // DAY_NS:
            before = event.equity
        elif day == start_ts // DAY_NS:
            found.append(event)
    return found, before


async def _orders(store: EventStore, log: str, happened: Sequence[Event], start_ts: int) -> RunOrders:
    """The orders and fills of the day; of an order from before it, what happened to it on the day."""
    new = {event.order.client_order_id for event in happened if isinstance(event, OrderHeld | OrderSubmitted)}
    old = {key for event in happened if (key := _order_of(event)) and key not in new}
    opened: list[Event] = []
    if old:
        wanted = Selection(to_ts=start_ts, types=frozenset({OrderHeld, OrderSubmitted, InstrumentDefined}))
        async for event in _events(store, log, wanted):
            if isinstance(event, InstrumentDefined) or _order_of(event) in old:
                opened.append(event)
    return fold_orders([*opened, *happened])


def _order_of(event: Event) -> ClientOrderId | None:
    if isinstance(event, OrderHeld | OrderSubmitted):
        return event.order.client_order_id
    return getattr(event, "client_order_id", None)


async def _positions(
    store: EventStore, log: str, books: DayBooks, start_ts: int, head: StreamHead
) -> tuple[DayPosition, ...]:
    shown = [key for key, event in books.after.items() if key in books.touched or event.quantity]
    held_before = {key[1] for key in shown if key in books.before and books.before[key].quantity}
    held_after = {key[1] for key in shown if books.after[key].quantity}
    first = await _last_prices(store, log, held_before, until_ts=start_ts, to_seq=head.seq)
    until_ts = min(start_ts + DAY_NS, head.ts)
    last = await _last_prices(store, log, held_after, until_ts=until_ts, to_seq=head.seq)
    found: list[DayPosition] = []
    for strategy, symbol, side in shown:
        terms, key = books.terms(symbol), (strategy, symbol, side)
        now, rate = books.after[key], books.rate(terms.currency)
        gained = gained_with(now, terms, last.get(symbol))
        had = gained_with(books.before.get(key), terms, first.get(symbol))
        price = last.get(symbol)
        found.append(
            DayPosition(
                strategy=strategy,
                symbol=symbol,
                side=side,
                quantity=now.quantity,
                price=price,
                value=None
                if price is None or rate is None
                else now.quantity * terms.unit_value(price) * rate,
                pnl=None if rate is None or gained is None or had is None else (gained - had) * rate,
            )
        )
    return tuple(found)


async def _last_prices(
    store: EventStore, log: str, symbols: Iterable[str], *, until_ts: int, to_seq: int
) -> dict[str, Decimal]:
    """The last price of each symbol up to a moment. One whose data were removed has none."""
    missing, found = set(symbols), dict[str, Decimal]()
    for back_ns in LOOK_BACK_NS:
        if not missing:
            break
        wanted = Selection(
            to_seq=to_seq,
            from_ts=until_ts - back_ns,
            to_ts=until_ts,
            symbols=frozenset(missing),
            types=_PRICED,
        )
        try:
            async for event in _events(store, log, wanted):
                priced = _price(event)
                if priced is not None:
                    found[priced[0]] = priced[1]
        except StreamMissing:  # these quotes were removed, and so were those before them
            break
        missing -= found.keys()
    return found


def _price(event: Event) -> tuple[str, Decimal] | None:
    """The symbol and the price of a market event: close, print or mid; ``None`` if it has none."""
    match event:
        case Bar(symbol=symbol, close=price) | Trade(symbol=symbol, price=price):
            pass
        case Quote(symbol=symbol, bid=bid, ask=ask) if bid and ask:
            price = (bid + ask) / 2
        case _:
            return None
    return (symbol, Decimal(repr(price))) if isfinite(price) else None


async def _head(store: EventStore, log: str) -> StreamHead:
    head = await store.head(log)
    if not head.seq:
        raise StreamMissing(f"there is no log {log!r} in the store yet")
    return head


def _date_of(ts: int) -> date:
    return datetime.fromtimestamp((ts - 1) // SECOND_NS, tz=UTC).date()


async def _events(store: EventStore, stream: str, selection: Selection) -> AsyncGenerator[Event, None]:
    """Single events of a stream; the caller must read to the end."""
    async with aclosing(store.read(stream, selection)) as batches:
        async for batch in batches:
            for event in batch.events:
                yield event
