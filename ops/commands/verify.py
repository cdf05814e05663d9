"""``onetape verify``: checks that a store is undamaged."""

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from eventstore import SegmentedEventStore, StoreOnDisk
from eventstore.catalogue import read_history
from eventstore.stream_keys import CATALOGUE, SEGMENTS, aside_key
from kernel.errors import StoreDamaged, StoreError, StreamMissing
from ops.completion import complete_streams
from ops.event_loop import run
from ops.store_file import existing_store, require_streams, store_option


class StreamCheck(msgspec.Struct, frozen=True):
    """The result of ``verify`` for one stream.

    - ``first_bad_seq``: 0 if the stream is intact.
    - ``pruned_to``: the last seq before which events were pruned by policy; 0 if none were.
    """

    stream: str
    last_seq: int
    intact: bool
    first_bad_seq: int = 0
    reason: str = ""
    pruned_to: int = 0


class StoreCheck(msgspec.Struct, frozen=True):
    """The result of ``verify``.

    - ``file_checked``: whether the file as a whole was checked. It is not if streams are named.
    - ``file_damage``: the damage of the file as a whole, "" if it has none.
    - ``possible_loss``: a sentence if a power cut may have removed commits unnoticed, else "".
    """

    intact: bool
    streams: list[StreamCheck]
    file_checked: bool
    file_damage: str = ""
    possible_loss: str = ""


@click.command("verify")
@click.argument("streams", nargs=-1, metavar="[STREAM]...", shell_complete=complete_streams)
@store_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.pass_context
def verify_command(ctx: click.Context, streams: tuple[str, ...], *, store_path: Path, as_json: bool) -> None:
    """Check every block of the named streams. Without names, check all streams and the file as a whole.

    Blocks are checked against the hash chain, ends of streams against the witness.
    Exit code 0: intact. 1: damaged; the stream and the first damaged seq are named. 2: wrong usage.

    \b
    Example:
      onetape verify --store market.db goog.1d
    """
    found = run(_verify(store_path, streams))
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    else:
        for line in _lines(found):
            click.echo(line)
    if not found.intact:
        click.echo(f"onetape: {_first_damage(found)}", err=True)
        ctx.exit(1)


def _lines(found: StoreCheck) -> Iterator[str]:
    """Lines for people. If any check failed, no stream is called intact."""
    verdict = "intact" if found.intact else "no damage found"
    for check in found.streams:
        if check.intact:
            pruned = f"; 1 to {check.pruned_to:,} were pruned" if check.pruned_to else ""
            yield f"{check.stream}: {verdict}, {check.last_seq:,} events{pruned}"
        else:
            yield f"{check.stream}: damaged from seq {check.first_bad_seq}: {check.reason}"
    if found.file_damage:
        yield f"the file as a whole: damaged: {found.file_damage}"
    if not found.file_checked:
        yield "only the named streams were checked, not the file as a whole"
    if found.possible_loss:
        yield found.possible_loss


def _first_damage(found: StoreCheck) -> str:
    for check in found.streams:
        if not check.intact:
            return f"stream {check.stream!r} is damaged from seq {check.first_bad_seq}"
    return found.file_damage


async def _verify(path: Path, names: tuple[str, ...]) -> StoreCheck:
    async with existing_store(path) as store:
        await require_streams(store, names)
        found = [await _check(store, name) for name in names or await _names(store)]
        checks = [check for check in found if check is not None]
        if not names:
            checks += await _checks_of_kept(store)
        file_damage = None if names else await store.integrity()
        return StoreCheck(
            intact=file_damage is None and all(check.intact for check in checks),
            streams=checks,
            file_checked=not names,
            file_damage=file_damage or "",
            possible_loss=store.possible_loss or "",
        )


async def _names(store: StoreOnDisk) -> tuple[str, ...]:
    return tuple(info.stream for info in await store.streams())


async def _checks_of_kept(store: StoreOnDisk) -> list[StreamCheck]:
    """The checks of the record of changed streams, and of the events that are set aside."""
    checks = await _check_of_record(store, SEGMENTS, shown="(record of segments)")
    found_catalogue = await _check_of_record(store, CATALOGUE, shown="(record of changed streams)")
    checks += found_catalogue
    if not all(check.intact for check in found_catalogue) or not found_catalogue:
        return checks
    for version in (await read_history(store)).aside:
        found = await _check(store, aside_key(version.stream, version.number))
        if found is None:
            continue
        shown = f"{version.stream} (set aside, version {version.number})"
        if found.intact and found.last_seq != version.last_seq:
            found = StreamCheck(shown, 0, False, 1, f"it holds {found.last_seq} of {version.last_seq} events")
        checks.append(msgspec.structs.replace(found, stream=shown))
    return checks


async def _check_of_record(store: StoreOnDisk, key: str, *, shown: str) -> list[StreamCheck]:
    """The check of a record; empty if nothing is recorded."""
    try:
        if not (await store.head(key)).seq:
            return []
    except StoreDamaged:  # a name is lost, and may have been this one: the check of the file says so
        return []
    found = await _check(store, key)
    assert found is not None, "a record is never moved"
    return [msgspec.structs.replace(found, stream=shown)]


async def _pruned_to(store: StoreOnDisk, name: str) -> int:
    return await store.first_seq(name) - 1 if isinstance(store, SegmentedEventStore) else 0


async def _check(store: StoreOnDisk, name: str) -> StreamCheck | None:
    """The check of one stream; ``None`` if it was deleted or moved meanwhile."""
    try:
        last_seq = (await store.head(name)).seq
        damage = await store.verify(name)
    except StoreDamaged as error:
        return StreamCheck(name, 0, False, error.first_bad_seq, error.reason)
    except StreamMissing:
        return None
    except StoreError as error:
        return StreamCheck(name, 0, False, 1, str(error))
    if damage is None:
        return StreamCheck(name, last_seq, True, pruned_to=await _pruned_to(store, name))
    return StreamCheck(name, last_seq, False, damage.first_bad_seq, damage.reason)
