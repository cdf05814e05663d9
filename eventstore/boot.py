"""The id of the machine's current boot. Unsynced commits survive a crash of the process, not a power cut."""

from pathlib import Path

UNKNOWN_BOOT = "unknown"
"""The id on a system that has no boot ids."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def this_boot() -> str:
    """The unique id of this boot, or ``UNKNOWN_BOOT``."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return UNKNOWN_BOOT


def has_ended(boot: str) -> bool:
    """Whether the machine may have been restarted since that boot."""
    return boot == UNKNOWN_BOOT or boot != this_boot()
