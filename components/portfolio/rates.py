"""What a unit of one currency is worth in another, from the rates that were logged.

Of a pair the last logged rate holds, in either direction. Where there is none, one currency in between is
tried, in alphabetical order, so that the choice depends on nothing but what was logged. Amounts are
converted to be shown and compared, never to be booked.
"""

from collections.abc import Mapping
from decimal import Context, Decimal

from kernel.events import FxRateSet

ONE = Decimal(1)
_RATE = Context(prec=16)
"""Digits of a rate that was worked out: a float's worth, so that a product with an amount is exact."""

Rates = Mapping[str, Mapping[str, Decimal]]
"""By base, then quote; a pair is there in one direction only."""


def set_rate(rates: dict[str, dict[str, Decimal]], event: FxRateSet) -> None:
    """Keep a logged rate; one that is no number above 0 says nothing and is left out."""
    if not event.rate.is_finite() or event.rate <= 0 or event.base == event.quote:
        return
    rates.get(event.quote, {}).pop(event.base, None)
    rates.setdefault(event.base, {})[event.quote] = event.rate


def rate_between(rates: Rates, currency: str, into: str) -> Decimal | None:
    """What one unit of ``currency`` is worth in ``into``; ``None`` where no logged rate tells."""
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
