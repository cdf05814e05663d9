"""Every test of this folder that takes a ``tape`` is run on the tape of every world."""

import pytest

from tests.core.tape import Tape, play
from tests.core.worlds import hedged_world, world

QUICK = range(20)
"""The seeds that every run of the tests plays."""

HEDGED = range(8)
"""Those of them that are played in hedging mode too."""

MANY = (*range(20, 60), *range(1_000, 1_300))
"""Those that only the slow ones do."""

MANY_HEDGED = (*range(8, 20), *range(1_000, 1_200))
"""Those of them that are played in hedging mode too."""


@pytest.fixture(
    scope="session",
    params=[
        *((world, seed) for seed in QUICK),
        *((hedged_world, seed) for seed in HEDGED),
        *(pytest.param((world, seed), marks=pytest.mark.slow) for seed in MANY),
        *(pytest.param((hedged_world, seed), marks=pytest.mark.slow) for seed in MANY_HEDGED),
    ],
    ids=lambda made: f"{made[0].__name__} {made[1]}",
)
def tape(request: pytest.FixtureRequest) -> Tape:
    """What a world came to; the tests of one world share it."""
    make, seed = request.param
    return play(make(seed))
