"""What risk reads of the rest of the core; ``components.assembly`` hands in who answers."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from kernel.events import InstrumentDefined, Order, Quote
from kernel.identifiers import StrategyId

EmulationCheck = Callable[[Order, str], bool]
"""Whether the core does for an order what its venue lacks, in the words of ``VenueView.lacks``."""


class AccountView(Protocol):
    """The account, in its own currency unless said otherwise."""

    @property
    def cash(self) -> Decimal: ...
    @property
    def equity(self) -> Decimal:
        """Cash and positions at last prices."""
        ...

    def margin_rate(self, symbol: str) -> Decimal:
        """The part of a position's value that its initial margin takes."""
        ...

    def net_position(self, symbol: str) -> Decimal: ...
    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal: ...
    def holders(self, symbol: str) -> Mapping[StrategyId, Decimal]:
        """Open quantities by strategy."""
        ...

    def open_symbols(self) -> Iterable[str]:
        """Symbols in which any strategy holds a position, in order of first opening."""
        ...

    def rate(self, currency: str) -> Decimal | None:
        """The value of a unit of it in the account's currency; ``None`` while no rate is known."""
        ...


class MarketView(Protocol):
    """Prices and terms."""

    def last_price(self, symbol: str) -> float | None: ...
    def last_quote(self, symbol: str) -> Quote | None: ...
    def instrument(self, symbol: str) -> InstrumentDefined: ...


class VenueView(Protocol):
    """The hours of the venue and the orders that it takes."""

    def is_open(self, symbol: str, ts: int) -> bool: ...
    def lacks(self, order: Order) -> str:
        """The part of the order that the venue does not do, in words; empty if it does all of it."""
        ...


class FiguresView(Protocol):
    """The account at the last prices heard, kept up price by price: nothing is summed when it is read."""

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
        """The initial margin of all positions."""
        ...

    def sector_exposure(self, sector: str) -> Decimal:
        """The part of gross exposure that is in one sector."""
        ...

    def loss(self, rule: str) -> float:
        """The present loss under a rule, in the rule's unit; below 0 for a gain."""
        ...


class SharesView(Protocol):
    """What strategies may use of the account and what they hold, in the account's currency."""

    def capital(self, strategy: StrategyId) -> Decimal:
        """What a strategy may use now; without capital of its own the account's equity."""
        ...

    def exposures(self, strategy: StrategyId) -> Iterable[tuple[str, Decimal]]:
        """The absolute value of each of its open positions, by symbol."""
        ...

    def day_loss(self, strategy: StrategyId) -> Decimal:
        """What it lost since the trading day began; below 0 for a gain."""
        ...
