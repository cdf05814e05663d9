"""What a strategy may know, all of it read-only and all of it a function of the log."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Protocol

import msgspec

from kernel.events import Bar, InstrumentDefined, Order, Quote, Trade


class RiskLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits that risk holds every order to; ``None`` means no limit.

    Quantities are in units of the instrument, notionals in the account's currency.
    """

    max_order_quantity: Decimal | None = None
    max_order_notional: Decimal | None = None
    max_position_quantity: Decimal | None = None
    require_cash: bool = True
    """A buy needs the cash for it at the last price, working buys included."""
    allow_short: bool = False
    """Whether a sale may take a position below zero."""


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
        """The symbols that this strategy was given, sorted."""
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
        """The instrument's terms (tick, lot, multiplier, currency)."""
        ...

    def history(self, symbol: str, count: int) -> Sequence[Bar]:
        """The last ``count`` bars, oldest first, the current one included; fewer at the start.

        Never more than ``Strategy.bars_needed`` asked for.
        """
        ...

    def last_price(self, symbol: str) -> float | None:
        """The latest of bar close, trade price and mid quote; ``None`` before the first."""
        ...

    def last_quote(self, symbol: str) -> Quote | None: ...

    def last_trade(self, symbol: str) -> Trade | None: ...
