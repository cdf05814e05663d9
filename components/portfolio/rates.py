"""Exchange rates between currencies, from the rates in the log.

The last logged rate of a pair is used, in either direction. Without one, the rate over one currency in
between is used. Currencies are tried in alphabetical order, so that the choice depends only on the log.
Converted amounts are shown and compared, never booked.
"""

from collections.abc import Mapping
from decimal import Context, Decimal

from kernel.events import FxRateSet

ONE = Decimal(1)
_RATE = Context(prec=16)
"""The digits of a computed rate: as many as a float has, so that its product with an amount is exact."""

Rates = Mapping[str, Mapping[str, Decimal]]
"""By base, then quote. A pair is kept in one direction only."""


def set_rate(rates: dict[str, dict[str, Decimal]], event: FxRateSet) -> None:
    """Keep a logged rate. A rate that is not a number above 0 is ignored."""
    if not event.rate.is_finite() or event.rate <= 0 or event.base == event.quote:
        return
    rates.get(event.quote, {}).pop(event.base, None)
    rates.setdefault(event.base, {})[event.quote] = event.rate


def rate_between(rates: Rates, currency: str, into: str) -> Decimal | None:
    """The value of one unit of ``currency`` in ``into``; ``None`` if no rate is known."""
    if currency == into:
        return ONE
    direct = _logged(rates, currency, into)
    if direct is not None:
        return direct
    for between in sorted({*rates, *(quote for quotes in rates.values() for quote in quotes)}):
        first, second = _logged(rates, currency, between), _logged(rates, between, into)
        if first is not None and second is not None:
            return _RATE.multiply(first, second)
    return None


def _logged(rates: Rates, currency: str, into: str) -> Decimal | None:
    rate = rates.get(currency, {}).get(into)
    if rate is not None:
        return rate
    inverse = rates.get(into, {}).get(currency)
    return None if inverse is None else _RATE.divide(ONE, inverse)
