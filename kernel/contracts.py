"""The value of inverse contracts: a fixed amount of money, paid and settled in the coin itself.

One contract over ``multiplier`` dollars is worth ``multiplier`` / price coins. ``quantity`` contracts from
``entry`` to ``exit`` gain quantity * multiplier * (1 / entry - 1 / exit) coins.

One over a price is rounded once, to twenty decimals. All that follows (values, costs, P&L, margin) is exact
in it, so it adds up exactly. The rounding of a billion contracts is below the smallest part of a coin.
"""

from decimal import ROUND_HALF_EVEN, Decimal

INVERSE_STEP = Decimal("1E-20")
ZERO = Decimal(0)
ONE = Decimal(1)


def inverse(price: Decimal) -> Decimal:
    """One over a price, to twenty decimals; 0 for a price that is not above 0."""
    if price <= 0:
        return ZERO
    return (ONE / price).quantize(INVERSE_STEP, ROUND_HALF_EVEN).normalize()
