"""Rows of formats that are read as a whole: Excel workbooks, JSON and JSON lines.

Every form becomes a list of rows of text. ``names_known``: the first row holds the names of the columns, as
in JSON objects; in a workbook they are looked for, as in a text file. Excel needs ``python-calamine``, the
optional extra ``files``.
"""

import importlib
import io
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Protocol, cast

import msgspec

from eventstore.importing.compressed import Peekable
from eventstore.importing.text_rows import SAMPLE_ROWS, Row
from kernel.errors import InputError

_DEEPEST = 6


class TableRows:
    """Rows in memory, with their numbers."""

    def __init__(self, path: Path, raw: IO[bytes], rows: list[list[str]], *, first: int) -> None:
        """``first`` is the number of the first row: 0 if it holds known names."""
        self.path = path
        self.size = path.stat().st_size
        self.notes: list[str] = []
        self.names_known = first == 0
        self._raw = raw
        self._rows: list[Row] = [
            (number, row, "")
            for number, row in enumerate(rows, start=first)
            if any(field.strip() for field in row)
        ]

    @property
    def position(self) -> int:
        """All of the file is read."""
        return self.size

    def close(self) -> None:
        """Release the file."""
        self._raw.close()

    def sample(self) -> list[Row]:
        """The first rows."""
        return self._rows[:SAMPLE_ROWS]

    def rows(self, after: int) -> Iterator[Row]:
        """Every row after a number, in order."""
        return (row for row in self._rows if row[0] > after)


class _Sheet(Protocol):
    def to_python(self, *, skip_empty_area: bool) -> list[list[object]]: ...


class _Workbook(Protocol):
    @property
    def sheet_names(self) -> list[str]: ...
    def get_sheet_by_name(self, name: str) -> _Sheet: ...


class _Calamine(Protocol):
    @property
    def CalamineError(self) -> type[Exception]: ...
    def load_workbook(self, source: IO[bytes]) -> _Workbook: ...


def workbook_rows(path: Path, raw: IO[bytes], *, skip_lines: int = 0) -> TableRows:
    """The rows of the first sheet of an Excel workbook that holds any."""
    try:
        # python-calamine is described by the protocols above
        calamine = cast(_Calamine, importlib.import_module("python_calamine"))
    except ImportError as error:
        raise InputError(
            f"{path}: Excel files need python-calamine; install it with: pip install 'onetape[files]'"
        ) from error
    try:
        book = calamine.load_workbook(io.BytesIO(raw.read()))
        for name in book.sheet_names:
            cells = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            if cells:
                rows = [[_cell_text(cell) for cell in row] for row in cells[skip_lines:]]
                found = TableRows(path, raw, rows, first=1 + skip_lines)
                found.notes.append(f"sheet {name!r}")
                return found
    except calamine.CalamineError as error:
        raise InputError(f"{path}: is not a readable Excel file: {error}") from error
    raise InputError(f"{path}: is empty, expected rows")


def json_rows(path: Path, raw: IO[bytes], stream: Peekable) -> TableRows:
    """The rows of a JSON file: lists of objects or lists, an object of lists, or an object in each line."""
    text = stream.read()
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        value = _json_lines(text, path, str(error))
    rows = _table(value, depth=0)
    if rows is None:
        raise InputError(f"{path}: is JSON, but holds no list of rows and no lists of values of equal length")
    names, body = rows
    return TableRows(path, raw, [names, *body] if names else body, first=0 if names else 1)


_Found = tuple[list[str], list[list[str]]]
"""(names of the columns, rows); no names for a list of lists."""


def _json_lines(text: bytes, path: Path, reason: str) -> object:
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        return [msgspec.json.decode(line) for line in lines]
    except msgspec.DecodeError:
        raise InputError(f"{path}: is not JSON: {reason}") from None


def _table(value: object, *, depth: int) -> _Found | None:
    """The largest table in a JSON value, at any depth."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, list):
        return _of_list(cast(list[object], value), depth=depth)
    if not isinstance(value, dict):
        return None
    items = cast(dict[str, object], value)
    columns = _columns(items)
    if columns:
        length = max(len(values) for values in columns.values())
        names = list(columns)
        rows = zip(*(columns[name] for name in names), strict=True)
        return (names, [[_value_text(each) for each in row] for row in rows]) if length else None
    by_key = _dated(items) or _dated(_turned(items))
    if by_key is not None:
        return by_key
    found = [table for table in (_table(each, depth=depth + 1) for each in items.values()) if table]
    if not found:
        return None
    names, rows_found = max(found, key=lambda table: len(table[1]))
    return _with_symbol(items, names, rows_found)


def _with_symbol(items: Mapping[str, object], names: list[str], rows: list[list[str]]) -> _Found:
    """The table with a column for a symbol beside it: ``{"ticker": "AAPL", "results": [...]}``."""
    for key in ("symbol", "ticker"):
        symbol = items.get(key)
        if isinstance(symbol, str) and names and key not in (name.lower() for name in names):
            return [*names, key], [[*row, symbol] for row in rows]
    return names, rows


def _of_list(values: list[object], *, depth: int) -> _Found | None:
    if values and all(isinstance(each, dict) for each in values):
        objects = cast(list[dict[str, object]], values)
        names = list(dict.fromkeys(name for each in objects for name in each))
        nested = _table(objects[0], depth=depth + 1) if len(objects) == 1 else None
        return nested or (names, [[_value_text(each.get(name)) for name in names] for each in objects])
    if values and all(isinstance(each, list) for each in values):
        return [], [[_value_text(field) for field in row] for row in cast(list[list[object]], values)]
    return None


def _columns(items: Mapping[str, object]) -> dict[str, list[object]]:
    """Lists of plain values of equal length; of two, as Yahoo nests them, those of ``quote`` too."""
    found: dict[str, list[object]] = {}
    for name, value in items.items():
        values = cast(list[object], value) if isinstance(value, list) else []
        if values and not any(isinstance(each, dict | list) for each in values):
            found[name] = values
    indicators = items.get("indicators")
    if isinstance(indicators, dict):
        quote = cast(dict[str, list[dict[str, list[object]]]], indicators).get("quote")
        found |= quote[0] if quote else {}
    lengths = {len(values) for values in found.values()}
    return found if len(found) > 1 and len(lengths) == 1 else {}


def _dated(items: Mapping[str, object]) -> _Found | None:
    """Objects by their date, as Alpha Vantage writes them: ``{"2024-01-02": {"1. open": "1"}}``."""
    if len(items) < 1 or not all(isinstance(each, dict) and key[:4].isdigit() for key, each in items.items()):
        return None
    rows = cast(dict[str, dict[str, object]], dict(items))
    names = list(dict.fromkeys(name for each in rows.values() for name in each))
    return ["date", *names], [
        [key, *(_value_text(each.get(name)) for name in names)] for key, each in rows.items()
    ]


def _turned(items: Mapping[str, object]) -> dict[str, object]:
    """Values by column and date, as pandas writes a frame, by date and column; empty if they are not."""
    if not items or not all(isinstance(each, dict) for each in items.values()):
        return {}
    columns = cast(dict[str, dict[str, object]], dict(items))
    dates = list(next(iter(columns.values())))
    if any(list(each) != dates for each in columns.values()):
        return {}
    if any(isinstance(value, dict | list) for each in columns.values() for value in each.values()):
        return {}
    return {when: {name: each[when] for name, each in columns.items()} for when in dates}


def _value_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)


def _cell_text(value: object) -> str:
    """A cell as a text file would hold it; midnight is left out, since a day in Excel is a time, too."""
    if isinstance(value, datetime):
        return str(value.date()) if value.time() == time() else str(value)
    if isinstance(value, date | time):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _value_text(value)
