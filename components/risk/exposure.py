"""The exposure that working orders would add to positions.

What it remembers: for each symbol with working orders, the quantity and value of buys and of sales; and the
counted exposure and its margin, by symbol, by sector and for the account.

What changes it: ``shift``, when an order works, fills or ends; ``recount``, when the position in the symbol
changes. Each costs the same for one working order and for a thousand.

The counted exposure of a symbol: take the value that all its buys could add to the present position, and the
value that all its sales could add. The larger one counts, because a position cannot grow on both sides.

- An exit adds nothing while there is a position to close. Once nothing is held, it counts as a short sale.
- If orders first close the position and then open one, only the part that opens counts, at the average value
  of their side, rounded up.

What never happens: a symbol counts below 0, a symbol stays after its last order, or the sums differ from a
new sum over the same orders and positions.
"""

from decimal import ROUND_CEILING, Decimal
from typing import Protocol

import msgspec

from kernel.events import BUY, SELL, InstrumentDefined, Side

ZERO = Decimal(0)
VALUE_QUANTUM = Decimal("1E-10")


class HeldView(Protocol):
    """Net positions, and the margin that they take."""

    def net_position(self, symbol: str) -> Decimal: ...
    def opening_margin_rate(self, symbol: str, side: Side) -> Decimal: ...


class TermsView(Protocol):
    """The terms of instruments."""

    def instrument(self, symbol: str) -> InstrumentDefined: ...


class SymbolExposure(msgspec.Struct, gc=False):
    """The sums over one symbol's working orders."""

    buy: Decimal = ZERO
    buy_value: Decimal = ZERO
    sell: Decimal = ZERO
    sell_value: Decimal = ZERO
    counted: Decimal = ZERO
    """The value that they could add to the position."""
    margin: Decimal = ZERO
    """The initial margin of that value."""
    sector: str = ""
    """The sector that it is counted in."""


class ExposureSums(msgspec.Struct):
    """The exposure that working orders would add: by symbol, by sector, and in all."""

    by_symbol: dict[str, SymbolExposure] = {}
    by_sector: dict[str, Decimal] = {}
    counted: Decimal = ZERO
    margin: Decimal = ZERO


NOTHING = SymbolExposure()


class WorkingExposure:
    """The arithmetic over the sums; it holds nothing else."""

    __slots__ = ("_account", "_market", "sums")

    def __init__(self, sums: ExposureSums, *, account: HeldView, market: TermsView) -> None:
        self.sums = sums
        self._account = account
        self._market = market

    def shift(self, symbol: str, side: Side, *, quantity: Decimal, value: Decimal) -> None:
        """Change the quantity and the value that orders of one side may still fill."""
        one = self.sums.by_symbol.get(symbol)
        if one is None:
            one = self.sums.by_symbol[symbol] = SymbolExposure()
        if side is BUY:
            one.buy = one.buy + quantity or ZERO
            one.buy_value = one.buy_value + value or ZERO
        else:
            one.sell = one.sell + quantity or ZERO
            one.sell_value = one.sell_value + value or ZERO
        self._recount(symbol, one)

    def recount(self, symbol: str) -> None:
        """Count a symbol anew after its position changed."""
        one = self.sums.by_symbol.get(symbol)
        if one is not None:
            self._recount(symbol, one)

    def added_by(self, symbol: str, side: Side, *, quantity: Decimal, value: Decimal) -> Decimal:
        """The exposure that one more order could add to that of the working ones."""
        one, held = self.sums.by_symbol.get(symbol, NOTHING), self._account.net_position(symbol)
        if side is BUY:
            opened = _opening_value(held, one.buy + quantity, one.buy_value + value)
        else:
            opened = _opening_value(-held, one.sell + quantity, one.sell_value + value)
        return max(ZERO, opened - one.counted)

    def _counted(self, symbol: str, one: SymbolExposure) -> tuple[Decimal, Decimal]:
        """The exposure of a symbol's orders and its initial margin: of the side that needs more."""
        held, rate_of = self._account.net_position(symbol), self._account.opening_margin_rate
        buys = _opening_value(held, one.buy, one.buy_value) if one.buy else ZERO
        sales = _opening_value(-held, one.sell, one.sell_value) if one.sell else ZERO
        margin = buys * rate_of(symbol, BUY) if buys else ZERO
        return max(buys, sales), max(margin, sales * rate_of(symbol, SELL)) if sales else margin

    def _recount(self, symbol: str, one: SymbolExposure) -> None:
        sums, (counted, margin) = self.sums, self._counted(symbol, one)
        sector = self._market.instrument(symbol).sector if counted else one.sector
        if counted != one.counted or sector != one.sector:
            by_sector = sums.by_sector
            by_sector[one.sector] = by_sector.get(one.sector, ZERO) - one.counted or ZERO
            by_sector[sector] = by_sector.get(sector, ZERO) + counted or ZERO
            sums.counted = sums.counted + (counted - one.counted) or ZERO
        sums.margin = sums.margin + (margin - one.margin) or ZERO
        one.counted, one.margin, one.sector = counted, margin, sector
        if not (one.buy or one.sell):
            del sums.by_symbol[symbol]


def _opening_value(held: Decimal, quantity: Decimal, value: Decimal) -> Decimal:
    """The value of the part of ``quantity`` that would add to the size of the position.

    ``held`` is the position with the sign of the orders' side: below 0, they first close it.
    """
    if held >= 0:
        return value
    opened = quantity + held + held
    if opened <= 0:
        return ZERO
    return (value * opened / quantity).quantize(VALUE_QUANTUM, ROUND_CEILING)
