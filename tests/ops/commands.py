"""Running the ``onetape`` command, in this process or in one of its own."""

import asyncio
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from eventstore import SqliteEventStore
from ops.cli import cli

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-c", "from ops.cli import main; main()")


def onetape(*arguments: str | Path) -> Result:
    """What the command prints and how it exits; its own exceptions are not hidden."""
    result = CliRunner(env={"COLUMNS": None}).invoke(cli, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def store_heads(path: Path) -> dict[str, tuple[int, str]]:
    """The last seq and the head hash of every stream."""

    async def heads() -> dict[str, tuple[int, str]]:
        async with await SqliteEventStore.open(path, read_only=True) as store:
            return {info.stream: (info.last_seq, info.head_hash) for info in await store.streams()}

    return asyncio.run(heads())
