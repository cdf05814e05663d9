"""What recovery checks: that the core derives again what the tape says it derived, place by place."""

from collections.abc import Sequence
from enum import Enum, auto
from itertools import compress

import msgspec

from kernel.errors import ReplayDiverged
from kernel.events import Event

_encode = msgspec.msgpack.Encoder().encode


class Recovery(Enum):
    """How far the tape has been replayed into the core; that is done once."""

    DUE = auto()
    RUNNING = auto()
    DONE = auto()
    FAILED = auto()


class Step(msgspec.Struct, frozen=True):
    """Inputs and what followed from them, in log order; ``causes`` as on the tape: 0 is an input."""

    events: list[Event]
    causes: list[int]


class Comparison:
    """What the tape says beside what the core says, compared as far as both go.

    The core says what follows from a page at once; the tape may say it on the next page, and names a
    timer before the input that made it due.
    """

    def __init__(self) -> None:
        self._seq = 0
        self._recorded = Step([], [])
        self._produced = Step([], [])

    def check(self, recorded: Step, produced: Step) -> None:
        """Take more of both; raises ``ReplayDiverged`` for the first record that differs."""
        old, new = self._recorded, self._produced
        for side, more in ((old, recorded), (new, produced)):
            side.events.extend(more.events)
            side.causes.extend(more.causes)
        count = min(len(old.events), len(new.events))
        causes = old.causes[:count]
        if causes != new.causes[:count] or _derived(old, causes) != _derived(new, causes):
            raise self._first_difference()
        self._seq += count
        for side in (old, new):
            del side.events[:count], side.causes[:count]

    def finish(self) -> None:
        """Nothing more comes; raises ``ReplayDiverged`` if one side said more than the other."""
        for side, name in ((self._recorded, "tape"), (self._produced, "core")):
            if side.events:
                raise ReplayDiverged(f"seq {self._seq + 1}: only the {name} says {side.events[0]}")

    def _first_difference(self) -> ReplayDiverged:
        old, new = self._recorded, self._produced
        both = zip(
            zip(old.events, old.causes, strict=True), zip(new.events, new.causes, strict=True), strict=False
        )
        seq, (recorded, produced) = next(
            (seq, pair)
            for seq, pair in enumerate(both, self._seq + 1)
            if _encode(pair[0]) != _encode(pair[1])
        )
        return ReplayDiverged(
            f"seq {seq}: the tape says {recorded[0]}, caused by {recorded[1]}; "
            f"the core says {produced[0]}, caused by {produced[1]}"
        )


def _derived(side: Step, causes: Sequence[int]) -> bytes:
    """The derived events among the first ``len(causes)``; inputs are the very same on both sides."""
    return _encode(list(compress(side.events, causes)))
