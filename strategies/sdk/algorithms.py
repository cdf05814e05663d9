"""How to work a large order in parts: the terms that a strategy gives with ``Execute``.

    Execute(buy("A", 10_000), Twap(duration_s=3600, steps=12))

Each part is an order of its own, checked by risk: at market, or at the limit price of the whole order.
Durations are seconds. ``start_ts`` is ns since the epoch, UTC; 0 means now. ``leftover`` is the treatment of
the quantity that was not traded when the time is over.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

TIME_IS_OVER = "its time is over"
"""The ``ExecutionFinished.reason`` with ``is_out_of_time``: the rest was not traded in time."""


class Leftover(StrEnum):
    """The treatment of the rest of a worked order at its end."""

    CANCEL = "cancel"
    """It is not traded."""
    MARKET = "market"
    """It is sent at once as one market order, whatever the limit price."""


class Twap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="algorithm", tag="twap"):
    """Equal parts at ``steps`` equal steps of time, the first one at the start."""

    duration_s: float
    steps: int
    start_ts: int = 0
    leftover: Leftover = Leftover.CANCEL


class Vwap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="algorithm", tag="vwap"):
    """Parts in proportion to ``weights``, one part at each of ``len(weights)`` equal steps of time.

    Without weights, parts follow the symbol's past volume at these times of day, if the configuration lets it
    be learned (``execution.learn_volume``). While no volume is known, parts are equal.
    """

    duration_s: float
    weights: tuple[float | Decimal, ...] = ()
    start_ts: int = 0
    leftover: Leftover = Leftover.CANCEL


class Participation(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="algorithm", tag="participation"
):
    """Follows the market's volume: a part is ``rate`` (0.1 is 10 %) of the volume since the last part.

    A part is sent when it has ``part_quantity`` (0: one lot). ``duration_s`` 0 means until the order is done.
    """

    rate: float | Decimal
    part_quantity: float | Decimal = 0.0
    duration_s: float = 0.0
    start_ts: int = 0
    leftover: Leftover = Leftover.CANCEL


class Iceberg(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="algorithm", tag="iceberg"):
    """Shows ``display_quantity`` at a time; the next part is sent when one is filled. For limit orders.

    ``duration_s`` 0 means until the order is done.
    """

    display_quantity: float | Decimal
    duration_s: float = 0.0
    leftover: Leftover = Leftover.CANCEL


Algorithm = Twap | Vwap | Participation | Iceberg
"""An algorithm, in a decision or in a configuration: ``{algorithm: twap, duration_s: 600, steps: 10}``."""
