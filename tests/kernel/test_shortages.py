"""A shortage names both amounts with their currency, and never shows them as equal."""

from decimal import Decimal

import pytest

from kernel.shortages import shortage


@pytest.mark.parametrize(
    ("needed", "available", "sentence"),
    [
        ("10010.00", "10000", "the order needs 10010 USD, and 10000 USD are available"),
        ("0.0000000012", "0.0000000011", "the order needs 0.00000001 USD, and 0 USD are available"),
        ("1E+45", "-3.50", f"the order needs 1{'0' * 45} USD, and -3.5 USD are available"),
    ],
)
def test_amounts_are_short_and_the_larger_one_stays_larger(
    needed: str, available: str, sentence: str
) -> None:
    said = shortage("the order", needed=Decimal(needed), available=Decimal(available), currency="USD")

    assert said == sentence
