"""A run whose state would not survive a restart does not pass: it is told from one that is not repeatable."""

import pytest

from eventstore import MemoryEventStore
from kernel.errors import ReplayDiverged
from replay.verification import verify_run
from strategies.sdk.lint import lint_source
from strategies.sdk.loading import load_recorded
from tests.replay.hidden_states import WAYS
from tests.replay.market import walk
from tests.replay.playing import record_run, store_of

REFUSED = {
    "a helper object": "held-object",
    "a helper object in a tuple": "held-object",
    "a callable object": "held-object",
    "an iterator": "held-iterator",
    "a cycle": "held-iterator",
    "a generator": "held-iterator",
    "a running iterator": "held-iterator",
}
"""The ways that the linter refuses, and its rule."""


async def run_of(source: str, *, bars: int = 40) -> tuple[MemoryEventStore, str]:
    """A run of a strategy that no linter was asked about."""
    store = await store_of(a_1d=walk("A", bars, seed=3))
    return store, await record_run(store, [load_recorded(source, "hidden.py:Hidden")])


# --- the strategy that hides its state ----------------------------------------------------------


def test_the_linter_refuses_the_plain_ways_and_over_fifteen_remain() -> None:
    found = {way: {finding.rule for finding in lint_source(text, "hidden.py")} for way, text in WAYS.items()}

    assert {way: rules for way, rules in found.items() if rules} == {
        way: {rule} for way, rule in REFUSED.items()
    }
    assert len(WAYS) - len(REFUSED) > 15


@pytest.mark.parametrize("way", WAYS)
async def test_state_outside_the_state_is_found_and_its_strategy_named(way: str) -> None:
    store, run = await run_of(WAYS[way])

    assert (await verify_run(store, run, restarts=0)).restarts == 0
    with pytest.raises(ReplayDiverged, match=r"strategy 'hidden' keeps state outside `self.state`"):
        await verify_run(store, run)
