"""Rows of a table in memory, such as a data frame, as the text that a CSV file would hold.

The owner of the table makes the text, one slice at a time, so this package needs no library for tables. The
same columns, parsers and checks serve files and tables.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from eventstore.importing.text_rows import Row

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
        self.names = tuple(column for column, _ in columns)
        self.size = size
        self.position = 0
        self._texts = [text_of for _, text_of in columns]

    def __str__(self) -> str:
        return self.name

    def close(self) -> None:
        """Nothing to release."""

    def rows(self) -> Iterator[Row]:
        """Every row, in order."""
        for first in range(0, self.size, _SLICE_ROWS):
            after = min(first + _SLICE_ROWS, self.size)
            texts = [text_of(first, after) for text_of in self._texts]
            for number, values in enumerate(zip(*texts, strict=True), start=first + 1):
                yield number, list(values), ""
            self.position = after


Source = Path | MemoryRows
"""A file, or a table in memory."""
