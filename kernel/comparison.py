"""Compares a log with the events that a core derives again from its inputs, in recovery and verification.

A ``Comparison`` remembers the recorded and the replayed records that are not compared yet. Adding records to
either side, in portions of any size, and ``check`` change that. ``check`` compares as many records as both
sides have, and forgets them. A record is never skipped: the first difference raises ``ReplayDiverged``.
"""

from collections.abc import Sequence
from itertools import compress
from operator import is_not

import msgspec

from kernel.errors import ReplayDiverged
from kernel.events import Event

_encode = msgspec.msgpack.Encoder().encode


class RecordDiffers(ReplayDiverged):
    """The first record that differs.

    - ``seq``: of the recorded one; 0 if the record has ended.
    - ``recorded``, ``replayed``: both events; ``None`` where that side has ended.
    - ``number``: of the input that the replay was at.
    """

    def __init__(
        self, message: str, *, seq: int, recorded: Event | None, replayed: Event | None, number: int
    ) -> None:
        super().__init__(message)
        self.seq = seq
        self.recorded = recorded
        self.replayed = replayed
        self.number = number


class Comparison:
    """A recorded and a replayed sequence of events with their causes.

    Events are equal if their encoded bytes are equal.
    """

    def __init__(self) -> None:
        self._seqs: list[int] = []
        self._recorded: list[Event] = []
        self._recorded_causes: list[int] = []
        self._replayed: list[Event] = []
        self._replayed_causes: list[int] = []
        self._last_input = 0

    @property
    def lacks(self) -> int:
        """How many replayed events wait for a recorded one to be compared with."""
        return len(self._replayed) - len(self._recorded)

    def next_recorded(self) -> tuple[int, Event, int] | None:
        """The seq, event and cause of the next recorded event; ``None`` at the end of the log."""
        self.check()
        if not self._recorded:
            return None
        return self._seqs[0], self._recorded[0], self._recorded_causes[0]

    def add_recorded(self, seqs: Sequence[int], events: Sequence[Event], causes: Sequence[int]) -> None:
        """Add the next records of the log."""
        self._seqs += seqs
        self._recorded += events
        self._recorded_causes += causes

    def add_replayed(self, events: Sequence[Event], causes: Sequence[int]) -> None:
        """Add the next records of the replay."""
        self._replayed += events
        self._replayed_causes += causes

    def check(self) -> None:
        """Compare what both sides have; raises ``ReplayDiverged`` for the first record that differs."""
        count = min(len(self._recorded), len(self._replayed))
        if not count:
            return
        causes = self._recorded_causes[:count]
        if causes != self._replayed_causes[:count] or not self._are_equal(count):
            raise self._first_difference()
        self._last_input = abs(causes[-1])
        del self._seqs[:count]
        del self._recorded[:count], self._recorded_causes[:count]
        del self._replayed[:count], self._replayed_causes[:count]

    def finish(self) -> None:
        """Compare the rest; raises ``ReplayDiverged`` if one side has more records than the other."""
        self.check()
        if self._replayed:
            raise RecordDiffers(
                f"the record ends after input {self._last_input}, "
                f"but the replay goes on with {shown(self._replayed[0])}",
                seq=0,
                recorded=None,
                replayed=self._replayed[0],
                number=abs(self._replayed_causes[0]),
            )
        if self._recorded:
            raise RecordDiffers(
                f"seq {self._seqs[0]}: recorded {shown(self._recorded[0])}, but the replay has ended",
                seq=self._seqs[0],
                recorded=self._recorded[0],
                replayed=None,
                number=abs(self._recorded_causes[0]),
            )

    def _are_equal(self, count: int) -> bool:
        """Whether the first events are equal. The inputs of a live log are the same objects on both sides."""
        recorded, replayed = self._recorded[:count], self._replayed[:count]
        differ = list(map(is_not, recorded, replayed))
        return _encode(list(compress(recorded, differ))) == _encode(list(compress(replayed, differ)))

    def _first_difference(self) -> RecordDiffers:
        recorded = zip(self._recorded, self._recorded_causes, strict=True)
        replayed = zip(self._replayed, self._replayed_causes, strict=True)
        for seq, old, new in zip(self._seqs, recorded, replayed, strict=False):
            if _encode(old) != _encode(new):
                return RecordDiffers(
                    f"seq {seq}: recorded {shown(old[0])} {_place(old[1])}, "
                    f"replayed {shown(new[0])} {_place(new[1])}",
                    seq=seq,
                    recorded=old[0],
                    replayed=new[0],
                    number=abs(new[1]),
                )
        raise AssertionError("called for sides that are equal")


def shown(event: Event) -> str:
    """An event as text, for a sentence about a difference."""
    return f"{msgspec.json.encode(event).decode()} ({type(event).__name__})"


def _place(cause: int) -> str:
    return f"after input {cause}" if cause > 0 else f"as input {-cause}"
