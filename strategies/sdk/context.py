"""What a strategy may know, all of it read-only and all of it a function of the log."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Protocol

from kernel.events import Bar, InstrumentDefined, Order, Quote, Trade
from strategies.sdk.adjustment import Adjustment
from strategies.sdk.limits import RiskLimits as RiskLimits  # read from here by who reads the context
from strategies.sdk.order_book import OrderBook


class PortfolioView(Protocol):
    """One strategy's positions and working orders, and the account they share.

    ``cash`` and ``equity`` are the account's, in its currency; ``equity`` is at last prices.
    """

    @property
    def cash(self) -> Decimal: ...
    @property
    def equity(self) -> Decimal: ...
    def position(self, symbol: str) -> Decimal:
        """Signed quantity held by this strategy; 0 where it has none."""
        ...

    def positions(self) -> Mapping[str, Decimal]:
        """This strategy's open positions by symbol."""
        ...

    def open_orders(self, symbol: str | None = None) -> Sequence[Order]:
        """This strategy's orders that are not finished, oldest first."""
        ...


class Context(Protocol):
    """Everything a strategy can see besides the event it is called with."""

    @property
    def now(self) -> int:
        """Kernel time: ns since the epoch, UTC; the ``ts`` of the event being handled."""
        ...

    @property
    def strategy(self) -> str:
        """The strategy's id."""
        ...

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of this strategy that are known by now, sorted.

        Those that the configuration names for it (``symbols:``) are known from the start. Without such a list
        they are all of the run's, each from its first market event on: in ``on_start`` there are none.
        """
        ...

    @property
    def portfolio(self) -> PortfolioView: ...

    @property
    def risk_limits(self) -> RiskLimits: ...

    @property
    def random(self) -> Random:
        """A generator seeded by the strategy's id and the place in the log: replays repeat it."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """Settings from the configuration, the same in every replay of this log."""
        ...

    def instrument(self, symbol: str) -> InstrumentDefined:
        """The instrument's terms (tick, lot, multiplier, currency); plain ones of a symbol not yet known."""
        ...

    def history(
        self, symbol: str, count: int, *, timeframe: str = "", adjustment: Adjustment = Adjustment.SPLITS
    ) -> Sequence[Bar]:
        """The last ``count`` bars, oldest first, the current one included; fewer at the start.

        Never more than ``Strategy.bars_needed`` asked for, and all of one timeframe: the one named, else
        the strategy's own if its metadata has exactly one, else the first that was seen. Prices are on
        today's terms: adjusted for splits since, and on request for dividends too. ``on_bar`` is given bars
        as they came; where nothing was split the two are the same.
        """
        ...

    def last_price(self, symbol: str) -> float | None:
        """The latest of bar close, trade price and mid quote; ``None`` before the first."""
        ...

    def last_quote(self, symbol: str) -> Quote | None: ...

    def last_trade(self, symbol: str) -> Trade | None: ...

    def book(self, symbol: str) -> OrderBook | None:
        """The order book as of now; ``None`` before its first snapshot, after a gap and while crossed.

        Books are kept for strategies that have ``on_book``, or ``"book"`` among their metadata's features.
        """
        ...
