"""The scales of an anonymised bundle: by which factors its prices, sizes and money are others.

All factors are powers of two. A float times a power of two is exact, so every sum, ratio and comparison of
scaled prices has the scaled result, bit for bit; a ``Decimal`` stays exact as well. Ticks and lots are scaled
with prices and sizes. The size factor of a symbol is that of money divided by that of its prices. So each
notional has the factor of money, and what is decided by the account's money is decided as before.
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from secrets import token_hex

import msgspec

from kernel.time_units import DAY_NS
from replay.bundles.units import Unit

PRICE_FACTORS = (0.125, 0.25, 0.5, 2.0, 4.0, 8.0)
SIZE_FACTORS = (2.0, 4.0, 8.0)
"""Not below 1, so that a whole number of units stays one."""
_SHORTEST_LIKENESS = 3


class Factors(msgspec.Struct, frozen=True):
    """The factors of one symbol, or of settings that hold for all."""

    price: float = 1.0
    size: float = 1.0
    money: float = 1.0

    def of(self, unit: Unit) -> float:
        """The factor of a unit; 1 for what is not scaled."""
        if unit is Unit.PRICE:
            return self.price
        if unit is Unit.SIZE:
            return self.size
        return self.money if unit is Unit.MONEY else 1.0


class Scales(msgspec.Struct, frozen=True):
    """The choice of scales. ``seed``: equal seeds choose equal ones. ``shift_ns``: added to all times.

    ``keeps_sizes``: for code that orders a fixed number of units.
    """

    seed: str
    shift_ns: int = 0
    keeps_sizes: bool = False

    def one(self) -> Factors:
        """Factors for all symbols together."""
        price = self._chosen("price", PRICE_FACTORS)
        size = 1.0 if self.keeps_sizes else self._chosen("size", SIZE_FACTORS)
        if price * size == 1:
            size *= 2
        return Factors(price, size, price * size)

    def each(self, groups: Mapping[str, str]) -> dict[str, Factors]:
        """Factors for each symbol, by its group: the symbols of a group have the same."""
        money = self.one().money
        found: dict[str, Factors] = {}
        for symbol, group in groups.items():
            price = self._chosen(f"price of {group}", PRICE_FACTORS)
            if price == money:
                price = price * 2 if price * 2 != 1 else price / 2
            found[symbol] = Factors(price, money / price, money)
        return found

    def _chosen(self, what: str, among: Sequence[float]) -> float:
        digest = sha256(f"{self.seed} {what}".encode()).digest()
        return among[int.from_bytes(digest[:8], "big") % len(among)]


def chosen_scales(seed: str, *, shift_days: int = 0, keeps_sizes: bool = False) -> Scales:
    """Scales for a seed; without one they are chosen by chance, and nobody can choose them again."""
    return Scales(seed or token_hex(16), shift_days * DAY_NS, keeps_sizes)


def words_in(names: Sequence[str]) -> re.Pattern[str] | None:
    """Finds names as whole words in a text, the longest first; ``None`` without names.

    A name of one letter is no word of a text: it would be in all of them.
    """
    words = sorted((name for name in names if len(name) > 1), key=lambda name: (-len(name), name))
    if not words:
        return None
    return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, words))})(?![A-Za-z0-9])")


def likenesses_of(names: Sequence[str]) -> re.Pattern[str] | None:
    """Finds words that hold a name in other letters, or joined to others: buyGOOG, GoogTrader, goog.

    ``None`` without names of three letters or more: shorter ones are parts of any words.
    """
    words = sorted({name for name in names if len(name) >= _SHORTEST_LIKENESS})
    if not words:
        return None
    parts: list[str] = []
    for word in words:
        whole, upper, title = map(re.escape, (word, word.upper(), word.capitalize()))
        parts += [rf"(?<![A-Za-z0-9])(?i:{whole})(?![A-Za-z0-9])", rf"(?<![A-Z]){upper}(?![A-Z])"]
        parts.append(rf"{title}(?![a-z])")
    return re.compile("|".join(parts))
