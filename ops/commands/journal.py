"""``replay journal``: prints the closed trades of a run, or writes them as JSON lines or a CSV file."""

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from rich.console import Console

from ops.store_file import existing_store
from ops.tables import plain_table, print_table
from replay import figures
from replay.journal import JournalEntry, as_row, read_journal, write_csv
from replay.results import read_results


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
        _show(journal)


async def _read(run_stream: str, path: Path) -> Sequence[JournalEntry]:
    async with existing_store(path) as store:
        return await read_journal(store, await read_results(store, run_stream))


def _show(journal: Sequence[JournalEntry]) -> None:
    table = plain_table(
        *("#>", "Strategy", "Symbol", "Side", "Quantity>", "Entry", "Price>", "Exit", "Price>"),
        *("Duration>", "Net P&L>", "MAE>", "MFE>", "Currency", "Return>", "Tags"),
    )
    for number, entry in enumerate(journal, start=1):
        trade = entry.trade
        table.add_row(
            *figures.trade_cells(number, trade),
            figures.money(trade.net_pnl),
            figures.money(entry.mae),
            figures.money(entry.mfe),
            trade.currency,
            figures.percent(trade.net_return),
            " / ".join(tag for tag in (entry.entry_tag, entry.exit_tag) if tag),
        )
    print_table(table, Console())
