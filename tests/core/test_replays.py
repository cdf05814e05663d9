"""A run is a function of its inputs: again, in another process, or put back half-way, it is the same."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest

from components.assembly.core import Core
from kernel import snapshot
from kernel.events import Event
from tests.core.digests import encoded, line_of
from tests.core.tape import Tape
from tests.replay.commands import python

CUTS = 2
"""How many places each world is cut at."""

SOME = range(100, 130)


def derived_of(core: Core, inputs: Sequence[Event]) -> list[Event]:
    """What follows from inputs that come all together."""
    core.bus.dispatch(inputs)
    return core.bus.take_derived().events


def test_inputs_that_come_all_together_give_the_same_bytes(tape: Tape) -> None:
    """The tape was played input by input; a replay hands them over by the block."""
    again = derived_of(tape.world.core(), tape.world.inputs)

    assert msgspec.msgpack.encode(again) == encoded(tape)


def test_a_snapshot_at_any_input_changes_nothing_that_comes_after(tape: Tape) -> None:
    inputs, dice = tape.world.inputs, Random(tape.world.seed)
    for cut in dice.sample(range(len(inputs)), CUTS):
        first, second = tape.world.core(), tape.world.core()
        derived = derived_of(first, inputs[:cut])

        snapshot.put_back(second.bus, snapshot.take(first.bus))
        derived += derived_of(second, inputs[cut:])

        assert msgspec.msgpack.encode(derived) == encoded(tape), cut
        assert snapshot.take(second.bus) == snapshot.take(tape.core.bus), cut


@pytest.mark.slow
@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_with_other_hashes_comes_to_the_same_bytes(hash_seed: str, tmp_path: Path) -> None:
    printed = python("-m", "tests.core.digests", *map(str, SOME), folder=tmp_path, PYTHONHASHSEED=hash_seed)

    assert printed.splitlines() == [line_of(seed) for seed in SOME]
