"""Parsed rows on disk, until all files are checked.

Theory of operation. Nothing may be appended before all rows are checked, and the files may be larger than
memory. Parsing them twice would be slow, and they could change between the two passes. So events are kept on
a spool, which costs less than a tenth of parsing them again.

What it remembers: one lane for each stream. A temporary file holds the lane's finished frames, up to 8,192
events each. Memory holds its unfinished frame, and the places of the finished ones.

What changes it: ``add`` puts an event at the end of its lane. A full frame is written to the file; when all
lanes together hold 65,536 events in memory, all frames are.

Events are measured (``eventstore.data_facts``) when their frame is finished: they are in memory then.

What never happens: a frame in the file is never changed, and the order within a lane stays as added.
"""

import tempfile
from collections.abc import Iterator
from typing import IO

import msgspec

from eventstore.data_issues import IssueFinder
from eventstore.data_measure import DataMeasure
from kernel.errors import InputError
from kernel.events import (
    Bar,
    BookDelta,
    BookSnapshot,
    CorporateAction,
    FeedGapDetected,
    FundingRateSet,
    FxRateSet,
    MessageQuarantined,
    Quote,
    Trade,
)

SpooledEvent = (
    Bar
    | Quote
    | Trade
    | BookSnapshot
    | BookDelta
    | CorporateAction
    | FundingRateSet
    | FxRateSet
    | FeedGapDetected
    | MessageQuarantined
)

_FRAME_EVENTS = 8_192
_PENDING_EVENTS = 65_536  # in all lanes: bounds memory for files with very many symbols


class Frame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Consecutive events of one stream from one file, and the line number of each."""

    file: str
    lines: list[int]
    events: list[SpooledEvent]


class Lane:
    """The events of one stream, in order."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.count = 0
        self.first_ts = 0
        self.last_ts = 0
        self.file = ""
        self.lines: list[int] = []
        self.events: list[SpooledEvent] = []
        self.frames: list[tuple[int, int]] = []  # (offset, length) in the spool


class Spool:
    """Events by stream, on disk. ``close`` deletes it."""

    def __init__(self) -> None:
        self.lanes: dict[str, Lane] = {}
        self.measure = DataMeasure()
        self.issues = IssueFinder()
        """The facts about the events of all lanes."""
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="onetape-import-")  # noqa: SIM115 - close() closes it
        self._end = 0
        self._pending = 0
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Frame)

    def lane(self, stream: str) -> Lane:
        """The lane of a stream, created if need be."""
        lane = self.lanes.get(stream)
        if lane is None:
            lane = self.lanes[stream] = Lane(stream)
        return lane

    def add(self, lane: Lane, event: SpooledEvent, *, file: str, line: int) -> None:
        """Put an event at the end of its lane. Its ``ts`` must not be before that of the last event."""
        if file != lane.file:
            self._flush(lane)
            lane.file = file
        if not lane.count:
            lane.first_ts = event.ts
        lane.count += 1
        lane.last_ts = event.ts
        lane.lines.append(line)
        lane.events.append(event)
        self._pending += 1
        if len(lane.events) >= _FRAME_EVENTS:
            self._flush(lane)
        elif self._pending >= _PENDING_EVENTS:
            for each in self.lanes.values():
                self._flush(each)

    def finish(self) -> None:
        """Write all frames to the file, so that every event is measured and no room is needed any more.

        Raises ``InputError`` if there is no room.
        """
        for lane in self.lanes.values():
            self._flush(lane)

    def frames(self, lane: Lane) -> Iterator[Frame]:
        """All frames of a lane, from the beginning."""
        self._flush(lane)
        for offset, length in lane.frames:
            self._file.seek(offset)
            yield self._decoder.decode(self._file.read(length))

    def close(self) -> None:
        """Delete the temporary file. Idempotent."""
        self._file.close()

    def _flush(self, lane: Lane) -> None:
        if not lane.events:
            return
        self.measure.add(lane.stream, lane.events)
        self.issues.add(lane.stream, lane.events)
        payload = self._encoder.encode(Frame(lane.file, lane.lines, lane.events))
        try:
            self._file.seek(self._end)
            self._file.write(payload)
            self._file.flush()
        except OSError as error:
            raise InputError(
                f"checked rows cannot be kept in {tempfile.gettempdir()}: {error.strerror}; nothing was "
                "imported. Free some space, or name another folder in the variable TMPDIR"
            ) from error
        lane.frames.append((self._end, len(payload)))
        self._end += len(payload)
        self._pending -= len(lane.events)
        lane.lines, lane.events = [], []
