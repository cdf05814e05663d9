"""A strategy made anew shares nothing with the old one; what would be lost by it is refused."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np
import pytest
from msgspec import field

from kernel.errors import InputError
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState
from strategies.sdk.rebuilding import check_unchanged, rebuilt


class Average:
    """A helper that remembers."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.value = 0.0


class Params(StrategyParams, frozen=True):
    fast: int = 5
    weight: Decimal = Decimal("0.5")
    limit: float = 0.0
    symbols: list[str] = field(default_factory=list[str])


class State(StrategyState):
    count: int = 0


class Crossing(Strategy[Params, State]):
    """Sets up all kinds of things."""

    metadata = Metadata(name="crossing")

    def validate(self) -> None:
        self.average = Average(self.params.fast)
        self.weights = np.linspace(0.0, 1.0, self.params.fast)
        self.missing = float("nan")
        self.tables: dict[str, Sequence[Average]] = {"a": [Average(1)], "b": (Average(2),)}
        self.rule: Callable[[float], bool] = lambda price: price > self.params.limit
        self.numbers = iter(range(5))


class WithInit(Strategy[Params, State]):
    """Has its own way of being made, by the parameters."""

    metadata = Metadata(name="with_init")

    def __init__(self, *, fast: int = 5, **params: object) -> None:
        super().__init__(fast=fast * 1, **params)
        self.twice = 2 * fast


class NeedsMore(Strategy[Params, State]):
    """Takes something that is no parameter."""

    metadata = Metadata(name="needs_more")

    def __init__(self, model: str) -> None:
        super().__init__()
        self.model = model


class ForgetsInit(Strategy[Params, State]):
    """Never calls its base."""

    metadata = Metadata(name="forgets")

    def __init__(self) -> None:
        self.count = 0


@pytest.mark.parametrize("strategy", [Crossing(fast=3, weight="0.25", symbols=["A"]), WithInit(fast=7)])
def test_a_strategy_made_anew_has_the_same_parameters_and_nothing_in_common(
    strategy: Strategy[Params, State],
) -> None:
    anew = rebuilt(strategy)

    check_unchanged(strategy, anew)
    assert (anew.params, type(anew)) == (strategy.params, type(strategy))
    assert anew.state is not strategy.state
    assert anew.params.symbols is not strategy.params.symbols
    assert getattr(anew, "average", None) is not getattr(strategy, "average", 0)


def test_parameters_set_by_hand_are_those_of_the_new_one() -> None:
    strategy = Crossing()
    strategy.params = Params(fast=9)

    assert rebuilt(strategy).average.length == 9


CHANGES: dict[str, Callable[[Crossing], object]] = {
    "average.length": lambda one: setattr(one, "average", Average(6)),
    "average.value": lambda one: setattr(one.average, "value", 1.0),
    "extra": lambda one: setattr(one, "extra", 1),
    "on_bar": lambda one: setattr(one, "on_bar", print),
    "tables.b.0.value": lambda one: setattr(one.tables["b"][0], "value", 3.0),
    "tables.c": lambda one: one.tables.update(c=()),
    "weights": lambda one: one.weights.fill(7.0),
    "state.count": lambda one: setattr(one.state, "count", 4),
    "missing": lambda one: delattr(one, "missing"),
}
"""Changes by hand, by the place that they change."""


@pytest.mark.parametrize("place", CHANGES)
def test_what_was_changed_by_hand_is_refused_and_named(place: str) -> None:
    strategy = Crossing()
    CHANGES[place](strategy)

    with pytest.raises(
        InputError, match=rf"strategy 'crossing': '{place}' is different in the strategy that"
    ):
        check_unchanged(strategy, rebuilt(strategy))


def test_what_cannot_be_made_from_parameters_is_refused() -> None:
    with pytest.raises(InputError, match=r"'needs_more' cannot be rebuilt from its parameters: .*__init__"):
        rebuilt(NeedsMore("m"))
    with pytest.raises(InputError, match="'forgets' has no parameters: its __init__ must call super"):
        rebuilt(ForgetsInit())


def test_a_parameter_that_a_log_cannot_keep_is_refused() -> None:
    with pytest.raises(InputError, match="parameter limit=nan is wrong: Expected a finite number"):
        rebuilt(Crossing(limit=float("nan")))
