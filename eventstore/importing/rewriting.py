"""Rewrites the fields of a row into plain form before a parser sees them.

Only files that need it pay for it: prices in another scale or with another decimal separator, stamps that are
milliseconds of a day in the file's name. Any other row comes here if its parser refused it, and is parsed a
second time if that changed it: ``$1,234.50``, ``N/A`` for a volume, no prices at all.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from eventstore.importing.columns import Columns
from eventstore.importing.options import DataKind
from eventstore.importing.written_numbers import NO_PRICE, is_blank, number_text, scaled_text
from kernel.time_units import MS_NS, SECOND_NS

PRICES = {
    DataKind.BARS: ("open", "high", "low", "close", "adj_close"),
    DataKind.QUOTES: ("bid", "ask"),
    DataKind.TRADES: ("price",),
}
SIZES = {
    DataKind.BARS: ("volume",),
    DataKind.QUOTES: ("bid_size", "ask_size"),
    DataKind.TRADES: ("size",),
}
_NUMBERS = {
    DataKind.FX_RATES: ("rate",),
    DataKind.FUNDING_RATES: ("rate",),
    DataKind.CORPORATE_ACTIONS: ("ratio", "amount", "value"),
}
_OPTIONAL_SIZES = (DataKind.BARS, DataKind.QUOTES)
_ONE = Decimal(1)
_WRITTEN = "%Y%m%d %H:%M"


class Conventions(msgspec.Struct, frozen=True):
    """How the numbers and stamps of a file are written.

    - ``day``: eight digits; stamps are milliseconds since its midnight.
    - ``shift_ms``: added to such stamps, or to those written like ``20240501 16:00``.
    - ``zone``: the name of a zone at the end of every stamp, which is left out.
    - ``skipped``: (place, text) of rows to leave out.
    """

    decimal: str = "."
    scale: Decimal = _ONE
    day: str = ""
    shift_ms: int = 0
    zone: str = ""
    skipped: tuple[tuple[int, str], ...] = ()


class Rewriting:
    """Rewrites rows of one file.

    ``blank_count`` rows had no prices, ``no_volume_count`` no volume, ``marked_count`` are to be left out.
    """

    def __init__(self, columns: Columns, conventions: Conventions) -> None:
        self.is_needed = conventions != Conventions()
        self.blank_count = 0
        self.no_volume_count = 0
        self.marked_count = 0
        self._conventions = conventions
        self._kind = columns.kind
        self._prices = _places(columns, PRICES.get(columns.kind, ()))
        self._sizes = _places(columns, SIZES.get(columns.kind, ()))
        self._numbers = _places(columns, _NUMBERS.get(columns.kind, ()))
        self._time = columns.place("time")
        self._midnight = (
            datetime.strptime(conventions.day, "%Y%m%d").replace(tzinfo=UTC) if conventions.day else None
        )

    def rewritten(self, fields: list[str]) -> list[str] | None:
        """The fields in plain form; ``None`` for a row to leave out: it has no prices or is marked so."""
        for place, text in self._conventions.skipped:
            if fields[place].strip() == text:
                self.marked_count += 1
                return None
        if self._is_blank(fields):
            self.blank_count += 1
            return None
        found = list(fields)
        for place in (*self._prices, *self._numbers):
            found[place] = self._price(fields[place])
        for place in self._sizes:
            found[place] = self._size(fields[place])
        if self._conventions.zone:
            found[self._time] = fields[self._time].strip().removesuffix(self._conventions.zone)
        if self._midnight is not None:
            found[self._time] = self._stamp(fields[self._time])
        elif self._conventions.shift_ms:
            found[self._time] = self._later(fields[self._time])
        return found

    def _is_blank(self, fields: Sequence[str]) -> bool:
        """Whether a row of bars has no prices at all."""
        return self._kind is DataKind.BARS and all(is_blank(fields[place]) for place in self._prices)

    def _price(self, text: str) -> str:
        plain = number_text(text, self._conventions.decimal)
        if plain is None:
            return "" if self._kind is DataKind.QUOTES and is_blank(text) else text
        scale = self._conventions.scale
        return plain if scale == _ONE or float(plain) >= NO_PRICE else scaled_text(plain, scale)

    def _size(self, text: str) -> str:
        if is_blank(text) and self._kind in _OPTIONAL_SIZES:
            self.no_volume_count += self._kind is DataKind.BARS
            return "0"
        return number_text(text, self._conventions.decimal) or text

    def _stamp(self, text: str) -> str:
        assert self._midnight is not None, "called for stamps within a day"
        plain = text.strip()
        if not plain.isdecimal():
            return text
        at_ms = int(plain) + self._conventions.shift_ms
        moment = self._midnight + timedelta(milliseconds=at_ms)
        return f"{moment:%Y-%m-%d %H:%M:%S}.{at_ms * MS_NS % SECOND_NS:09d}"

    def _later(self, text: str) -> str:
        """A written stamp of local time, shifted. The clock change of a day is not looked at."""
        try:
            moment = datetime.strptime(text.strip(), _WRITTEN).replace(tzinfo=UTC)
        except ValueError:
            return text  # the row is refused with the text that it has
        return (moment + timedelta(milliseconds=self._conventions.shift_ms)).strftime(_WRITTEN)


def _places(columns: Columns, targets: Sequence[str]) -> tuple[int, ...]:
    return tuple(columns.place(target) for target in targets if columns.place(target) >= 0)
