"""Errors about rows. Each names the place in the file, so that the user can correct it."""

import re
from collections.abc import Collection

import msgspec

from kernel.errors import InputError

LISTED_ROWS = 10
"""Bad rows that are kept as examples; the others are only counted."""

LISTED_CAUSES = 10
"""Causes of bad rows that are told apart."""

_EXAMPLES = 3
_DIGITS = re.compile(r"\d+(?:[.,:+-]*\d+)*")


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

    @property
    def where(self) -> str:
        """The row within its file."""
        return f"line {self.line}"

    @property
    def complaint(self) -> str:
        """What is wrong with it."""
        return f"{self.field} is {_shortened(self.seen)!r}, expected {self.expected}"

    def __str__(self) -> str:
        return f"{self.file}, {self.where}: {self.complaint}"


class BadRowCause(msgspec.Struct, frozen=True):
    """Bad rows of one cause: their count, and the first three of them."""

    count: int
    first: tuple[BadRow, ...]

    def __str__(self) -> str:
        if self.count == 1:
            return str(self.first[0])
        begin = self.first[0]
        others = [
            row.where if row.file == begin.file else f"{row.file}, {row.where}" for row in self.first[1:]
        ]
        more = ", ..." if self.count > len(self.first) else ""
        return f"{self.count:,} rows like {begin} (also {', '.join(others)}{more})"


class BadRowCauses:
    """Puts bad rows together that have the same cause: the same field and the same expectation.

    Numbers in the expectation may differ (the high of the row, the time before it). Missing values are a
    cause of their own.
    """

    def __init__(self) -> None:
        self.count = 0
        self._by_cause: dict[tuple[str, bool, str], BadRowCause] = {}

    def take(self, row: BadRow) -> None:
        """Count a row under its cause. Beyond the most causes it is only counted."""
        self.count += 1
        key = row.field, not row.seen.strip(), _DIGITS.sub("#", row.expected)
        known = self._by_cause.get(key)
        if known is None:
            if len(self._by_cause) < LISTED_CAUSES:
                self._by_cause[key] = BadRowCause(1, (row,))
            return
        first = (*known.first, row) if len(known.first) < _EXAMPLES else known.first
        self._by_cause[key] = BadRowCause(known.count + 1, first)

    def listed(self) -> tuple[BadRowCause, ...]:
        """The causes, in order of their first rows."""
        return tuple(self._by_cause.values())


class BadRowsRefused(InputError):
    """A file with bad rows was refused; nothing was appended. ``rows`` are the first ten.

    ``advice`` ends the message: how to go on.
    """

    def __init__(
        self, rows: tuple[BadRow, ...], *, count: int, causes: tuple[BadRowCause, ...], advice: str = ""
    ) -> None:
        number = "1 bad row" if count == 1 else f"{count:,} bad rows"
        super().__init__(f"{number}, so nothing was imported:\n{listing(causes, count=count)}{advice}")
        self.rows = rows
        self.count = count
        self.causes = causes

    def with_advice(self, advice: str) -> "BadRowsRefused":
        """The same refusal, whose message ends with ``advice``."""
        return BadRowsRefused(self.rows, count=self.count, causes=self.causes, advice=advice)


def listing(causes: Collection[BadRowCause], *, count: int) -> str:
    """A line for each cause, and one for the rest of ``count`` rows."""
    lines = [f"  {cause}" for cause in causes]
    rest = count - sum(cause.count for cause in causes)
    if rest:
        lines.append(f"  ... and {rest:,} more of other causes")
    return "\n".join(lines)


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
