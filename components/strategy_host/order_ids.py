"""The part of client order ids that tells whose order it is: ``<epoch>-<slug>-<number>``.

A slug keeps ids apart and nothing more: nobody reads it back. Whose an order is and who made it are fields of
the order.
"""

from collections.abc import Iterable
from itertools import count

from kernel.identifiers import StrategyId

SLUG_LENGTH = 16
NAMELESS = "strategy"
"""For an id without letters and digits."""


def order_slug(strategy: StrategyId) -> str:
    """The letters and digits of a strategy's id, at most 16; may be empty."""
    return "".join(letter for letter in strategy if letter.isascii() and letter.isalnum())[:SLUG_LENGTH]


def order_slugs(strategies: Iterable[StrategyId], *, taken: Iterable[str]) -> dict[StrategyId, str]:
    """A slug for each strategy, unlike all others and those ``taken``.

    The first one keeps its own letters and digits; each later one that is like it gets a number.
    """
    slugs: dict[StrategyId, str] = {}
    used = dict.fromkeys(taken)
    for strategy in strategies:
        slug = own = order_slug(strategy) or NAMELESS
        numbers = count(2)
        while slug in used:
            number = str(next(numbers))
            slug = own[: SLUG_LENGTH - len(number)] + number
        slugs[strategy] = slug
        used[slug] = None
    return slugs
