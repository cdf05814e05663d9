"""Parsed rows, waiting on disk until the whole file is known to be good.

A temporary file holds the events in frames; memory holds one unfinished frame a stream and a line about
each finished one. Encoding and decoding cost less than a tenth of parsing a row again, and what was
checked is what is appended, even if the file changes meanwhile.
"""

import tempfile
from collections.abc import Iterator
from typing import IO

import msgspec

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
_PENDING_EVENTS = 65_536  # over all streams: bounds memory for files of very many symbols


class Frame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Consecutive events of one stream from one file, and the lines that they came from."""

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
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="onetape-import-")  # noqa: SIM115 - close() closes it
        self._end = 0
        self._pending = 0
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Frame)

    def lane(self, stream: str) -> Lane:
        """The lane of a stream, new if need be."""
        lane = self.lanes.get(stream)
        if lane is None:
            lane = self.lanes[stream] = Lane(stream)
        return lane

    def add(self, lane: Lane, event: SpooledEvent, *, file: str, line: int) -> None:
        """Put an event at the end of its lane; its ``ts`` is not before the last one's."""
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

    def frames(self, lane: Lane) -> Iterator[Frame]:
        """The lane from its beginning."""
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
        payload = self._encoder.encode(Frame(lane.file, lane.lines, lane.events))
        self._file.seek(self._end)
        self._file.write(payload)
        lane.frames.append((self._end, len(payload)))
        self._end += len(payload)
        self._pending -= len(lane.events)
        lane.lines, lane.events = [], []
