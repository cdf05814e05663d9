"""Prints the result of a run and writes its report, for every command that shows one."""

import json
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from eventstore import EventStore
from ops.completion import complete_data
from ops.tables import TableConsole, has_width, print_rows, print_table
from replay.diagnosis import diagnose
from replay.diagnosis_rows import warning_rows
from replay.journal import JournalEntry, read_journal
from replay.report import default_path, write_report
from replay.result_json import to_json
from replay.results import RunResult
from replay.run_reading import ReadRun, read_run
from replay.tables import result_table, tables_of

REPORT_HELP = "Where to write the HTML report [default: STORE.RUN.html beside the store]."

benchmark_option = click.option(
    "--benchmark",
    default="",
    shell_complete=complete_data,
    help="Symbol or data stream to compare with [default: the symbols of the run, bought and held].",
)


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What a command makes of a run. ``report`` is a path; ``None``: beside the store."""

    report: Path | None = None
    is_reported: bool = True
    benchmark: str = ""
    as_json: bool = False


class ShownRun(msgspec.Struct, frozen=True, eq=False):
    """All that an output needs of a run. The journal is only read for a report."""

    read: ReadRun
    journal: Sequence[JournalEntry] = ()


async def read_shown(store: EventStore, run_stream: str, output: Output) -> ShownRun:
    """Read what an output needs; raises as ``read_run`` does."""
    read = await read_run(store, run_stream, benchmark=output.benchmark)
    journal = await read_journal(store, read.result) if output.is_reported else ()
    return ShownRun(read, journal)


def show_run(shown: ShownRun, store: Path, output: Output) -> RunResult:
    """Write the report of a run unless none is wanted, and print its result; returns the result."""
    result, written = shown.read.result, None
    if output.is_reported:
        path = output.report or default_path(store, result)
        written = write_report(result, path, shown.read.prices, shown.journal)
    _print(result, written, as_json=output.as_json)
    return result


def _print(result: RunResult, report: Path | None, *, as_json: bool) -> None:
    if as_json:
        told = {**to_json(result), "report": None if report is None else str(report)}
        click.echo(json.dumps(told, allow_nan=False))
        return
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
    if report is not None:
        console.print(f"Report: {report.resolve()}", soft_wrap=True)
