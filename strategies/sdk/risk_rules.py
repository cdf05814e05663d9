"""Risk rules of your own: the facts that a rule gets about an order, and the denial it returns.

    class MaxSpread(msgspec.Struct, frozen=True):
        limit_bps: float = 20.0

        def check(self, order_check: OrderCheckView) -> Denial | None:
            quote = order_check.last_quote
            if quote is None or (quote.ask - quote.bid) / quote.bid * 10_000 <= self.limit_bps:
                return None
            return Denial("max_spread", "the spread is too wide", self.limit_bps)

A rule is a frozen struct whose fields are its parameters. ``docs/risk.md`` explains how to name it in a
configuration, and how its answers are used.
"""

from decimal import Decimal
from typing import Protocol

import msgspec

from kernel.events import InstrumentDefined, Order, Quote


class Denial(msgspec.Struct, frozen=True, gc=False):
    """Why an order is denied: the rule, a sentence, the limit, and the value that was seen."""

    rule: str
    reason: str
    limit: Decimal | int | float | str = ""
    value: Decimal | int | float | str = ""


class OrderCheckView(Protocol):
    """An order that is checked, and the account and market at that time. It cannot be changed.

    Prices are in the instrument's currency, values in the account's. Quantities are in units; positions are
    negative when short. In hedging mode a position is the leg that the order changes.
    """

    @property
    def order(self) -> Order:
        """The order. For new terms of a working order: the part that is not filled."""
        ...

    @property
    def ts(self) -> int:
        """The time of the check, in ns UTC."""
        ...

    @property
    def is_replacement(self) -> bool:
        """Whether these are new terms for a working order."""
        ...

    @property
    def instrument(self) -> InstrumentDefined:
        """The terms of the order's symbol."""
        ...

    @property
    def last_price(self) -> Decimal | None:
        """The last price; ``None`` while there is none."""
        ...

    @property
    def last_quote(self) -> Quote | None:
        """The last quote; ``None`` if the symbol has no quotes."""
        ...

    @property
    def price(self) -> Decimal | None:
        """The price that values the order: its limit, else its stop, else the last price."""
        ...

    @property
    def quantity(self) -> Decimal:
        """The whole order's quantity. For new terms: with the part that is filled."""
        ...

    @property
    def notional(self) -> Decimal:
        """The value of the whole order at ``price``; 0 while there is no price."""
        ...

    @property
    def held(self) -> Decimal:
        """The account's net position in the symbol."""
        ...

    @property
    def strategy_held(self) -> Decimal:
        """The strategy's own position in the symbol."""
        ...

    @property
    def projected_position(self) -> Decimal:
        """The net position once the order and the working ones of its side are filled."""
        ...

    @property
    def opening_quantity(self) -> Decimal:
        """The units that the order could add to the size of the position; 0 if it only reduces."""
        ...

    @property
    def cash(self) -> Decimal:
        """The account's cash."""
        ...

    @property
    def equity(self) -> Decimal:
        """Cash and positions at last prices."""
        ...


class RiskRule(Protocol):
    """A rule of your own."""

    def check(self, order_check: OrderCheckView) -> Denial | None:
        """The reason to deny the order; ``None`` if the rule has none.

        The answer may depend only on the rule's parameters and the order check.
        """
        ...
