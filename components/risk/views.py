"""Views of other components that risk reads. ``components.assembly`` hands them in."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from kernel.events import InstrumentDefined, Order, PositionSide, Quote, Side, VenueFeature
from kernel.identifiers import StrategyId
from kernel.position_sides import Leg

EmulationCheck = Callable[[Order, str], bool]
"""Whether emulation can do for an order what ``VenueView.lacks`` says that the venue lacks."""


class AccountView(Protocol):
    """The account. Amounts are in its currency unless a line says otherwise."""

    @property
    def cash(self) -> Decimal: ...
    @property
    def equity(self) -> Decimal:
        """Cash and positions at last prices."""
        ...

    def margin_rate(self, symbol: str) -> Decimal:
        """Initial margin as a fraction of a position's value."""
        ...

    def opening_margin_rate(self, symbol: str, side: Side) -> Decimal:
        """Initial margin as a fraction of the value that an order of one side would open."""
        ...

    def maintenance_rate(self, symbol: str) -> Decimal:
        """Maintenance margin as a fraction of the net position's value."""
        ...

    def value_of(self, symbol: str) -> Decimal:
        """The signed value of the net position."""
        ...

    def net_position(self, symbol: str) -> Decimal: ...
    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal: ...
    def holders(self, symbol: str) -> Mapping[StrategyId, Decimal]:
        """Open quantities by strategy."""
        ...

    def legs(self, symbol: str) -> Mapping[Leg, Decimal]:
        """``holders``, in hedging mode with long and short legs apart."""
        ...

    def worth_of(self, symbol: str) -> tuple[Decimal, Decimal]:
        """The part of a symbol's positions in the equity, and their gross exposure."""
        ...

    def open_symbols(self) -> Iterable[str]:
        """Symbols in which any strategy holds a position, in order of first opening."""
        ...

    def rate(self, currency: str) -> Decimal | None:
        """The value of one unit of ``currency`` in the account's; ``None`` while no rate is known."""
        ...


class LegsView(Protocol):
    """The legs of the account and of its strategies in hedging mode; signed quantities."""

    def account_leg(self, symbol: str, side: PositionSide) -> Decimal: ...
    def strategy_leg(self, strategy: StrategyId, symbol: str, side: PositionSide) -> Decimal: ...


class MarketView(Protocol):
    """Prices and terms."""

    def last_price(self, symbol: str) -> float | None: ...
    def last_quote(self, symbol: str) -> Quote | None: ...
    def instrument(self, symbol: str) -> InstrumentDefined: ...


class MarginView(Protocol):
    """The free margin, where it is known without summing over the positions."""

    def free_margin(self) -> float | None:
        """Equity less initial margin, never too high; ``None`` if it is not known."""
        ...


class VenueView(Protocol):
    """The hours of the venue and the orders that it accepts."""

    def is_open(self, symbol: str, ts: int) -> bool: ...
    def lacks(self, order: Order) -> str:
        """The first feature of the order that the venue lacks, in words; empty if it lacks nothing."""
        ...

    def has(self, feature: VenueFeature) -> bool: ...


class FiguresView(Protocol):
    """The account at the last prices. Each new price updates the figures, so reading them costs nothing."""

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
    """The capital, exposure and losses of strategies, in the account's currency."""

    def capital(self, strategy: StrategyId) -> Decimal:
        """The capital of a strategy now. If none was set, it is the account's equity."""
        ...

    def exposures(self, strategy: StrategyId) -> Iterable[tuple[str, Decimal]]:
        """The absolute value of each of its open positions, by symbol."""
        ...

    def day_loss(self, strategy: StrategyId) -> Decimal:
        """Its loss since the trading day began; below 0 for a gain."""
        ...
