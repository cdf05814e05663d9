"""What risk reads of the rest of the core; ``replay.assembly`` hands in who answers."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from kernel.events import InstrumentDefined, Order, Quote, TradingSession
from kernel.identifiers import StrategyId

EmulationCheck = Callable[[Order, str], bool]
"""Whether the core does for an order what its venue lacks, as ``VenueView.lacks`` put it."""


class AccountView(Protocol):
    """The account, in its own currency unless said otherwise."""

    @property
    def cash(self) -> Decimal: ...
    @property
    def equity(self) -> Decimal:
        """Cash and positions at last prices."""
        ...

    def margin_rate(self, symbol: str) -> Decimal:
        """What part of its value a position takes of the equity."""
        ...

    def net_position(self, symbol: str) -> Decimal: ...
    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal: ...
    def holders(self, symbol: str) -> Mapping[StrategyId, Decimal]:
        """Open quantities by strategy."""
        ...

    def open_symbols(self) -> Iterable[str]:
        """Symbols in which anybody holds something, in order of first opening."""
        ...

    def value_of(self, symbol: str) -> Decimal:
        """The signed value of the net position at the last price."""
        ...

    def rate(self, currency: str) -> Decimal | None:
        """What a unit of it is worth in the account's currency; ``None`` when nobody said."""
        ...


class MarketView(Protocol):
    """Prices and terms."""

    def last_price(self, symbol: str) -> float | None: ...
    def last_quote(self, symbol: str) -> Quote | None: ...
    def instrument(self, symbol: str) -> InstrumentDefined: ...


class VenueView(Protocol):
    """When the venue trades and what it takes."""

    def is_open(self, symbol: str, ts: int) -> bool: ...
    def session(self, symbol: str, ts: int) -> TradingSession | None:
        """The session that ``ts`` is in, else the next one; ``None`` where no calendar is known."""
        ...

    def day_end(self, symbol: str, ts: int) -> int:
        """The end of the trading day that ``ts`` is in, or that follows it; ns UTC."""
        ...

    def lacks(self, order: Order) -> str:
        """What of the order the venue does not do; empty if it takes it as it is."""
        ...


class FiguresView(Protocol):
    """What the account comes to at the prices that the monitor saw last; no sum is taken when asked."""

    @property
    def equity(self) -> Decimal:
        """Cash and positions."""
        ...

    @property
    def gross_exposure(self) -> Decimal:
        """Sum of the absolute values of net positions."""
        ...

    @property
    def initial_margin(self) -> Decimal:
        """What the positions held take of the equity."""
        ...

    def sector_exposure(self, sector: str) -> Decimal:
        """The part of gross exposure that is in one sector."""
        ...

    def loss(self, rule: str) -> float:
        """The present loss under a rule, in the rule's unit; 0 or less for none."""
        ...
