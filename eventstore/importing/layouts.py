"""What a layout is: how a vendor writes files, and how such a file is recognised.

The known layouts are in ``known_layouts``, one entry each.
"""

import re
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from eventstore.importing.options import DataKind, DateOrder, Label

_CHECKED_ROWS = 50


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor's way to write a file. Options that the user gave win over each of its conventions.

    It is recognised by ``header`` or ``row``, and by ``file_name`` too if ``needs_file_name``. Plain names
    are as ``plain_name`` makes them.
    """

    name: str
    kind: DataKind = DataKind.BARS
    header: tuple[str, ...] = ()
    """Plain names that must all be in the header line."""
    header_starts: str = ""
    """A text that the header line must begin with, as it is written."""
    row: tuple[str, ...] = ()
    """A regular expression for each field of a row, for files without a header line."""
    names: tuple[str, ...] = ()
    """Names of the fields of ``row``."""
    file_name: str = ""
    """A regular expression searched in the file's path; its groups may be symbol, timeframe and day."""
    needs_file_name: bool = False
    columns: tuple[tuple[str, str], ...] = ()
    """(target, plain name); an empty name: the target has no column."""
    timeframe_column: str = ""
    """Plain name of a column that holds the timeframe."""
    timeframes: tuple[tuple[str, str], ...] = ()
    """(text in the column or file name, timeframe)."""
    tz: str = ""
    label: Label | None = None
    date_order: DateOrder = DateOrder.AUTO
    whole_number_scale: Decimal | None = None
    """A factor for prices if all of them are whole numbers."""
    whole_number_tz: str = ""
    """The zone in that case."""
    stamps_are_day_ms: bool = False
    """Stamps are milliseconds since midnight of the day in the file name."""
    stamp_shift_ms: int = 0
    """Added to such stamps, or to those written like ``20240501 16:00``: from a bar's open to its end."""
    skip_rows: tuple[tuple[str, str], ...] = ()
    """(plain name, value) of rows to leave out."""
    refusal: str = ""
    """Why such a file cannot be read, and what to do instead."""
    note: str = ""
    """A convention that is a guess, for the summary."""

    def fits_header(self, names: Sequence[str], plain: frozenset[str], path: str) -> bool:
        """Whether a line of names is this layout's header; ``plain`` are the plain names in it."""
        return (
            bool(self.header)
            and plain.issuperset(self.header)
            and ",".join(names).startswith(self.header_starts)
            and self._fits_path(path)
        )

    def fits_rows(self, rows: Sequence[Sequence[str]], path: str) -> bool:
        """Whether rows without a header are this layout's."""
        if not self.row or not rows or not self._fits_path(path):
            return False
        patterns = [re.compile(pattern, re.ASCII) for pattern in self.row]
        return all(
            len(row) == len(patterns)
            and all(pattern.fullmatch(field.strip()) for pattern, field in zip(patterns, row, strict=True))
            for row in rows[:_CHECKED_ROWS]
        )

    def named(self, path: str, group: str) -> str:
        """A group of the file's name, or an empty text."""
        match = re.search(self.file_name, path) if self.file_name else None
        return (match.groupdict().get(group) or "") if match else ""

    def timeframe(self, text: str) -> str:
        """The timeframe for a text of the column or file name; empty if it is not known."""
        return dict(self.timeframes).get(text.strip(), "")

    def _fits_path(self, path: str) -> bool:
        return not self.needs_file_name or re.search(self.file_name, path) is not None
