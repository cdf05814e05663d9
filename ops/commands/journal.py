"""``replay journal``: prints the closed trades of a run, or writes them as JSON lines or a CSV file."""

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from ops.store_file import existing_store
from ops.tables import TableConsole, print_rows
from replay import figures
from replay.performance.journal import JournalEntry, as_row, read_journal, write_csv
from replay.results import read_results
from replay.rows import Rows, number, text


async def show_journal(run_stream: str, store: Path, *, csv_path: Path | None, as_json: bool) -> None:
    """Read a run's journal and print it, or write it to ``csv_path``."""
    journal = await _read(run_stream, store)
    if csv_path is not None:
        write_csv(journal, csv_path)
        click.echo(f"{run_stream}: {len(journal):,} trades in {csv_path}")
    elif as_json:
        for entry in journal:
            click.echo(msgspec.json.encode(as_row(entry)))
    else:
        print_rows(_rows(journal), TableConsole(), all_with="--csv, --json")


async def _read(run_stream: str, path: Path) -> Sequence[JournalEntry]:
    async with existing_store(path) as store:
        return await read_journal(store, await read_results(store, run_stream))


def _rows(journal: Sequence[JournalEntry]) -> Rows:
    """A row for each trade."""
    columns = (
        number("#", rank=1), text("Strategy", rank=3), text("Symbol"), text("Side"),
        number("Quantity", rank=1), text("Entry"), number("Price", rank=2), text("Exit"),
        number("Price", rank=2),
        number("Duration", rank=4), number("Net P&L"), number("MAE", rank=5), number("MFE", rank=5),
        text("Currency", rank=3), number("Return"), text("Tags", rank=4),
    )  # fmt: skip
    rows = tuple(_cells(place, entry) for place, entry in enumerate(journal, start=1))
    return Rows("Journal", columns, rows, tones=tuple(float(entry.trade.net_pnl) for entry in journal))


def _cells(place: int, entry: JournalEntry) -> tuple[str, ...]:
    trade = entry.trade
    return (
        *figures.trade_cells(place, trade),
        figures.money(trade.net_pnl),
        figures.money(entry.mae),
        figures.money(entry.mfe),
        trade.currency,
        figures.percent(trade.net_return),
        " / ".join(tag for tag in (entry.entry_tag, entry.exit_tag) if tag),
    )
