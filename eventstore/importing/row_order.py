"""Puts the events of rows on the spool in order of time, and refuses those that are not.

Theory of operation. Rows come in the order of the files. What it remembers is in the tracks: the last time of
each symbol. An event goes on at once; with option ``sort`` all are held, and go on in order of time after the
last file. With option ``drop_duplicates`` an event that equals one of the same symbol and time is dropped.
"""

from collections.abc import Sequence
from typing import Protocol

from eventstore.importing.columns import Columns
from eventstore.importing.defects import BadRow, RowDefect
from eventstore.importing.options import DataKind, ImportOptions
from eventstore.importing.parsed import ParsedFiles, Track
from eventstore.importing.parsers import RowEvent, RowParser
from eventstore.moments import iso_utc
from kernel.events import Bar
from kernel.time_units import DAY_NS
from kernel.timeframes import parse_timeframe


class FileInOrder(Protocol):
    """The file that a row is in."""

    @property
    def name(self) -> str: ...
    @property
    def columns(self) -> Columns: ...
    @property
    def parser(self) -> RowParser: ...


class RowOrder:
    """Takes the events of rows, one after the other."""

    def __init__(self, parsed: ParsedFiles, options: ImportOptions) -> None:
        self._parsed = parsed
        self._sort = options.sort
        self._drop = options.drop_duplicates
        self._spool_add = parsed.spool.add
        self._held: dict[str, list[tuple[Track, RowEvent, str, int]]] = {}  # by stream
        self._are_bars = False
        self._bars_may_overlap = False
        self._hint = "" if options.sort else " (--sort puts the rows in order)"
        self._equal_hint = (
            " (--drop-duplicates drops equal ones alone, these differ)"
            if options.drop_duplicates
            else " (--drop-duplicates drops equal ones)"
        )

    def begin_file(self, options: ImportOptions) -> None:
        """Go on with a file whose rows are read with these options."""
        self._are_bars = options.kind is DataKind.BARS
        self._bars_may_overlap = not (
            self._are_bars and parse_timeframe(options.timeframe).shortest_ns <= DAY_NS
        )

    def take(
        self,
        track: Track,
        event: RowEvent,
        fields: Sequence[str],
        file: FileInOrder,
        line: int,
    ) -> None:
        """Take the event of a row; raises ``RowDefect`` if it is out of order."""
        if self._sort:
            self._held.setdefault(track.lane.stream, []).append((track, event, file.name, line))
            return
        # A bar that ends later may still overlap the one before; a later quote or trade is in order.
        if self._are_bars or event.ts <= track.lane.last_ts:
            if self._drop and event.ts == track.last_ts and event in track.newest:
                self._parsed.left_out["duplicates"] += 1
                return
            disorder = self._disorder(track, event)
            if disorder is not None:
                # When clocks are set back a local time occurs twice; perhaps the second one fits.
                event = file.parser.parse(list(fields), track.symbol, later=True)
                if self._disorder(track, event) is not None:
                    raise RowDefect("time", fields[file.columns.place("time")], expected=disorder)
        if self._drop:
            self._remember(track, event)
        track.last_ts = event.ts
        track.count += 1
        self._spool_add(track.lane, event, file=file.name, line=line)

    def finish(self) -> None:
        """Put held events in order of time on the spool; one that does not fit is a bad row."""
        for held in self._held.values():
            held.sort(key=lambda each: each[1].ts)
            for track, event, file, line in held:
                if self._drop and event.ts == track.last_ts and event in track.newest:
                    self._parsed.left_out["duplicates"] += 1
                    continue
                disorder = self._disorder(track, event)
                if disorder is None:
                    if self._drop:
                        self._remember(track, event)
                    track.last_ts = event.ts
                    track.count += 1
                    self._spool_add(track.lane, event, file=file, line=line)
                else:
                    bad = BadRow(file, line, "time", iso_utc(event.ts), disorder)
                    self._parsed.refuse(bad, track.symbol, raw=repr(event))
        self._held.clear()

    def _remember(self, track: Track, event: RowEvent) -> None:
        """Keep the event for comparison with others of its time."""
        if event.ts != track.last_ts:
            track.newest.clear()
        track.newest.append(event)

    def _disorder(self, track: Track, event: RowEvent) -> str | None:
        """The expected time, in words, if the row is out of order; ``None`` if it is in order."""
        if track.lane.count and event.ts < track.lane.last_ts:
            return f"a time not before the previous row's, {iso_utc(track.lane.last_ts)}{self._hint}"
        if track.count and isinstance(event, Bar):
            if event.ts == track.last_ts:
                return f"one bar for each time{self._equal_hint}"
            if event.open_ts < track.last_ts and not self._bars_may_overlap:
                return (
                    f"a bar of {event.timeframe} that starts after the previous one's end, "
                    f"{iso_utc(track.last_ts)} (check the timeframe and the time zone)"
                )
        return None
