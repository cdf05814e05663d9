"""The durability of an acknowledged append."""

from enum import Enum


class Durability(Enum):
    """The guarantee that an acknowledged append has. Both levels survive a crash or kill of the process.

    ``FULL``: the append is synced to disk before it is acknowledged, and survives a power cut. Trading with
    real money must use it.

    ``NORMAL``: for imports and backtests, which can be repeated. Appends are synced at WAL checkpoints only.
    A power cut may remove the last commits, from the end and never from the middle:

    - If the witness remembers blocks that are missing, the store is refused (``LogTruncated``), or the stream
      (``StoreDamaged``).
    - The witness may have lost its entries about these blocks too, and then the loss cannot be proved.
      Therefore a session writes a synced mark into the witness, and removes it when the store is closed. If
      the next open finds the mark of an earlier boot, it warns that the last commits may be missing
      (``possible_loss``). The next writing session that ends in good order removes that mark.
    """

    FULL = "full"
    NORMAL = "normal"
