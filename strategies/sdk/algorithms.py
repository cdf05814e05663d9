"""How to work a large order in parts: the terms that a strategy gives with ``Execute``.

    Execute(buy("A", 10_000), Twap(duration_s=3600, steps=12))

The parts are orders of their own, checked by risk one by one: at market, or at the order's own limit
price. Durations are seconds; ``start_ts`` is ns since the epoch, UTC, 0 for now. ``leftover`` says what
becomes of what was not traded when the time is over.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

TIME_IS_OVER = "its time is over"
"""What ``ExecutionFinished.reason`` says with ``is_out_of_time``: the rest was not traded in time."""


class Leftover(StrEnum):
    """What becomes of the rest of a worked order at its end."""

    CANCEL = "cancel"
    """It stays undone."""
    MARKET = "market"
    """It is sent at once as one market order, whatever the limit price was."""


class Twap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="algorithm", tag="twap"):
    """Equal parts at ``steps`` equal steps of time, the first one at the start."""

    duration_s: float
    steps: int
    start_ts: int = 0
    leftover: Leftover = Leftover.CANCEL


class Vwap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="algorithm", tag="vwap"):
    """Parts in proportion to ``weights``, one for each of as many equal steps of time.

    Without weights they follow the volume that the symbol traded at these times of day so far, if the
    configuration has it learned (``execution.learn_volume``); equal parts while nothing is known.
    """

    duration_s: float
    weights: tuple[float | Decimal, ...] = ()
    start_ts: int = 0
    leftover: Leftover = Leftover.CANCEL


class Participation(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="algorithm", tag="participation"
):
    """Follows the market's volume: each part is ``rate`` (0.1 is 10 %) of what traded since the last one.

    A part is sent once it has ``part_quantity`` (0: one lot). ``duration_s`` 0 means until it is done.
    """

    rate: float | Decimal
    part_quantity: float | Decimal = 0.0
    duration_s: float = 0.0
    start_ts: int = 0
    leftover: Leftover = Leftover.CANCEL


class Iceberg(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="algorithm", tag="iceberg"):
    """Shows ``display_quantity`` at a time; the next part is sent when one is filled. For limit orders.

    ``duration_s`` 0 means until it is done.
    """

    display_quantity: float | Decimal
    duration_s: float = 0.0
    leftover: Leftover = Leftover.CANCEL


Algorithm = Twap | Vwap | Participation | Iceberg
"""How to work an order, as a decision or as configured: ``{algorithm: twap, duration_s: 600, steps: 10}``."""
