"""How opinions become a score: each mode by a table."""

from decimal import Decimal

import msgspec
import pytest

from components.allocation.aggregation import aggregate
from components.allocation.config import (
    Aggregation,
    Net,
    Priority,
    SignalsConfig,
    Vote,
    Weighted,
    check_signals,
    named_strategies,
)
from components.allocation.plan import Opinion
from kernel.identifiers import StrategyId
from strategies.sdk.algorithms import Iceberg, Twap
from strategies.sdk.sizing import FixedFractional

A, B, C = (StrategyId(name) for name in "abc")


def opinions(**scores: float) -> dict[StrategyId, Opinion]:
    """Opinions by strategy."""
    return {StrategyId(name): Opinion(0, score) for name, score in scores.items()}


@pytest.mark.parametrize(
    ("rule", "scores", "score"),
    [
        (Net(), {"a": 0.5, "b": 0.25}, 0.75),
        (Net(), {"a": 0.5, "b": -0.25}, 0.25),
        (Net(), {"a": 1.0, "b": 0.5}, 1.0),
        (Net(), {"a": -1.0, "b": -0.5}, -1.0),
        (Net(), {"a": 0.0}, 0.0),
        (Net(), {}, 0.0),
        (Vote(), {"a": 0.1, "b": 0.2, "c": -1.0}, 1.0),
        (Vote(), {"a": -0.1, "b": -0.2, "c": 1.0}, -1.0),
        (Vote(), {"a": 1.0, "b": -1.0}, 0.0),
        (Vote(), {"a": 1.0, "b": 0.0, "c": 0.0}, 0.0),
        (Vote(quorum=2), {"a": 1.0}, 0.0),
        (Vote(quorum=2), {"a": 1.0, "b": 0.5}, 1.0),
        (Vote(), {}, 0.0),
        (Weighted(), {"a": 1.0, "b": 0.5}, 0.75),
        (Weighted({"a": 3.0}), {"a": 1.0, "b": -1.0}, 0.5),
        (Weighted({"a": 0.0}), {"a": 1.0, "b": -0.5}, -0.5),
        (Weighted({"a": 0.0}), {"a": 1.0}, 0.0),
        (Weighted(), {}, 0.0),
        (Priority(("b", "a")), {"a": 1.0, "b": -0.5, "c": 1.0}, -0.5),
        (Priority(("b", "a")), {"a": 1.0, "c": -1.0}, 1.0),
        (Priority(("b", "a")), {"a": 1.0, "b": 0.0}, 0.0),
        (Priority(("b", "a")), {"c": 1.0}, 0.0),
    ],
)
def test_opinions_come_to_one_score(rule: Aggregation, scores: dict[str, float], score: float) -> None:
    assert aggregate(rule, opinions(**scores)).score == score


def test_the_verdict_names_the_strategies_it_was_made_of() -> None:
    both = opinions(a=1.0, b=0.5)

    assert aggregate(Net(), both).signals == (A, B)
    assert aggregate(Priority(("b",)), both).signals == (B,)


def test_the_nearest_exits_of_those_who_agree_count() -> None:
    long = {
        A: Opinion(0, 1.0, Decimal(95), Decimal(120)),
        B: Opinion(0, 0.5, Decimal(97), Decimal(130)),
        C: Opinion(0, -0.5, Decimal(99), Decimal(90)),
    }
    short = {A: Opinion(0, -1.0, Decimal(105), Decimal(80)), B: Opinion(0, -1.0, Decimal(103), Decimal(70))}

    up, down = aggregate(Net(), long), aggregate(Net(), short)

    assert (up.stop_loss, up.take_profit) == (Decimal(97), Decimal(120))
    assert (down.stop_loss, down.take_profit) == (Decimal(103), Decimal(80))


def test_a_flat_verdict_has_no_exits() -> None:
    verdict = aggregate(Net(), {A: Opinion(0, 1.0, Decimal(95)), B: Opinion(0, -1.0, Decimal(105))})

    assert (verdict.score, verdict.stop_loss, verdict.take_profit) == (0.0, None, None)


def test_settings_are_read_as_they_are_written() -> None:
    written = b"""
    aggregation: {mode: priority, order: [a, b]}
    sizing: {model: fixed_fractional, fraction: 0.2}
    execution: {algorithm: twap, duration_s: 600, steps: 10}
    strategies: [a, b, c]
    timing: each
    """

    config = msgspec.yaml.decode(written, type=SignalsConfig, strict=False)

    check_signals(config)
    assert config.aggregation == Priority(("a", "b"))
    assert config.sizing == FixedFractional(fraction=Decimal("0.2"))
    assert config.execution == Twap(600.0, 10)
    assert named_strategies(config) == ("a", "b", "c")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (SignalsConfig(valid_for_s=-1.0), "valid_for_s -1.0 is not a number of at least 0"),
        (SignalsConfig(min_change=Decimal(-1)), "min_change -1 is not a number of at least 0"),
        (SignalsConfig(aggregation=Vote(quorum=0)), "quorum 0 is below 1"),
        (SignalsConfig(aggregation=Priority(())), "priority needs the order of strategies"),
        (SignalsConfig(aggregation=Weighted({"a": -1.0})), "weights must be numbers of at least 0"),
        (SignalsConfig(sizing=FixedFractional(fraction=Decimal(-1))), "sizing: fraction -1 is below 0"),
        (SignalsConfig(execution=Iceberg(10.0)), "an iceberg is a limit order"),
        (SignalsConfig(execution=Twap(0.0, 10)), "a twap needs a duration_s above 0"),
        (SignalsConfig(execution=Twap(9.0, 1, start_ts=5)), "start_ts is for single orders"),
    ],
)
def test_settings_that_make_no_sense_are_refused(config: SignalsConfig, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_signals(config)
