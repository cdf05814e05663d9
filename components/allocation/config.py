"""Settings of the allocator: whose signals, how they are put together, how large the position is.

signals:
  aggregation: {mode: vote, quorum: 2}
  sizing: {model: risk_per_trade, risk: 0.01}
  valid_for_s: 86400
"""

from decimal import Decimal
from enum import StrEnum
from typing import assert_never

import msgspec

from kernel.fraction_checks import above
from strategies.sdk.algorithms import Algorithm, Iceberg, Participation, Twap, Vwap
from strategies.sdk.sizing import (
    FixedFractional,
    FixedQuantity,
    Kelly,
    KellyOfReturns,
    RiskPerTrade,
    Sizing,
    VolatilityScaled,
    check_sizing,
)

LEVERED = 10
"""Largest plausible multiple of equity, and largest plausible volatility of a year.

A value above it is probably a percentage that was meant as a fraction."""


class Net(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="mode", tag="net"):
    """The sum of all signals, short ones negative, clipped to -1..1."""


class Vote(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="mode", tag="vote"):
    """The direction of most signals, at full strength.

    Flat if two directions tie for the most signals, or if the most signals are fewer than ``quorum``.
    """

    quorum: int = 1


class Weighted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="mode", tag="weight"):
    """The weighted mean of all signals. ``weights``: by strategy; 1 for a strategy that is not named."""

    weights: dict[str, float] = {}


class Priority(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="mode", tag="priority"):
    """The signal of the first strategy in ``order`` that has one; all others are ignored."""

    order: tuple[str, ...]


Aggregation = Net | Vote | Weighted | Priority


class Timing(StrEnum):
    """The time at which signals are put together."""

    SETTLED = "settled"
    """Once an instant, after every strategy has processed all events of that instant."""
    EACH = "each"
    """At each signal."""


class SignalsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One execution plan for the signals of several strategies.

    - ``aggregation``: the rule by which signals become one score.
    - ``sizing``: the model that says how large the full position is.
    - ``strategies``: the strategies whose signals count; empty for all.
    - ``timing``: when signals are put together.
    - ``valid_for_s``: seconds until a signal no longer counts. 0: it counts until the strategy's next signal
      on that symbol.
    - ``min_change``: a fraction of the present target. A new target in the same direction is ignored if it
      differs by less, so that small changes of equity cause no orders.
    - ``execution``: the algorithm that works the orders in parts; without it they go out whole, at market.
    """

    aggregation: Aggregation = Net()
    sizing: Sizing = FixedFractional()
    strategies: tuple[str, ...] = ()
    timing: Timing = Timing.SETTLED
    valid_for_s: float = 0.0
    min_change: Decimal = Decimal("0.1")
    execution: Algorithm | None = None


def named_strategies(config: SignalsConfig) -> tuple[str, ...]:
    """The strategy ids that the settings name. Each must exist."""
    match config.aggregation:
        case Weighted(weights=weights):
            named = tuple(weights)
        case Priority(order=order):
            named = order
        case Net() | Vote():
            named = ()
    return tuple(dict.fromkeys((*config.strategies, *named)))


def check_signals(config: SignalsConfig, *, largest_position: int = LEVERED) -> None:
    """``ValueError`` with a sentence for settings that make no sense.

    ``largest_position``: how many times equity a position can be worth; 1 if everything is paid in full.
    """
    if not 0 <= config.valid_for_s < float("inf"):
        raise ValueError(f"valid_for_s {config.valid_for_s} is not a number of at least 0")
    if not (config.min_change.is_finite() and config.min_change >= 0):
        raise ValueError(f"min_change {config.min_change} is not a number of at least 0")
    match config.aggregation:
        case Vote(quorum=quorum) if quorum < 1:
            raise ValueError(f"aggregation: quorum {quorum} is below 1")
        case Priority(order=order) if not order:
            raise ValueError("aggregation: priority needs the order of strategies")
        case Weighted(weights=weights) if not all(0 <= one < float("inf") for one in weights.values()):
            raise ValueError("aggregation: weights must be numbers of at least 0")
        case _:
            pass
    if config.execution is not None:
        _check_execution(config.execution)
    try:
        check_sizing(config.sizing)
    except ValueError as error:
        raise ValueError(f"sizing: {error}") from error
    for key, value, most in (
        ("min_change", config.min_change, 1),
        *_fractions(config.sizing, largest_position),
    ):
        problem = above(value, most)
        if problem:
            raise ValueError(f"{key}: {problem}")


def _fractions(sizing: Sizing, largest_position: int) -> tuple[tuple[str, Decimal | float, int], ...]:
    """The settings of a model that are fractions, each as (key, value, largest value)."""
    match sizing:
        case FixedFractional(fraction=fraction):
            return (("sizing: fraction", fraction, largest_position),)
        case Kelly(share=share, maximum=maximum) | KellyOfReturns(share=share, maximum=maximum):
            return (("sizing: share", share, 1), ("sizing: maximum", maximum, largest_position))
        case VolatilityScaled(target=target):
            return (("sizing: target", target, LEVERED),)
        case RiskPerTrade(risk=risk):
            return (("sizing: risk", risk, 1),)
        case FixedQuantity():
            return ()
        case _:
            assert_never(sizing)


def _check_execution(algorithm: Algorithm) -> None:
    match algorithm:
        case Iceberg():
            raise ValueError("execution: an iceberg is a limit order, and the plan's orders are at market")
        case Twap(duration_s=duration_s, steps=steps):
            if not (0 < duration_s < float("inf") and 1 <= steps <= 1_000):
                raise ValueError("execution: a twap needs a duration_s above 0 and 1 to 1000 steps")
        case Vwap(duration_s=duration_s):
            if not 0 < duration_s < float("inf"):
                raise ValueError(f"execution: duration_s {duration_s} is not above 0")
        case Participation(rate=rate, duration_s=duration_s):
            if not (0 < rate <= 1 and 0 <= duration_s < float("inf")):
                raise ValueError("execution: a participation needs a rate above 0 and at most 1")
    if algorithm.start_ts:
        raise ValueError("execution: start_ts is for single orders; the plan's start at once")
