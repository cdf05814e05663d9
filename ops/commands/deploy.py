"""``onetape deploy``, ``promote`` and ``rollback``: versions of strategies in environments."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click
import msgspec

from components.assembly.settings import StrategyConfig
from kernel.errors import InputError
from ops.commands.changes import Settings, settings_option
from ops.commands.gate import gate_of, people_options, show_gate
from ops.commands.to_daemon import ToDaemon, file_of, reason_option, to_daemon
from ops.control.requests import DeployStrategy, PromoteStrategy, RollBackStrategy
from ops.daemon.wanted_deployment import Judged, RecordedCode
from ops.event_loop import run
from replay.deploying.canary_schedule import PERCENT, shown_share, steps_of
from replay.reopening import Orphan
from replay.run_config import load_run_config
from strategies.sdk.references import parse_reference
from strategies.sdk.strategy_limits import Capital

_name = click.argument("name")


def _capital_of(ctx: click.Context, param: click.Parameter, text: str | None) -> Capital | None:
    """``20%`` is a fraction of the account, ``10000`` an amount."""
    del ctx, param
    if text is None:
        return None
    try:
        number = Decimal(text.removesuffix("%"))
    except InvalidOperation:
        raise click.BadParameter(
            f"{text!r}: expected an amount, or a part of the account such as 20%"
        ) from None
    return Capital(fraction=number / PERCENT) if text.endswith("%") else Capital(amount=number)


def _fraction_of(ctx: click.Context, param: click.Parameter, text: str | None) -> Decimal | None:
    del ctx, param
    if text is None:
        return None
    try:
        return Decimal(text.removesuffix("%")) / PERCENT
    except InvalidOperation:
        raise click.BadParameter(f"{text!r}: expected a part such as 5%") from None


def canary_options(act: Callable[..., None]) -> Callable[..., None]:
    """The options of a canary."""
    for option in (
        click.option(
            "--flatten-on-stop", is_flag=True, help="If the canary is stopped, close its positions."
        ),
        click.option(
            "--max-drawdown",
            callback=_fraction_of,
            metavar="PERCENT",
            help="What the canary may lose of its capital from its best; then it is stopped.",
        ),
        click.option(
            "--schedule",
            default="",
            metavar="TEXT",
            help='Steps of its capital: "10% for 1d, 50% for 2d, then 100%".',
        ),
        click.option("--canary", default="", metavar="PERCENT", help="Its part until it is promoted: 10%."),
        click.option(
            "--capital",
            callback=_capital_of,
            metavar="AMOUNT",
            help="Its capital: an amount, or a part of the account such as 20%.",
        ),
    ):
        act = option(act)
    return act


@click.command("deploy")
@_name
@canary_options
@settings_option
@click.option("--id", "key", default="", metavar="NAME", help="Its name; else that in its metadata.")
@click.option("--symbols", default="", metavar="A,B", help="Its symbols; else all of the environment.")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="YAML",
    help="The file that has NAME among its strategies; else that of the environment.",
)
@click.option("--force-gate", default="", metavar="REASON", help="Deploy into live without the gate; why.")
@reason_option()
@to_daemon
def deploy_command(
    daemon: ToDaemon,
    *,
    name: str,
    key: str,
    symbols: str,
    source: Path | None,
    settings: Settings,
    capital: Capital | None,
    canary: str,
    schedule: str,
    max_drawdown: Decimal | None,
    flatten_on_stop: bool,
    force_gate: str,
    reason: str,
) -> None:
    """Put a version of a strategy into force in a running daemon, all at once or as a canary.

    NAME is module:Class or file.py:Class, or an entry under `strategies` of a configuration file, also one
    with `enabled: false`. The version is its code as it is now with its settings and its capital. A strategy
    that runs keeps its state, its orders and its positions. The answer begins with the name that promote,
    rollback and other commands need: --id, or that in the metadata of the code.

    \b
    Example:
      onetape deploy swing.py:Swing --env paper --symbols AAA --capital 10000 --canary 10%
      onetape deploy swing --env paper --schedule "10% for 1d, 50% for 2d, then 100%"
    """
    wanted = _schedule_of(canary, schedule)
    entry = entry_of(daemon.file, name, source)
    given = _with_options(entry, name, key=key, symbols=symbols, settings=settings, capital=capital)
    body = DeployStrategy(
        strategy=name,
        settings=given,
        schedule=wanted,
        max_drawdown=max_drawdown,
        flatten_on_stop=flatten_on_stop,
        force=force_gate,
        reason=reason,
    )
    part = f", with {shown_share(steps_of(wanted)[0].share)} of its capital" if wanted else ""
    daemon.do("/v1/deployments/deploy", body, lambda receipt: f"{receipt.strategy or name}: deployed{part}")


@click.command("rollback")
@_name
@click.option("--to", default="", metavar="HASH", help="Recorded code instead: the begin of its hash.")
@click.option("--flatten", is_flag=True, help="Close its positions.")
@click.option("--keep", is_flag=True, help="Keep the positions of a strategy that is removed.")
@reason_option()
@to_daemon
def rollback_command(daemon: ToDaemon, *, name: str, to: str, flatten: bool, keep: bool, reason: str) -> None:
    """Go back at once to the version of a strategy before: its code, its settings and its capital.

    After a reload that is the code before. Positions stay with the strategy, unless --flatten is given. If it
    did not run before its deployment, it is removed; with positions it is only removed with --flatten or
    --keep. A file whose code was left is not loaded again before it is edited.

    \b
    Example:
      onetape rollback swing --env paper --reason "it trades too much"
      onetape rollback swing --env paper --flatten
    """
    if flatten and keep:
        raise click.UsageError("expected one of --flatten or --keep")
    positions = Orphan.FLATTEN if flatten else Orphan.KEEP if keep else None
    body = RollBackStrategy(strategy=name, to=to, positions=positions, reason=reason)
    daemon.do(
        "/v1/strategies/rollback",
        body,
        lambda receipt: f"{name}: rolled back{f': {receipt.now}' if receipt.now else ''}",
    )


@click.command("promote")
@_name
@click.option("--to", "target", default="", metavar="ENV", help="The environment that it is promoted to.")
@canary_options
@people_options
@click.option("--force-gate", default="", metavar="REASON", help="Although a condition is not met; why.")
@reason_option()
@to_daemon
def promote_command(
    daemon: ToDaemon,
    *,
    name: str,
    target: str,
    capital: Capital | None,
    canary: str,
    schedule: str,
    max_drawdown: Decimal | None,
    flatten_on_stop: bool,
    reviewed_by: str,
    alerts_confirmed_by: str,
    force_gate: str,
    reason: str,
) -> None:
    """Take the next step of a canary's schedule at once; with --to promote a strategy to an environment.

    --to ENV deploys the version that runs here, with the code of the log, into the daemon of ENV.yaml, if it
    passes the gate: conditions that are computed from the log here (onetape gate).

    \b
    Example:
      onetape promote swing --env paper --reason "a quiet day"
      onetape promote swing --env paper --to live --capital 5000 --canary 10% --reviewed-by ann \\
        --alerts-confirmed-by ben
    """
    if not target:
        if capital or canary or schedule or reviewed_by or alerts_confirmed_by or force_gate:
            raise click.UsageError(
                "without --to, it takes the next step of its schedule; expected no options"
            )
        body = PromoteStrategy(strategy=name, reason=reason)
        daemon.do("/v1/deployments/promote", body, f"{name}: it has the capital of its next step")
        return
    wanted = _schedule_of(canary, schedule)
    config = load_run_config(daemon.file)
    gate = run(gate_of(config, name, reviewed_by=reviewed_by, alerts_confirmed_by=alerts_confirmed_by))
    if not daemon.as_json:
        show_gate(gate)
    settings = gate.settings if capital is None else msgspec.structs.replace(gate.settings, capital=capital)
    deployment = DeployStrategy(
        strategy=name,
        settings=settings,
        schedule=wanted,
        max_drawdown=max_drawdown,
        flatten_on_stop=flatten_on_stop,
        code=RecordedCode(store=str(Path(config.store).resolve()), log=gate.log, seq=gate.code_seq),
        gate=Judged(rows=gate.rows, reviewed_by=reviewed_by, alerts_confirmed_by=alerts_confirmed_by),
        force=force_gate,
        reason=reason,
    )
    to = msgspec.structs.replace(daemon, file=file_of(None, target))
    to.do("/v1/deployments/deploy", deployment, f"{name}: promoted to {target}")


def _schedule_of(canary: str, schedule: str) -> str:
    """The schedule of either option. Raises ``InputError`` for one that cannot be read."""
    if canary and schedule:
        raise click.UsageError("expected one of --canary or --schedule")
    steps_of(canary or schedule)
    return canary or schedule


def entry_of(file: Path, name: str, source: Path | None) -> StrategyConfig | None:
    """The entry of a strategy in a configuration file; ``None`` if the daemon has to find it.

    Raises ``InputError`` for a file that was named and does not have it.
    """
    if source is None and (":" in name or file.is_dir() or not file.exists()):
        return None
    where = source or file
    for entry in load_run_config(where).strategies:
        if name in (entry.id, entry.strategy):
            return _from_anywhere(entry)
    if source is not None:
        raise InputError(f"{source}: there is no strategy {name!r}")
    return None


def _with_options(
    entry: StrategyConfig | None,
    name: str,
    *,
    key: str,
    symbols: str,
    settings: Settings,
    capital: Capital | None,
) -> StrategyConfig | None:
    """An entry with the options of the command; a new one for code that is named."""
    params = msgspec.convert(dict(settings), dict[str, Any])  # a strategy's own values
    changes = {
        "id": key,
        "symbols": tuple(part.strip() for part in symbols.split(",") if part.strip()),
        "capital": capital,
    }
    named = {field: value for field, value in changes.items() if value}
    if entry is None and ":" not in name:
        if named or params:
            raise click.UsageError(
                "--id, --symbols, --set and --capital are for module:Class, file.py:Class or an entry of a "
                f"file; no file has {name}"
            )
        return None
    entry = entry or _from_anywhere(StrategyConfig(strategy=name))
    return msgspec.structs.replace(entry, params={**entry.params, **params}, **named)


def _from_anywhere(entry: StrategyConfig) -> StrategyConfig:
    """An entry whose file is found from the folder of the daemon too."""
    reference = parse_reference(entry.strategy)
    if not reference.is_path:
        return entry
    place = str(Path(reference.location).resolve())
    whole = place if reference.class_name is None else f"{place}:{reference.class_name}"
    return msgspec.structs.replace(entry, strategy=whole)
