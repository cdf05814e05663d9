"""Turns recorded market streams into checked events, in order of receipt, with consistent order books.

Theory of operation. An order book is a snapshot and the updates that follow it. The reader remembers, for
each symbol, the last update in the book, whether updates are missing (the book is broken), and held updates.

- A recorder requests the snapshot after it began to listen, so some updates arrive before the snapshot. They
  are held. When the snapshot arrives, those already in it are skipped and the others follow it, with the
  snapshot's ``ts``, since the book was not known earlier.
- Updates that an unbroken book already contains are skipped, and so are snapshots older than it.
- If updates are missing and a later snapshot is in the files, ``FeedGapDetected`` marks the gap. The updates
  after the gap are held until that snapshot.
- If no snapshot is left in the files, updates are added as they come. They continue the book that the stream
  already holds.

What never happens: an update does not get a ``ts`` before the time at which its book was known.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from math import inf
from pathlib import Path
from typing import IO

import msgspec

from eventstore.importing.compressed import content
from eventstore.importing.defects import BadRow, RowDefect
from eventstore.importing.feed_messages import FeedEvent, FeedMessages
from eventstore.importing.options import ImportOptions
from eventstore.importing.parsed import ParsedFiles, Track
from eventstore.moments import iso_utc
from kernel.errors import InputError
from kernel.events import BookDelta, BookSnapshot, FeedGapDetected

GAP_FEED = "book"
"""The feed that ``FeedGapDetected`` names, as the component that builds books expects it."""

_PROGRESS_ROWS = 10_000
_LONGEST_LINE = 1 << 23  # bytes: a snapshot of 5,000 levels a side has 0.4 MB; memory stays bounded
_SNAPSHOT_START = b'{"lastUpdateId"'


class _Following:
    """One symbol's order book so far. ``known`` is the last update in the book, 0 before the first."""

    def __init__(self, track: Track) -> None:
        self.track = track
        self.known = 0
        self.is_broken = True
        self.held: list[tuple[BookDelta, int]] = []  # with their line numbers


class FeedReader:
    """Reads the lines of recorded streams into ``ParsedFiles``."""

    def __init__(self, options: ImportOptions, parsed: ParsedFiles, *, paths: Sequence[Path]) -> None:
        self._options = options
        self._parsed = parsed
        self._only = frozenset(options.only)
        self._messages = FeedMessages(floor=-inf if options.allow_nonpositive else 0.0)
        self._following: dict[str, _Following] = {}
        self._seen: dict[str, None] = {}  # symbols as the feed names them, in order of appearance
        self._snapshots_to_come = sum(_snapshot_count(path) for path in paths)

    def read(self, path: Path, report: Callable[[int], None]) -> int:
        """Read one file; return its size in bytes."""
        size = path.stat().st_size
        rows_before = self._parsed.row_count
        for line, message, position in _lines(path):
            self._parsed.row_count += 1
            self._take(message, path.name, line=line)
            if self._parsed.row_count % _PROGRESS_ROWS == 0:
                report(position)
        if self._parsed.row_count == rows_before:
            raise InputError(f"{path}: has no messages")
        report(size)
        return size

    def finish(self) -> None:
        """Nothing waits for the last file."""

    def check_found(self) -> None:
        """Raise ``InputError`` if a symbol is missing, or the snapshot that its updates wait for."""
        files = ", ".join(self._parsed.files)
        missing = [symbol for symbol in self._options.only if symbol not in self._parsed.tracks]
        if missing:
            held = ", ".join([*self._seen][:20])
            raise InputError(f"no messages of {', '.join(missing)} in {files}, which has {held}")
        for symbol, following in self._following.items():
            if following.held:
                raise InputError(f"{len(following.held)} updates of {symbol} in {files} have no snapshot")

    def _take(self, message: bytes, file: str, *, line: int) -> None:
        if message.startswith(_SNAPSHOT_START, message.find(b" ") + 1):
            self._snapshots_to_come -= 1
        symbol = ""
        try:
            event = self._messages.parse(message)
            if event is None:
                self._parsed.foreign_count += 1
                return
            symbol = self._symbol(event)
            if self._only and symbol not in self._only:
                self._parsed.skipped_count += 1
                return
            following = self._following_of(symbol)
            lane = following.track.lane
            if event.ts < lane.last_ts and lane.count:
                expected = f"a time not before the previous message's, {iso_utc(lane.last_ts)}"
                raise RowDefect("time", str(event.ts), expected=expected)
        except RowDefect as defect:
            bad = BadRow(file, line, defect.field, defect.seen, defect.expected)
            self._parsed.refuse(bad, symbol, raw=message.decode(errors="backslashreplace"))
            return
        if symbol != event.symbol:
            event = msgspec.structs.replace(event, symbol=symbol)
        self._follow(following, event, file, line=line)

    def _following_of(self, symbol: str) -> _Following:
        following = self._following.get(symbol)
        if following is None:
            following = _Following(self._parsed.new_track(symbol, field="s"))
            self._following[symbol] = following
        return following

    def _symbol(self, event: FeedEvent) -> str:
        """The symbol of an event's stream: the symbol option, or the feed's own name."""
        named = event.symbol
        if isinstance(event, BookSnapshot):
            if len(self._seen) != 1 and not self._options.symbol:
                expected = "a snapshot after messages of one symbol, or the symbol as an option"
                raise RowDefect("lastUpdateId", str(event.book_seq), expected=expected)
            named = next(iter(self._seen), "")
        elif named not in self._seen:
            if self._options.symbol and self._seen:
                raise RowDefect(
                    "s", named, expected=f"{next(iter(self._seen))!r}, the one symbol in the file"
                )
            self._seen[named] = None
        return self._options.symbol or named

    def _follow(self, following: _Following, event: FeedEvent, file: str, *, line: int) -> None:
        if isinstance(event, BookDelta):
            self._take_delta(following, event, file, line=line)
        elif isinstance(event, BookSnapshot):
            self._take_snapshot(following, event, file, line=line)
        else:
            self._add(following, event, file, line=line)

    def _take_delta(self, following: _Following, delta: BookDelta, file: str, *, line: int) -> None:
        known = following.known
        if following.is_broken and self._snapshots_to_come:
            following.held.append((delta, line))
        elif known and delta.book_seq <= known:
            self._parsed.superseded_count += 1
        elif known and delta.previous_book_seq > known and self._snapshots_to_come:
            gap = FeedGapDetected(delta.ts, delta.symbol, GAP_FEED, known, delta.book_seq)
            self._add(following, gap, file, line=line)
            following.is_broken = True
            following.held.append((delta, line))
        else:
            following.known = delta.book_seq
            self._add(following, delta, file, line=line)

    def _take_snapshot(self, following: _Following, snapshot: BookSnapshot, file: str, *, line: int) -> None:
        if not following.is_broken and snapshot.book_seq <= following.known:
            self._parsed.superseded_count += 1
            return
        following.is_broken = False
        following.known = snapshot.book_seq
        self._add(following, snapshot, file, line=line)
        held, following.held = following.held, []
        for delta, its_line in held:
            later = msgspec.structs.replace(delta, ts=snapshot.ts)
            self._take_delta(following, later, file, line=its_line)

    def _add(
        self, following: _Following, event: FeedEvent | FeedGapDetected, file: str, *, line: int
    ) -> None:
        track = following.track
        track.last_ts = event.ts
        track.count += 1
        self._parsed.spool.add(track.lane, event, file=file, line=line)


def _lines(path: Path) -> Iterator[tuple[int, bytes, int]]:
    """(number from 1, line, bytes of the file read so far). Blank lines are skipped, but count as lines."""
    try:
        with path.open("rb") as raw:
            for number, line in enumerate(_split(raw, path), 1):
                if len(line) > _LONGEST_LINE:
                    raise InputError(f"{path}, line {number}: is longer than {_LONGEST_LINE:,} bytes")
                if line.strip():
                    yield number, line.rstrip(b"\r\n"), raw.tell()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: the compressed file is damaged or cut short: {error}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _split(raw: IO[bytes], path: Path) -> Iterator[bytes]:
    with closing(content(raw, path)) as stream:
        while line := stream.readline(_LONGEST_LINE + 1):
            yield line


def _snapshot_count(path: Path) -> int:
    return sum(line.startswith(_SNAPSHOT_START, line.find(b" ") + 1) for _, line, _ in _lines(path))
