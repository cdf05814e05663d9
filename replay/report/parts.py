"""The parts of a page: cards with tables, tiles, and text that is escaped."""

import html
import zlib
from base64 import b64encode
from collections.abc import Sequence
from importlib import import_module
from importlib.resources import files
from typing import Any

from replay.rows import Column, Rows

PACKING = 4
"""Level 9 saves 4 % more and takes twice the time."""


def asset(name: str) -> str:
    """A file of this package."""
    return (files("replay.report") / name).read_text(encoding="utf-8")


def packed_plotly() -> str:
    """The plotting library, as zlib in base64: two megabytes in place of five. ``report.js`` unpacks it."""
    offline: Any = import_module("plotly.offline")  # imported with the first report: it takes 20 ms
    script: str = offline.get_plotlyjs()
    return b64encode(zlib.compress(script.encode(), PACKING)).decode()


def escaped(value: object) -> str:
    """A text that comes from data."""
    return html.escape(str(value))


def card(rows: Rows, *, chart: str = "") -> str:
    """A table with its heading, and a place for a chart above it; nothing without rows."""
    if not rows:
        return ""
    heads = "".join(
        f"<th scope='col' class='{'' if column.is_number else 'word'}'>{escaped(column.name)}</th>"
        for column in rows.columns
    )
    tones = rows.tones or (0.0,) * len(rows.rows)
    body = "\n".join(_table_row(rows, cells, tone) for cells, tone in zip(rows.rows, tones, strict=True))
    title = escaped(rows.title)
    place = (
        f"<div id='{chart}' class='chart short' role='figure' aria-label='{title}'></div>" if chart else ""
    )
    note = f"<p class='muted'>{escaped(rows.note)}</p>" if rows.note else ""
    return (
        f"<section class='card'><h2>{title}</h2>{place}<div class='scroll'><table aria-label='{title}'>"
        f"<thead><tr>{heads}</tr></thead><tbody>\n{body}\n</tbody></table></div>{note}</section>"
    )


def tile(name: str, value: str, note: str = "", *, tone: str = "") -> str:
    """A figure with its name and a note below it."""
    return (
        f"<div class='tile'><span>{escaped(name)}</span><strong class='{tone}'>{escaped(value)}</strong>"
        f"<small>{escaped(note)}</small></div>"
    )


def tone_of(value: float | None) -> str:
    """The class of a gain or a loss."""
    return "" if not value else "gain" if value > 0 else "loss"


def _cell_class(column: Column, tone: float) -> str:
    of_kind, of_tone = "" if column.is_number else "word", tone_of(tone) if "P&L" in column.name else ""
    return " ".join(filter(None, (of_kind, of_tone)))


def _table_row(rows: Rows, cells: Sequence[str], tone: float) -> str:
    """A row of a table. Columns of P&L have the row's tone."""
    found = zip(rows.columns, cells, strict=True)
    return (
        "<tr>"
        + "".join(f"<td class='{_cell_class(column, tone)}'>{escaped(cell)}</td>" for column, cell in found)
        + "</tr>"
    )
