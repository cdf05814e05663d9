"""The strategy's part of client order ids: the slug in ``<epoch>-<slug>-<number>``.

A slug only makes ids unique and is never read back. The strategy and the origin of an order are fields of the
order.
"""

from collections.abc import Iterable
from itertools import count

from kernel.identifiers import StrategyId

SLUG_LENGTH = 16
NAMELESS = "strategy"
"""The slug of an id without letters and digits."""


def order_slug(strategy: StrategyId) -> str:
    """The letters and digits of a strategy's id, at most 16; may be empty."""
    return "".join(letter for letter in strategy if letter.isascii() and letter.isalnum())[:SLUG_LENGTH]


def order_slugs(strategies: Iterable[StrategyId], *, taken: Iterable[str]) -> dict[StrategyId, str]:
    """A unique slug for each strategy, different from those ``taken``.

    The first strategy keeps its letters and digits. A later one with the same slug gets a number.
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
