"""``replay calibrate``: models of the simulated venue fitted to what happened."""

from pathlib import Path

import click
import msgspec

from kernel.errors import InputError
from ops.completion import complete_runs
from ops.event_loop import run
from ops.store_file import existing_store, store_option
from ops.tables import TableConsole, print_rows
from replay.execution_analysis.calibration import MODELS, calibrated, calibration_rows
from replay.execution_analysis.reading import read_executions
from replay.execution_analysis.records import ExecutedOrder
from replay.written_files import check_folder


@click.command("calibrate")
@click.argument("run_stream", shell_complete=complete_runs)
@store_option
@click.option(
    "--model", "models", type=click.Choice(MODELS), multiple=True, help="Only this kind; may be repeated."
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the configuration; it may not exist yet.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the tables.")
def calibrate_command(
    run_stream: str, *, store_path: Path, models: tuple[str, ...], out: Path | None, as_json: bool
) -> None:
    """Fit slippage, latency and fee models to the orders and fills of a log, as a configuration.

    For each kind the model that fits best is taken; the parameters come with intervals that cover them in 95
    of 100 samples. Too few samples are refused.

    \b
    Example:
      replay calibrate paper --store paper.tape --out fitted.yaml
      replay --config fitted.yaml --stream spy.1d --strategy strategies.buy_and_hold:BuyAndHold
    """
    if out is not None:
        check_folder(out, what="configuration")
        if out.exists():
            raise InputError(f"there is a file {out} already")
    found = calibrated(run(_executed(run_stream, store_path)), models or MODELS)
    if out is not None:
        out.write_text(found.text(), "utf-8")
    if as_json:
        told = {"broker": found.broker, "fits": found.fits, "refused": found.refused}
        click.echo(msgspec.json.encode(told).decode())
        return
    console = TableConsole()
    for rows in calibration_rows(found):
        if rows:
            console.print(f"{rows.title}:", style="bold")
            print_rows(rows, console)
            console.print()
    for sentence in found.refused:
        click.echo(f"left out: {sentence}")
    click.echo(found.text() if out is None else f"Configuration: {out}", nl=out is not None)


async def _executed(run_stream: str, path: Path) -> tuple[ExecutedOrder, ...]:
    async with existing_store(path) as store:
        return await read_executions(store, run_stream)
