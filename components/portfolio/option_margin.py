"""The margin of short options, from their underlying.

The rule is FINRA 4210(f)(2)(E), as in the Cboe Margin Manual ("uncovered writer"): for each unit

    premium + max(20 % of the underlying - the amount out of the money, 10 % of a base)

The base is the underlying for a call and the strike for a put. It is initial and maintenance margin alike.
Without a price of the underlying, the strike stands for it.
"""

from decimal import Decimal

from kernel.events import InstrumentDefined

ZERO = Decimal(0)
PART, LEAST_PART = Decimal("0.2"), Decimal("0.1")
"""The parts for options on shares. Broad indices need 15 %, which is not told apart here."""


def short_option_margin(option: InstrumentDefined, premium: Decimal, underlying: Decimal | None) -> Decimal:
    """The margin of one short unit, before the multiplier. ``underlying``: its price, ``None`` if unknown."""
    price, strike = option.strike if underlying is None else underlying, option.strike
    is_call = option.option_right == "call"
    out_of_the_money = max(ZERO, strike - price if is_call else price - strike)
    least = LEAST_PART * (price if is_call else strike)
    return premium + max(PART * price - out_of_the_money, least)
