"""The marker of ``onetape panic``: a file in the store that engages the kill switch of a daemon that hangs.

A daemon that does not answer may still be stopped by the file: it looks for it several times a second, and
before it takes any input after a start. The switch is engaged as by the API, as an input with who and why;
the file is removed when that is durable.
"""

import asyncio
import os
from pathlib import Path

import msgspec
import structlog

from kernel.clock import Clock
from kernel.errors import OnetapeError
from kernel.time_units import MS_NS
from ops.control.asked import Asked
from ops.control.commands import Commands
from ops.control.requests import Command
from ops.control.roles import Caller, Role

_log = structlog.get_logger()

MARKER = "panic"
"""Its name in the store's folder."""
LOOK_EVERY_NS = 250 * MS_NS
"""How often a daemon looks: a look takes microseconds, and a notice of the system would need a thread."""
REQUEST = "onetape panic"


class Panic(msgspec.Struct, frozen=True, kw_only=True):
    """Who panicked and why."""

    operator: str
    reason: str = ""


def write_marker(store: Path, panic: Panic) -> Path:
    """Write the marker, synced, for its owner alone. Blocks. Raises ``OSError``."""
    path, new = store / MARKER, store / f".{MARKER}.{os.getpid()}"
    opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(opened, msgspec.json.encode(panic))
        os.fsync(opened)
    finally:
        os.close(opened)
    new.replace(path)
    folder = os.open(store, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return path


class PanicWatch:
    """Looks for the marker of one daemon."""

    def __init__(self, store: Path, commands: Commands, *, clock: Clock) -> None:
        self._path = store / MARKER
        self._commands = commands
        self._clock = clock
        self._obeyed = 0
        """When the marker was written that was obeyed last: one that cannot be removed is obeyed once."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.obey()
            await self._clock.wait(asyncio.Event(), until_ts=self._clock.now() + LOOK_EVERY_NS)

    async def obey(self) -> None:
        """Engage the kill switch if there is a marker; returns when that is durable."""
        try:
            written = self._path.stat().st_mtime_ns
        except OSError:
            return
        if written == self._obeyed:
            return
        panic = _read(self._path)
        asked = Asked(Caller(panic.operator, Role.ADMIN), REQUEST)
        try:
            receipt = await self._commands.kill(asked, Command(reason=panic.reason))
        except OnetapeError as error:
            _log.error("panic_not_obeyed", error=str(error))
            return
        self._obeyed = written
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            _log.error("panic_marker_not_removed", path=str(self._path), error=str(error))
        _log.error("panic_obeyed", operator=panic.operator, reason=panic.reason, seq=receipt.seq)


def _read(path: Path) -> Panic:
    """The marker. One that cannot be read counts as well: its name says what is wanted."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Panic)
    except (OSError, msgspec.DecodeError) as error:
        return Panic(operator="panic file", reason=f"its content cannot be read: {error}"[:1_000])
