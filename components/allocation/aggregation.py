"""Combines the signals of several strategies into one score: pure functions."""

from collections.abc import Mapping
from decimal import Decimal
from math import fsum
from typing import assert_never

import msgspec

from components.allocation.config import Aggregation, Net, Priority, Vote, Weighted
from components.allocation.plan import Opinion
from kernel.identifiers import StrategyId


class CombinedSignal(msgspec.Struct, frozen=True):
    """The signals of several strategies on a symbol, combined into one.

    - ``score``: direction and strength, -1 (short) to 1 (long).
    - ``signals``: the strategies whose signals counted.
    - ``stop_loss``, ``take_profit``: exit prices. They come from the strategies that agree with the direction
      of the score: for a long the highest stop and the lowest target, for a short the lowest stop and the
      highest target.
    """

    score: float
    signals: tuple[StrategyId, ...]
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


def aggregate(rule: Aggregation, opinions: Mapping[StrategyId, Opinion]) -> CombinedSignal:
    """Combine the strategies' last signals by a rule. Without signals the score is 0 (flat)."""
    counted = _counted(rule, opinions)
    score = _score(rule, counted)
    agreeing = [opinion for opinion in counted.values() if opinion.score * score > 0]
    stops = [opinion.stop_loss for opinion in agreeing if opinion.stop_loss is not None]
    profits = [opinion.take_profit for opinion in agreeing if opinion.take_profit is not None]
    if score > 0:
        return CombinedSignal(score, tuple(counted), max(stops, default=None), min(profits, default=None))
    return CombinedSignal(score, tuple(counted), min(stops, default=None), max(profits, default=None))


def _counted(rule: Aggregation, opinions: Mapping[StrategyId, Opinion]) -> Mapping[StrategyId, Opinion]:
    if not isinstance(rule, Priority):
        return opinions
    first = next((StrategyId(name) for name in rule.order if name in opinions), None)
    return {} if first is None else {first: opinions[first]}


def _score(rule: Aggregation, counted: Mapping[StrategyId, Opinion]) -> float:
    match rule:
        case Net():
            return max(-1.0, min(1.0, fsum(opinion.score for opinion in counted.values())))
        case Vote(quorum=quorum):
            return _majority(counted, quorum)
        case Weighted(weights=weights):
            weighed = [(weights.get(strategy, 1.0), opinion.score) for strategy, opinion in counted.items()]
            total = fsum(weight for weight, _ in weighed)
            return fsum(weight * score for weight, score in weighed) / total if total else 0.0
        case Priority():
            return fsum(opinion.score for opinion in counted.values())
        case _:
            assert_never(rule)


def _majority(counted: Mapping[StrategyId, Opinion], quorum: int) -> float:
    """The direction with the most votes: 1, -1 or 0.

    0 if two directions tie for the most votes, or if the most votes are fewer than ``quorum``.
    """
    scores = [opinion.score for opinion in counted.values()]
    votes = {
        1.0: sum(score > 0 for score in scores),
        -1.0: sum(score < 0 for score in scores),
        0.0: sum(score == 0 for score in scores),
    }
    most = max(votes.values())
    winners = [direction for direction, count in votes.items() if count == most]
    return winners[0] if len(winners) == 1 and most >= quorum else 0.0
