"""Matches the resting orders of a symbol with its bars, quotes and trades.

Which orders see an event:

- A quote or trade: all orders, while the venue is open.
- A bar: the orders that were at the venue when it opened, if a part of the bar is in a session.
- A bar without ``open_ts``: the orders that were there at the earliest moment at which it can have opened
  (``kernel.bar_times``). (In older records: all orders that arrived before its end.)
- A bar that opened no later than an earlier one: no order. It is a longer bar over prices already seen.
- A bar during which quotes, trades or books arrived: all orders except those that trail, have triggered or
  are filled in part. The bar may contain prices from before those changes.
- An order that got new terms while a bar was open sees only the close of the bar.
- With ``bar_fill: this_close``, a market order that arrives at the end of a bar fills at that bar's close.

Then:

1. The fill model decides for each order whether, and at what price, the event fills it (a ``Match``).
   ``instructions`` asks the model about orders with instructions.
2. ``fill_sharing`` fills the matches, in order of rank.
3. Orders that end with the event are cancelled or expire.

A single order without instructions shares nothing, so ``execution`` fills it directly.
"""

from collections.abc import Callable, Iterable

from brokers.simulated.fill_sharing import FillSharing, Match
from brokers.simulated.fills.port import FillTiming, Price
from brokers.simulated.fills.triggers import fill_at
from brokers.simulated.hours import TradingHours, is_in_session
from brokers.simulated.instructions import Ending, MarketT, last_moment, price_as_instructed
from brokers.simulated.models import VenueModels
from brokers.simulated.reports import triggered
from brokers.simulated.resting import Resting
from brokers.simulated.state import SimulatedBrokerState
from kernel.bar_times import earliest_open, has_ticked, note_end
from kernel.bus import EventBus
from kernel.events import MARKET, Bar, ExecutionReport, Quote, TimerFired, Trade
from kernel.rules import FIRST_RULES


class Matching:
    """One method for each kind of market data. Finished orders stay in the state, with 0 leaves."""

    def __init__(
        self,
        state: SimulatedBrokerState,
        bus: EventBus,
        models: VenueModels,
        sharing: FillSharing,
        *,
        hours: TradingHours,
        timing: FillTiming,
        rules: int,
    ) -> None:
        self._state = state
        self._bus = bus
        self._fill_on_bar = models.bars.fill
        self._fill_on_quote = models.quotes.fill
        self._fill_on_trade = models.trades.fill
        self._sharing = sharing
        self._execution = sharing.execution
        self._hours = hours
        self._waits = rules > FIRST_RULES
        self.fills_at_close = timing is FillTiming.THIS_CLOSE

    def on_bar(self, bar: Bar) -> list[ExecutionReport]:
        """Match a bar."""
        if not is_in_session(self._hours, bar):
            return []
        orders = self._state.resting[bar.symbol]
        opened_ts, ts = bar.open_ts, bar.ts
        if opened_ts:
            there = self._there_at_open(bar, orders, opened_ts)
        elif self._waits:
            opened_ts = earliest_open(bar, self._state.ended)
            note_end(bar, self._state.ended)
            there = self._there_at_open(bar, orders, opened_ts)
        else:
            there = [resting for resting in orders if ts > resting.since_ts]
        reports = self._match(bar, there, self._fill_on_bar) if there else []
        if len(there) < len(orders):
            renewed = [one for one in orders if 0 < one.placed_ts <= opened_ts < one.since_ts < ts]
            if renewed:
                reports += self._match(last_moment(bar), renewed, self._fill_on_bar)
        if self.fills_at_close:
            reports += self.at_close(bar, [one for one in orders if one.since_ts == ts])
        return reports

    def on_quote(self, quote: Quote) -> list[ExecutionReport]:
        """Match a quote."""
        symbol = quote.symbol
        if not self._hours.is_open(symbol, quote.ts):
            return []
        return self._match(quote, self._state.resting[symbol], self._fill_on_quote)

    def on_trade(self, trade: Trade) -> list[ExecutionReport]:
        """Match a trade."""
        symbol = trade.symbol
        if not self._hours.is_open(symbol, trade.ts):
            return []
        return self._match(trade, self._state.resting[symbol], self._fill_on_trade)

    def at_close(self, bar: Bar, orders: Iterable[Resting]) -> list[ExecutionReport]:
        """Fill market orders at the close of the bar that ended when they arrived."""
        matches = [
            Match(resting, price, was_triggered=False)
            for resting in orders
            if resting.leaves
            and resting.order.order_type is MARKET
            and (price := fill_at(resting, bar.close, bar.ts)) is not None
        ]
        return self._sharing.fill(bar, matches) if matches else []

    def at_last_price(self, timer: TimerFired, resting: Resting, *, price: float) -> list[ExecutionReport]:
        """Fill an order on close at the last price of its symbol. A halted symbol has no close."""
        if self._hours.is_halted(resting.order.symbol):
            return []
        filled = fill_at(resting, price, resting.expire_ts)
        if filled is None:
            return []
        return self._sharing.fill(timer, [Match(resting, filled, was_triggered=False)])

    def _there_at_open(self, bar: Bar, orders: list[Resting], opened_ts: int) -> list[Resting]:
        """The orders that see a bar that opened at ``opened_ts``."""
        symbol, opened = bar.symbol, self._state.opened
        if opened_ts <= opened.get(symbol, 0):
            return []
        opened[symbol] = opened_ts
        there = [resting for resting in orders if opened_ts >= resting.since_ts]
        for resting in there:
            if resting.fill_count or resting.is_triggered or resting.trail:  # ``has_moved``, 0.2 us faster
                if has_ticked(self._bus, symbol, since_ts=opened_ts):
                    return [one for one in there if not one.has_moved]
                break
        return there

    def _match(
        self,
        event: MarketT,
        orders: list[Resting],
        fill: Callable[[Resting, MarketT], Price | None],
    ) -> list[ExecutionReport]:
        if len(orders) == 1 and orders[0].is_plain and self._sharing.is_unlimited:
            return self._match_one(event, orders[0], fill)
        matches: list[Match] = []
        endings: list[Ending] = []
        for resting in orders:
            was_triggered = resting.is_triggered
            if resting.is_plain:
                price = fill(resting, event)
            else:
                price = price_as_instructed(resting, event, fill, endings)
            if price is not None or resting.is_triggered is not was_triggered:
                matches.append(Match(resting, price, was_triggered))
        reports = self._sharing.fill(event, matches) if matches else []
        for ending in endings:
            if ending.resting.leaves:
                self._state.end(ending.resting)
                reports.append(ending.make_report(event.ts, ending.resting, ending.reason))
        return reports

    def _match_one(
        self,
        event: MarketT,
        resting: Resting,
        fill: Callable[[Resting, MarketT], Price | None],
    ) -> list[ExecutionReport]:
        """As ``_match``, for one order without instructions: the common case, 1 us faster.

        Its fill of an input is alone. A derived bar may be one of several in the queue before the fill.
        """
        was_triggered = resting.is_triggered
        price = fill(resting, event)
        if price is None and resting.is_triggered is was_triggered:
            return []
        if price is not None and price.quantity is not None:
            return self._sharing.fill(event, [Match(resting, price, was_triggered)])
        reports: list[ExecutionReport] = []
        if resting.is_triggered is not was_triggered:
            reports.append(triggered(event.ts, resting))
        if price is not None:
            is_alone = event is self._bus.current
            reports += self._execution.fill(
                resting, price, quantity=resting.leaves, event=event, is_alone=is_alone
            )
        return reports
