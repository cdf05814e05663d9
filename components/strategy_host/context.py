"""A strategy's read-only views of the other components."""

from collections.abc import Mapping, Sequence
from itertools import chain
from random import Random
from typing import Protocol

from msgspec.structs import replace

from components.strategy_host.calendar_view import HoursView, StrategyCalendar
from components.strategy_host.history_view import HistoryView
from components.strategy_host.state import HostState
from components.strategy_host.words import Words
from kernel.bus import EventBus
from kernel.events import MARKET_TYPES, Bar, DataIssueFound, InstrumentDefined, Quote, Trade
from kernel.identifiers import StrategyId
from strategies.sdk.adjustment import Adjustment
from strategies.sdk.context import Figure, PortfolioView, RiskLimits
from strategies.sdk.order_book import OrderBook
from strategies.sdk.strategy_limits import StrategyLimits


class MarketView(Protocol):
    """The market data that a context reads."""

    def instrument(self, symbol: str) -> InstrumentDefined: ...
    def last_price(self, symbol: str) -> float | None: ...
    def last_quote(self, symbol: str) -> Quote | None: ...
    def last_trade(self, symbol: str) -> Trade | None: ...
    def data_quality(self, symbol: str) -> Sequence[DataIssueFound]: ...


class BooksView(Protocol):
    """The order books that a context reads."""

    def book(self, symbol: str) -> OrderBook | None: ...


class StrategyContext:
    """Implements the SDK's ``Context``, in the same way in every mode.

    - ``hears``: the symbols whose market data the strategy gets.
    - ``was_told``: the configuration names these symbols, so they are known from the start. Otherwise a
      symbol is known from its first market data on.
    """

    def __init__(
        self,
        strategy: StrategyId,
        *,
        bus: EventBus,
        market: MarketView,
        books: BooksView,
        portfolio: PortfolioView,
        hours: HoursView,
        risk_limits: RiskLimits,
        own_limits: StrategyLimits,
        hears: frozenset[str],
        was_told: bool,
        currency: str,
        history: HistoryView,
        environment: Mapping[str, str],
        host_state: HostState,
        words: Words,
    ) -> None:
        self.strategy = strategy
        self.portfolio = portfolio
        self.calendar = StrategyCalendar(hours, lambda: bus.now)
        self.risk_limits = risk_limits
        self.own_limits = own_limits
        self.environment = environment
        self.last_price = market.last_price
        self.last_quote = market.last_quote
        self.last_trade = market.last_trade
        self.data_quality = market.data_quality
        self.book = books.book
        self._bus = bus
        self._instrument = market.instrument
        self._hears = hears
        self._currency = currency
        self._known = tuple(sorted(hears)) if was_told else ()
        self._was_told = was_told
        self._seen_count = 0
        self._history = history
        self._host_state = host_state
        self._words = words

    @property
    def now(self) -> int:
        """Kernel time, ns since the epoch, UTC."""
        return self._bus.now

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols known by now, sorted; computed again after the bus has seen a new symbol."""
        if self._was_told:
            return self._known
        retained, current = self._bus.retained.values(), self._bus.current
        seen_count = sum(map(len, retained))
        if seen_count != self._seen_count:
            self._known = tuple(sorted(self._hears.intersection(chain.from_iterable(retained))))
            self._seen_count = seen_count
        if type(current) in MARKET_TYPES:
            symbol: str = getattr(current, "symbol", "")
            if symbol in self._hears and not self._is_retained(symbol):
                return tuple(sorted((*self._known, symbol)))
        return self._known

    def forget(self) -> None:
        """Compute the known symbols again, because the bus was restored to another moment."""
        self._seen_count = 0
        if not self._was_told:
            self._known = ()

    def instrument(self, symbol: str) -> InstrumentDefined:
        """The terms in force.

        A run defines plain terms for every symbol in its data. A symbol that is not yet known has the terms
        of an unknown name: a strategy must not see that its data will come.
        """
        defined = self._instrument(symbol)
        if self._is_retained(symbol) or symbol in self.symbols:
            return defined
        plain = InstrumentDefined(0, symbol, currency=self._currency)
        return plain if defined.ts == 0 or replace(defined, ts=0) == plain else defined

    def _is_retained(self, symbol: str) -> bool:
        return any(symbol in by_symbol for by_symbol in self._bus.retained.values())

    def history(
        self, symbol: str, count: int, *, timeframe: str = "", adjustment: Adjustment = Adjustment.SPLITS
    ) -> Sequence[Bar]:
        """The last bars, the same whatever other strategies ask for."""
        return self._history.last(symbol, count, timeframe=timeframe, adjustment=adjustment)

    @property
    def random(self) -> Random:
        """A generator seeded by the strategy's id and the number of calls: a replay repeats it."""
        self._host_state.random_count += 1
        return Random(f"{self.strategy}:{self._host_state.random_count}")

    def log(self, words: str, /, **figures: Figure) -> None:
        """Record words and figures."""
        self._words.say(self._bus.now, words, figures)
