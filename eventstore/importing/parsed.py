"""The parsed contents of files: events by stream on a spool, counts, and bad rows.

A bad row is refused, or becomes a ``MessageQuarantined`` in ``<stream>.quarantine`` with the ``ts`` of the
last good row of its stream (0 before the first good row).
"""

from collections import Counter
from collections.abc import Callable

import msgspec

from eventstore.importing.defects import LISTED_ROWS, BadRow, BadRowCauses, RowDefect
from eventstore.importing.intervals import DEFAULT_TIMEFRAME
from eventstore.importing.options import BadRows, DataKind, ImportOptions
from eventstore.importing.recognition import Recognised
from eventstore.importing.spool import Lane, Spool, SpooledEvent
from eventstore.stream_keys import QUARANTINE_SUFFIX
from kernel.errors import InputError
from kernel.events import MessageQuarantined

UNKNOWN_SYMBOL = "unknown"
_SUFFIXES: dict[DataKind, str] = {
    DataKind.CORPORATE_ACTIONS: "actions",
    DataKind.FX_RATES: "fx",
    DataKind.FUNDING_RATES: "funding",
}
_LONGEST_RAW = 2_000
_LONGEST_SYMBOL = 100


class Progress(msgspec.Struct, frozen=True):
    """The progress of an import: ``done`` of ``total``, in bytes read or events stored."""

    stage: str
    done: int
    total: int


OnProgress = Callable[[Progress], None]


class Track:
    """The last time and the count of one symbol's rows so far."""

    def __init__(self, lane: Lane, symbol: str) -> None:
        self.lane = lane
        self.symbol = symbol
        self.last_ts = 0
        self.count = 0
        self.newest: list[SpooledEvent] = []  # those at last_ts, if duplicates are to be found


class ParsedFiles:
    """The parsed contents of files. Call ``close`` when done.

    - ``skipped_count``: rows of symbols that were not asked for.
    - ``superseded_count``: book messages that were not newer than their order book.
    - ``foreign_count``: messages of other feeds.
    - ``left_out``: rows that are no data, by reason: without prices, below the data, duplicates.
    - ``recognised``: how each file was read.
    """

    def __init__(self, files: tuple[str, ...], options: ImportOptions) -> None:
        self.files = files
        self.spool = Spool()
        self.tracks: dict[str, Track] = {}  # of the file that is being read, by symbol
        self.row_count = 0
        self.skipped_count = 0
        self.superseded_count = 0
        self.foreign_count = 0
        self.left_out: Counter[str] = Counter()
        self.recognised: list[Recognised] = []
        self.bad_rows: list[BadRow] = []
        self.causes = BadRowCauses()
        self.options = options
        self._suffix = _suffix(options)
        self._by_suffix: dict[str, dict[str, Track]] = {self._suffix: self.tracks}

    @property
    def bad_count(self) -> int:
        """The count of bad rows so far."""
        return self.causes.count

    def begin_file(self, options: ImportOptions) -> None:
        """Go on with a file whose rows are read with these options: they name kind and timeframe."""
        self._suffix = _suffix(options)
        self.tracks = self._by_suffix.setdefault(self._suffix, {})

    def symbols(self) -> list[str]:
        """The symbols of all files so far."""
        return list(dict.fromkeys(symbol for tracks in self._by_suffix.values() for symbol in tracks))

    def new_track(self, symbol: str, *, field: str) -> Track:
        """The track of a new symbol; ``field`` is the symbol's field in the file, for error messages."""
        if not symbol or not symbol.isprintable() or len(symbol) > _LONGEST_SYMBOL:
            raise RowDefect(field, symbol, expected="a symbol")
        lane = self.spool.lane(self._stream(symbol))
        others = (track for tracks in self._by_suffix.values() for track in tracks.values())
        for other in others:
            if other.lane is lane and not self.options.stream:
                raise InputError(
                    f"symbols {other.symbol!r} and {symbol!r} would share the stream {lane.stream!r}"
                )
        track = self.tracks[symbol] = Track(lane, symbol)
        return track

    def refuse(self, bad: BadRow, symbol: str, *, raw: str) -> None:
        """Count a bad row, and quarantine it if the options say so."""
        self.causes.take(bad)
        if len(self.bad_rows) < LISTED_ROWS:
            self.bad_rows.append(bad)
        if self.options.bad_rows is BadRows.REFUSE:
            return
        stream = self._stream(symbol if symbol in self.tracks else UNKNOWN_SYMBOL)
        lane = self.spool.lane(stream + QUARANTINE_SUFFIX)
        good = self.spool.lanes.get(stream)
        ts = max(lane.last_ts, good.last_ts if good is not None else 0)
        reason = f"{bad.field} is {bad.seen[:_LONGEST_RAW]!r}, expected {bad.expected}"
        event = MessageQuarantined(ts, f"{bad.file}:{bad.line}", reason, raw[:_LONGEST_RAW])
        self.spool.add(lane, event, file=bad.file, line=bad.line)

    def close(self) -> None:
        """Delete the spool. Idempotent."""
        self.spool.close()

    def _stream(self, symbol: str) -> str:
        return self.options.stream or symbol.lower() + self._suffix


def _suffix(options: ImportOptions) -> str:
    """The end of the names of streams."""
    if options.kind in (DataKind.BARS, DataKind.AUTO):
        return "." + (options.timeframe or DEFAULT_TIMEFRAME)
    return "." + _SUFFIXES.get(options.kind, str(options.kind.value))
