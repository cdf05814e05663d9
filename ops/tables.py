"""Tables on a terminal, or as plain text where output is piped."""

from rich.console import Console
from rich.table import Table

_PIPED_WIDTH = 400  # wide enough that nothing is cut: a program or `less -S` reads it


def plain_table(*headings: str) -> Table:
    """A table without lines; a heading that ends in ``>`` is of a column of numbers."""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        is_number = heading.endswith(">")
        table.add_column(heading.rstrip(">"), justify="right" if is_number else "left", overflow="fold")
    return table


def print_table(table: Table, console: Console) -> None:
    """Print a table, never cutting a cell."""
    if not console.is_terminal:
        console = Console(file=console.file, width=_PIPED_WIDTH)
    console.print(table, highlight=False)
