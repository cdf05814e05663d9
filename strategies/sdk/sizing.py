"""Sizing of positions: formulas as pure functions, and the same formulas as settings for the allocator.

    quantity = risk_quantity(ctx.portfolio.equity, entry=101.5, stop=99, risk=Decimal("0.01"))
    return buy("A", quantity)

Money, fractions of it and quantities are ``Decimal``; statistics of the market (win rates, returns,
volatilities) are ``float``. Quantities are not yet whole lots: the strategy host and the allocator round
them down. Values that make no sense raise ``ValueError`` with a sentence.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from math import fsum, isfinite, sqrt
from typing import assert_never

import msgspec

from strategies.sdk.decisions import Number

ZERO = Decimal(0)
ONE = Decimal(1)


# --- the formulas --------------------------------------------------------------------------------


def quantity_worth(notional: Decimal, price: Number, *, unit_value: Decimal = ONE) -> Decimal:
    """The number of units that are worth ``notional`` at ``price``.

    ``unit_value`` is the value of one unit at price 1, in the account's currency: the multiplier times the
    exchange rate.
    """
    worth = _above_zero(price, "price") * _above_zero(unit_value, "unit_value")
    return _exact(notional, "notional") / worth


def fixed_fractional_quantity(
    equity: Decimal, price: Number, *, fraction: Number, unit_value: Decimal = ONE
) -> Decimal:
    """The units that are worth a fixed fraction of equity; 0 without equity.

    R. Vince, "Portfolio Management Formulas" (1990), chapter 1: the same fraction in every trade.
    """
    staked = max(ZERO, _exact(equity, "equity")) * _at_least_zero(fraction, "fraction")
    return quantity_worth(staked, price, unit_value=unit_value)


def kelly_fraction(win_rate: float, payoff: float, *, share: Number = ONE, maximum: Number = ONE) -> Decimal:
    """The fraction of equity that makes capital grow fastest: ``win_rate - (1 - win_rate) / payoff``.

    - ``win_rate``: the probability of a win.
    - ``payoff``: a win, as a multiple of a loss.
    - ``share``: the share of the fraction that is taken (0.5: half Kelly).
    - ``maximum``: the largest result. The smallest is 0: a bet without an edge is not made.

    J. L. Kelly, "A New Interpretation of Information Rate", Bell System Technical Journal 35 (1956).
    """
    if not 0 <= win_rate <= 1:
        raise ValueError(f"win_rate {win_rate!r} is not in 0..1")
    won = _exact(win_rate, "win_rate")
    return _capped(won - (1 - won) / _above_zero(payoff, "payoff"), share=share, maximum=maximum)


def kelly_fraction_of_returns(
    mean: float, variance: float, *, share: Number = ONE, maximum: Number = ONE
) -> Decimal:
    """Kelly's fraction for continuous returns: ``mean / variance`` of the excess return per period.

    E. O. Thorp, "The Kelly Criterion in Blackjack, Sports Betting and the Stock Market" (2006), section 7.
    Capped as in ``kelly_fraction``.
    """
    fraction = _exact(mean, "mean") / _above_zero(variance, "variance")
    return _capped(fraction, share=share, maximum=maximum)


def realised_volatility(closes: Sequence[float], *, periods_per_year: float = 252) -> float:
    """The yearly standard deviation of the closes' simple returns (``n - 1`` in the denominator).

    Needs at least three closes. Returns are simple, not logarithmic, because these need only division and a
    square root, which every machine computes equally to the last digit. So replays agree.
    """
    if len(closes) < 3:
        raise ValueError(f"a volatility takes 3 closes at least; got {len(closes)}")
    if not (isfinite(periods_per_year) and periods_per_year > 0):
        raise ValueError(f"periods_per_year {periods_per_year!r} is not a number above 0")
    for close in closes:
        if not (isfinite(close) and close > 0):
            raise ValueError(f"close {close!r} is not a number above 0")
    returns = [after / before - 1 for before, after in pairwise(closes)]
    mean = fsum(returns) / len(returns)
    variance = fsum((one - mean) * (one - mean) for one in returns) / (len(returns) - 1)
    return sqrt(variance * periods_per_year)


def volatility_leverage(volatility: float, *, target: float, maximum: Number = ONE) -> Decimal:
    """The leverage that brings ``volatility`` to ``target`` (both per year, 0.1 is 10 %), up to ``maximum``.

    ``target / volatility``: A. Moreira and T. Muir, "Volatility-Managed Portfolios", Journal of Finance 72
    (2017), with volatility in place of its square. A market that does not move gets ``maximum``.
    """
    if not (isfinite(volatility) and volatility >= 0):
        raise ValueError(f"volatility {volatility!r} is not a number of at least 0")
    if not (isfinite(target) and target >= 0):
        raise ValueError(f"target volatility {target!r} is not a number of at least 0")
    most = _at_least_zero(maximum, "maximum leverage")
    scaled = target / volatility if volatility > 0 else float("inf")
    return min(_exact(scaled, "leverage"), most) if isfinite(scaled) else most


def risk_quantity(
    equity: Decimal, *, entry: Number, stop: Number, risk: Number, unit_value: Decimal = ONE
) -> Decimal:
    """The quantity that loses a fraction ``risk`` of equity if the price goes from ``entry`` to ``stop``.

    ``equity * risk / |entry - stop|``, for a long position or a short one; 0 without equity.

    V. K. Tharp, "Trade Your Way to Financial Freedom" (1998), the percent risk model.
    """
    distance = abs(_above_zero(entry, "entry") - _above_zero(stop, "stop"))
    if not distance:
        raise ValueError(f"the stop is at the entry, {entry}: any quantity would risk nothing")
    staked = max(ZERO, _exact(equity, "equity")) * _at_least_zero(risk, "risk")
    return staked / (distance * _above_zero(unit_value, "unit_value"))


# --- the same as settings ------------------------------------------------------------------------


class FixedQuantity(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="model", tag="fixed"
):
    """Always the same number of units."""

    quantity: Decimal


class FixedFractional(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag_field="model",
    tag="fixed_fractional",
):
    """A fixed ``fraction`` of the account's equity (0.1 is 10 %)."""

    fraction: Decimal = Decimal("0.1")


class Kelly(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="model", tag="kelly"
):
    """``share`` of Kelly's fraction of equity, at most ``maximum``. Arguments as in ``kelly_fraction``.

    Half Kelly by default, because estimates of an edge are never exact.
    """

    win_rate: float
    payoff: float
    share: Decimal = Decimal("0.5")
    maximum: Decimal = Decimal("0.25")


class KellyOfReturns(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag_field="model",
    tag="kelly_of_returns",
):
    """``share`` of Kelly's fraction, at most ``maximum``; ``mean`` and ``variance`` are per period."""

    mean: float
    variance: float
    share: Decimal = Decimal("0.5")
    maximum: Decimal = Decimal("0.25")


class VolatilityScaled(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag_field="model",
    tag="volatility",
):
    """An exposure that brings the position's volatility to ``target`` per year (0.1 is 10 % of equity).

    - ``window``: the number of returns in the realised volatility. No position before ``window + 1`` bars.
    - ``periods_per_year``: bars per year (252 daily bars).
    - ``max_leverage``: the largest exposure, as a multiple of equity.
    """

    target: float = 0.1
    window: int = 20
    periods_per_year: float = 252
    max_leverage: Decimal = ONE


class RiskPerTrade(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag_field="model",
    tag="risk_per_trade",
):
    """The quantity that loses ``risk`` of equity (0.01 is 1 %) at the stop; needs a stop-loss price.

    Its value is at most ``max_leverage`` times equity. Otherwise a stop close to the price would give a huge
    quantity.
    """

    risk: Decimal = Decimal("0.01")
    max_leverage: Decimal = ONE


Sizing = FixedQuantity | FixedFractional | Kelly | KellyOfReturns | VolatilityScaled | RiskPerTrade
"""A sizing model in a configuration: ``{model: risk_per_trade, risk: 0.01}``."""


class SizingBasis(msgspec.Struct, frozen=True, kw_only=True):
    """The inputs of a model. ``price`` is the entry price; ``closes`` are the last ones, oldest first.

    ``is_inverse``: of a contract that is worth less the higher the price. ``unit_value`` is then its notional
    over ``price``.
    """

    equity: Decimal
    price: float
    stop: Decimal | None = None
    closes: tuple[float, ...] = ()
    unit_value: Decimal = ONE
    is_inverse: bool = False


def bars_needed(sizing: Sizing) -> int:
    """The number of closes that the model needs."""
    return sizing.window + 1 if isinstance(sizing, VolatilityScaled) else 0


def full_quantity(sizing: Sizing, basis: SizingBasis) -> Decimal:
    """The quantity of a whole position, at least 0, not yet in lots; ``ValueError`` if it has no result."""
    match sizing:
        case FixedQuantity(quantity=quantity):
            return _at_least_zero(quantity, "quantity")
        case RiskPerTrade():
            return _at_risk(sizing, basis)
        case FixedFractional(fraction=fraction):
            pass
        case Kelly(win_rate=win_rate, payoff=payoff, share=share, maximum=maximum):
            fraction = kelly_fraction(win_rate, payoff, share=share, maximum=maximum)
        case KellyOfReturns(mean=mean, variance=variance, share=share, maximum=maximum):
            fraction = kelly_fraction_of_returns(mean, variance, share=share, maximum=maximum)
        case VolatilityScaled():
            fraction = _scaled(sizing, basis)
        case _:
            assert_never(sizing)
    return fixed_fractional_quantity(
        basis.equity, basis.price, fraction=fraction, unit_value=basis.unit_value
    )


def check_sizing(sizing: Sizing) -> None:
    """Raise ``ValueError`` with a sentence for settings that can never give a quantity."""
    if isinstance(sizing, VolatilityScaled) and sizing.window < 2:
        raise ValueError(f"window {sizing.window} is below 2 bars")
    closes = (100.0, 101.0) * (bars_needed(sizing) // 2 + 1)
    full_quantity(sizing, SizingBasis(equity=ONE, price=100.0, stop=Decimal(99), closes=closes))


def _at_risk(sizing: RiskPerTrade, basis: SizingBasis) -> Decimal:
    if basis.stop is None:
        raise ValueError("risk per trade needs a stop-loss price, and no signal gave one")
    unit_value = basis.unit_value
    if basis.is_inverse:  # the loss of a unit to the stop is multiplier * |1 / price - 1 / stop|
        unit_value *= Decimal(repr(basis.price)) / _above_zero(basis.stop, "stop")
    quantity = risk_quantity(
        basis.equity, entry=basis.price, stop=basis.stop, risk=sizing.risk, unit_value=unit_value
    )
    most = fixed_fractional_quantity(
        basis.equity, basis.price, fraction=sizing.max_leverage, unit_value=basis.unit_value
    )
    return min(quantity, most)


def _scaled(sizing: VolatilityScaled, basis: SizingBasis) -> Decimal:
    closes = basis.closes[-(sizing.window + 1) :]
    if len(closes) <= sizing.window:
        raise ValueError(
            f"a volatility over {sizing.window} returns takes {sizing.window + 1} closes; got {len(closes)}"
        )
    volatility = realised_volatility(closes, periods_per_year=sizing.periods_per_year)
    return volatility_leverage(volatility, target=sizing.target, maximum=sizing.max_leverage)


def _capped(fraction: Decimal, *, share: Number, maximum: Number) -> Decimal:
    """A share of Kelly's fraction, between 0 and ``maximum``."""
    taken = fraction * _at_least_zero(share, "share")
    return max(ZERO, min(taken, _at_least_zero(maximum, "maximum")))


def _exact(value: Number, what: str) -> Decimal:
    exact = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    if not exact.is_finite():
        raise ValueError(f"{what} {value!r} is not finite")
    return exact


def _at_least_zero(value: Number, what: str) -> Decimal:
    exact = _exact(value, what)
    if exact < 0:
        raise ValueError(f"{what} {value} is below 0")
    return exact


def _above_zero(value: Number, what: str) -> Decimal:
    exact = _exact(value, what)
    if exact <= 0:
        raise ValueError(f"{what} {value} is not above 0")
    return exact
