"""Schedules of a canary: what they say, and what is refused."""

from decimal import Decimal

import pytest

from components.assembly.settings import StrategyConfig
from kernel.errors import InputError
from kernel.events.deployments import DeploymentStep
from replay.deploying.canary_schedule import steps_of, with_share, words_of_steps
from strategies.sdk.strategy_limits import Capital

WHOLE = DeploymentStep(Decimal(1))


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", [WHOLE]),
        ("10%", [DeploymentStep(Decimal("0.1")), WHOLE]),
        (
            "10% for 1d, 50% for 36h, then 100%",
            [DeploymentStep(Decimal("0.1"), 86_400), DeploymentStep(Decimal("0.5"), 129_600), WHOLE],
        ),
        ("2.5% for 90s,100% for 1m", [DeploymentStep(Decimal("0.025"), 90), WHOLE]),
    ],
)
def test_schedule_is_read_and_ends_with_the_whole_capital(text: str, steps: list[DeploymentStep]) -> None:
    assert steps_of(text) == tuple(steps)


@pytest.mark.parametrize(
    "text", ["10", "ten%", "0%", "110%", "50%, 50%", "50%, 20%", "10% for 1y", "10% for 400d", "10%,,20%"]
)
def test_schedule_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="schedule"):
        steps_of(text)


def test_words_of_a_schedule_are_read_back() -> None:
    steps = steps_of("10% for 1d, 50% for 90m, 60%, then 100%")

    assert words_of_steps(steps) == "10% for 1d, 50% for 90m, 60%, 100%"
    assert steps_of(words_of_steps(steps)) == steps


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        (Capital(amount=Decimal(20_000)), Capital(amount=Decimal(2_000))),
        (Capital(fraction=Decimal("0.5")), Capital(fraction=Decimal("0.05"))),
        (None, Capital(fraction=Decimal("0.1"))),
    ],
)
def test_share_is_of_the_capital_or_of_the_account(whole: Capital | None, part: Capital) -> None:
    settings = StrategyConfig(strategy="a:B", capital=whole)

    assert with_share(settings, Decimal("0.1")).capital == part
    assert with_share(settings, Decimal(1)) is settings
