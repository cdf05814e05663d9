"""``replay fork``: a run or live log from a moment on, with something changed."""

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from ops.commands.compare import show_comparison
from ops.completion import complete_runs
from ops.event_loop import run
from ops.store_file import existing_store, store_option
from replay.past.comparison_rows import comparison_object, write_overlay
from replay.past.core import time_ns
from replay.past.fork import ForkChanges, Forked, fork
from replay.run_snapshots import snapshots_beside


@click.command("fork")
@click.argument("run_stream", shell_complete=complete_runs)
@store_option
@click.option("--at", "where", required=True, metavar="SEQ|TIME", help="A seq, a UTC day (its end) or time.")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="A setting: risk, broker ...")
@click.option("--param", "params", multiple=True, metavar="[STRATEGY.]NAME=VALUE", help="A parameter.")
@click.option("--strategy", "code", multiple=True, metavar="ID=REFERENCE", help="Other code of a strategy.")
@click.option("--current-code", is_flag=True, help="The code on disk of all strategies.")
@click.option("--html", "html_path", type=click.Path(path_type=Path), help="Write a page with both curves.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the tables.")
def fork_command(
    run_stream: str,
    *,
    store_path: Path,
    where: str,
    settings: tuple[str, ...],
    params: tuple[str, ...],
    code: tuple[str, ...],
    current_code: bool,
    html_path: Path | None,
    as_json: bool,
) -> None:
    """Play a run or live log from a moment on with changes, and compare it with what happened.

    The state at that moment is taken over: positions, orders, and the strategies' own. Nothing is written to
    the store. Without a change, all events are equal.

    \b
    Examples:
      replay fork run.ma_cross.1 --at 2008-09-15 --param fast=10
      replay fork run.ma_cross.1 --at 7000 --set risk.max_order_quantity=50 --set broker.slippage_bps=5
      replay fork paper --at 2024-05-06T14:30:00Z --strategy ma_cross=new_cross.py:Cross --html fork.html
    """
    changes = ForkChanges(
        settings=pairs_of(settings, "--set"),
        params=pairs_of(params, "--param"),
        code=pairs_of(code, "--strategy"),
        current_code=current_code,
    )
    found = run(_forked(run_stream, store_path, where, changes))
    if html_path is not None:
        write_overlay((found.comparison.a, found.comparison.b), html_path)
    if as_json:
        moment = msgspec.to_builtins(found.moment)
        told = {"at": moment, "is_changed": found.is_changed, **comparison_object(found.comparison)}
        click.echo(msgspec.json.encode(told).decode())
        return
    moment = found.moment
    what = "with changes" if found.is_changed else "with nothing changed"
    click.echo(f"{run_stream}: forked after seq {moment.seq}, input {moment.number}, {what}")
    show_comparison(found.comparison, as_json=False)


async def _forked(run_stream: str, path: Path, where: str, changes: ForkChanges) -> Forked:
    seq = int(where) if where.isdecimal() else None
    ts = None if seq is not None else time_ns(where, key="--at")
    async with existing_store(path) as store:
        return await fork(
            store, run_stream, changes=changes, seq=seq, ts=ts, snapshots=snapshots_beside(path)
        )


def pairs_of(given: Sequence[str], option: str) -> dict[str, str]:
    """Options of the form ``NAME=VALUE`` by name. Raises ``UsageError``."""
    pairs: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{option} {one!r}: expected NAME=VALUE")
        pairs[name] = value
    return pairs
