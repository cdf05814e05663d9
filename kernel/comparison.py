"""Compares what a log says with what a core derives from its inputs again, in recovery and verification."""

from collections.abc import Sequence
from itertools import compress
from operator import is_not

import msgspec

from kernel.errors import ReplayDiverged
from kernel.events import Event

_encode = msgspec.msgpack.Encoder().encode


class Comparison:
    """A recorded and a replayed sequence of events and causes, compared as far as both are known.

    The two sides may come in any portions. What was compared is forgotten. Events are equal if they are
    encoded alike, byte for byte.
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
        """How many replayed events have no recorded one beside them yet."""
        return len(self._replayed) - len(self._recorded)

    def next_recorded(self) -> tuple[int, Event, int] | None:
        """The seq, event and cause that the log says next, not compared yet; ``None`` at its end."""
        self.check()
        if not self._recorded:
            return None
        return self._seqs[0], self._recorded[0], self._recorded_causes[0]

    def add_recorded(self, seqs: Sequence[int], events: Sequence[Event], causes: Sequence[int]) -> None:
        """Take what the log says next."""
        self._seqs += seqs
        self._recorded += events
        self._recorded_causes += causes

    def add_replayed(self, events: Sequence[Event], causes: Sequence[int]) -> None:
        """Take what the core says next."""
        self._replayed += events
        self._replayed_causes += causes

    def check(self) -> None:
        """Compare; raises ``ReplayDiverged`` for the first record that differs."""
        count = min(len(self._recorded), len(self._replayed))
        if not count:
            return
        causes = self._recorded_causes[:count]
        if causes != self._replayed_causes[:count] or not self._are_alike(count):
            raise self._first_difference()
        self._last_input = abs(causes[-1])
        del self._seqs[:count]
        del self._recorded[:count], self._recorded_causes[:count]
        del self._replayed[:count], self._replayed_causes[:count]

    def finish(self) -> None:
        """Nothing more comes; raises ``ReplayDiverged`` if one side said more than the other."""
        self.check()
        if self._replayed:
            raise ReplayDiverged(
                f"the record ends after input {self._last_input}, "
                f"but the replay goes on with {shown(self._replayed[0])}"
            )
        if self._recorded:
            raise ReplayDiverged(
                f"seq {self._seqs[0]}: recorded {shown(self._recorded[0])}, but the replay has ended"
            )

    def _are_alike(self, count: int) -> bool:
        """Whether the first events are equal; the inputs of a live log are the very same objects."""
        recorded, replayed = self._recorded[:count], self._replayed[:count]
        differ = list(map(is_not, recorded, replayed))
        return _encode(list(compress(recorded, differ))) == _encode(list(compress(replayed, differ)))

    def _first_difference(self) -> ReplayDiverged:
        recorded = zip(self._recorded, self._recorded_causes, strict=True)
        replayed = zip(self._replayed, self._replayed_causes, strict=True)
        for seq, old, new in zip(self._seqs, recorded, replayed, strict=False):
            if _encode(old) != _encode(new):
                return ReplayDiverged(
                    f"seq {seq}: recorded {shown(old[0])} {_place(old[1])}, "
                    f"replayed {shown(new[0])} {_place(new[1])}"
                )
        raise AssertionError("called for sides that are alike")


def shown(event: Event) -> str:
    """An event as a sentence about a difference shows it."""
    return f"{msgspec.json.encode(event).decode()} ({type(event).__name__})"


def _place(cause: int) -> str:
    return f"after input {cause}" if cause > 0 else f"as input {-cause}"
