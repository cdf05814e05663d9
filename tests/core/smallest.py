"""Makes a world that breaks a promise small: ``python -m tests.core.smallest 103 test_risk:test_...``.

Inputs are left out as long as the test still fails in the same way, then what strategies said; what is left
is printed, with all that followed.
"""

import sys
from collections.abc import Callable
from importlib import import_module

import msgspec

from tests.core.decisions import occasion
from tests.core.nonsense import Fool
from tests.core.tape import Tape, play
from tests.core.worlds import World, inputs_without, world

Promise = Callable[[Tape], None]


def broken(promise: Promise, candidate: World) -> str:
    """How a world breaks a promise; empty if it keeps it."""
    try:
        promise(play(candidate))
    except Exception as error:  # whatever goes wrong is what is looked for
        return type(error).__name__
    return ""


def smallest(promise: Promise, found: World) -> World:
    """The world with as little as possible that still breaks the promise in the same way."""
    failure = broken(promise, found)
    if not failure:
        raise SystemExit("this world keeps its promise")
    return _with_few_words(promise, _with_few_inputs(promise, found, failure), failure)


def _with_few_inputs(promise: Promise, found: World, failure: str) -> World:
    count = len(found.inputs) // 2
    while count:
        start = 0
        while start < len(found.inputs):
            inputs = inputs_without(found.inputs, start, count)
            candidate = msgspec.structs.replace(found, inputs=inputs)
            if broken(promise, candidate) == failure:
                found = candidate
            else:
                start += count
        count //= 2
    return found


def _with_few_words(promise: Promise, found: World, failure: str) -> World:
    """Mute one occasion after the other; the fool's are named without the event."""
    tape = play(found)
    names = [host.strategy.ctx.strategy for host in tape.core.hosts]
    fools = [host.strategy.ctx.strategy for host in tape.core.hosts if isinstance(host.strategy, Fool)]
    for event in tape.everything():
        keys = [occasion(name, event) for name in names] + [f"{name} {event.ts}" for name in fools]
        for key in keys:
            candidate = msgspec.structs.replace(found, muted=found.muted | {key})
            if key not in found.muted and broken(promise, candidate) == failure:
                found = candidate
    return found


def _main(seed: str, name: str) -> None:
    module, _, function = name.partition(":")
    promise: Promise = getattr(import_module(f"tests.core.{module}"), function)
    found = smallest(promise, world(int(seed)))
    tape = play(found)
    for moment in tape.moments:
        for event in moment.everything():
            sys.stdout.write(f"{'in ' if event is moment.event else '   '}{event}\n")
    for part in ("broker", "limits", "portfolio", "signals"):
        sys.stdout.write(f"{part}: {getattr(found, part)}\n")
    promise(tape)


if __name__ == "__main__":
    _main(*sys.argv[1:3])
