"""Tables on a terminal, or as plain text if the output is piped."""

from rich.console import Console
from rich.table import Table

_PIPED_WIDTH = 400  # wide enough for every row, as a program or `less -S` reads it


def plain_table(*headings: str) -> Table:
    """A table without lines. A heading that ends in ``>`` marks a column of numbers."""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        is_number = heading.endswith(">")
        table.add_column(heading.rstrip(">"), justify="right" if is_number else "left", overflow="fold")
    return table


def print_table(table: Table, console: Console) -> None:
    """Print a table. Long cells are folded, never cut."""
    if not console.is_terminal:
        console = Console(file=console.file, width=_PIPED_WIDTH)
    console.print(table, highlight=False)
