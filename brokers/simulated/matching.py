"""Offers a market event to the orders that rest in its symbol, and settles what they get of it.

The fill model is asked about each order by itself. Its answers are sorted by rank, then by arrival, and
settled one after the other: that is where orders meet (see ``settlement``). Where no order has an
instruction and nothing is shared, the answers stay in order of arrival.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from brokers.simulated.fills.port import FillTiming, Price
from brokers.simulated.fills.triggers import fill_at, is_within_limit
from brokers.simulated.hours import TradingHours, is_in_session
from brokers.simulated.models import VenueModels
from brokers.simulated.reports import cancelled, expired, triggered
from brokers.simulated.resting import AT_ONCE, ON_CLOSE, ON_OPEN, Resting
from brokers.simulated.settlement import Answer, Settlement
from brokers.simulated.state import SimulatedBrokerState
from kernel.bus import EventBus
from kernel.events import (
    Bar,
    BookDelta,
    BookSnapshot,
    ExecutionReport,
    OrderType,
    Quote,
    TimerFired,
    Trade,
)

MarketT = TypeVar("MarketT", Bar, Quote, Trade)

_MARKET = OrderType.MARKET


class Ending(msgspec.Struct, frozen=True):
    """An order that ends with this event, unless the event fills it."""

    resting: Resting
    make_report: Callable[[int, Resting, str], ExecutionReport]
    reason: str


class Matching:
    """Asks the fill models; one method for each kind of market data."""

    def __init__(
        self,
        bus: EventBus,
        models: VenueModels,
        settlement: Settlement,
        *,
        hours: TradingHours,
        timing: FillTiming,
    ) -> None:
        self._bus = bus
        self._fill_on_bar = models.bars.fill
        self._fill_on_quote = models.quotes.fill
        self._fill_on_trade = models.trades.fill
        self._settlement = settlement
        self._execution = settlement.execution
        self._hours = hours
        self.fills_at_close = timing is FillTiming.THIS_CLOSE

    def on_bar(self, state: SimulatedBrokerState, bar: Bar) -> list[ExecutionReport]:
        """Offer a bar to the orders that were there when it began, if a part of it is in a session."""
        if not is_in_session(self._hours, bar):
            return []
        orders = state.resting[bar.symbol]
        opened_ts, ts = bar.open_ts, bar.ts
        if opened_ts:
            eligible = self._there_at_open(state, bar, orders)
        else:  # one without its beginning must end after the order came
            eligible = [resting for resting in orders if ts > resting.since_ts]
        reports = self._match(state, bar, eligible, self._fill_on_bar) if eligible else []
        if len(eligible) < len(orders):
            renewed = [one for one in orders if 0 < one.placed_ts <= opened_ts < one.since_ts < ts]
            if renewed:
                reports += self._match(state, _last_moment(bar), renewed, self._fill_on_bar)
        if self.fills_at_close:
            reports += self.at_close(state, bar, [one for one in orders if one.since_ts == ts])
        return reports

    def _there_at_open(self, state: SimulatedBrokerState, bar: Bar, orders: list[Resting]) -> list[Resting]:
        """The orders that a bar says something new to: it holds prices of after its beginning alone.

        A bar that began no later than one that was offered already is a longer one, over what shorter ones
        have said. Where ticks came while it was open, its prices may be of before them: an order that they
        moved, triggered or filled in part must not meet those.
        """
        symbol, opened_ts = bar.symbol, bar.open_ts
        if opened_ts <= state.opened.get(symbol, 0):
            return []
        state.opened[symbol] = opened_ts
        eligible = [resting for resting in orders if opened_ts >= resting.since_ts]
        for resting in eligible:
            if resting.fill_count or resting.is_triggered or resting.trail:  # read here: 0.2 us less
                if has_ticked(self._bus, symbol, since_ts=opened_ts):
                    return [one for one in eligible if not one.has_moved]
                break
        return eligible

    def at_close(
        self, state: SimulatedBrokerState, bar: Bar, orders: Iterable[Resting]
    ) -> list[ExecutionReport]:
        """Fill the market orders that came at a bar's close at that close."""
        answers = [
            Answer(resting, price, was_triggered=False)
            for resting in orders
            if resting.leaves
            and resting.order.order_type is _MARKET
            and (price := fill_at(resting, bar.close, bar.ts)) is not None
        ]
        return self._settlement.settle(state, bar, answers) if answers else []

    def on_quote(self, state: SimulatedBrokerState, quote: Quote) -> list[ExecutionReport]:
        """Offer a quote to every order, while the venue is open."""
        if not self._hours.is_open(quote.symbol, quote.ts):
            return []
        return self._match(state, quote, state.resting[quote.symbol], self._fill_on_quote)

    def on_trade(self, state: SimulatedBrokerState, trade: Trade) -> list[ExecutionReport]:
        """Offer a print to every order, while the venue is open."""
        if not self._hours.is_open(trade.symbol, trade.ts):
            return []
        return self._match(state, trade, state.resting[trade.symbol], self._fill_on_trade)

    def at_last_price(
        self, state: SimulatedBrokerState, timer: TimerFired, resting: Resting, *, price: float
    ) -> list[ExecutionReport]:
        """Fill an order on close at the price that its symbol had then, if there was a close."""
        if self._hours.is_halted(resting.order.symbol):
            return []
        filled = fill_at(resting, price, resting.due_ts)
        if filled is None:
            return []
        return self._settlement.settle(state, timer, [Answer(resting, filled, was_triggered=False)])

    def _match(
        self,
        state: SimulatedBrokerState,
        event: MarketT,
        orders: list[Resting],
        fill: Callable[[Resting, MarketT], Price | None],
    ) -> list[ExecutionReport]:
        if len(orders) == 1 and orders[0].is_plain and self._settlement.is_simple:
            return self._match_one(state, event, orders[0], fill)
        answers: list[Answer] = []
        endings: list[Ending] = []
        for resting in orders:
            was_triggered = resting.is_triggered
            price = fill(resting, event) if resting.is_plain else _instructed(resting, event, fill, endings)
            if price is not None or resting.is_triggered is not was_triggered:
                answers.append(Answer(resting, price, was_triggered))
        reports = self._settlement.settle(state, event, answers) if answers else []
        for ending in endings:
            if ending.resting.leaves:
                self._settlement.end(state, ending.resting)
                reports.append(ending.make_report(event.ts, ending.resting, ending.reason))
        return reports

    def _match_one(
        self,
        state: SimulatedBrokerState,
        event: MarketT,
        resting: Resting,
        fill: Callable[[Resting, MarketT], Price | None],
    ) -> list[ExecutionReport]:
        """As ``_match`` for one order without instructions: the common case, 1 us faster by itself."""
        was_triggered = resting.is_triggered
        price = fill(resting, event)
        reports: list[ExecutionReport] = []
        if resting.is_triggered is not was_triggered:
            reports.append(triggered(event.ts, resting))
        if price is not None:
            if price.quantity is not None:
                return self._settlement.settle(state, event, [Answer(resting, price, was_triggered)])
            reports.append(self._execution.fill(state, resting, price, quantity=resting.leaves, event=event))
        return reports


def has_ticked(bus: EventBus, symbol: str, *, since_ts: int) -> bool:
    """Whether a quote, print or book of the symbol came after ``since_ts``."""
    last = bus.last
    ticks = (last(Quote, symbol), last(Trade, symbol), last(BookSnapshot, symbol), last(BookDelta, symbol))
    return any(tick is not None and tick.ts > since_ts for tick in ticks)


def _instructed(
    resting: Resting,
    event: MarketT,
    fill: Callable[[Resting, MarketT], Price | None],
    endings: list[Ending],
) -> Price | None:
    """The model's answer for an order with instructions, which may end it with this event."""
    order = resting.order
    if order.order_type in ON_OPEN or order.order_type in ON_CLOSE:
        return _at_auction(resting, event, endings)
    if order.post_only and not resting.is_posted:
        if _takes_at_once(resting, event):
            endings.append(Ending(resting, cancelled, "post-only, and it would have taken liquidity"))
            return None
        resting.is_posted = True
    if order.time_in_force not in AT_ONCE:
        return fill(resting, event)
    price = fill(resting, event if resting.waits_for else _first_moment(event))
    if not resting.waits_for:
        endings.append(Ending(resting, cancelled, f"{order.time_in_force.value}: not to be filled at once"))
    return price


def _at_auction(resting: Resting, event: MarketT, endings: list[Ending]) -> Price | None:
    """An order on open or close: its price if this event is the one that it is for."""
    is_for_open = resting.order.order_type in ON_OPEN
    if isinstance(event, Bar):
        if event.ts <= resting.due_ts if is_for_open else event.ts < resting.due_ts:
            return None
        price = event.open if is_for_open else event.close
        executed_ts = (
            min(max(event.open_ts or event.ts, resting.due_ts), event.ts) if is_for_open else event.ts
        )
    elif is_for_open and event.ts >= resting.due_ts:
        price = _price_of(resting, event)
        if not price or price != price:
            return None  # a side that is missing: the next event has it
        executed_ts = event.ts
    else:
        return None
    endings.append(Ending(resting, expired, f"not filled at the {'open' if is_for_open else 'close'}"))
    return fill_at(resting, price, executed_ts)


def _takes_at_once(resting: Resting, event: Bar | Quote | Trade) -> bool:
    """Whether a limit order would take liquidity; a bar or print right at the limit need not mean that."""
    price = _price_of(resting, event)
    if not price:
        return False
    return is_within_limit(resting, price) and (isinstance(event, Quote) or price != resting.limit)


def _price_of(resting: Resting, event: Bar | Quote | Trade) -> float:
    """The first price that the order meets."""
    match event:
        case Bar():
            return event.open
        case Trade():
            return event.price
        case Quote():
            return event.ask if resting.is_buy else event.bid


def _first_moment(event: MarketT) -> MarketT:
    """What an order that must fill at once can see of it: of a bar the open."""
    if not isinstance(event, Bar):
        return event
    opened = event.open
    return msgspec.structs.replace(event, high=opened, low=opened, close=opened)


def _last_moment(bar: Bar) -> Bar:
    """What new terms that came while a bar was open can see of it: its close."""
    close = bar.close
    return msgspec.structs.replace(bar, open=close, high=close, low=close, open_ts=bar.ts)
