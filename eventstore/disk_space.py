"""The free space of the disk with the store, and a reserve that is freed for a clean stop.

Nothing may happen that is not logged, so trading stops while there is still room for its end: cancels, their
reports, a last snapshot. The reserve is a file that takes that room away from everybody else.
"""

import os
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path

import msgspec

from kernel.errors import StoreError

_MB = 1 << 20

RESERVE_FILE = "reserve"


class DiskConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Free space, beside the reserve, below which something is done. Megabytes (2^20 bytes).

    - ``warn_mb``: tell somebody. 4096: days of a quiet log, or an hour at 50,000 quotes/s.
    - ``thin_mb``: archive and prune by policy now, not at the next roll. 2048: room for an archive beside
      its segment.
    - ``halt_mb``: stop trading. 256: a whole ``-wal``, and all that is committed while orders are cancelled.
    - ``reserve_mb``: size of the reserve, freed when trading was stopped. 256: as much again, for the stop
      itself; 0: no reserve.
    """

    warn_mb: float = 4096
    thin_mb: float = 2048
    halt_mb: float = 256
    reserve_mb: float = 256

    def __post_init__(self) -> None:
        if not self.warn_mb >= self.thin_mb >= self.halt_mb > 0:
            raise ValueError(
                f"warn_mb {self.warn_mb}, thin_mb {self.thin_mb} and halt_mb {self.halt_mb} must fall, "
                "and be above 0"
            )
        if not 0 <= self.reserve_mb < float("inf"):
            raise ValueError(f"reserve_mb: {self.reserve_mb} is below 0")


class DiskLevel(IntEnum):
    """How full the disk is; a higher level is worse."""

    OK = 0
    WARN = 1
    THIN = 2
    HALT = 3


class DiskReading(msgspec.Struct, frozen=True):
    """A measurement. ``sentence`` is for the person who must act; "" if all is well."""

    level: DiskLevel
    free_bytes: int
    sentence: str = ""


def free_bytes(folder: Path) -> int:
    """Bytes that this process may still write to the disk of a folder."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


class DiskSpace:
    """Measures the disk of a folder and holds its reserve. All methods wait for the disk."""

    def __init__(self, folder: Path, config: DiskConfig, *, free: Callable[[Path], int] = free_bytes) -> None:
        self._folder = folder
        self._config = config
        self._free = free
        self._reserve = folder / RESERVE_FILE

    def measure(self) -> DiskReading:
        """The free space now. Takes some microseconds. Raises ``StoreError`` if the folder is gone."""
        try:
            free = self._free(self._folder)
        except OSError as error:
            raise StoreError(f"the disk of {self._folder} cannot be measured: {error}") from error
        config = self._config
        limits = (
            (DiskLevel.HALT, config.halt_mb),
            (DiskLevel.THIN, config.thin_mb),
            (DiskLevel.WARN, config.warn_mb),
        )
        for level, limit_mb in limits:
            if free < limit_mb * _MB:
                sentence = (
                    f"the disk of {self._folder} has {free // _MB} MB free, less than {limit_mb:g} MB "
                    f"(disk.{level.name.lower()}_mb)"
                )
                return DiskReading(level, free, sentence)
        return DiskReading(DiskLevel.OK, free)

    @property
    def has_reserve(self) -> bool:
        """Whether the reserve is there, in full."""
        try:
            return self._reserve.stat().st_blocks * 512 >= self._reserve_bytes > 0
        except OSError:
            return False

    def keep_reserve(self) -> bool:
        """Make the reserve unless it is there; ``False`` if there is no room for it above ``warn_mb``."""
        if self.has_reserve or not self._reserve_bytes:
            return True
        if self._free(self._folder) - self._reserve_bytes < self._config.warn_mb * _MB:
            return False
        try:
            descriptor = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _allocate(descriptor, self._reserve_bytes)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._reserve.unlink(missing_ok=True)
            raise StoreError(f"the reserve {self._reserve} cannot be made: {error}") from error
        return True

    def free_reserve(self) -> None:
        """Give the reserve up, for a clean stop. Idempotent."""
        self._reserve.unlink(missing_ok=True)

    @property
    def _reserve_bytes(self) -> int:
        return round(self._config.reserve_mb * _MB)


def _allocate(descriptor: int, size: int) -> None:
    """Take the space of a file for certain: a file of zeros may be sparse."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    chunk = os.urandom(_MB)  # macOS
    for start in range(0, size, _MB):
        os.write(descriptor, chunk[: size - start])
