"""Rows of a table in memory, such as a data frame, as the text that a CSV file would hold.

The owner of the table makes the text, one slice at a time, so this package needs no library for tables. The
same columns, parsers and checks serve files and tables.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from eventstore.importing.text_rows import SAMPLE_ROWS, Row

_SLICE_ROWS = 16_384

TextOf = Callable[[int, int], Sequence[str]]
"""The values of a column as text, from the first row (counted from 0) to the row after the last.

A missing value is ``""``.
"""


class MemoryRows:
    """The rows of one table; a row's number is its place in the table, from 1.

    ``name`` is what messages call the table. ``size`` and ``position`` are in rows.
    """

    def __init__(self, name: str, columns: Sequence[tuple[str, TextOf]], *, size: int) -> None:
        self.name = name
        self.names_known = True
        self.notes: list[str] = []
        self.size = size
        self.position = 0
        self._columns = tuple(columns)
        self._read = self._columns

    def __str__(self) -> str:
        return self.name

    def close(self) -> None:
        """Nothing to release."""

    def select(self, places: Sequence[int]) -> None:
        """Read these columns alone from now on; rows then have as many fields."""
        self._read = tuple(self._columns[place] for place in places)

    def sample(self) -> list[Row]:
        """The names as row 0 and the first rows, with all columns."""
        names: list[Row] = [(0, [column for column, _ in self._columns], "")]
        return names + list(_slice(self._columns, 0, min(self.size, SAMPLE_ROWS)))

    def rows(self, after: int = 0) -> Iterator[Row]:
        """Every row after a number, in order."""
        for first in range(0, self.size, _SLICE_ROWS):
            last = min(first + _SLICE_ROWS, self.size)
            for row in _slice(self._read, first, last):
                if row[0] > after:
                    yield row
            self.position = last


def _slice(columns: Sequence[tuple[str, TextOf]], first: int, after: int) -> Iterator[Row]:
    texts = [text_of(first, after) for _, text_of in columns]
    for number, values in enumerate(zip(*texts, strict=True), start=first + 1):
        yield number, list(values), ""


Source = Path | MemoryRows
"""A file, or a table in memory."""
