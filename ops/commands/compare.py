"""``replay diff`` and ``replay compare``: runs beside each other."""

from pathlib import Path

import click
import msgspec

from kernel.errors import InputError
from ops.completion import complete_runs
from ops.event_loop import run
from ops.store_file import existing_store, store_option
from ops.tables import TableConsole, print_rows
from replay.past.comparison_rows import (
    comparison_object,
    comparison_rows,
    figure_rows,
    figures_object,
    first_words,
    write_overlay,
)
from replay.past.run_comparison import ComparedRun, RunComparison, compare_runs
from replay.results import RunResult, read_results

DIFFERENT = 1


@click.command("diff")
@click.argument("run_a", shell_complete=complete_runs)
@click.argument("run_b", shell_complete=complete_runs)
@store_option
@click.option(
    "--other-store", type=click.Path(path_type=Path), help="The store of RUN_B, if it is another one."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the tables.")
@click.pass_context
def diff_command(
    ctx: click.Context, run_a: str, run_b: str, *, store_path: Path, other_store: Path | None, as_json: bool
) -> None:
    """Find the first record in which two runs or live logs differ, then orders, fills and figures.

    \b
    Example:
      replay diff run.ma_cross.1 run.ma_cross.2

    Exit code 0: equal from the start of the session on. 1: different.
    """
    found = run(_diff(run_a, run_b, store_path, other_store or store_path))
    show_comparison(found, as_json=as_json)
    if not found.is_equal:
        ctx.exit(DIFFERENT)


@click.command("compare")
@click.argument("run_streams", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_runs)
@store_option
@click.option("--html", "html_path", type=click.Path(path_type=Path), help="Write a page with their equity.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
def compare_command(
    run_streams: tuple[str, ...], *, store_path: Path, html_path: Path | None, as_json: bool
) -> None:
    """Show the figures of several runs or live logs in one table, and their equity on one page.

    \b
    Example:
      replay compare run.ma_cross.1 run.ma_cross.2 run.rsi.1 --html runs.html
    """
    results = run(_results(run_streams, store_path))
    if html_path is not None:
        write_overlay(results, html_path)
    if as_json:
        click.echo(msgspec.json.encode(figures_object(results)).decode())
        return
    console = TableConsole()
    print_rows(figure_rows(results), console)
    if html_path is not None:
        console.print(f"Page: {html_path.resolve()}", soft_wrap=True)


def show_comparison(found: RunComparison, *, as_json: bool) -> None:
    """Print two runs beside each other."""
    if as_json:
        click.echo(msgspec.json.encode(comparison_object(found)).decode())
        return
    console = TableConsole()
    console.print(first_words(found.first), soft_wrap=True)
    for rows in comparison_rows(found):
        if rows or rows.note:
            console.print()
            console.print(f"{rows.title}:", style="bold")
            print_rows(rows, console)


async def _diff(run_a: str, run_b: str, path_a: Path, path_b: Path) -> RunComparison:
    async with existing_store(path_a) as a, existing_store(path_b) as b:
        return await compare_runs(ComparedRun(a, run_a), ComparedRun(b, run_b))


async def _results(run_streams: tuple[str, ...], path: Path) -> list[RunResult]:
    if len(set(run_streams)) != len(run_streams):
        raise InputError("a run is named twice")
    async with existing_store(path) as store:
        return [await read_results(store, one) for one in run_streams]
