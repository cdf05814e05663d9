"""One stream of a store as the engine's tape."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from eventstore.encoding import encode_step
from eventstore.port import EventStore, Selection
from kernel.errors import StoreError, StreamMissing
from kernel.events import Event
from kernel.tape import Recorded


class StreamTape:
    """Implements ``kernel.tape.Tape`` over any event store; checkpoints are kept per stream."""

    def __init__(self, store: EventStore, stream: str) -> None:
        self._store = store
        self._stream = stream

    async def append(
        self, events: Sequence[Event], *, expected_seq: int, causes: Sequence[int] | None = None
    ) -> int:
        """Append and return the last seq once durable; raises as ``EventStore.append`` does.

        With causes, the inputs are those that the engine has admitted, so only derived events are checked.
        """
        ready = events if causes is None else encode_step(self._stream, events, causes=causes)
        head = await self._store.append(self._stream, ready, expected_seq=expected_seq, causes=causes)
        return head.seq

    async def last_seq(self) -> int:
        """The stream's last seq; 0 if it does not exist yet."""
        return (await self._store.head(self._stream)).seq

    async def read(
        self, from_seq: int, types: frozenset[type[Event]] | None = None
    ) -> AsyncGenerator[Recorded, None]:
        """The stream's present events from a seq on; nothing if the stream does not exist yet.

        Blocks without any of ``types`` are skipped and not decoded.
        """
        selection = Selection(from_seq=from_seq, types=types)
        try:
            async with aclosing(self._store.read(self._stream, selection)) as batches:
                async for batch in batches:
                    yield Recorded(batch.seqs, batch.events, batch.causes)
        except StreamMissing:
            return

    async def checkpoint(self, subscriber: str) -> int:
        """The seq up to which a subscriber has handled this stream."""
        return await self._store.checkpoint(self._key(subscriber))

    async def save_checkpoint(self, subscriber: str, seq: int) -> None:
        """Save a subscriber's checkpoint durably. Raises ``StoreError`` for a name with a ``/``."""
        await self._store.save_checkpoint(self._key(subscriber), seq)

    def _key(self, subscriber: str) -> str:
        """A key that no other pair has. A stream's name may hold a ``/``, so a subscriber's may not."""
        if not subscriber or "/" in subscriber:
            raise StoreError(f"a subscriber's name must not be empty or hold a '/', but is {subscriber!r}")
        return f"{self._stream}/{subscriber}"
