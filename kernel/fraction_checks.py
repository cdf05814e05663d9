"""Fractions in a configuration: 0.2 is 20 %. Who writes 20 is told, or a limit would hold nothing."""

from decimal import Decimal


def above(value: Decimal | float, most: int) -> str:
    """What is wrong with a fraction that is above ``most``; empty if nothing is.

    ``20 is above 1: it is a fraction, 0.2 is 20 %``.
    """
    if not value > most:
        return ""
    exact = Decimal(str(value))
    return f"{exact:f} is above {most}: it is a fraction, {(exact / 100).normalize():f} is {exact:f} %"
