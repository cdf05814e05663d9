"""The table of scenarios in ``docs/execution.md`` is true, row by row."""

from pathlib import Path

import pytest

from tests.brokers.simulated.scenarios import Scenario, play, read_table

PAGE = Path(__file__).parents[3] / "docs" / "execution.md"
SCENARIOS = tuple(read_table(PAGE.read_text("utf-8")))


@pytest.mark.parametrize("scenario", [pytest.param(one, id=one.name) for one in SCENARIOS])
def test_a_scenario_of_the_documentation_comes_true(scenario: Scenario) -> None:
    assert play(scenario) == scenario.fills


def test_every_row_has_a_name_of_its_own() -> None:
    names = [scenario.name for scenario in SCENARIOS]

    assert len(names) == len(set(names)) > 80
