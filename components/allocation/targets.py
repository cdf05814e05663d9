"""The position that a combined signal asks for."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from components.allocation.aggregation import CombinedSignal
from kernel.events import Bar, InstrumentDefined
from strategies.sdk.sizing import Sizing, SizingBasis, bars_needed, full_quantity

ZERO = Decimal(0)


class SizedAccount(Protocol):
    """The part of the account by which positions are sized."""

    @property
    def equity(self) -> Decimal: ...
    def rate(self, currency: str) -> Decimal | None: ...


class SizedMarket(Protocol):
    """The part of market data by which positions are sized."""

    def instrument(self, symbol: str) -> InstrumentDefined: ...
    def last_price(self, symbol: str) -> float | None: ...
    def history(self, symbol: str, count: int) -> Sequence[Bar]: ...


def target_of(
    combined: CombinedSignal, sizing: Sizing, market: SizedMarket, account: SizedAccount, *, symbol: str
) -> Decimal:
    """The signed quantity to hold, in whole lots.

    Errors: ``ValueError`` if a price or rate is missing, or the stop loss is on the wrong side.
    """
    if combined.score == 0:
        return ZERO
    instrument, price = market.instrument(symbol), market.last_price(symbol)
    if price is None:
        raise ValueError(f"no price of {symbol} is known yet")
    rate = account.rate(instrument.currency)
    if rate is None:
        raise ValueError(f"no rate of {instrument.currency} is known")
    _check_stop(combined, price)
    count = bars_needed(sizing)
    basis = SizingBasis(
        equity=account.equity,
        price=price,
        stop=combined.stop_loss,
        closes=tuple(bar.close for bar in market.history(symbol, count)) if count else (),
        unit_value=_unit_value(instrument, price) * rate,
        is_inverse=instrument.is_inverse,
    )
    wanted = full_quantity(sizing, basis) * abs(Decimal(repr(combined.score)))
    lots = wanted // instrument.lot_size * instrument.lot_size
    if lots < instrument.minimum_quantity:
        return ZERO
    return lots if combined.score > 0 else -lots


def _unit_value(instrument: InstrumentDefined, price: float) -> Decimal:
    """The notional of one unit, by the price."""
    if not instrument.is_inverse:
        return instrument.multiplier
    exact = Decimal(repr(price))
    return instrument.unit_notional(exact) / exact


def _check_stop(combined: CombinedSignal, price: float) -> None:
    """``ValueError`` unless the stop loss is on the losing side of the price."""
    stop = combined.stop_loss
    if stop is not None and (Decimal(repr(price)) - stop) * (1 if combined.score > 0 else -1) <= 0:
        side = "below" if combined.score > 0 else "above"
        raise ValueError(f"the stop loss at {stop} is not {side} the price of {price}")
