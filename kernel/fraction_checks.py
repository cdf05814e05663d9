"""Checks of fractions in a configuration: 0.2 is 20 %.

A user who writes 20 for 20 % gets an error. Otherwise the limit would never apply.
"""

from decimal import Decimal


def above(value: Decimal | float, most: int) -> str:
    """The error sentence for a fraction above ``most``; empty if there is no error.

    ``20 is above 1: it is a fraction, 0.2 is 20 %``.
    """
    if not value > most:
        return ""
    exact = Decimal(str(value))
    return f"{exact:f} is above {most}: it is a fraction, {(exact / 100).normalize():f} is {exact:f} %"
