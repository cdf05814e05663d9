"""How much an acknowledged append survives."""

from enum import Enum


class Durability(Enum):
    """What is true of an append once it is acknowledged.

    Both survive a crash or kill of the process, without a word.

    ``FULL`` is synced to the disk first, and survives a power cut. Trading with real money uses nothing
    less.

    ``NORMAL`` leaves syncing to the checkpoints of the WAL. A power cut may take the last commits: from the
    end, never from the middle. As the witness may lose its memory of them too, the loss cannot always be
    proved. So a session leaves a synced mark in the witness until the store is closed, and the next open
    tells by it that the machine stopped in between:

    - where the witness remembers more than there is, the store is refused (``LogTruncated``), or the
      stream (``StoreDamaged``);
    - else it is opened, with a warning that the last commits may be missing (``possible_loss``). A writing
      session that ends well takes the mark away.

    For imports and backtests, which can be repeated.
    """

    FULL = "full"
    NORMAL = "normal"
