"""Tables on a terminal, or as plain text if the output is piped.

A terminal has a width: columns that do not fit are left out, the least important first, and named below the
table. Piped output has no width unless ``COLUMNS`` gives one.

Texts come from users and venues: they are printed as they are. Rich would read ``[red]`` in them as a style,
``:100:`` as a picture, and colour numbers.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import IO

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from replay.rows import Column, Rows

_PIPED_WIDTH = 400  # wide enough for every row, as a program or `less -S` reads it
_GAP = 2  # between two columns


class TableConsole(Console):
    """A console that prints every text as it is. It ends quietly if nobody reads on, as with ``| head``."""

    def __init__(
        self, *, file: IO[str] | None = None, width: int | None = None, stderr: bool = False
    ) -> None:
        super().__init__(file=file, width=width, stderr=stderr, markup=False, emoji=False, highlight=False)

    def on_broken_pipe(self) -> None:
        """Write nothing more, at the end of the process neither."""
        stream = sys.stderr if self.stderr else sys.stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise click.exceptions.Exit(1)


def has_width(console: Console) -> bool:
    """Whether lines should fit a width: on a terminal, or if ``COLUMNS`` is set."""
    return console.is_terminal or os.environ.get("COLUMNS", "").isdigit()


def plain_table(*headings: str) -> Table:
    """A table without lines. A heading that ends in ``>`` marks a column of numbers."""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        is_number = heading.endswith(">")
        table.add_column(heading.rstrip(">"), justify="right" if is_number else "left", overflow="fold")
    return table


def print_table(table: Table, console: TableConsole) -> None:
    """Print a table. Long cells are folded, never cut."""
    if not has_width(console):
        console = TableConsole(file=console.file, width=_PIPED_WIDTH)
    console.print(table)


def print_rows(rows: Rows, console: TableConsole, *, all_with: str = "--json") -> None:
    """Print rows with the columns that fit. ``all_with`` is the option that shows all of them."""
    width = console.width if has_width(console) else _PIPED_WIDTH
    shown = fitting(rows, width)
    print_table(table_of(rows, shown), console)
    left_out = [column.name for place, column in enumerate(rows.columns) if place not in shown]
    if left_out:
        console.print(f"Not shown in {width} columns: {', '.join(left_out)} ({all_with}).", style="dim")
    if rows.note:
        console.print(rows.note, style="dim", soft_wrap=not has_width(console))


def print_titled(tables: Iterable[Rows], console: TableConsole, *, all_with: str = "--json") -> None:
    """Print tables under their titles, without those that are empty."""
    for rows in tables:
        if rows:
            console.print()
            console.print(f"{rows.title}:", style="bold")
            print_rows(rows, console, all_with=all_with)


def table_of(rows: Rows, shown: Sequence[int]) -> Table:
    """Rows as a table of the columns at these places."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for place in shown:
        column = rows.columns[place]
        table.add_column(column.name, justify="right" if column.is_number else "left", overflow="fold")
    for cells in rows.rows:
        table.add_row(*(Text(cells[place]) for place in shown))
    return table


def fitting(rows: Rows, width: int) -> tuple[int, ...]:
    """The places of the columns that fit a width, without those of the highest ranks."""
    widths = [_widest(column, cells) for column, cells in zip(rows.columns, _by_column(rows), strict=True)]
    shown = list(range(len(rows.columns)))
    while sum(widths[place] for place in shown) + _GAP * (len(shown) - 1) > width:
        least = max(shown, key=lambda place: (rows.columns[place].rank, place))
        if not rows.columns[least].rank:
            break
        shown.remove(least)
    return tuple(shown)


def _by_column(rows: Rows) -> list[list[str]]:
    return [[cells[place] for cells in rows.rows] for place in range(len(rows.columns))]


def _widest(column: Column, cells: Sequence[str]) -> int:
    return max(cell_len(text) for text in (column.name, *cells))
