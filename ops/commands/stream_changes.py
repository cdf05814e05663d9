"""``onetape streams delete``, ``replace``, ``set-aside``, ``restore`` and ``history``: changes of whole
streams."""

import sys
import time
from contextlib import aclosing
from pathlib import Path

import click

from eventstore import EventStore, Selection
from eventstore.catalogue import (
    CatalogueEvent,
    StreamHistory,
    delete_aside,
    delete_stream,
    discard_new,
    put_new_in_place,
    read_history,
    restore,
    set_aside,
    siblings_of,
)
from eventstore.data_facts import is_facts
from eventstore.data_issues import IssueFinder, append_new_facts
from eventstore.data_measure import DataMeasure
from eventstore.moments import iso_utc
from eventstore.stream_keys import new_key
from kernel.configuration import listed
from kernel.errors import InputError
from kernel.events import Event, RunStarted, StreamDeleted, StreamReplaced, StreamRestored, StreamSetAside
from ops.completion import complete_data, complete_streams
from ops.event_loop import run
from ops.store_file import changeable_store, existing_store, require_streams, store_option
from ops.tables import TableConsole, print_rows
from replay.rows import Rows, number, text
from replay.run_snapshots import snapshots_beside

_WORDS: dict[type[Event], str] = {
    StreamDeleted: "deleted",
    StreamSetAside: "set aside",
    StreamRestored: "restored",
    StreamReplaced: "replaced",
}

_reason_option = click.option("--reason", default="", help="Why; kept with the record of the change.")
_yes_option = click.option("--yes", "is_confirmed", is_flag=True, help="Do not ask.")
_number_option = click.option("--number", type=click.IntRange(1), help="A version of `streams history`.")


@click.command("delete")
@click.argument("name", shell_complete=complete_streams)
@store_option
@click.option("--number", type=click.IntRange(1), help="Only this version, which is set aside.")
@_reason_option
@_yes_option
def delete_command(
    name: str, *, store_path: Path, number: int | None, reason: str, is_confirmed: bool
) -> None:
    """Delete a stream for good, with NAME.quarantine and NAME.facts.

    The record of it stays: what the stream held, when it was deleted and why. A run that read it can no
    longer be verified, and says so. To keep that possible, use set-aside. The file does not shrink; its
    space is used again.

    \b
    Example:
      onetape streams delete goog.1d --reason "wrong time zone" --yes
    """
    run(_delete(store_path, name, number=number, reason=reason, is_confirmed=is_confirmed))


@click.command("set-aside")
@click.argument("name", shell_complete=complete_streams)
@store_option
@_reason_option
def set_aside_command(name: str, *, store_path: Path, reason: str) -> None:
    """Put a stream aside: its events are kept, and no longer there under its name.

    Runs that read it still verify, and a new stream may have the name. `restore` gives it back.

    \b
    Example:
      onetape streams set-aside goog.1d --reason "restated by the vendor"
    """
    run(_set_aside(store_path, name, reason=reason))


@click.command("restore")
@click.argument("name", shell_complete=complete_streams)
@store_option
@_number_option
@_reason_option
def restore_command(name: str, *, store_path: Path, number: int | None, reason: str) -> None:
    """Give a stream the events back that were set aside last, or those of --number.

    \b
    Example:
      onetape streams restore goog.1d
    """
    run(_restore(store_path, name, number=number, reason=reason))


@click.command("replace")
@click.argument("name", shell_complete=complete_streams)
@click.option(
    "--with",
    "other",
    required=True,
    metavar="STREAM",
    shell_complete=complete_data,
    help="The stream with the new events.",
)
@store_option
@click.option("--discard", is_flag=True, help="Delete the old events instead of setting them aside.")
@_reason_option
@_yes_option
def replace_command(
    name: str, *, other: str, store_path: Path, discard: bool, reason: str, is_confirmed: bool
) -> None:
    """Replace all events of a stream by those of another, in one step. The other stream stays.

    The old events are set aside, so runs that read them still verify. To replace by the rows of files:
    onetape import FILE... --replace.

    \b
    Example:
      onetape streams replace goog.1d --with goog.1d.restated --reason "split-adjusted anew" --yes
    """
    if Path(other).exists():
        raise click.UsageError(
            f"{other} is a file; its rows replace those of a stream by: onetape import {other} --stream "
            f"{name} --replace"
        )
    run(_replace(store_path, name, other, discard=discard, reason=reason, is_confirmed=is_confirmed))


@click.command("history")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_streams)
@store_option
def history_command(names: tuple[str, ...], *, store_path: Path) -> None:
    """List the changes of whole streams: deleted, replaced, set aside, restored.

    \b
    Example:
      onetape streams history goog.1d
    """
    run(_history(store_path, names))


async def _delete(path: Path, name: str, *, number: int | None, reason: str, is_confirmed: bool) -> None:
    async with changeable_store(path) as store:
        if number is None:
            await require_streams(store, (name,))
            readers = await _readers_of(store, name)
            cost = f"; {listed(readers)} can no longer be verified" if readers else ""
            _confirm(f"delete stream {name!r} for good{cost}", is_confirmed=is_confirmed)
            _tell(await delete_stream(store, name, ts=time.time_ns(), reason=reason))
            snapshots_beside(path).forget(name)
        else:
            _confirm(f"delete version {number} of stream {name!r} for good", is_confirmed=is_confirmed)
            _tell(await delete_aside(store, name, number, ts=time.time_ns(), reason=reason))
            if not await store.streams((name,)):
                snapshots_beside(path).forget(name)


async def _set_aside(path: Path, name: str, *, reason: str) -> None:
    async with changeable_store(path) as store:
        await require_streams(store, (name,))
        _tell(await set_aside(store, name, ts=time.time_ns(), reason=reason))


async def _restore(path: Path, name: str, *, number: int | None, reason: str) -> None:
    async with changeable_store(path) as store:
        _tell(await restore(store, name, ts=time.time_ns(), reason=reason, number=number))


async def _replace(
    path: Path, name: str, other: str, *, discard: bool, reason: str, is_confirmed: bool
) -> None:
    async with changeable_store(path) as store:
        await require_streams(store, (name, other))
        if name == other:
            raise InputError(f"stream {name!r} cannot be replaced by itself")
        if discard:
            _confirm(f"replace stream {name!r} and delete its old events", is_confirmed=is_confirmed)
        now = time.time_ns()
        await discard_new(store, [name], ts=now)
        seq, last_ts, measure, issues = 0, 0, DataMeasure(), IssueFinder()
        async with aclosing(store.read(other)) as batches:
            async for batch in batches:
                measure.add(name, batch.events)
                issues.add(name, batch.events)
                head = await store.append(new_key(name), batch.events, expected_seq=seq, causes=batch.causes)
                seq, last_ts = head.seq, head.ts
        await append_new_facts(store, name, measure, issues, ts=last_ts)
        _tell(await put_new_in_place(store, [name], ts=now, reason=reason, keeps_old=not discard))


async def _history(path: Path, names: tuple[str, ...]) -> None:
    async with existing_store(path) as store:
        history = await read_history(store)
    print_rows(_history_rows(history, names), TableConsole(), all_with="piped output has all")


def _history_rows(history: StreamHistory, names: tuple[str, ...]) -> Rows:
    """A row for each version of a stream that a change touched."""
    columns = (
        text("when", rank=1), text("what"), text("stream"), number("version", rank=1),
        number("events", rank=2), text("first", rank=3), text("last", rank=3), text("head", rank=4),
        text("kept", rank=1), text("why"),
    )  # fmt: skip
    rows: list[tuple[str, ...]] = []
    kept = {(one.stream, one.number) for one in history.aside}
    for change in history.changes:
        for version in change.versions:
            if is_facts(version.stream) or (names and version.stream not in names):
                continue
            rows.append(
                (
                    iso_utc(change.ts)[:19],
                    _WORDS[type(change)],
                    version.stream,
                    str(version.number or ""),
                    f"{version.last_seq:,}",
                    iso_utc(version.first_ts)[:10],
                    iso_utc(version.last_ts)[:10],
                    version.head_hash[:12],
                    "yes" if (version.stream, version.number) in kept else "",
                    change.reason,
                )
            )
    return Rows("Changes", columns, tuple(rows))


def _tell(change: CatalogueEvent) -> None:
    for version in change.versions:
        if is_facts(version.stream):
            continue
        number = version.number
        which = f" (version {number})" if number else ""
        click.echo(f"{version.stream}{which}: {version.last_seq:,} events {_WORDS[type(change)]}")
    for new in change.by if isinstance(change, StreamReplaced) else ():
        if is_facts(new.stream):
            continue
        click.echo(f"{new.stream}: {new.last_seq:,} events now")


def _confirm(what: str, *, is_confirmed: bool) -> None:
    """Ask, on a terminal. Raises ``InputError`` if nobody can be asked, or the answer is no."""
    if is_confirmed:
        return
    if not sys.stdin.isatty():
        raise InputError(f"this would {what}; add --yes to do it; nothing was done")
    if not click.confirm(f"{what[0].upper()}{what[1:]}?", err=True):
        raise InputError("nothing was done")


async def _readers_of(store: EventStore, name: str) -> list[str]:
    """The runs of the store that read a stream or its siblings."""
    names = set(siblings_of(name))
    readers: list[str] = []
    for info in await store.streams(holding=RunStarted):
        async with aclosing(store.read(info.stream, Selection(to_seq=1))) as batches:
            async for batch in batches:
                first = batch.events[0]
                if isinstance(first, RunStarted) and any(one.stream in names for one in first.sources):
                    readers.append(info.stream)
    return readers
