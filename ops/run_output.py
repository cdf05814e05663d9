"""Prints the result of a run and writes its report, for every command that shows one."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec

from eventstore import EventStore
from kernel.errors import InputError
from ops.completion import complete_data
from ops.tables import TableConsole, has_width, print_rows, print_table
from replay.exports import check_csv, check_parquet, read_tables, write_csv, write_parquet
from replay.performance.diagnosis import diagnose
from replay.performance.diagnosis_rows import warning_rows
from replay.performance.journal import JournalEntry, read_excursions
from replay.report import default_path, write_report
from replay.report.figure_charts import drawn_trades
from replay.report.files import check_replaceable
from replay.report.pdf import check_pdf, write_pdf
from replay.result_json import to_json
from replay.results import RunResult
from replay.run_reading import ReadRun, read_run
from replay.run_tables import DataTable
from replay.tables import result_table, tables_of
from replay.written_files import check_folder

WRITTEN = {"report": "Report", "pdf": "PDF", "csv": "CSV", "parquet": "Parquet", "json": "JSON"}

REPORT_HELP = "Where to write the HTML report [default: STORE.RUN.html beside the store]."

benchmark_option = click.option(
    "--benchmark",
    default="",
    shell_complete=complete_data,
    help="Symbol or data stream to compare with [default: the symbols of the run, bought and held].",
)


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What a command makes of a run.

    - ``report``: where the HTML report goes; ``None``: beside the store.
    - ``pdf``: where the same is printed to.
    - ``json_path``: where the result goes as JSON; ``as_json`` prints it.
    - ``csv``, ``parquet``: folders for trades, orders, fills and equity.
    """

    report: Path | None = None
    is_reported: bool = True
    benchmark: str = ""
    as_json: bool = False
    pdf: Path | None = None
    json_path: Path | None = None
    csv: Path | None = None
    parquet: Path | None = None

    def check(self) -> None:
        """Raise ``InputError`` for what cannot be written, before anything is read."""
        if self.is_reported and self.report is not None:
            check_replaceable(self.report)
        if self.pdf is not None:
            check_pdf(self.pdf)
        if self.json_path is not None:
            check_folder(self.json_path, what="JSON")
        if self.csv is not None:
            check_csv(self.csv)
        if self.parquet is not None:
            check_parquet(self.parquet)


class ShownRun(msgspec.Struct, frozen=True, eq=False):
    """All that an output needs of a run: excursions of drawn trades for a report, tables for files."""

    read: ReadRun
    journal: Sequence[JournalEntry] = ()
    tables: Sequence[DataTable] = ()


async def read_shown(store: EventStore, run_stream: str, output: Output) -> ShownRun:
    """Read what an output needs; raises as ``read_run`` does."""
    read = await read_run(store, run_stream, benchmark=output.benchmark)
    drawn = drawn_trades(read.result.trades) if output.is_reported else ()
    journal = await read_excursions(store, read.result, drawn)
    has_tables = output.csv is not None or output.parquet is not None
    return ShownRun(read, journal, await read_tables(store, read.result) if has_tables else ())


def show_run(shown: ShownRun, store: Path, output: Output) -> RunResult:
    """Write the report of a run and the files that are wanted, and print its result; returns the result."""
    result = shown.read.result
    written: dict[str, Path] = {}
    if output.is_reported:
        path = output.report or default_path(store, result)
        written["report"] = write_report(result, path, shown.read.prices, shown.journal)
        if output.pdf is not None:
            written["pdf"] = write_pdf(path, output.pdf)
    if output.csv is not None:
        write_csv(shown.tables, output.csv)
        written["csv"] = output.csv
    if output.parquet is not None:
        write_parquet(shown.tables, output.parquet)
        written["parquet"] = output.parquet
    if output.json_path is not None:
        _write_json(result, written, output.json_path)
        written["json"] = output.json_path
    if output.as_json:
        click.echo(_json_text(result, written))
    else:
        _print(result, written)
    return result


def _json_text(result: RunResult, written: Mapping[str, Path]) -> str:
    files = {what: str(path) for what, path in written.items()}
    return json.dumps({**to_json(result), "report": None, **files}, allow_nan=False)


def _write_json(result: RunResult, written: Mapping[str, Path], path: Path) -> None:
    try:
        path.write_text(_json_text(result, written) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"JSON {path}: cannot be written: {error.strerror}") from error


def _print(result: RunResult, written: Mapping[str, Path]) -> None:
    console = TableConsole()
    print_table(result_table(result), console)
    for table in tables_of(result):
        console.print()
        console.print(f"{table.title}:", style="bold")
        print_rows(table, console)
    found = warning_rows(diagnose(result))
    if found:
        console.print()
        console.print("Diagnosis:", style="bold")
        for row in found.rows:
            console.print(f"- {row[0]}", soft_wrap=not has_width(console))
        if found.note:
            console.print(found.note, style="dim")
    console.print()
    console.print(f"Run stream: {result.run_stream}", soft_wrap=True)
    for what, path in written.items():
        console.print(f"{WRITTEN[what]}: {path.resolve()}", soft_wrap=True)
