"""A run whose state would not survive a restart does not pass: it is told from one that is not repeatable."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.simulated.config import SimulatedBrokerConfig
from eventstore import MemoryEventStore
from kernel.configuration import convert_config
from kernel.errors import ReplayDiverged
from kernel.events import Event
from replay.config import ReplayConfig
from replay.verification import verify_run
from strategies.ema_cross import EmaCross
from strategies.ma_cross import MovingAverageCross
from strategies.sdk.lint import lint_source
from strategies.sdk.loading import load_recorded
from tests.replay.hidden_states import WAYS
from tests.replay.market import bar_series, quote_series, walk
from tests.replay.playing import digest_of, record_run, store_of
from tests.replay.sample_strategies import RandomOrders

REMEMBERING_MODEL = """
from typing import ClassVar

import msgspec

SEEN = []


class Slips(msgspec.Struct, frozen=True):
    needs_volatility: ClassVar[bool] = False

    def price(self, taken):
        SEEN.append(taken.price)
        return taken.price * (1 + len(SEEN) / 10_000)
"""

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


async def test_the_strategy_that_hides_is_named_among_others() -> None:
    store = await store_of(a_1d=walk("A", 40, seed=3))
    hiding = load_recorded(WAYS["a heap"], "hidden.py:Hidden")
    run = await record_run(store, [RandomOrders(), hiding, MovingAverageCross(fast=2, slow=5)])

    with pytest.raises(ReplayDiverged, match=r"strategy 'hidden' keeps .* seq \d+: recorded .* replayed "):
        await verify_run(store, run)


async def test_a_state_that_cannot_be_written_is_found() -> None:
    source = WAYS["an alias of the state"].replace("count: int = 0", "count: object = 0")
    store, run = await run_of(source.replace("memory.count += 1", "memory.count = self.metadata.__class__"))

    with pytest.raises(ReplayDiverged, match="a restart is not possible: strategy:hidden: its state cannot"):
        await verify_run(store, run)


async def test_a_model_of_the_venue_that_remembers_is_found(tmp_path: Path) -> None:
    path = tmp_path / "slip.py"
    path.write_text(REMEMBERING_MODEL, "utf-8")
    store = await store_of(a_1d=walk("A", 40, seed=3))
    config = ReplayConfig(broker=SimulatedBrokerConfig(slippage=f"{path}:Slips"))
    run = await record_run(store, [RandomOrders()], config)

    with pytest.raises(ReplayDiverged, match="the venue's models, or several strategies together, keep"):
        await verify_run(store, run)


async def test_a_run_that_does_not_repeat_is_told_from_one_that_hides_state() -> None:
    """The quantity is the time of the machine: other in every run."""
    clock = "__import__('time').monotonic_ns()"
    source = WAYS["a heap"].replace("heappush(self.heap, bar.close) or len(self.heap)", clock)
    source = source.replace(f"int({clock}) % 7", clock)
    assert f"1 + {clock})" in source
    store, run = await run_of(source)

    with pytest.raises(ReplayDiverged) as caught:
        await verify_run(store, run)

    assert "two replays of the same code and inputs differ" in str(caught.value)
    assert "self.state" not in str(caught.value)


# --- runs that have nothing to hide ---------------------------------------------------------------


@pytest.mark.parametrize("bars", [1, 2, 3, 5, 40])
@pytest.mark.parametrize("restarts", [0, 1, 2, 16])
async def test_runs_of_any_length_pass_with_any_number_of_restarts(bars: int, restarts: int) -> None:
    store = await store_of(a_1d=walk("A", bars, seed=3))
    run = await record_run(store, [RandomOrders(), MovingAverageCross(fast=2, slow=5)])

    verified = await verify_run(store, run, restarts=restarts)

    assert verified.restarts == min(restarts, bars)
    assert verified.digest == await digest_of(store, run)


async def test_a_run_with_commands_between_its_data_passes() -> None:
    store = await store_of(a_1d=walk("A", 40, seed=3), b_1d=walk("B", 40, seed=4))
    commands = [
        {"at": f"2004-01-{day:02d}T{hour:02d}:00:00", "do": do}
        for day, hour, do in [(3, 12, "halt"), (4, 23, "resume"), (21, 0, "flatten"), (21, 1, "cancel_all")]
    ]
    config = convert_config({"commands": commands, "broker": {"lacks": ["stop"]}}, ReplayConfig)
    run = await record_run(store, [RandomOrders(), RandomOrders(activity=0.9)], config)

    for restarts in (1, 7, 80):
        assert (await verify_run(store, run, restarts=restarts)).restarts == restarts


@settings(max_examples=15)
@given(quotes=quote_series("Q"), bars=bar_series("A"), restarts=st.integers(1, 20))
async def test_any_run_of_dice_passes_with_restarts_anywhere(
    quotes: list[Event], bars: list[Event], restarts: int
) -> None:
    store = await store_of(a_1d=bars, q_quotes=quotes)
    run = await record_run(store, [RandomOrders(), EmaCross(fast=2, slow=4, quantity=3)])

    assert (await verify_run(store, run, restarts=restarts)).digest == await digest_of(store, run)
