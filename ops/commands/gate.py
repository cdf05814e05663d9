"""``onetape gate``: what a version of a strategy has shown in an environment, and whether that is enough."""

from pathlib import Path

import click
import msgspec

from components.assembly.settings import StrategyConfig
from eventstore import StoreOnDisk, open_store
from eventstore.snapshot_files import SnapshotFiles
from kernel.events.deployments import GateRow
from kernel.identifiers import StrategyId
from ops.alerts.record import read_alerts
from ops.commands.to_daemon import file_of
from ops.event_loop import run
from ops.store_file import require_store
from ops.tables import TableConsole, print_rows
from replay.deploying.gate import gate_table, rows_of_gate
from replay.deploying.gate_measures import measured_of, version_of
from replay.run_config import RunConfig, load_run_config
from replay.session_snapshots import FOLDER, SessionSnapshots


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """The conditions for a version of a strategy, and the place of the version in the log."""

    strategy: str
    log: str
    is_passed: bool
    code_hash: str
    code_seq: int
    settings: StrategyConfig
    rows: tuple[GateRow, ...]


def people_options(act: click.decorators.FC) -> click.decorators.FC:
    """The options by which people confirm what cannot be measured."""
    confirmed = click.option(
        "--alerts-confirmed-by",
        default="",
        metavar="NAME",
        help="Who has seen that its alerts reach people and that none is unexplained.",
    )
    reviewed = click.option("--reviewed-by", default="", metavar="NAME", help="Who has reviewed the code.")
    return reviewed(confirmed(act))


@click.command("gate")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--env", "environment", default="", metavar="NAME", help="The environment NAME.yaml, not FILE.")
@people_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def gate_command(
    ctx: click.Context,
    name: str,
    file: Path | None,
    environment: str,
    reviewed_by: str,
    alerts_confirmed_by: str,
    *,
    as_json: bool,
) -> None:
    """Print the conditions under which a strategy may leave an environment, computed from its log.

    The log is read while the daemon runs. The backtest is that of the recorded code on the recorded inputs.
    Exit code 1: a condition is not met.

    \b
    Example:
      onetape gate swing --env paper
      onetape gate swing --env paper --reviewed-by ann --alerts-confirmed-by ben --json
    """
    gate = run(
        gate_of(
            load_run_config(file_of(file, environment)),
            name,
            reviewed_by=reviewed_by,
            alerts_confirmed_by=alerts_confirmed_by,
        )
    )
    show_gate(gate, as_json=as_json)
    if not gate.is_passed:
        ctx.exit(1)


def show_gate(gate: Gate, *, as_json: bool = False) -> None:
    """Print a gate as a table with a sentence, or as JSON."""
    if as_json:
        click.echo(msgspec.json.encode(_as_object(gate)))
        return
    print_rows(gate_table(gate.rows, strategy=gate.strategy, origin=gate.log), TableConsole())
    passed = sum(row.is_passed for row in gate.rows)
    said = "the gate is passed" if gate.is_passed else "the gate is not passed"
    click.echo(f"code {gate.code_hash[:8]}: {said}, {passed} of {len(gate.rows)} conditions are met")


async def gate_of(config: RunConfig, name: str, *, reviewed_by: str, alerts_confirmed_by: str) -> Gate:
    """Compute the gate of a strategy out of an environment. Raises ``InputError`` without such a strategy."""
    require_store(Path(config.store))
    store = await open_store(config.store, read_only=True)
    try:
        return await _gate(
            store, config, name, reviewed_by=reviewed_by, alerts_confirmed_by=alerts_confirmed_by
        )
    finally:
        await store.close()


async def _gate(
    store: StoreOnDisk, config: RunConfig, name: str, *, reviewed_by: str, alerts_confirmed_by: str
) -> Gate:
    log = config.log
    version = await version_of(store, log, StrategyId(name))
    snapshots = SessionSnapshots(SnapshotFiles(Path(config.store) / FOLDER), store=store, log=log)
    measured = await measured_of(store, log, version, snapshots=snapshots)
    alerts = await read_alerts(store, log, now_ts=(await store.head(log)).ts)
    rows = rows_of_gate(
        measured,
        config.deploy.gate,
        reviewed_by=reviewed_by,
        alerts_confirmed_by=alerts_confirmed_by,
        open_alerts=len(alerts.open),
    )
    return Gate(
        strategy=name,
        log=log,
        is_passed=all(row.is_passed for row in rows),
        code_hash=version.code_hash,
        code_seq=version.code_seq,
        settings=version.entry,
        rows=rows,
    )


def _as_object(gate: Gate) -> dict[str, object]:
    """A gate with its rows as objects: as events they are arrays."""
    fields = msgspec.structs.asdict(gate)
    return {**fields, "rows": [msgspec.structs.asdict(row) for row in gate.rows]}
