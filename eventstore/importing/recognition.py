"""Tells how to read a file from its first rows: layout, columns, timeframe, zone, scale, order.

An option that the user gave wins over the layout, the layout over what the rows show. Every choice that was
not given is in ``Recognised``, so that nothing is assumed in silence.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec

from eventstore.importing.columns import Columns, check_symbol, plain_name
from eventstore.importing.defects import RowDefect
from eventstore.importing.file_symbol import symbol_in_folder, symbol_in_name
from eventstore.importing.header import FoundTable, find_table
from eventstore.importing.intervals import stamp_parser
from eventstore.importing.memory_rows import MemoryRows
from eventstore.importing.option_checks import checked
from eventstore.importing.options import DataKind, DateOrder, ImportOptions, Label, TimeUnit
from eventstore.importing.rewriting import PRICES, SIZES, Conventions, Rewriting
from eventstore.importing.sources import FilePart, RowSource, open_part
from eventstore.importing.stamp_spacing import StampSpacing, in_words, spacing_of, times_of, weekdays_of
from eventstore.importing.text_rows import Row
from eventstore.importing.wide_tables import WideTable
from eventstore.importing.written_dates import order_evidence
from eventstore.importing.written_numbers import decimal_separator, is_blank
from kernel.errors import InputError

_ZONE = re.compile(r" ?([A-Z][A-Za-z]+/[A-Z][A-Za-z_]+)$")
_WHOLE = re.compile(r"-?\d+", re.ASCII)
_TICK_VOLUMES = ("tickvol", "tickvolume")
_ONE = Decimal(1)


class Recognised(msgspec.Struct, frozen=True):
    """How a file was read.

    - ``layout``: the known layout's name; empty: by the names of the columns.
    - ``taken``: (target, column of the file) of the columns that were read; ``left`` are the others.
    - ``timeframe``, ``label``: of bars, else empty.
    - ``price_scale``: the factor that prices were multiplied by.
    - ``notes``: everything else that was told or guessed, in words.
    """

    file: str
    layout: str
    kind: str
    taken: tuple[tuple[str, str], ...]
    left: tuple[str, ...]
    timeframe: str
    tz: str
    label: str
    price_scale: str
    notes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """Everything in one line, without the name of the file."""
        what = f"{self.timeframe} {self.kind}".strip()
        parts = [f"{self.layout}, {what}" if self.layout else what]
        parts.append(
            ", ".join(
                target if plain_name(name) == target else f"{target}={name}" for target, name in self.taken
            )
        )
        if self.left:
            parts.append(f"left: {', '.join(self.left)}")
        parts.append(f"zone {self.tz}" + (", stamps at the close" if self.label == Label.CLOSE.value else ""))
        if Decimal(self.price_scale) != _ONE:
            parts.append(f"prices times {self.price_scale}")
        return "; ".join((*parts, *self.notes))


class Reading(msgspec.Struct, frozen=True):
    """How to read a file: ``options`` has a value for everything that was told."""

    options: ImportOptions
    columns: Columns
    after: int
    wide: WideTable | None
    conventions: Conventions
    is_newest_first: bool
    recognised: Recognised


def recognise(part: FilePart, source: RowSource, options: ImportOptions) -> Reading:
    """Tell how to read a file. Raises ``InputError`` if it cannot be told, with the option that says it."""
    lines = _lines(source)
    path = part.full_name.as_posix()
    table = find_table(lines, options, path=path, names_known=source.names_known)
    return _Recognition(
        part, table, options, notes=source.notes, may_turn=not isinstance(source, MemoryRows)
    ).reading()


class _Recognition:
    """The choices for one file, each made once."""

    def __init__(
        self,
        part: FilePart,
        table: FoundTable,
        options: ImportOptions,
        *,
        notes: Sequence[str],
        may_turn: bool,
    ) -> None:
        self._may_turn = may_turn  # a table in memory is in the order that its owner gave it
        self._part = part
        self._path = part.full_name.as_posix()
        self._layout = table.layout
        self._table = table
        self._columns = _with_tick_volume(table.columns, table.rows, options)
        self._kind = table.columns.kind
        self._options = options
        self._notes = list(notes)
        if part.left:
            self._notes.append(f"left out of the zip file: {', '.join(part.left)}")
        if (table.after and not table.wide and table.rows and self._layout.note) or self._layout.note:
            self._notes.append(self._layout.note)

    def reading(self) -> Reading:
        """Every choice."""
        symbol = self._fallback_symbol()
        whole = self._prices_are_whole()
        conventions = self._conventions(whole=whole)
        tz = self._tz(conventions, whole=whole)
        label = self._options.label or self._layout.label or Label.OPEN
        options = msgspec.structs.replace(
            self._options,
            kind=self._kind,
            fallback_symbol=symbol,
            tz=tz,
            label=label,
            date_order=self._date_order(),
            time_unit=self._time_unit(),
        )
        check_symbol(self._columns, options)
        spacing = self._spacing(options, conventions)
        timeframe = self._timeframe(spacing) if self._kind is DataKind.BARS else ""
        options = checked(msgspec.structs.replace(options, timeframe=timeframe))
        self._tell_first_day(options)
        newest_first = options.newest_first or (
            self._may_turn and spacing.is_newest_first and not options.sort
        )
        if newest_first and not options.newest_first:
            self._notes.append("newest row first")
        return Reading(
            options,
            self._columns,
            self._table.after,
            self._table.wide,
            conventions,
            newest_first,
            self._recognised(options, conventions),
        )

    def _recognised(self, options: ImportOptions, conventions: Conventions) -> Recognised:
        is_bar = self._kind is DataKind.BARS
        label = options.label or Label.OPEN
        return Recognised(
            self._part.name,
            self._layout.name,
            self._kind.value,
            self._columns.taken(),
            self._columns.left(),
            options.timeframe,
            options.tz,
            label.value if is_bar else "",
            str(conventions.scale),
            tuple(self._notes),
        )

    def _fallback_symbol(self) -> str:
        options, columns = self._options, self._columns
        has_pair = columns.place("base") >= 0 and columns.place("quote") >= 0
        if options.symbol or options.fallback_symbol or columns.place("symbol") >= 0 or has_pair:
            return options.fallback_symbol
        if self._part.table is not None:
            return ""  # its name is that of an argument
        symbol = self._layout.named(self._path, "symbol").strip()
        symbol = symbol.upper() if symbol else symbol_in_name(self._part.full_name)
        if not symbol and self._part.member:
            symbol = symbol_in_name(self._part.path)
        if symbol:
            self._notes.append(f"symbol {symbol} from the file's name")
            return symbol
        symbol = symbol_in_folder(self._part.full_name)
        if symbol:
            self._notes.append(f"symbol {symbol} from the folder's name")
        return symbol

    def _values(self, targets: Iterable[str]) -> Iterator[str]:
        places = [self._columns.place(target) for target in targets]
        for row in self._table.rows:
            for place in places:
                if 0 <= place < len(row) and not is_blank(row[place]):
                    yield row[place]

    def _prices_are_whole(self) -> bool:
        texts = list(self._values(PRICES.get(self._kind, ())))
        return bool(texts) and all(_WHOLE.fullmatch(text.strip()) for text in texts)

    def _conventions(self, *, whole: bool) -> Conventions:
        options, layout = self._options, self._layout
        scale = _ONE
        if options.price_scale is not None:
            scale = options.price_scale
        elif whole and layout.whole_number_scale is not None:
            scale = layout.whole_number_scale
        skipped = tuple(
            (place, text)
            for name, text in layout.skip_rows
            for place, each in enumerate(self._columns.names)
            if plain_name(each) == name
        )
        return Conventions(
            decimal=self._decimal(),
            scale=scale,
            day=layout.named(self._path, "day") if layout.stamps_are_day_ms else "",
            shift_ms=layout.stamp_shift_ms,
            zone=self._zone_in_stamps(),
            skipped=skipped,
        )

    def _decimal(self) -> str:
        if self._options.decimal:
            return self._options.decimal
        targets = (*PRICES.get(self._kind, ()), *SIZES.get(self._kind, ()), "rate")
        texts = [text for text in self._values(targets) if not text.replace(".", "", 1).isdecimal()]
        decimal = (
            decimal_separator(texts) if any("," in text or text.count(".") > 1 for text in texts) else "."
        )
        if decimal == ",":
            self._notes.append("decimal comma")
        return decimal

    def _zone_in_stamps(self) -> str:
        """The name of a zone that ends every stamp, such as `` US/Eastern``."""
        zones = {match[0] if match else "" for match in (_ZONE.search(text) for _, text in self._times())}
        return zones.pop() if len(zones) == 1 else ""

    def _tz(self, conventions: Conventions, *, whole: bool) -> str:
        if self._options.tz:
            return self._options.tz
        if conventions.zone:
            return conventions.zone.strip()
        if whole and self._layout.whole_number_tz:
            return self._layout.whole_number_tz
        return self._layout.tz or "UTC"

    def _times(self) -> list[tuple[str, str]]:
        columns = self._columns
        return times_of(
            self._table.rows, columns.place("time"), clock=columns.clock, symbol=columns.place("symbol")
        )

    def _date_order(self) -> DateOrder:
        options = self._options
        if options.date_order is not DateOrder.AUTO or options.time_format:
            return options.date_order
        found = {order_evidence(text) for _, text in self._times()}
        if not found & {*DateOrder}:
            return DateOrder.AUTO
        order = _decided(found) or (self._layout.date_order if self._layout.date_order in _ORDERS else None)
        if order is None:
            order = _decided(order_evidence(text) for text in self._all_stamps())
        if order is None:
            seen = next(text for _, text in self._times() if order_evidence(text) is DateOrder.AUTO)
            raise InputError(
                f"dates such as {seen!r} fit both orders of day and month in the whole file; "
                "say which: --date-order dmy or --date-order mdy"
            )
        self._notes.append("dates day first" if order is DateOrder.DAY_FIRST else "dates month first")
        return order

    def _all_stamps(self) -> Iterator[str]:
        """The stamps of the whole file, which is opened again."""
        source = open_part(self._part, self._options)
        place = self._columns.place("time")
        try:
            for _, fields, _ in self._unfolded(source.rows(self._table.after)):
                if isinstance(fields, list) and len(fields) > place:
                    yield fields[place]
        finally:
            source.close()

    def _unfolded(self, rows: Iterable[Row]) -> Iterable[Row]:
        return self._table.wide.unfolded(rows) if self._table.wide is not None else rows

    def _time_unit(self) -> TimeUnit:
        """Milliseconds for a file whose stamps grow from 12 to 13 digits, in 2001."""
        options = self._options
        if options.time_unit is not TimeUnit.AUTO or options.time_format:
            return options.time_unit
        digits = {len(text) if text.isdecimal() else 0 for _, text in self._times()}
        return TimeUnit.MILLISECONDS if digits == {12, 13} else TimeUnit.AUTO

    def _spacing(self, options: ImportOptions, conventions: Conventions) -> StampSpacing:
        rows = self._table.rows
        rewriting = Rewriting(self._columns, conventions)
        if conventions.day or conventions.zone:
            width = len(self._columns.names)
            whole = (rewriting.rewritten(row) for row in rows if len(row) == width)
            rows = [row for row in whole if row is not None]
        columns = self._columns
        times = times_of(rows, columns.place("time"), clock=columns.clock, symbol=columns.place("symbol"))
        return spacing_of(times, stamp_parser(options))

    def _timeframe(self, spacing: StampSpacing) -> str:
        if self._options.timeframe:
            return self._options.timeframe
        layout = self._layout
        timeframe = self._timeframe_in_column()
        if not timeframe:
            timeframe = layout.timeframe(layout.named(self._path, "timeframe"))
        timeframe = timeframe or spacing.timeframe()
        if not timeframe and not spacing.has_time and spacing.rising + spacing.falling < 2:
            timeframe = "1d"
        if timeframe:
            return timeframe
        if not spacing.steps:
            raise InputError(
                "the timeframe cannot be told from a single bar; "
                "name it with --timeframe, such as --timeframe 1m"
            )
        raise InputError(
            f"no timeframe fits bars that are {in_words(spacing.usual_step)} apart; "
            "name it with --timeframe, such as --timeframe 1d"
        )

    def _tell_first_day(self, options: ImportOptions) -> None:
        """Say how bars of weeks are read whose stamps are neither Mondays nor Sundays.

        Many vendors stamp the last day of trading. To take it as the first one is late, but never too early.
        """
        is_weekly = self._kind is DataKind.BARS and options.timeframe.endswith("w")
        if not is_weekly or options.label is not Label.OPEN or self._options.label is not None:
            return
        days = weekdays_of((text for _, text in self._times()), stamp_parser(options))
        day = max(days, key=lambda each: (days[each], -each)) if days else 0
        if day not in (0, 6):
            name = _WEEKDAYS[day]
            self._notes.append(
                f"each bar begins on the day of its stamp, a {name}; if that is its last day: --label close"
            )

    def _timeframe_in_column(self) -> str:
        names = [plain_name(name) for name in self._columns.names]
        if not self._layout.timeframe_column or self._layout.timeframe_column not in names:
            return ""
        place = names.index(self._layout.timeframe_column)
        texts = {row[place].strip() for row in self._table.rows if len(row) > place}
        if len(texts) > 1:
            raise InputError(
                f"column {self._columns.names[place]!r} names several timeframes "
                f"({', '.join(sorted(texts))}); split the file"
            )
        return self._layout.timeframe(texts.pop()) if texts else ""


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ORDERS = (DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST)


def _decided(evidence: Iterable[DateOrder | None]) -> DateOrder | None:
    """The order that the evidence shows; ``None`` if it shows none."""
    return next((order for order in evidence if order in _ORDERS), None)


def _lines(source: RowSource) -> list[tuple[int, list[str]]]:
    """The first lines that are fields; raises ``InputError`` if no line is."""
    sample = source.sample()
    lines = [(number, fields) for number, fields, _ in sample if isinstance(fields, list)]
    if lines:
        return lines
    number, defect, _ = sample[0] if sample else (1, RowDefect("row", "", expected="rows"), "")
    assert isinstance(defect, RowDefect), "a row is fields or a defect"
    raise InputError(f"line {number} is no row of fields: {defect}")


def _with_tick_volume(columns: Columns, rows: Sequence[Sequence[str]], options: ImportOptions) -> Columns:
    """The columns with the tick volume as volume if that of the file is 0 or empty in all rows."""
    place = columns.place("volume")
    if (
        place < 0
        or columns.kind is not DataKind.BARS
        or any(target == "volume" for target, _ in options.column)
    ):
        return columns
    names = [plain_name(name) for name in columns.names]
    other = next((names.index(name) for name in _TICK_VOLUMES if name in names), -1)
    if other < 0 or not rows or any(_has_value(row, place) for row in rows):
        return columns
    return msgspec.structs.replace(columns, places={**columns.places, "volume": other})


def _has_value(row: Sequence[str], place: int) -> bool:
    text = row[place] if place < len(row) else ""
    return not is_blank(text) and text.strip("0. ") != ""
