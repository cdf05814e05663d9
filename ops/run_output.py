"""Prints the result of a run and writes its report, for every command that shows one."""

import json
from pathlib import Path

import click
import msgspec

from ops.completion import complete_data
from ops.tables import TableConsole, print_rows, print_table
from replay.report import default_path, write_report
from replay.result_json import to_json
from replay.results import RunResult
from replay.run_reading import ReadRun
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


def show_read(read: ReadRun, store: Path, output: Output) -> RunResult:
    """Write the report of a run unless none is wanted, and print its result; returns the result."""
    written: Path | None = None
    if output.is_reported:
        written = write_report(read.result, output.report or default_path(store, read.result), read.prices)
    _print(read.result, written, as_json=output.as_json)
    return read.result


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
    console.print()
    console.print(f"Run stream: {result.run_stream}", soft_wrap=True)
    if report is not None:
        console.print(f"Report: {report.resolve()}", soft_wrap=True)
