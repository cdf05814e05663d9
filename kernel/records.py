"""Events in the order of a log, each with its cause: one convention for live logs and for recorded runs.

The inputs of a run are numbered from 1, over all its sessions, in the log itself or in the data streams that
were played. A cause of -k marks the k-th input. A cause of +k marks an event that was derived after the k-th
input, and before the next one. So derived events name their cause in the same way wherever the inputs are.

``InputNumbers`` remembers only the last number. Each input raises it by 1. No number is ever used twice.
"""

from collections.abc import Sequence
from itertools import repeat

import msgspec

from kernel.events import Event


class Records(msgspec.Struct):
    """Events and their causes: two parallel lists."""

    events: list[Event] = []
    causes: list[int] = []


def interleaved(inputs: Sequence[Event], derived: Records, *, first_ordinal: int) -> Records:
    """Merge inputs and the events derived from them, in the order of the log.

    ``first_ordinal`` is the number of the first input. A derived event comes after the input that caused it.
    An event of a timer that fired before an input comes before that input; its cause is the input before.
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
    """Numbers the inputs of old logs, which have no numbers. Reads a log from its beginning.

    In an old log a cause of 0 marks an input, and n > 0 an event derived after the input at seq n. Causes of
    today's form do not change, so a log may have old sessions first and new ones later.
    """

    def __init__(self) -> None:
        self._count = 0
        self._unnumbered_seq = 0

    def of(self, seqs: Sequence[int], causes: Sequence[int] | None) -> list[int]:
        """The causes, in today's form, of the next records. ``None`` stands for inputs without numbers."""
        if causes and not self._unnumbered_seq and 0 not in causes:  # of today's form already
            self._count = max(self._count, -min(causes))
            return causes if isinstance(causes, list) else list(causes)
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
