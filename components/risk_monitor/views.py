"""Views of other components that the monitor reads. ``components.assembly`` hands them in."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from kernel.events import InstrumentDefined, TradingSession


class AccountView(Protocol):
    """The account, in its own currency."""

    @property
    def equity(self) -> Decimal:
        """Cash and positions at last prices."""
        ...

    def margin_rate(self, symbol: str) -> Decimal:
        """Initial margin as a fraction of a position's value."""
        ...

    def net_position(self, symbol: str) -> Decimal: ...
    def open_symbols(self) -> Iterable[str]:
        """Symbols in which any strategy holds a position, in order of first opening."""
        ...

    def value_of(self, symbol: str) -> Decimal:
        """The signed value of the net position at the last price."""
        ...

    def worth_of(self, symbol: str) -> tuple[Decimal, Decimal]:
        """The part of a symbol's positions in the equity, and their gross exposure."""
        ...

    def rate(self, currency: str) -> Decimal | None:
        """The value of one unit of ``currency`` in the account's; ``None`` while no rate is known."""
        ...


class MarketView(Protocol):
    """Prices and terms."""

    def last_price(self, symbol: str) -> float | None: ...
    def instrument(self, symbol: str) -> InstrumentDefined: ...


class HoursView(Protocol):
    """Trading hours."""

    def is_open(self, symbol: str, ts: int) -> bool: ...
    def session(self, symbol: str, ts: int) -> TradingSession | None:
        """The session that contains ``ts``, else the next one; ``None`` without a calendar."""
        ...

    def day_end(self, symbol: str, ts: int) -> int:
        """The end of the trading day that contains ``ts``, else of the next one; ns UTC."""
        ...
