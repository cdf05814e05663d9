"""The cash that working buys may take.

What it remembers: for each symbol with working buys, their quantity and value; the part of the value that is
reserved; and the estimated costs (commission, slippage) of working orders.

What changes it: ``shift``, when a buy works, fills or ends; ``recount``, when the position in the symbol
changes. Each costs the same for one working order and for a thousand.

A buy of units that the account is short of needs no cash: it makes the position smaller. So of the buys of a
symbol, the part beyond the short position is reserved, at their average value, rounded up. The position is
the account's: a strategy that sold what another one holds has made nothing that a buy could make smaller.
Futures and perpetuals are not paid for, so nothing is reserved for them if they need margin.

What never happens: a symbol is reserved below 0, or the sums differ from a new sum over the same orders and
positions.
"""

from decimal import ROUND_CEILING, Decimal
from typing import Protocol

import msgspec

from kernel.events import InstrumentDefined

ZERO = Decimal(0)
VALUE_QUANTUM = Decimal("1E-10")


class HeldView(Protocol):
    """Net positions."""

    def net_position(self, symbol: str) -> Decimal: ...


class TermsView(Protocol):
    """The terms of instruments."""

    def instrument(self, symbol: str) -> InstrumentDefined: ...


class SymbolReserve(msgspec.Struct, gc=False):
    """The sums over the working buys of one symbol, and the cash reserved for them."""

    buy: Decimal = ZERO
    buy_value: Decimal = ZERO
    counted: Decimal = ZERO


class ReserveSums(msgspec.Struct):
    """The reserved cash: by symbol, in all, and the estimated costs of working orders."""

    by_symbol: dict[str, SymbolReserve] = {}
    counted: Decimal = ZERO
    costs: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """All that is reserved."""
        return self.counted + self.costs


class CashReserve:
    """The arithmetic over the sums; it holds nothing else.

    ``pays_futures``: buys of futures and perpetuals are reserved with their notional, because no margin is
    required for them.
    """

    __slots__ = ("_account", "_market", "_pays_futures", "sums")

    def __init__(
        self, sums: ReserveSums, *, account: HeldView, market: TermsView, pays_futures: bool
    ) -> None:
        self.sums = sums
        self._account = account
        self._market = market
        self._pays_futures = pays_futures

    def shift(self, symbol: str, *, quantity: Decimal, value: Decimal) -> None:
        """Change the quantity and the value that buys may still fill."""
        one = self.sums.by_symbol.get(symbol)
        if one is None:
            one = self.sums.by_symbol[symbol] = SymbolReserve()
        one.buy = one.buy + quantity or ZERO
        one.buy_value = one.buy_value + value or ZERO
        self._recount(symbol, one)

    def recount(self, symbol: str) -> None:
        """Count a symbol anew after its position changed."""
        one = self.sums.by_symbol.get(symbol)
        if one is not None:
            self._recount(symbol, one)

    def added_by(self, symbol: str, *, quantity: Decimal, value: Decimal, held: Decimal) -> Decimal:
        """The cash that one more buy of an instrument that is paid for would add to the reserve.

        ``held``: the net position.
        """
        one = self.sums.by_symbol.get(symbol)
        if one is None:
            return max(ZERO, value if held >= ZERO else _paid(quantity, value, held))
        return max(ZERO, _paid(one.buy + quantity, one.buy_value + value, held) - one.counted)

    def _recount(self, symbol: str, one: SymbolReserve) -> None:
        sums, counted = self.sums, ZERO
        if one.buy and (self._pays_futures or not self._market.instrument(symbol).is_margined):
            counted = _paid(one.buy, one.buy_value, self._account.net_position(symbol))
        sums.counted = sums.counted + (counted - one.counted) or ZERO
        one.counted = counted
        if not one.buy:
            del sums.by_symbol[symbol]


def _paid(quantity: Decimal, value: Decimal, held: Decimal) -> Decimal:
    """The value of the part of ``quantity`` that is beyond the short position."""
    if held >= ZERO:
        return value
    opened = quantity + held
    if opened <= ZERO:
        return ZERO
    return (value * opened / quantity).quantize(VALUE_QUANTUM, ROUND_CEILING)
