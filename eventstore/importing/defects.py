"""What can be wrong with a row, said so that the person with the file can find and mend it."""

import msgspec

from kernel.errors import InputError

LISTED_ROWS = 10
"""How many bad rows an error lists; the rest are counted."""


class RowDefect(InputError):
    """One field of one row is wrong: its name, the value seen, what was expected."""

    def __init__(self, field: str, seen: str, *, expected: str) -> None:
        super().__init__(f"{field} is {_shortened(seen)!r}, expected {expected}")
        self.field = field
        self.seen = seen
        self.expected = expected


class ColumnMissing(InputError):
    """The rows need a column that the file does not have, or has under a name that nobody could guess."""


class BadRow(msgspec.Struct, frozen=True):
    """A row that was not taken. ``line`` counts from 1, header and blank lines included."""

    file: str
    line: int
    field: str
    seen: str
    expected: str

    def __str__(self) -> str:
        seen = _shortened(self.seen)
        return f"{self.file}, line {self.line}: {self.field} is {seen!r}, expected {self.expected}"


class BadRowsRefused(InputError):
    """A file with bad rows was refused and nothing was appended; ``rows`` are the first ten."""

    def __init__(self, rows: tuple[BadRow, ...], *, count: int) -> None:
        number = "1 bad row" if count == 1 else f"{count:,} bad rows"
        listing = "".join(f"\n  {row}" for row in rows)
        more = f"\n  ... and {count - len(rows):,} more" if count > len(rows) else ""
        super().__init__(f"{number}, so nothing was imported:{listing}{more}")
        self.rows = rows
        self.count = count


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
