"""The durability of an acknowledged append."""

from enum import Enum


class Durability(Enum):
    """The guarantee that an acknowledged append has. Both levels survive a crash or kill of the process.

    ``FULL``: the append is synced to disk before it is acknowledged, and survives a power cut. Trading with
    real money must use it.

    ``NORMAL``: for imports and backtests, which can be repeated. Appends are synced at WAL checkpoints only.
    A power cut may remove the last commits, from the end and never from the middle. It may remove the
    witness's memory of them too, so the loss cannot always be proved. Therefore a session writes a synced
    mark into the witness, and removes it when the store is closed. If the next open finds the mark of an
    earlier boot:

    - a store with fewer events than the witness remembers is refused (``LogTruncated``), or the stream is
      (``StoreDamaged``);
    - any other store is opened with a warning that the last commits may be missing (``possible_loss``). The
      mark is removed by the next writing session that ends in good order.
    """

    FULL = "full"
    NORMAL = "normal"
