"""``onetape verify``: is the store what was written?"""

from pathlib import Path

import click
import msgspec

from eventstore import SqliteEventStore
from kernel.errors import StoreDamaged, StoreError
from ops.event_loop import run
from ops.store_file import existing_store, require_streams, store_option


class StreamCheck(msgspec.Struct, frozen=True):
    """What ``verify`` found in one stream; ``first_bad_seq`` is 0 where nothing is wrong."""

    stream: str
    last_seq: int
    intact: bool
    first_bad_seq: int = 0
    reason: str = ""


@click.command("verify")
@click.argument("streams", nargs=-1, metavar="[STREAM]...")
@store_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.pass_context
def verify_command(ctx: click.Context, streams: tuple[str, ...], *, store_path: Path, as_json: bool) -> None:
    """Check every block of the streams named, or of all, against the hash chain.

    Exit code 0: intact. 1: damaged; the stream and the first seq not to trust are named. 2: wrong usage.

    \b
    Example:
      onetape verify --store market.db goog.1d
    """
    checks = run(_verify(store_path, streams))
    is_intact = all(check.intact for check in checks)
    if as_json:
        click.echo(msgspec.json.encode({"intact": is_intact, "streams": checks}).decode())
    for check in checks if not as_json else ():
        if check.intact:
            click.echo(f"{check.stream}: intact, {check.last_seq:,} events")
        else:
            click.echo(f"{check.stream}: damaged from seq {check.first_bad_seq}: {check.reason}")
    if not is_intact:
        damaged = next(check for check in checks if not check.intact)
        click.echo(
            f"onetape: stream {damaged.stream!r} is damaged from seq {damaged.first_bad_seq}", err=True
        )
        ctx.exit(1)


async def _verify(path: Path, names: tuple[str, ...]) -> list[StreamCheck]:
    async with existing_store(path) as store:
        await require_streams(store, names)
        checks = [await _check(store, name) for name in names or await _names(store)]
        damage = None if names else await store.integrity()
        if damage is not None and all(check.intact for check in checks):
            raise StoreError(damage)
        return checks


async def _names(store: SqliteEventStore) -> tuple[str, ...]:
    return tuple(info.stream for info in await store.streams())


async def _check(store: SqliteEventStore, name: str) -> StreamCheck:
    try:
        last_seq = (await store.head(name)).seq
    except StoreDamaged as error:
        return StreamCheck(name, 0, False, error.first_bad_seq, error.reason)
    damage = await store.verify(name)
    if damage is None:
        return StreamCheck(name, last_seq, True)
    return StreamCheck(name, last_seq, False, damage.first_bad_seq, damage.reason)
