"""Fee models fitted to what orders were charged.

A sample is an order that was filled, wholly or in part: its units, its notional, and its fees. Models with a
rate are fitted by least squares. Fee schedules of brokers are tried as they are: each charges the fills
again, in their order, with the month's volume. Fees are rounded to cents, so a smaller error says nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import sqrt

import msgspec
import numpy as np

from brokers.simulated.charges import Charges, fill_terms, note_charge
from brokers.simulated.commission import CommissionModel
from brokers.simulated.fee_schedules import COMMISSION_MODELS
from kernel.events import MAKER
from replay.equity import Floats
from replay.execution_analysis.fits import INTERVAL, LEAST_SAMPLES, Estimate, Fit, explained, score
from replay.execution_analysis.records import ExecutedOrder
from replay.performance.trade_sample import t_quantile

ROLE = "commission"
SCHEDULES = ("none", "alpaca", "ibkr_fixed", "ibkr_tiered", "binance_spot", "binance_usdm")
_CENT = 0.01


class Charged(msgspec.Struct, frozen=True):
    """An order. ``made``, ``taken``: the notional of fills that made liquidity, and of all others."""

    units: float
    made: float
    taken: float
    fees: float
    order: ExecutedOrder

    @property
    def notional(self) -> float:
        """Of all fills."""
        return self.made + self.taken


_Figure = Callable[[Charged], float]
_RATES: Mapping[str, Mapping[str, _Figure]] = {
    "per_share": {"per_share": lambda one: one.units},
    "per_order": {"per_order": lambda _: 1.0},
    "percent": {"percent": lambda one: one.notional / 100},
    "maker_taker": {"maker_rate": lambda one: one.made, "taker_rate": lambda one: one.taken},
    "flat": {
        "per_share": lambda one: one.units,
        "per_order": lambda _: 1.0,
        "rate": lambda one: one.notional,
    },
}
"""By model: its parameters, and the figure by which each is multiplied."""
_MAY_BE_NEGATIVE = frozenset({"maker_rate"})


def charged_of(executed: Iterable[ExecutedOrder]) -> list[Charged]:
    """The orders with fills, in the order of their first fills."""
    filled = sorted((one for one in executed if one.fills), key=lambda one: one.fills[0].ts)
    return [_charged(one) for one in filled]


def fit_fees(charged: Sequence[Charged]) -> list[Fit]:
    """Every model for which there are enough samples, the best first.

    Of several currencies the one with most orders is taken: an amount per order is another one in each.
    """
    counts = Counter(one.order.currency for one in charged)
    currency = min(counts, key=lambda key: (-counts[key], key), default="")
    own = [one for one in charged if one.order.currency == currency]
    if len(own) < LEAST_SAMPLES:
        return []
    fits = [_rates(model, own) for model in _RATES]
    fits += [_schedule(name, own) for name in SCHEDULES]
    rest = len(charged) - len(own)
    left_out = f"{rest} orders in other currencies than {currency} are left out" if rest else ""
    found = [_with_note(fit, left_out) for fit in fits if fit is not None]
    return sorted(found, key=lambda fit: fit.score)


def fitted_rates(
    figures: Mapping[str, _Figure], charged: Sequence[Charged]
) -> tuple[list[Estimate], float] | None:
    """Rates by least squares, and the sum of squares that is left. ``figures``: what each is multiplied by.

    One that may as well be 0 is 0, and the others are fitted without it. ``None`` if the samples cannot tell
    the rates apart, or one is below 0.
    """
    x: Floats = np.array([[figure(one) for figure in figures.values()] for one in charged], np.float64)
    y: Floats = np.array([one.fees for one in charged], np.float64)
    scale = np.abs(x).max(axis=0)
    if not scale.all() or int(np.linalg.matrix_rank(x / scale)) < len(figures):
        return None
    names = list(figures)
    estimates, left = _least_squares(names, x, y)
    found = {one.name: one for one in estimates}
    while negative := [one for one in estimates if one.value < 0 and one.name not in _MAY_BE_NEGATIVE]:
        if any(one.high < 0 for one in negative):
            return None
        found |= {one.name: msgspec.structs.replace(one, value=0.0) for one in negative}
        zeros = {one.name for one in negative}
        kept = [place for place, name in enumerate(names) if name not in zeros]
        names, x = [names[place] for place in kept], x[:, kept]
        estimates, left = _least_squares(names, x, y)
        found |= {one.name: one for one in estimates}
    return [found[name] for name in figures], left


def _with_note(fit: Fit, note: str) -> Fit:
    return msgspec.structs.replace(fit, note="; ".join(part for part in (fit.note, note) if part))


def _charged(one: ExecutedOrder) -> Charged:
    worth = {True: 0.0, False: 0.0}
    for fill in one.fills:
        worth[fill.liquidity is MAKER] += float(abs(one.terms.unit_notional(fill.price)) * fill.quantity)
    return Charged(float(one.filled), worth[True], worth[False], float(one.fees), one)


def _rates(model: str, charged: Sequence[Charged]) -> Fit | None:
    found = fitted_rates(_RATES[model], charged)
    if found is None:
        return None
    estimates, left = found
    return _fit(model, tuple(estimates), charged, left)


def _least_squares(names: Sequence[str], x: Floats, y: Floats) -> tuple[list[Estimate], float]:
    """The parameters with their intervals, and the sum of squares that is left."""
    if not names:
        return [], float(np.sum(np.square(y)))
    scale = np.abs(x).max(axis=0)
    scaled: Floats = x / scale
    inverse: Floats = np.asarray(np.linalg.inv(scaled.T @ scaled), np.float64)
    found: Floats = inverse @ scaled.T @ y
    left = float(np.sum(np.square(y - scaled @ found)))
    degrees = len(y) - len(names)
    estimates: list[Estimate] = []
    for place, name in enumerate(names):
        value, size = float(found[place] / scale[place]), float(scale[place])
        spread = sqrt(float(inverse[place, place]) * left / degrees)
        wide = t_quantile(INTERVAL, degrees) * spread / size
        estimates.append(Estimate(name, value, value - wide, value + wide))
    return estimates, left


def _schedule(name: str, charged: Sequence[Charged]) -> Fit:
    kind: Callable[[], CommissionModel] = COMMISSION_MODELS[name]
    model, charges = kind(), Charges()
    fees = [0.0] * len(charged)
    fills = [
        (fill.ts, place, number)
        for place, one in enumerate(charged)
        for number, fill in enumerate(one.order.fills)
    ]
    for ts, place, number in sorted(fills):
        one = charged[place].order
        fill = one.fills[number]
        multiplier = one.terms.multiplier
        if one.terms.is_inverse:  # what a unit is worth at the price of the fill
            multiplier = one.terms.unit_notional(fill.price) / fill.price
        terms = fill_terms(
            charges,
            model,
            ts=ts,
            order=one.order,
            quantity=fill.quantity,
            price=fill.price,
            liquidity=fill.liquidity,
            multiplier=multiplier,
        )
        cost = model.commission(terms)
        note_charge(charges, model, terms, cost)
        fees[place] += float(cost)
    left = sum((one.fees - fee) ** 2 for one, fee in zip(charged, fees, strict=True))
    return _fit(name, (), charged, left)


def _fit(model: str, estimates: tuple[Estimate, ...], charged: Sequence[Charged], left: float) -> Fit:
    count, y = len(charged), [one.fees for one in charged]
    return Fit(
        role=ROLE,
        model=model,
        estimates=estimates,
        samples=count,
        error=sqrt(left / count),
        explained=explained(y, left),
        unit=charged[0].order.currency,
        score=score(left, count, len(estimates), least_error=_CENT / sqrt(12)),
        note="its rates were not fitted" if not estimates and model != "none" else "",
    )
