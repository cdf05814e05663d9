"""Compares what a replay makes with the record of its run or live log, while both go on.

``RecordComparison`` reads the stream as it is needed. It remembers the records that are not compared yet,
and a digest of the derived events that it has read.
"""

from collections.abc import Sequence
from hashlib import sha256

from eventstore import Batch, EventStore, Selection
from eventstore.block import item_bytes, items
from kernel.comparison import Comparison, RecordDiffers
from kernel.errors import ReplayDiverged
from kernel.events import Event, RunFinished
from replay.record import Record, differences_of
from replay.run import Played


class RecordComparison:
    """The sink that compares a replay with its record.

    - ``after_seq``: where the replay begins; 0: at the beginning of the stream.
    - ``to_seq``: where it ends; ``None``: with the stream, or with the part of a live log that was read.
    """

    def __init__(
        self, store: EventStore, record: Record, *, after_seq: int = 0, to_seq: int | None = None
    ) -> None:
        self._run_stream = record.run_stream
        self._log = record.log
        self._comparison = Comparison()
        if to_seq is None and record.log is not None:
            to_seq = record.log.last_seq
        self._batches = store.read(record.run_stream, Selection(from_seq=after_seq + 1, to_seq=to_seq))
        self._is_whole = not after_seq and (to_seq is None or record.log is not None)
        self._derived_count = 0
        self._digest = sha256()

    async def record(self, events: Sequence[Event], causes: Sequence[int]) -> None:
        """Compare records with the next ones of the stream."""
        comparison = self._comparison
        comparison.add_replayed(events, causes)
        while comparison.lacks > 0 and await self._read_more():
            pass
        try:
            comparison.check()
            if comparison.lacks > 0:
                comparison.finish()
        except RecordDiffers as differs:
            raise self._named_difference(differs) from differs

    async def finish_part(self) -> None:
        """Check that a part of the record ends here."""
        while await self._read_more():
            pass
        try:
            self._comparison.finish()
        except RecordDiffers as differs:
            raise self._named_difference(differs) from differs

    async def finish_last_part(self, *, input_count: int, last_ts: int) -> RunFinished | None:
        """Check that the record of a run ends here with its ``RunFinished``, which is returned.

        Its number of derived events and their digest are not checked. ``None`` for a live log.
        """
        while await self._read_more():
            pass
        finished: RunFinished | None = None
        if self._log is None:
            following = self._comparison.next_recorded()
            if following is None:
                raise self._named("the recorded run was never finished: it has no RunFinished")
            seq, event, cause = following
            if isinstance(event, RunFinished):
                finished = event
                if (event.input_count, event.ts, cause) != (input_count, last_ts, -(input_count + 1)):
                    raise self._named(f"seq {seq}: RunFinished does not fit its {input_count} inputs")
                self._comparison.add_replayed((event,), (cause,))
        await self.finish_part()
        return finished

    async def finish(self, played: Played) -> RunFinished:
        """Check that the record ends here, with the ``RunFinished`` of the replay, which is returned.

        A live log has no ``RunFinished``: it goes on.
        """
        while await self._read_more():
            pass
        expected = RunFinished(
            played.last_ts, played.input_count, self._derived_count, self._digest.hexdigest()
        )
        if self._log is None:
            self._check_end(expected)
        await self.finish_part()
        return expected

    async def close(self) -> None:
        """Close the stream."""
        await self._batches.aclose()

    def _check_end(self, expected: RunFinished) -> None:
        """Compare the recorded ``RunFinished``; raises for its first field that differs."""
        ordinal = expected.input_count + 1
        following = self._comparison.next_recorded()
        if following is None:
            raise self._named("the recorded run was never finished: it has no RunFinished")
        seq, finished, cause = following
        if isinstance(finished, RunFinished):
            for difference in differences_of(seq, finished, expected):
                raise self._named(str(difference))
            if cause != -ordinal:
                raise self._named(f"seq {seq}: RunFinished is recorded as input {-cause}, found {ordinal}")
            self._comparison.add_replayed((expected,), (-ordinal,))

    def _named_difference(self, differs: RecordDiffers) -> RecordDiffers:
        return RecordDiffers(
            f"{self._run_stream}: {differs}",
            seq=differs.seq,
            recorded=differs.recorded,
            replayed=differs.replayed,
            number=differs.number,
        )

    def _named(self, problem: str) -> ReplayDiverged:
        return ReplayDiverged(f"{self._run_stream}: {problem}")

    async def _read_more(self) -> bool:
        batch = await anext(self._batches, None)
        if batch is None:
            return False
        assert batch.causes is not None, "every record of a run has its cause"
        self._comparison.add_recorded(batch.seqs, batch.events, batch.causes)
        if self._is_whole:
            self._sum_up(batch, batch.causes)
        return True

    def _sum_up(self, batch: Batch, causes: Sequence[int]) -> None:
        """Add derived events to the digest as they are stored: an older version wrote fewer fields."""
        assert batch.payload is not None, "a stream that is read whole comes in whole blocks"
        if min(causes) > 0:  # all but the first and the last blocks
            self._digest.update(item_bytes(batch.payload))
            self._derived_count += len(causes)
            return
        for raw, cause in zip(items(batch.payload), causes, strict=True):
            if cause > 0:
                self._digest.update(raw)
                self._derived_count += 1
