"""Errors about rows. Each names the place in the file, so that the user can correct it."""

import msgspec

from kernel.errors import InputError

LISTED_ROWS = 10
"""Bad rows that an error lists; the others are only counted."""


class RowDefect(InputError):
    """One field of one row is wrong. Holds its name, the value seen and the value expected."""

    def __init__(self, field: str, seen: str, *, expected: str) -> None:
        super().__init__(f"{field} is {_shortened(seen)!r}, expected {expected}")
        self.field = field
        self.seen = seen
        self.expected = expected


class ColumnMissing(InputError):
    """The file lacks a column that its rows need, or names it in an unknown way."""


class BadRow(msgspec.Struct, frozen=True):
    """A row that was not accepted. ``line`` counts from 1, header and blank lines included."""

    file: str
    line: int
    field: str
    seen: str
    expected: str

    def __str__(self) -> str:
        seen = _shortened(self.seen)
        return f"{self.file}, line {self.line}: {self.field} is {seen!r}, expected {self.expected}"


class BadRowsRefused(InputError):
    """A file with bad rows was refused; nothing was appended. ``rows`` are the first ten."""

    def __init__(self, rows: tuple[BadRow, ...], *, count: int) -> None:
        number = "1 bad row" if count == 1 else f"{count:,} bad rows"
        listing = "".join(f"\n  {row}" for row in rows)
        more = f"\n  ... and {count - len(rows):,} more" if count > len(rows) else ""
        super().__init__(f"{number}, so nothing was imported:{listing}{more}")
        self.rows = rows
        self.count = count


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
