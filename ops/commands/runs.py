"""The subcommands of ``replay``: list, show, report, journal and verify recorded runs."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import msgspec

from eventstore import EventStore
from kernel.errors import StoreDamaged, StoreError
from kernel.events import Event
from ops.commands.journal import show_journal
from ops.completion import complete_runs
from ops.event_loop import run
from ops.run_output import REPORT_HELP, Output, benchmark_option, read_shown, show_run
from ops.store_file import existing_store, store_option
from ops.tables import TableConsole, print_rows
from replay.divergence import Cause, Diverged, Divergence
from replay.parted_verification import verify_parts
from replay.past.explanation_rows import event_fields
from replay.run_list import ListedRun, as_fields, list_runs, measure_runs, run_rows
from replay.verification import RESTARTS, verify_run

run_argument = click.argument("run_stream", shell_complete=complete_runs)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object instead of the tables."
)


@click.command("list")
@store_option
@click.option("--figures", is_flag=True, help="Read every run in full: trades, drawdown and Sharpe too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def list_command(*, store_path: Path, figures: bool, as_json: bool) -> None:
    """List the runs and live logs of a store, with strategy, period, return and state.

    \b
    Example:
      replay list --store market.db

    Only the ends of each run are read. In the JSON, figures that --figures reads are null without it.
    """
    runs = run(_runs(store_path, list_all=measure_runs if figures else list_runs))
    if as_json:
        click.echo(msgspec.json.encode([as_fields(one) for one in runs]).decode())
    elif runs:
        print_rows(run_rows(runs), TableConsole())
    else:
        click.echo(f"no runs in {store_path}")


@click.command("show")
@run_argument
@store_option
@benchmark_option
@json_option
def show_command(run_stream: str, *, store_path: Path, benchmark: str, as_json: bool) -> None:
    """Print the results of a run again, or of a live log so far, and write nothing.

    \b
    Example:
      replay show run.ma_cross.1 --store market.db
    """
    run(_show(run_stream, store_path, Output(is_reported=False, benchmark=benchmark, as_json=as_json)))


@click.command("report")
@run_argument
@store_option
@benchmark_option
@click.option("--report", type=click.Path(path_type=Path), help=REPORT_HELP)
@click.option(
    "--pdf", type=click.Path(path_type=Path), help="Print the report into a PDF, by Chromium or Chrome."
)
@click.option(
    "--json",
    "json_target",
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="Write the result as one JSON object, or print it instead of the tables.",
)
@click.option(
    "--csv",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write trades, orders, fills and equity as CSV files.",
)
@click.option(
    "--parquet",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write the same as Parquet files.",
)
def report_command(
    run_stream: str,
    *,
    store_path: Path,
    benchmark: str,
    report: Path | None,
    pdf: Path | None,
    json_target: str | None,
    csv: Path | None,
    parquet: Path | None,
) -> None:
    """Print the results of a recorded run, or of a live log so far, and write the HTML report.

    \b
    Examples:
      replay report run.ma_cross.1 --store market.db
      replay report run.ma_cross.1 --pdf sheet.pdf --csv tables --json result.json
    """
    output = Output(
        report=report,
        benchmark=benchmark,
        as_json=json_target == "-",
        pdf=pdf,
        json_path=Path(json_target) if json_target not in (None, "-") else None,
        csv=csv,
        parquet=parquet,
    )
    output.check()
    run(_show(run_stream, store_path, output))


@click.command("journal")
@run_argument
@store_option
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="Write a CSV file instead.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def journal_command(run_stream: str, *, store_path: Path, csv_path: Path | None, as_json: bool) -> None:
    """List every trade of a run or live log: entry, exit, P&L, and the largest moves for and against it.

    \b
    Example:
      replay journal run.ma_cross.1 --store market.db --csv trades.csv

    MAE and MFE are the maximum adverse and favourable excursion, in money before commission.
    """
    run(show_journal(run_stream, store_path, csv_path=csv_path, as_json=as_json))


@click.command("verify")
@run_argument
@store_option
@click.option(
    "--current-code", is_flag=True, help="Run the strategy code on disk instead of the recorded code."
)
@click.option(
    "--restarts",
    type=click.IntRange(0),
    default=RESTARTS,
    show_default=True,
    help="How often to restart the core from a snapshot during the run.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes that verify parts between snapshots at the same time.",
)
@json_option
def verify_command(
    run_stream: str, *, store_path: Path, current_code: bool, restarts: int, jobs: int, as_json: bool
) -> None:
    """Play a recorded run or a live log again and compare every derived event, byte for byte.

    The record itself is checked too: hashes of configuration, sources and data, and counts, time and digest
    at its end. In the middle the core is restarted from a snapshot: a strategy that keeps state outside
    `self.state` is named.

    \b
    Example:
      replay verify run.ma_cross.1 --store market.db

    Exit code 0: equal. 1: different; stderr has the first record that differs, the component that made it,
    and the likely cause: code, config, features, data or nondeterminism.
    """
    if jobs > 1 and current_code:
        raise click.UsageError("--jobs begins with states of the recorded code; leave --current-code out")
    run(
        _verify(
            run_stream,
            store_path,
            current_code=current_code,
            restarts=restarts,
            jobs=jobs,
            as_json=as_json,
        )
    )


async def _runs(
    path: Path, *, list_all: Callable[[EventStore], Awaitable[tuple[ListedRun, ...]]]
) -> tuple[ListedRun, ...]:
    async with existing_store(path) as store:
        return await list_all(store)


async def _show(run_stream: str, path: Path, output: Output) -> None:
    async with existing_store(path) as store:
        shown = await read_shown(store, run_stream, output)
    show_run(shown, path, output)


async def _verify(
    run_stream: str, path: Path, *, current_code: bool, restarts: int, jobs: int, as_json: bool
) -> None:
    async with existing_store(path) as store:
        try:
            if jobs > 1:
                verified = await verify_parts(path, run_stream, jobs=jobs)
            else:
                verified = await verify_run(store, run_stream, current_code=current_code, restarts=restarts)
        except Diverged as diverged:
            if as_json:
                click.echo(msgspec.json.encode(divergence_fields(run_stream, diverged.divergence)))
            raise
        except StoreDamaged as damage:
            raise StoreError(
                f"{damage}; likely cause: {Cause.DATA}: the store does not hold what was written"
            ) from damage
    if as_json:
        click.echo(msgspec.json.encode(verified))
        return
    opening = "the whole opening" if verified.opening_hash else "configuration, sources, data and period"
    end = "counts, time and digest of its end; " if verified.is_ended else ""
    click.echo(
        f"{run_stream}: reproduced {verified.derived_count:,} derived events "
        f"from {verified.input_count:,} inputs; digest {verified.digest}\n"
        f"checked: {opening}; every derived event; {end}"
        f"state put back from a snapshot: {verified.restarts}"
    )


def divergence_fields(run_stream: str, found: Divergence) -> dict[str, object]:
    """A divergence for programs, both events with their fields by name."""

    def named(event: Event | None) -> dict[str, object] | None:
        return None if event is None else {"type": type(event).__name__, **event_fields(event)}

    return {
        "run_stream": run_stream,
        "seq": found.seq,
        "input": found.number,
        "component": found.component,
        "recorded": named(found.recorded),
        "replayed": named(found.replayed),
        "cause": found.cause.value,
        "evidence": found.evidence,
    }
