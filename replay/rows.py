"""Tables of text cells, without a form: the commands print them, the report and notebooks show them."""

import msgspec


class Column(msgspec.Struct, frozen=True):
    """A column. Where there is little room, the highest ``rank`` is left out first, and rank 0 never."""

    name: str
    is_number: bool = False
    rank: int = 0


class Rows(msgspec.Struct, frozen=True):
    """A table. ``tones`` are a number for each row: above 0 a gain, below 0 a loss; empty without tones.

    ``note`` is a sentence below the table.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    tones: tuple[float, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rows)


def text(name: str, *, rank: int = 0) -> Column:
    """A column of words."""
    return Column(name, rank=rank)


def number(name: str, *, rank: int = 0) -> Column:
    """A column of figures, aligned on the right."""
    return Column(name, is_number=True, rank=rank)
