"""Slippage models: they move the fill model's price of a fill that takes liquidity.

A model gets the liquidity that a fill took (``Taken``) and returns a price, not yet rounded to the tick. It
is not asked about fills that make liquidity: they are at their limit. A figure that the data do not have is
0: a bar has no spread, a trade no quoted size. The docstring of a model says what it does then.

A price after slippage stays above 0.

To add a model, write a frozen struct whose fields are its parameters, with ``needs_volatility`` and
``price``; list it in ``SLIPPAGE_MODELS`` or, in a module of your own, name it in the configuration as
``path/to/file.py:Class``.
"""

from collections.abc import Mapping
from math import inf, sqrt
from typing import Protocol

import msgspec

from kernel.events import BUY, Side

_BPS = 10_000


class Taken(msgspec.Struct, frozen=True, gc=False):
    """Liquidity that a fill took. 0 means that a figure is unknown.

    - ``price``: per unit, from the fill model. ``quantity``: in units.
    - ``spread``: ask minus bid, in price.
    - ``volume``: units traded in the bar or trade, or shown by the quote, that filled the order.
    - ``volatility``: the standard deviation of returns from one bar to the next; 0.02 is 2 %.
    """

    side: Side
    price: float
    quantity: float
    spread: float
    volume: float
    volatility: float


class SlippageModel(Protocol):
    """A slippage model. It moves a price, mostly against the order. Equal arguments give equal prices."""

    @property
    def needs_volatility(self) -> bool:
        """Whether it reads ``volatility``, which is measured only for models that do."""
        ...

    def price(self, taken: Taken) -> float:
        """The price after slippage, not yet on the tick."""
        ...


class NoSlippage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No slippage: the fill model's price."""

    @property
    def needs_volatility(self) -> bool:
        """Never."""
        return False

    def price(self, taken: Taken) -> float:
        """The same price."""
        return taken.price


class FixedBps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fixed number of basis points of the price: ``bps=10`` is 0.1 %."""

    bps: float

    def __post_init__(self) -> None:
        _check_range("bps", self.bps, below=_BPS)

    @property
    def needs_volatility(self) -> bool:
        """Never."""
        return False

    def price(self, taken: Taken) -> float:
        """Higher for a buy, lower for a sale."""
        return worse(taken, self.bps / _BPS)


class SpreadFraction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``fraction`` of the spread, beyond the side of the quote that was taken.

    A buy at the ask of 100.00/100.10 with half of the spread fills at 100.15. Without a spread (bars, trades)
    it is ``fallback_bps`` of the price.
    """

    fraction: float = 0.5
    fallback_bps: float = 0.0

    def __post_init__(self) -> None:
        _check_range("fraction", self.fraction, below=inf)
        _check_range("fallback_bps", self.fallback_bps, below=_BPS)

    @property
    def needs_volatility(self) -> bool:
        """Never."""
        return False

    def price(self, taken: Taken) -> float:
        """Higher for a buy, lower for a sale."""
        if taken.spread > 0 < taken.price:
            return worse(taken, self.fraction * taken.spread / taken.price)
        return worse(taken, self.fallback_bps / _BPS)


class VolumeShare(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Slippage proportional to the square of the fill's share of the volume.

    price impact = ``price_impact`` * min(quantity / volume, ``volume_limit``)^2, as a fraction of the price.
    These are the published formula and defaults of Zipline's ``VolumeShareSlippage``. Zipline's limit on the
    size of a fill is the volume model ``share`` here. Without a volume it is ``fallback_bps`` of the price.
    """

    price_impact: float = 0.1
    volume_limit: float = 0.025
    fallback_bps: float = 0.0

    def __post_init__(self) -> None:
        _check_range("price_impact", self.price_impact, below=inf)
        _check_range("volume_limit", self.volume_limit, below=inf)
        _check_range("fallback_bps", self.fallback_bps, below=_BPS)

    @property
    def needs_volatility(self) -> bool:
        """Never."""
        return False

    def price(self, taken: Taken) -> float:
        """Higher for a buy, lower for a sale."""
        if taken.volume <= 0:
            return worse(taken, self.fallback_bps / _BPS)
        share = min(taken.quantity / taken.volume, self.volume_limit)
        return worse(taken, share * share * self.price_impact)


class SquareRootImpact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``coefficient`` * volatility * sqrt(quantity / volume), as a fraction of the price.

    This is the square-root law of market impact. Measured coefficients are near 1 (Almgren, Thum, Hauptmann
    and Li, "Direct estimation of equity market impact", Risk 18(7), 2005; Tóth et al., "Anomalous price
    impact and the critical nature of liquidity in financial markets", Physical Review X 1, 021006, 2011). It
    is valid for volatility and volume over the same time: both of a day, or both of a bar.

    - ``average_volume`` (units a day) and ``daily_volatility`` (0.02 is 2 %) replace the figures of the data.
      Give both or neither.
    - ``fallback_bps``: the impact if volume or volatility is unknown.
    - ``cap_bps``: the largest impact.
    """

    coefficient: float = 1.0
    average_volume: float = 0.0
    daily_volatility: float = 0.0
    fallback_bps: float = 0.0
    cap_bps: float = 1_000.0

    def __post_init__(self) -> None:
        for name in ("coefficient", "average_volume", "daily_volatility"):
            value: float = getattr(self, name)
            _check_range(name, value, below=inf)
        if bool(self.average_volume) != bool(self.daily_volatility):
            raise ValueError("average_volume and daily_volatility: give both, or neither")
        _check_range("fallback_bps", self.fallback_bps, below=_BPS)
        _check_range("cap_bps", self.cap_bps, below=_BPS)

    @property
    def needs_volatility(self) -> bool:
        """Only without ``daily_volatility``."""
        return not self.daily_volatility

    def price(self, taken: Taken) -> float:
        """Higher for a buy, lower for a sale."""
        volume = self.average_volume or taken.volume
        volatility = self.daily_volatility or taken.volatility
        if volume <= 0 or volatility <= 0:
            return worse(taken, self.fallback_bps / _BPS)
        impact = self.coefficient * volatility * sqrt(taken.quantity / volume)
        return worse(taken, min(impact, self.cap_bps / _BPS))


class PriceImprovement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A price better than the quote by ``fraction`` of the half spread: 0 is the quote, 1 the middle.

    Wholesalers and hidden orders give such prices to marketable orders. Without a spread the price stays.
    """

    fraction: float

    def __post_init__(self) -> None:
        if not 0 <= self.fraction <= 1:
            raise ValueError(f"fraction: {self.fraction} is not between 0 and 1")

    @property
    def needs_volatility(self) -> bool:
        """Never."""
        return False

    def price(self, taken: Taken) -> float:
        """Nearer to the middle."""
        better = self.fraction * taken.spread / 2
        return taken.price - better if taken.side is BUY else taken.price + better


def worse(taken: Taken, fraction: float) -> float:
    """A price that is higher by ``fraction`` for a buy, and lower for a sale. It stays above 0."""
    if taken.side is BUY:
        return taken.price * (1 + fraction)
    return taken.price * (1 - min(fraction, _LARGEST_FALL))


SLIPPAGE_MODELS: Mapping[str, type[SlippageModel]] = {
    "none": NoSlippage,
    "fixed_bps": FixedBps,
    "spread": SpreadFraction,
    "volume_share": VolumeShare,
    "square_root": SquareRootImpact,
    "price_improvement": PriceImprovement,
}
"""By name in the configuration."""

_LARGEST_FALL = 0.9999


def _check_range(name: str, value: float, *, below: float) -> None:
    if not 0 <= value < below:
        bound = "" if below == inf else f" and below {below:,}"
        raise ValueError(f"{name}: {value} is not at least 0{bound}")
