"""Which start of the machine this is: commits that were not synced survive a process, but no power cut."""

from pathlib import Path

UNKNOWN_BOOT = "unknown"
"""The boot where the system does not tell one from another."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def this_boot() -> str:
    """A name that no other start of a machine has, or ``UNKNOWN_BOOT``."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return UNKNOWN_BOOT


def has_ended(boot: str) -> bool:
    """Whether the machine may have stopped since that boot."""
    return boot == UNKNOWN_BOOT or boot != this_boot()
