"""What the monitor reads of the rest of the core; ``components.assembly`` hands in who answers."""

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
        """The part of a position's value that its initial margin takes."""
        ...

    def net_position(self, symbol: str) -> Decimal: ...
    def open_symbols(self) -> Iterable[str]:
        """Symbols in which any strategy holds a position, in order of first opening."""
        ...

    def value_of(self, symbol: str) -> Decimal:
        """The signed value of the net position at the last price."""
        ...

    def rate(self, currency: str) -> Decimal | None:
        """The value of a unit of it in the account's currency; ``None`` while no rate is known."""
        ...


class MarketView(Protocol):
    """Prices and terms."""

    def last_price(self, symbol: str) -> float | None: ...
    def instrument(self, symbol: str) -> InstrumentDefined: ...


class HoursView(Protocol):
    """Trading hours."""

    def is_open(self, symbol: str, ts: int) -> bool: ...
    def session(self, symbol: str, ts: int) -> TradingSession | None:
        """The session that ``ts`` is in, else the next one; ``None`` where no calendar is known."""
        ...

    def day_end(self, symbol: str, ts: int) -> int:
        """The end of the trading day that ``ts`` is in, or that follows it; ns UTC."""
        ...
