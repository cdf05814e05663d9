"""Every test of this folder that takes a ``tape`` is run on the tape of every world."""

import pytest

from tests.core.tape import Tape, play
from tests.core.worlds import world

QUICK = range(60)
"""The seeds that every run of the tests plays."""

MANY = range(1_000, 1_300)
"""Those that only the slow ones do."""


@pytest.fixture(
    scope="session",
    params=[*QUICK, *(pytest.param(seed, marks=pytest.mark.slow) for seed in MANY)],
    ids=lambda seed: f"world {seed}",
)
def tape(request: pytest.FixtureRequest) -> Tape:
    """What a world came to; the tests of one world share it."""
    return play(world(request.param))
