"""How much an acknowledged append survives."""

from enum import Enum


class Durability(Enum):
    """What is true of an append once it is acknowledged.

    Both survive a crash or kill of the process. ``FULL`` is synced to the disk first and survives a
    power cut; trading with real money uses nothing less. ``NORMAL`` leaves syncing to the next
    checkpoint of the WAL: a power cut may take the last appends, and the store says so when it is
    opened again (``LogTruncated``). For imports and backtests, which can be repeated.
    """

    FULL = "full"
    NORMAL = "normal"
