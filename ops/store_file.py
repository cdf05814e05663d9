"""The path of a command's store, and opening the store."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from shlex import quote

import click

from eventstore import StoreOnDisk, open_store
from eventstore.data_facts import is_facts
from eventstore.recorded_data import why_missing
from eventstore.segment_folder import TAPE_SUFFIX, is_folder_store
from eventstore.store_opening import is_store_here
from kernel.configuration import listed
from kernel.errors import StreamMissing
from replay.config import CONFIG_FILE, DEFAULT_STORE, store_of

_COMMAND = re.compile(
    r"onetape (?:(?:log|streams [a-z-]+) (?:'[^']*'|[^\s,;)]+)|import FILE(?: --kind [a-z-]+)?)"
)
"""A command in a sentence, up to its last argument."""


def default_store() -> Path:
    """The store of a command without ``--store``: that of the configuration here, else ``onetape.db``."""
    config = Path(CONFIG_FILE)
    return Path(store_of(config)) if config.exists() else Path(DEFAULT_STORE)


def with_store(text: str, path: Path) -> str:
    """The text with ``--store`` in each command that it names, if the store is not the default one."""
    if path == default_store():
        return text
    return _COMMAND.sub(lambda found: f"{found.group()} --store {quote(str(path))}", text)


def _resolved(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    del param
    if ctx.resilient_parsing:  # while a shell completes, nothing is read
        return value
    path = default_store() if value is None else value
    _require_no_other_folder(path)
    return path


def _require_no_other_folder(path: Path) -> None:
    if path.is_dir() and not is_folder_store(path):
        raise click.UsageError(
            f"{path} is a folder and no store; a store, named with --store, is a file or a folder "
            f"NAME{TAPE_SUFFIX}"
        )


store_option = click.option(
    "--store",
    "store_path",
    type=click.Path(path_type=Path),
    callback=_resolved,
    help=f"The store's file or folder [default: the store of {CONFIG_FILE} here, else {DEFAULT_STORE}].",
)


@asynccontextmanager
async def existing_store(path: Path) -> AsyncGenerator[StoreOnDisk]:
    """Open an existing store, read-only. A command that only reads does not create one."""
    require_store(path)
    async with await open_store(path, read_only=True) as store:
        yield store


@asynccontextmanager
async def new_or_existing_store(path: Path) -> AsyncGenerator[StoreOnDisk]:
    """Open a store, or create it."""
    async with await open_store(path) as store:
        yield store


@asynccontextmanager
async def changeable_store(path: Path) -> AsyncGenerator[StoreOnDisk]:
    """Open an existing store, to change it."""
    require_store(path)
    async with await open_store(path) as store:
        yield store


def require_store(path: Path) -> None:
    """Raise ``UsageError`` if the store does not exist."""
    _require_no_other_folder(path)
    if not is_store_here(path):
        raise click.UsageError(
            f"there is no store at {path}; name one with --store, or make it with: onetape import FILE"
        )


async def require_streams(store: StoreOnDisk, names: tuple[str, ...]) -> None:
    """Raise ``StreamMissing`` for the first name that is not a stream of the store."""
    found = {info.stream for info in await store.streams(names)}
    for name in names:
        if name not in found:
            known = (
                listed([info.stream for info in await store.streams() if not is_facts(info.stream)]) or "none"
            )
            why = await why_missing(store, name)
            raise StreamMissing(f"there is no stream {name!r} in the store{why}; the store has: {known}")
