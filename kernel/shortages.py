"""Says what an order needs of an account, and what the account has: in a denial, and where a fill is cut."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

_SHOWN = Decimal("1E-8")
_LARGEST_DIGITS = 40
"""With more digits before the point an amount is shown as it is."""


def shortage(what: str, *, needed: Decimal, available: Decimal, currency: str) -> str:
    """``the order needs 10010 USD, and 10000 USD are available``; ``what`` is its subject.

    At most eight decimals are shown. They are rounded so that the first amount stays the larger one.
    """
    return (
        f"{what} needs {_shown(needed, ROUND_CEILING)} {currency}, and {_shown(available, ROUND_FLOOR)} "
        f"{currency} are available"
    )


def plain(amount: Decimal) -> str:
    """An amount without the zeros that sums of many orders leave behind the point."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _shown(amount: Decimal, rounding: str) -> str:
    if not amount.is_finite() or amount.adjusted() >= _LARGEST_DIGITS:
        return plain(amount)
    return plain(amount.quantize(_SHOWN, rounding))
