"""The kernel's view of a log: one stream, appended by the engine, read by recovery and slow edges."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

import msgspec

from kernel.events import Event


class Recorded(msgspec.Struct, frozen=True):
    """Records of the tape in order of seq, in three parallel sequences.

    ``causes`` are as in ``kernel.records``; ``None`` stands for inputs without numbers.
    """

    seqs: Sequence[int]
    events: Sequence[Event]
    causes: Sequence[int] | None = None


class Tape(Protocol):
    """An append-only log with one writer."""

    async def append(
        self, events: Sequence[Event], *, expected_seq: int, causes: Sequence[int] | None = None
    ) -> int:
        """Append after ``expected_seq`` and return the last seq once all of it is durable.

        Raises ``AppendConflict`` if another writer was there, ``StoreError`` if it cannot be written.
        """
        ...

    async def last_seq(self) -> int:
        """The seq of the last record; 0 for an empty tape."""
        ...

    def read(self, from_seq: int, types: frozenset[type[Event]] | None = None) -> AsyncGenerator[Recorded]:
        """The records on the tape now, from a seq on, in order. ``None`` means all types."""
        ...

    async def checkpoint(self, subscriber: str) -> int:
        """The seq up to which a subscriber has handled the tape; 0 if none was saved."""
        ...

    async def save_checkpoint(self, subscriber: str, seq: int) -> None:
        """Save the seq up to which a subscriber has handled the tape, durably. Never moves backwards."""
        ...
