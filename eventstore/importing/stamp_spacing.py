"""What the stamps of a file's first rows show: the order of the rows and the timeframe of bars."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import msgspec

from eventstore.importing.defects import RowDefect
from eventstore.importing.timestamps import StampParser
from kernel.time_units import DAY_NS, DAY_S, SECOND_NS

_USUAL = {
    count * seconds * SECOND_NS: f"{count}{unit}"
    for seconds, unit, counts in (
        (1, "s", (1, 2, 3, 5, 10, 15, 20, 30)),
        (60, "m", (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 45)),
        (3_600, "h", (1, 2, 3, 4, 6, 8, 12)),
    )
    for count in counts
}
_DAYS = ((1, 5, "1d"), (6, 8, "1w"), (28, 31, "1mo"), (89, 92, "3mo"), (365, 366, "1y"))
"""(first, last number of days between two bars, timeframe)."""
_MOSTLY = 0.95
_EPOCH_WEEKDAY = 3  # 1970 began on a Thursday


class StampSpacing(msgspec.Struct, frozen=True):
    """Distances between the stamps of neighbouring rows of one symbol.

    - ``steps``: ns between two stamps, without their sign, and how often each occurs; 0 is left out.
    - ``rising``, ``falling``: how often a stamp is later or earlier than the one before.
    - ``has_time``: a stamp has a time of day.
    - ``count``: stamps.
    """

    steps: Mapping[int, int]
    rising: int
    falling: int
    has_time: bool
    count: int

    @property
    def is_newest_first(self) -> bool:
        """Whether nearly all rows are earlier than the one before."""
        return self.falling > 0 and self.falling >= _MOSTLY * (self.falling + self.rising)

    @property
    def usual_step(self) -> int:
        """The most common distance, the shorter of two equally common ones; 0 if there is none."""
        return max(self.steps, key=lambda step: (self.steps[step], -step)) if self.steps else 0

    def timeframe(self) -> str:
        """The timeframe of bars with these stamps; empty if no usual one fits."""
        step = self.usual_step
        if not step:
            return "" if self.has_time else "1d"
        if step in _USUAL:
            return _USUAL[step]
        days = round(step / DAY_NS)
        if days and (
            abs(step - days * DAY_NS) <= DAY_NS // 12 or days > 8
        ):  # an hour more where clocks change
            for first, last, timeframe in _DAYS:
                if first <= days <= last:
                    return timeframe
        return ""


def spacing_of(stamps: Iterable[tuple[str, str]], parser: StampParser) -> StampSpacing:
    """The spacing of (symbol, stamp); a stamp that cannot be parsed is left out."""
    last: dict[str, int] = {}
    steps: Counter[int] = Counter()
    rising = falling = count = 0
    has_time = False
    for symbol, text in stamps:
        try:
            wall_ns, offset_ns, timed = parser.parse(text)
        except RowDefect:
            continue
        count += 1
        has_time = has_time or timed
        at = wall_ns - (offset_ns or 0)
        step = at - last.get(symbol, at)
        last[symbol] = at
        if step:
            steps[abs(step)] += 1
            rising, falling = rising + (step > 0), falling + (step < 0)
    return StampSpacing(dict(steps), rising, falling, has_time, count)


def weekdays_of(stamps: Iterable[str], parser: StampParser) -> Counter[int]:
    """How many stamps are of each day of the week, 0 for Monday; those that cannot be parsed do not count."""
    days: Counter[int] = Counter()
    for text in stamps:
        with suppress(RowDefect):
            days[(parser.parse(text)[0] // DAY_NS + _EPOCH_WEEKDAY) % 7] += 1
    return days


def in_words(step_ns: int) -> str:
    """A distance in words, such as ``7 min``."""
    seconds = step_ns // SECOND_NS
    for length, unit in ((DAY_S, "days"), (3_600, "h"), (60, "min")):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def times_of(rows: Sequence[Sequence[str]], at: int, *, clock: int, symbol: int) -> list[tuple[str, str]]:
    """(symbol, stamp) of rows that have these fields."""
    longest = max(at, clock, symbol)
    return [
        (
            row[symbol].strip() if symbol >= 0 else "",
            row[at].strip() if clock < 0 else f"{row[at].strip()} {row[clock].strip()}",
        )
        for row in rows
        if len(row) > longest
    ]
