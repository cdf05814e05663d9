"""Prints what worlds come to; other interpreters run it: ``python -m tests.core.digests 1 2 3``."""

import sys
from collections.abc import Iterable
from hashlib import sha256

import msgspec

from tests.core.tape import Tape, play
from tests.core.worlds import world


def encoded(tape: Tape) -> bytes:
    """All that the core made, as a log would hold it."""
    return msgspec.msgpack.encode(list(tape.derived()))


def line_of(seed: int) -> str:
    """A seed, and what its world comes to."""
    return f"{seed} {sha256(encoded(play(world(seed)))).hexdigest()}"


def _print(seeds: Iterable[str]) -> None:
    for seed in seeds:
        sys.stdout.write(f"{line_of(int(seed))}\n")


if __name__ == "__main__":
    _print(sys.argv[1:])
