"""Where the store of a command is, and how it is opened."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from eventstore import SqliteEventStore
from eventstore.witness import witness_path
from kernel.configuration import listed
from kernel.errors import StreamMissing

DEFAULT_STORE = Path("onetape.db")
"""The store of a command that was told of none: a file in the current folder."""

store_option = click.option(
    "--store",
    "store_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_STORE,
    show_default=True,
    help="The store's file.",
)


@asynccontextmanager
async def existing_store(path: Path) -> AsyncGenerator[SqliteEventStore]:
    """Open a store that is there; a command that only reads makes no new one."""
    require_store(path)
    async with await SqliteEventStore.open(path, read_only=True) as store:
        yield store


@asynccontextmanager
async def new_or_existing_store(path: Path) -> AsyncGenerator[SqliteEventStore]:
    """Open a store, made if it is not there."""
    async with await SqliteEventStore.open(path) as store:
        yield store


def require_store(path: Path) -> None:
    """Refuse a command whose store is not there."""
    if path.is_dir():
        raise click.UsageError(f"{path} is a folder; a store is a file, named with --store")
    if not _has_traces(path):
        raise click.UsageError(
            f"there is no store at {path}; name one with --store, or make it with onetape import"
        )


def _has_traces(path: Path) -> bool:
    """Whether the store, or the witness that would report its loss, is there."""
    return path.exists() or witness_path(path).exists()


async def require_streams(store: SqliteEventStore, names: tuple[str, ...]) -> None:
    """Raise ``StreamMissing`` for the first name that is no stream of the store."""
    found = {info.stream for info in await store.streams(names)}
    for name in names:
        if name not in found:
            known = listed([info.stream for info in await store.streams()]) or "none"
            raise StreamMissing(f"there is no stream {name!r} in the store, which has: {known}")
