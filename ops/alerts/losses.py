"""The losses of the account as rules see them: from its highest equity, and from the first of the UTC day.

- What it remembers: both, with the money that was paid in until then. They are on the tape (``EquityNoted``),
  so a new session goes on with those of the last one.
- What changes it: looks at the account. Money that is paid in or out moves both: it is no gain and no loss.
- What never happens: more than one record a minute, except for the first of a day and the last of a session.
"""

from decimal import Decimal

import msgspec

from kernel.decimals import exact
from kernel.events import EquityNoted
from kernel.time_units import DAY_NS, SECOND_NS

NOTED_EVERY_NS = 60 * SECOND_NS
"""A crash forgets what was highest within the last minute."""


class Losses:
    """Of one account."""

    def __init__(self) -> None:
        self._equity: Decimal | None = None
        self._peak = self._day_equity = self._paid_in = Decimal(0)
        self._day = -1
        self._noted: EquityNoted | None = None

    def restore(self, noted: EquityNoted) -> None:
        """Go on from a record of a former session."""
        self._noted = noted
        self._peak, self._day_equity, self._paid_in = noted.peak, noted.day_equity, noted.paid_in
        self._day = noted.day

    @property
    def equity(self) -> float:
        """That of the last look."""
        return float(self._equity or 0)

    @property
    def drawdown_pct(self) -> float | None:
        """How far equity is below its highest value, in %."""
        return self._below_pct(self._peak)

    @property
    def day_loss_pct(self) -> float | None:
        """How far equity is below its first value of the UTC day, in %."""
        return self._below_pct(self._day_equity)

    @exact
    def look(self, now: int, *, equity: Decimal, paid_in: Decimal) -> None:
        """Take the account as it is now. ``paid_in``: payments in less payments out, since the log began."""
        if self._day < 0:
            self._peak, self._paid_in = equity, paid_in
        moved = paid_in - self._paid_in
        self._peak, self._day_equity, self._paid_in = self._peak + moved, self._day_equity + moved, paid_in
        self._equity, self._peak = equity, max(self._peak, equity)
        if now // DAY_NS != self._day:
            self._day, self._day_equity = now // DAY_NS, equity

    def note(self, now: int, *, is_last: bool = False) -> EquityNoted | None:
        """The record that is due; ``None`` if nothing has changed, or the one before is too young."""
        noted = self._noted
        made = EquityNoted(now, self._peak, self._day_equity, self._day, self._paid_in)
        if made.day < 0 or (noted is not None and msgspec.structs.replace(made, ts=noted.ts) == noted):
            return None
        is_same_day = noted is not None and noted.day == made.day
        if noted is not None and is_same_day and not is_last and now - noted.ts < NOTED_EVERY_NS:
            return None
        self._noted = made
        return made

    def _below_pct(self, reference: Decimal) -> float | None:
        if self._equity is None or reference <= 0:
            return None
        return 100.0 * float(reference - self._equity) / float(reference)
