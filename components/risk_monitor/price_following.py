"""The part of a component that follows the prices of watched symbols.

Of a bar the close counts, of a quote with both sides the middle, of a trade its price.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import nan

from kernel.component import Subscription, Watch
from kernel.errors import ComponentError
from kernel.events import Bar, Event, Quote, Trade


class PriceFollowing(ABC):
    """Turns market events into calls of ``_on_price``, and keeps the watch of the bus."""

    name: str

    def __init__(self) -> None:
        self._watch: Watch | None = None

    def price_handlers(self) -> tuple[Subscription, ...]:
        """The subscriptions to the prices of watched symbols."""
        return (
            Subscription(Bar, self.on_bar),
            Subscription(Quote, self.on_quote),
            Subscription(Trade, self.on_trade),
        )

    def set_watch(self, watch: Watch) -> None:
        self._watch = watch

    def on_bar(self, bar: Bar) -> Sequence[Event] | None:
        return self._on_price(bar.symbol, bar.close, bar.ts)

    def on_quote(self, quote: Quote) -> Sequence[Event] | None:
        price = (quote.bid + quote.ask) / 2 if quote.bid and quote.ask else nan
        return self._on_price(quote.symbol, price, quote.ts)

    def on_trade(self, trade: Trade) -> Sequence[Event] | None:
        return self._on_price(trade.symbol, trade.price, trade.ts)

    @abstractmethod
    def _on_price(self, symbol: str, price: float, ts: int) -> Sequence[Event] | None:
        """Take a price; NaN for a quote with one side."""

    @property
    def _watching(self) -> Watch:
        if self._watch is None:
            raise ComponentError(f"{self.name} was not registered with register_watching")
        return self._watch
