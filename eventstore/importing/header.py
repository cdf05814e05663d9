"""Finds the table in a file: its layout, its header, and the columns.

Lines above the header (addresses, remarks) are passed over: the header is the first line that names every
column that the kind of data needs. A file without a header is recognised by the form of its rows.
"""

from collections.abc import Sequence

import msgspec

from eventstore.importing.columns import AUTO_KINDS, Columns, find_columns, known_name_count, plain_name
from eventstore.importing.defects import ColumnMissing
from eventstore.importing.known_layouts import LAYOUTS
from eventstore.importing.layouts import Layout
from eventstore.importing.options import DataKind, ImportOptions
from eventstore.importing.wide_tables import WideTable, wide_table
from kernel.errors import InputError

NO_LAYOUT = Layout(name="")
"""For a file that is read by the names of its columns."""

_MOST_LINES_ABOVE = 40
_YAHOO_WIDE = Layout(name="Yahoo download")

Line = tuple[int, list[str]]
"""(line number, fields)."""


class FoundTable(msgspec.Struct, frozen=True):
    """The table in a file. Its rows are those after line ``after``; ``rows`` are the first of them."""

    layout: Layout
    columns: Columns
    after: int
    rows: list[list[str]]
    wide: WideTable | None = None


def find_table(lines: Sequence[Line], options: ImportOptions, *, path: str, names_known: bool) -> FoundTable:
    """The table that begins with these lines.

    ``path`` is the file's, ``names_known``: the first line holds the names. Raises ``InputError`` that names
    what is missing.
    """
    layouts = _candidates(options)
    if options.columns:
        columns = find_columns(options.columns, options, kind=_kind_of(options.columns, options))
        return _padded(FoundTable(NO_LAYOUT, columns, 0, [fields for _, fields in lines]))
    wide = wide_table(lines) if not names_known and options.layout != "none" else None
    if wide is not None:
        return _wide_table(wide, lines, options)
    for place, (number, names) in enumerate(lines[: 1 if names_known else _MOST_LINES_ABOVE]):
        found = _table_below(names, options, layouts=layouts, path=path)
        if found is not None:
            rows = [fields for _, fields in lines[place + 1 :]]
            return _padded(FoundTable(*found, number, rows))
    return _headless(lines, options, layouts=layouts, path=path)


def _candidates(options: ImportOptions) -> list[Layout]:
    if options.layout == "none":
        return []
    if not options.layout:
        return [layout for layout in LAYOUTS if options.kind in (DataKind.AUTO, layout.kind)]
    found = [layout for layout in LAYOUTS if layout.name.lower() == options.layout.lower()]
    if not found:
        names = ", ".join(dict.fromkeys(layout.name for layout in LAYOUTS))
        raise InputError(f"layout is {options.layout!r}, expected none or one of {names}")
    return found


def _kind_of(names: Sequence[str], options: ImportOptions) -> DataKind:
    """The kind of data that names of columns show."""
    if options.kind is not DataKind.AUTO:
        return options.kind
    for kind in AUTO_KINDS:
        try:
            find_columns(names, options, kind=kind)
        except InputError:
            continue
        return kind
    return DataKind.BARS


def _table_below(
    names: list[str], options: ImportOptions, *, layouts: Sequence[Layout], path: str
) -> tuple[Layout, Columns] | None:
    """The layout and columns of a header line; ``None`` if the line is no header."""
    plain = frozenset(map(plain_name, names))
    for layout in layouts:
        if layout.fits_header(names, plain, path):
            try:
                return layout, find_columns(names, options, known=layout.columns, kind=layout.kind)
            except InputError:
                continue  # the user's columns may not be in a line that only resembles the header
    if options.layout not in ("", "none"):
        return None
    kinds = AUTO_KINDS if options.kind is DataKind.AUTO else (options.kind,)
    for kind in kinds:
        try:
            return NO_LAYOUT, find_columns(names, options, kind=kind)
        except InputError:
            continue
    return None


def _wide_table(wide: WideTable, lines: Sequence[Line], options: ImportOptions) -> FoundTable:
    known = (("symbol", ""),) if options.symbol and len(wide.places) == 1 else (("symbol", "symbol"),)
    columns = find_columns(wide.row_names, options, known=known)
    below = [(number, fields, "") for number, fields in lines[3:]]
    rows = [fields for _, fields, _ in wide.unfolded(below) if isinstance(fields, list)]
    return FoundTable(_YAHOO_WIDE, columns, wide.last_header_line, rows, wide)


def _headless(
    lines: Sequence[Line], options: ImportOptions, *, layouts: Sequence[Layout], path: str
) -> FoundTable:
    rows = [fields for _, fields in lines]
    for layout in layouts:
        if layout.fits_rows(rows, path):
            if layout.refusal:
                raise InputError(f"is a file of {layout.name}: {layout.refusal}")
            columns = find_columns(layout.names, options, known=layout.columns, kind=layout.kind)
            return FoundTable(layout, columns, 0, rows)
    if options.layout not in ("", "none"):
        raise InputError(f"is no file of the layout {options.layout!r}; leave out --layout to have it found")
    best = max(lines[:_MOST_LINES_ABOVE], key=lambda line: known_name_count(line[1], options.kind))
    try:
        columns = find_columns(best[1], options)
    except ColumnMissing as error:
        raise ColumnMissing(f"{error}{_lines_above(best, lines)}") from None
    return FoundTable(NO_LAYOUT, columns, best[0], [])


def _lines_above(best: Line, lines: Sequence[Line]) -> str:
    """A hint for a file whose header is not its first line."""
    return (
        f" (that is line {best[0]}; --skip-lines {best[0] - 1} leaves out those above)"
        if best != lines[0]
        else ""
    )


def _padded(table: FoundTable) -> FoundTable:
    """The table with unnamed columns for empty fields at the end of every row."""
    width = len(table.columns.names)
    widths = {len(row) for row in table.rows}
    if len(widths) != 1 or max(widths) <= width or any(any(row[width:]) for row in table.rows):
        return table
    names = (*table.columns.names, *[""] * (max(widths) - width))
    return msgspec.structs.replace(table, columns=msgspec.structs.replace(table.columns, names=names))
