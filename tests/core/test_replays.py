"""A run is a function of its inputs: again, or in another process, it is the same."""

from pathlib import Path

import msgspec
import pytest

from tests.core.digests import encoded, line_of
from tests.core.tape import Tape, derived_of
from tests.replay.commands import python

SOME = range(100, 130)


def test_inputs_that_come_all_together_give_the_same_bytes(tape: Tape) -> None:
    """The tape was played input by input; a replay hands them over by the block."""
    again = derived_of(tape.world.core(), tape.world.inputs)

    assert msgspec.msgpack.encode(again) == encoded(tape)


@pytest.mark.slow
@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_with_other_hashes_comes_to_the_same_bytes(hash_seed: str, tmp_path: Path) -> None:
    printed = python("-m", "tests.core.digests", *map(str, SOME), folder=tmp_path, PYTHONHASHSEED=hash_seed)

    assert printed.splitlines() == [line_of(seed) for seed in SOME]
