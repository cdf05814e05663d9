"""Tries new code of a strategy on the recent past, in a process of its own.

The code is not trusted yet: it may loop for ever, or take all memory. So a child process of low priority with
limits of time and memory plays the tail of the log (``replay.trial``), prints what it found, and ends:

    python -m ops.daemon.trials STORE LOG STRATEGY SNAPSHOTS TAIL_S MEMORY_MB < code
"""

import asyncio
import os
import resource
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from eventstore import open_store
from eventstore.snapshot_files import SnapshotFiles
from kernel.errors import InputError, OnetapeError
from kernel.events import SourceFile
from kernel.identifiers import StrategyId
from ops.daemon.children import end_of_child
from ops.event_loop import run
from replay.session_snapshots import SessionSnapshots
from replay.trial import Tried, try_out
from strategies.sdk.loading import LoadedStrategy, load_recorded

LOWER_PRIORITY = 10


class TrialLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the past is played, and what the child may take for it."""

    tail_s: float
    time_s: float
    memory_mb: int


class Code(msgspec.Struct, frozen=True):
    """Code to be tried, as it is sent to the child. ``params``: JSON. ``symbols``: as for ``try_out``."""

    reference: str
    source: str
    params: str
    modules: tuple[SourceFile, ...]
    symbols: tuple[str, ...] | None = None


async def tried_apart(
    store: Path,
    log: str,
    strategy: StrategyId,
    code: LoadedStrategy,
    limits: TrialLimits,
    *,
    snapshots: Path,
    symbols: Sequence[str] | None = None,
) -> Tried:
    """What new code decides over the tail of a log. Raises ``InputError`` for code that does not get through.

    ``snapshots``: the folder of those that have the strategy's state. A child that takes too long or too much
    memory is ended.
    """
    sent = Code(
        code.reference,
        code.source,
        msgspec.json.encode(code.strategy.params, order="deterministic").decode(),
        code.modules,
        None if symbols is None else tuple(symbols),
    )
    command = (
        *(sys.executable, "-m", "ops.daemon.trials", str(store), log, strategy, str(snapshots)),
        *(str(limits.tail_s), str(limits.memory_mb)),
    )
    try:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise InputError(f"{strategy}: the new code cannot be tried: {error}") from error
    try:
        async with asyncio.timeout(limits.time_s):
            told, said = await child.communicate(msgspec.msgpack.encode(sent))
    except TimeoutError as error:
        raise InputError(
            f"{strategy}: the new code did not get through the last {limits.tail_s:g} s of the log in "
            f"{limits.time_s:g} s"
        ) from error
    finally:
        await end_of_child(child)
    if child.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        why = last[0] if last else f"it ended the process with {child.returncode}"
        raise InputError(f"{strategy}: the new code does not get through the last part of the log: {why}")
    return msgspec.msgpack.decode(told, type=Tried)


async def _try(
    store_path: Path, log: str, strategy: StrategyId, code: Code, *, snapshots: Path, tail_s: float
) -> Tried:
    params = msgspec.json.decode(code.params, type=dict[str, object])
    loaded = load_recorded(code.source, code.reference, params, modules=code.modules)
    store = await open_store(store_path, read_only=True)
    try:
        found = SessionSnapshots(SnapshotFiles(snapshots), store=store, log=log)
        return await try_out(
            store, log, strategy, loaded, snapshots=found, tail_s=tail_s, symbols=code.symbols
        )
    finally:
        await store.close()


def main(arguments: Sequence[str]) -> int:
    """Try the code on standard input; what was found goes to standard output, a refusal to standard error."""
    store, log, strategy, snapshots, tail_s, memory_mb = arguments
    os.nice(LOWER_PRIORITY)
    limit = int(memory_mb) << 20
    with suppress(ValueError, OSError):  # a lower limit is in force already
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    code = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Code)
    try:
        tried = run(
            _try(
                Path(store),
                log,
                StrategyId(strategy),
                code,
                snapshots=Path(snapshots),
                tail_s=float(tail_s),
            )
        )
    except OnetapeError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return 1
    except MemoryError:
        sys.stderr.write(f"it took more than {memory_mb} MB of memory\n")
        return 1
    sys.stdout.buffer.write(msgspec.msgpack.encode(tried))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
