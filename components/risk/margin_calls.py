"""Liquidation: which positions a margin call closes.

As a broker would, and in this order:

1. All working orders are cancelled. Orders that only reduce may go on being sent.
2. Positions are closed whole, at the market, the one with the largest maintenance margin first, until the
   rest of the account satisfies its margin at the last prices. If the equity is below 0, all are closed.
3. They fill as any market order does: at the next quote, trade or open.
4. If the fills leave the account below its margin again, it is called again.

Both sides of a symbol that strategies hold against each other are closed together: a symbol is closed whole.
So are both legs in hedging mode.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

ZERO = Decimal(0)


class MarginView(Protocol):
    """The account's figures that a liquidation reads."""

    @property
    def equity(self) -> Decimal: ...
    def worth_of(self, symbol: str) -> tuple[Decimal, Decimal]: ...
    def maintenance_rate(self, symbol: str) -> Decimal: ...
    def open_symbols(self) -> Iterable[str]: ...


def to_liquidate(account: MarginView) -> tuple[str, ...]:
    """The symbols to close, in this order; empty if the account satisfies its margin."""
    margins = {
        symbol: account.worth_of(symbol)[1] * account.maintenance_rate(symbol)
        for symbol in account.open_symbols()
    }
    equity, required = account.equity, sum(margins.values(), ZERO)
    chosen: list[str] = []
    for symbol in sorted(margins, key=lambda one: (-margins[one], one)):
        if required <= equity:
            break
        chosen.append(symbol)
        required -= margins[symbol]
    return tuple(chosen)
