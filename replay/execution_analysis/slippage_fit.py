"""Slippage models fitted to fills that took liquidity.

The price before slippage is that of the simulated venue: the side of the quote that a fill took; on bars the
open or the close at which it was made; else the last trade. A sample is the part of that price by which the
fill was worse. Each model says that it is one parameter times a figure of the market.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from math import sqrt

import msgspec

from brokers.simulated.slippage import VolumeShare
from kernel.events import BUY, Liquidity, OrderType
from replay.execution_analysis.fits import LEAST_SAMPLES, Fit, explained, score, through_origin
from replay.execution_analysis.records import ExecutedOrder, Execution

BPS = 10_000.0
LIQUID = frozenset({Liquidity.TAKER, Liquidity.UNKNOWN})
ROLE = "slippage"


class Sample(msgspec.Struct, frozen=True):
    """A fill. Figures that the data do not have are 0, as in the simulated venue.

    - ``worse``: than the price before slippage, as a part of that; ``spread``, ``tick``: likewise.
    - ``share``: of the volume.
    """

    worse: float
    spread: float
    share: float
    volatility: float
    tick: float


def samples_of(executed: Iterable[ExecutedOrder]) -> list[Sample]:
    """The fills of market orders that took liquidity, with a market before them."""
    found: list[Sample] = []
    for one in executed:
        if one.order.order_type is not OrderType.MARKET:
            continue
        for fill in one.fills:
            price = _before(one, fill)
            if fill.liquidity in LIQUID and price is not None and price > 0:
                found.append(_sample(one, fill, price))
    return found


def fit_slippage(samples: list[Sample]) -> list[Fit]:
    """Every model for which there are enough samples, the best first."""
    fits = [_fit(model, samples) for model in _FIGURES]
    return sorted((fit for fit in fits if fit is not None), key=lambda fit: fit.score)


def _before(one: ExecutedOrder, fill: Execution) -> Decimal | None:
    """The price before slippage."""
    market = fill.market
    if market.bid is not None and market.ask is not None:
        return market.ask if one.order.side is BUY else market.bid
    return market.open if fill.ts < fill.known_ts and market.open is not None else market.price


def _sample(one: ExecutedOrder, fill: Execution, price: Decimal) -> Sample:
    market, before = fill.market, float(price)
    worse = float(fill.price - price) / before
    volume = market.volume
    if market.spread is not None:
        volume = market.ask_size if one.order.side is BUY else market.bid_size
    return Sample(
        worse if one.order.side is BUY else -worse,
        0.0 if market.spread is None else max(0.0, float(market.spread)) / before,
        float(fill.quantity) / volume if volume > 0 else 0.0,
        market.volatility,
        float(one.terms.tick_size) / before,
    )


def _limited(sample: Sample) -> float:
    share = min(sample.share, VolumeShare().volume_limit)
    return share * share


_FIGURES: Mapping[str, tuple[str, Callable[[Sample], float]]] = {
    "fixed_bps": ("bps", lambda _: 1 / BPS),
    "spread": ("fraction", lambda sample: sample.spread),
    "volume_share": ("price_impact", _limited),
    "square_root": ("coefficient", lambda sample: sample.volatility * sqrt(sample.share)),
    "price_improvement": ("fraction", lambda sample: -sample.spread / 2),
}
"""By model: its parameter, and the figure by which that is multiplied."""


def _fit(model: str, samples: list[Sample]) -> Fit | None:
    """A model over all samples; ``None`` if too few have its figure. For the others it says 0."""
    name, figure = _FIGURES[model]
    if sum(bool(figure(sample)) for sample in samples) < LEAST_SAMPLES:
        return None
    x, y = [figure(sample) for sample in samples], [sample.worse for sample in samples]
    estimate, left = through_origin(name, x, y)
    most = 1.0 if model == "price_improvement" else None
    value = max(0.0, estimate.value if most is None else min(most, estimate.value))
    if value != estimate.value:
        left = sum((b - value * a) ** 2 for a, b in zip(x, y, strict=True))
        estimate = msgspec.structs.replace(estimate, value=value)
    tick = sum(sample.tick for sample in samples) / len(samples)
    note = ""
    if model == "volume_share":
        beyond = sum(sample.share > VolumeShare().volume_limit for sample in samples)
        note = f"{beyond} fills are beyond volume_limit, which is not fitted" if beyond else ""
    return Fit(
        role=ROLE,
        model=model,
        estimates=(estimate,),
        samples=len(samples),
        error=sqrt(left / len(samples)) * BPS,
        explained=explained(y, left),
        unit="bps",
        score=score(left, len(samples), 1, least_error=tick / sqrt(12)),
        note=note,
    )
