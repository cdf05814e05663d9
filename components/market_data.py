"""What is known of the market: instruments, last prices, and the history that strategies asked for.

Last prices are not kept here: the bus retains the latest event of every symbol, and they are read
from it when somebody asks.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite

import msgspec

from kernel.bus import EventBus
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.events import Bar, InstrumentDefined, Quote, Trade


class MarketDataState(msgspec.Struct):
    """Instruments by symbol; bars by symbol, oldest first, a little more than was asked for."""

    instruments: dict[str, InstrumentDefined] = {}
    history: dict[str, list[Bar]] = {}


class MarketData:
    """Keeps instruments and history; a view of prices for everyone else.

    ``bars_needed`` says per symbol how many bars of history must be kept.
    """

    name = "market_data"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(self, bus: EventBus, *, bars_needed: Mapping[str, int]) -> None:
        self.state = MarketDataState()
        self._bus = bus
        self._bars_needed = {symbol: count for symbol, count in bars_needed.items() if count > 0}

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(InstrumentDefined, self.on_instrument)
        if self._bars_needed:
            yield Subscription(Bar, self.on_bar, symbols=frozenset(self._bars_needed))

    def restore(self, state: msgspec.Struct) -> None:
        assert isinstance(state, MarketDataState)
        self.state = state

    def on_instrument(self, event: InstrumentDefined) -> None:
        self.state.instruments[event.symbol] = event

    def on_bar(self, bar: Bar) -> None:
        bars = self.state.history.setdefault(bar.symbol, [])
        bars.append(bar)
        needed = self._bars_needed[bar.symbol]
        if len(bars) >= 2 * needed:  # trimmed rarely: amortised, one move per bar
            del bars[:-needed]

    # --- the view -----------------------------------------------------------------------------

    def instrument(self, symbol: str) -> InstrumentDefined:
        """The instrument's terms; a US-equity-like default where none were given."""
        return self.state.instruments.get(symbol) or InstrumentDefined(0, symbol)

    def history(self, symbol: str, count: int) -> Sequence[Bar]:
        """The last ``count`` bars, oldest first; fewer where fewer were seen, or needed by anybody."""
        count = min(count, self._bars_needed.get(symbol, 0))
        return self.state.history.get(symbol, [])[-count:] if count > 0 else []

    def last_quote(self, symbol: str) -> Quote | None:
        """The latest quote."""
        return self._bus.last(Quote, symbol)

    def last_trade(self, symbol: str) -> Trade | None:
        """The latest market print."""
        return self._bus.last(Trade, symbol)

    def last_price(self, symbol: str) -> float | None:
        """The latest of bar close, trade price and mid quote; ``None`` before the first.

        What is not a number is no price, nor is a quote of which one side is missing (0).
        """
        latest_ts, price = -1, None
        bar, trade = self._bus.last(Bar, symbol), self._bus.last(Trade, symbol)
        if bar is not None and isfinite(bar.close):
            latest_ts, price = bar.ts, bar.close
        if trade is not None and trade.ts >= latest_ts and isfinite(trade.price):
            latest_ts, price = trade.ts, trade.price
        quote = self._bus.last(Quote, symbol)
        if quote is not None and quote.ts >= latest_ts and quote.bid and quote.ask:
            mid = (quote.bid + quote.ask) / 2
            price = mid if isfinite(mid) else price
        return price

    def last_ts(self) -> int:
        """When the market was last heard of, in any symbol; 0 before the first event."""
        latest = (event.ts for by_symbol in self._bus.retained.values() for event in by_symbol.values())
        return max(latest, default=0)
