"""How much worse than the fill model's price a fill is that takes liquidity; how much better, for one.

A model gets what was ``Taken`` and gives the price, not yet on the tick. Fills that made liquidity (a resting
limit order) are at their limit and are not asked about. What the data does not say is 0: a bar has no
spread, a quote no volume. A model that needs it then falls back on what its docstring says.

A price that slips stays above 0: no model moves it by all of itself.

To add a model, write a frozen struct whose fields are its parameters, with ``needs_volatility`` and
``price``; list it in ``SLIPPAGE_MODELS`` or, in a module of your own, name it in the configuration as
``path/to/file.py:Class``.
"""

from collections.abc import Mapping
from math import inf, sqrt
from typing import Protocol

import msgspec

from kernel.events import Side

# Read once: on 3.11 a member of an enum takes 0.1 us to look up, a global 0.02.
_BUY = Side.BUY

_BPS = 10_000


class Taken(msgspec.Struct, frozen=True, gc=False):
    """Liquidity that a fill took; 0 stands for what is not known.

    ``price`` per unit and ``quantity`` in units as the fill model has them; ``spread`` is ask less bid in
    price; ``volume`` the units traded in the bar, or shown by the quote, that the fill came from;
    ``volatility`` the standard deviation of returns over a time like that of ``volume`` (0.02 is 2 %).
    """

    side: Side
    price: float
    quantity: float
    spread: float
    volume: float
    volatility: float


class SlippageModel(Protocol):
    """Moves a price, mostly against the order. Pure: the same terms always give the same price."""

    @property
    def needs_volatility(self) -> bool:
        """Whether it reads ``volatility``; nobody works that out for a model that does not."""
        ...

    def price(self, taken: Taken) -> float:
        """The price after slippage, not yet on the tick."""
        ...


class NoSlippage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fill model's price."""

    @property
    def needs_volatility(self) -> bool:
        """It does not."""
        return False

    def price(self, taken: Taken) -> float:
        """As it is."""
        return taken.price


class FixedBps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fixed number of basis points of the price: ``bps=10`` is 0.1 %."""

    bps: float

    def __post_init__(self) -> None:
        _check_range("bps", self.bps, below=_BPS)

    @property
    def needs_volatility(self) -> bool:
        """It does not."""
        return False

    def price(self, taken: Taken) -> float:
        """Higher for a buy, lower for a sale."""
        return worse(taken, self.bps / _BPS)


class SpreadFraction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``fraction`` of the spread, on top of the side of the quote that was taken.

    A buy at the ask of 100.00/100.10 with a half of the spread fills at 100.15. Where the spread is not
    known (bars, prints) it is ``fallback_bps`` of the price.
    """

    fraction: float = 0.5
    fallback_bps: float = 0.0

    def __post_init__(self) -> None:
        _check_range("fraction", self.fraction, below=inf)
        _check_range("fallback_bps", self.fallback_bps, below=_BPS)

    @property
    def needs_volatility(self) -> bool:
        """It does not."""
        return False

    def price(self, taken: Taken) -> float:
        """A part of the spread away, or some basis points."""
        if taken.spread > 0 < taken.price:
            return worse(taken, self.fraction * taken.spread / taken.price)
        return worse(taken, self.fallback_bps / _BPS)


class VolumeShare(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Grows with the square of the fill's share of the volume.

    price impact = ``price_impact`` * min(quantity / volume, ``volume_limit``)^2, as a fraction of the price:
    the published formula and defaults of Zipline's ``VolumeShareSlippage``. Its cap on the size of a fill
    is not this model's business but the broker's (``volume_limit`` there). Where the volume is not
    known it is ``fallback_bps`` of the price.
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
        """It does not."""
        return False

    def price(self, taken: Taken) -> float:
        """The square of the share of the volume away."""
        if taken.volume <= 0:
            return worse(taken, self.fallback_bps / _BPS)
        share = min(taken.quantity / taken.volume, self.volume_limit)
        return worse(taken, share * share * self.price_impact)


class SquareRootImpact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``coefficient`` * volatility * sqrt(quantity / volume), as a fraction of the price.

    The square-root law of market impact; coefficients found are of order 1 (Almgren, Thum, Hauptmann and
    Li, "Direct estimation of equity market impact", Risk 18(7), 2005; Tóth et al., "Anomalous price impact
    and the critical nature of liquidity in financial markets", Physical Review X 1, 021006, 2011). It holds
    for volatility and volume over the same time: a day's of both, or a bar's of both.

    ``average_volume`` (units a day) and ``daily_volatility`` (0.02 is 2 %) are used together, both given,
    instead of what the data says. Where either is not known there is no impact but ``fallback_bps``. The
    impact is at most ``cap_bps``.
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
        """Only where none was given."""
        return not self.daily_volatility

    def price(self, taken: Taken) -> float:
        """The square root of the share of the volume away."""
        volume = self.average_volume or taken.volume
        volatility = self.daily_volatility or taken.volatility
        if volume <= 0 or volatility <= 0:
            return worse(taken, self.fallback_bps / _BPS)
        impact = self.coefficient * volatility * sqrt(taken.quantity / volume)
        return worse(taken, min(impact, self.cap_bps / _BPS))


class PriceImprovement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Gives back ``fraction`` of the half spread: 0 fills at the quote, 1 at the middle.

    What wholesalers and hidden orders give marketable orders. Nothing where the spread is not known.
    """

    fraction: float

    def __post_init__(self) -> None:
        if not 0 <= self.fraction <= 1:
            raise ValueError(f"fraction: {self.fraction} is not between 0 and 1")

    @property
    def needs_volatility(self) -> bool:
        """It does not."""
        return False

    def price(self, taken: Taken) -> float:
        """A part of the half spread towards the middle."""
        better = self.fraction * taken.spread / 2
        return taken.price - better if taken.side is _BUY else taken.price + better


def worse(taken: Taken, fraction: float) -> float:
    """The price, a fraction of itself higher for a buy and lower for a sale; never at or through 0."""
    if taken.side is _BUY:
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
"""By the name that configuration knows them by."""

_LARGEST_FALL = 0.9999


def _check_range(name: str, value: float, *, below: float) -> None:
    if not 0 <= value < below:
        bound = "" if below == inf else f" and below {below:,}"
        raise ValueError(f"{name}: {value} is not at least 0{bound}")
