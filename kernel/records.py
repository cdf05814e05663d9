"""Events in the order of a log, each with its cause: one convention for live logs and for recorded runs.

The inputs of a run are numbered from 1, over all its sessions, wherever they are kept. A cause of -k marks
the k-th input, +k an event that was derived after it. So a derived event names its cause the same way whether
the inputs are in the log itself or in data streams that the run was played from.
"""

from collections.abc import Sequence
from itertools import repeat

import msgspec

from kernel.events import Event


class Records(msgspec.Struct):
    """Events and their causes, which run parallel."""

    events: list[Event] = []
    causes: list[int] = []


def interleaved(inputs: Sequence[Event], derived: Records, *, first_ordinal: int) -> Records:
    """Inputs, the first of them with this number, and what was derived from them, in the order of the log.

    An event stands behind the input that caused it. Events of timers that were due before an input stand
    before it, with the number of the input before as their cause.
    """
    if not derived.events:
        return Records(list(inputs), list(range(-first_ordinal, -first_ordinal - len(inputs), -1)))
    events: list[Event] = []
    causes: list[int] = []
    placed = 0
    for event, cause in zip(derived.events, derived.causes, strict=True):
        end = cause - first_ordinal + 1
        if end > placed:
            events += inputs[placed:end]
            causes += range(-first_ordinal - placed, -first_ordinal - end, -1)
            placed = end
        events.append(event)
        causes.append(cause)
    events += inputs[placed:]
    causes += range(-first_ordinal - placed, -first_ordinal - len(inputs), -1)
    return Records(events, causes)


class InputNumbers:
    """Numbers the inputs of logs from before they were numbered, read from their beginning.

    There, 0 marked an input, and n > 0 an event derived after the input at seq n. Causes of today's form stay
    as they are, so that a log whose first sessions are of the old form can be read through.
    """

    def __init__(self) -> None:
        self._count = 0
        self._unnumbered_seq = 0

    def of(self, seqs: Sequence[int], causes: Sequence[int] | None) -> list[int]:
        """The causes of the next records of the log; ``None`` for inputs alone, without numbers."""
        found: list[int] = []
        for seq, cause in zip(seqs, causes or repeat(0, len(seqs)), strict=True):
            if cause < 0:
                self._count, self._unnumbered_seq = -cause, 0
            elif cause == 0:
                self._count, self._unnumbered_seq = self._count + 1, seq
                cause = -self._count
            elif cause == self._unnumbered_seq:
                cause = self._count
            found.append(cause)
        return found
