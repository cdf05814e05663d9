"""Live engines in worlds of careless producers, failing edges, stepping clocks and crashes.

- Every input that was accepted is on the tape once, in its producer's order within its
  class (after a crash: up to a point).
- Every input that was refused was told to its producer, counted, and the tape tells of it.
- What an edge saw is on the tape, in order within a symbol; its checkpoint passes nothing unhandled.
- A new core recovers to the same state. No input ends the engine.
"""

import pytest

from tests.core.live_world import play

QUICK = range(3)
MANY = range(1_000, 1_060)


@pytest.mark.parametrize("seed", [*QUICK, *(pytest.param(seed, marks=pytest.mark.slow) for seed in MANY)])
async def test_a_live_engine_keeps_its_promises_in_a_wild_world(seed: int) -> None:
    await play(seed)
