"""Wall clocks and UTC, in nanoseconds: zones, skipped hours and hours that occur twice."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from eventstore.importing.defects import RowDefect
from kernel.errors import InputError
from kernel.time_units import MINUTE_NS, SECOND_NS

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock arithmetic has no zone
"""Where local wall-clock times are counted from, before a zone is applied."""

_CACHE_LIMIT = 100_000
_QUARTER_HOUR = 15 * MINUTE_NS


class LocalTime:
    """A time zone: wall-clock readings to UTC and back, in ns."""

    def __init__(self, name: str) -> None:
        """Raises ``InputError`` for a name that is no IANA zone."""
        try:
            self._zone: tzinfo = UTC if name.upper() == "UTC" else ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise InputError(
                f"time zone is {name!r}, expected an IANA name such as America/New_York"
            ) from None
        self.name = name
        self.is_utc = self._zone is UTC
        self._plain: dict[int, int] = {}

    def to_utc(self, wall_ns: int, *, later: bool = False) -> int:
        """The instant of a wall-clock reading.

        Where clocks went back a reading occurs twice: the first is meant, or the second if ``later``.
        Raises ``RowDefect`` for a reading that clocks skipped.
        """
        if self.is_utc:
            return wall_ns
        quarter = wall_ns // _QUARTER_HOUR
        plain = self._plain.get(quarter)
        if plain is not None:
            return wall_ns - plain
        first, second = self._offsets(wall_ns)
        if first < second:
            seen = str(EPOCH + timedelta(microseconds=wall_ns // 1_000))
            raise RowDefect("time", seen, expected=f"a time that exists in {self.name} (clocks skipped it)")
        self._remember(quarter)
        return wall_ns - (second if later else first)

    def to_utc_or_next(self, wall_ns: int) -> int:
        """The instant of a wall-clock reading, or the end of the gap that skipped it."""
        return wall_ns if self.is_utc else wall_ns - self._offsets(wall_ns)[0]

    def to_wall(self, ts: int) -> int:
        """The wall-clock reading at an instant."""
        if self.is_utc:
            return ts
        moment = (EPOCH + timedelta(microseconds=ts // 1_000)).replace(tzinfo=UTC)
        return ts + ns_of(moment.astimezone(self._zone).utcoffset())

    def _remember(self, quarter: int) -> None:
        """Keep a quarter of an hour whose offset is one throughout; all are, but where clocks change."""
        edges = {self._offsets(quarter * _QUARTER_HOUR), self._offsets((quarter + 1) * _QUARTER_HOUR - 1_000)}
        first, second = next(iter(edges)) if len(edges) == 1 else (0, 1)
        if first != second:
            return
        if len(self._plain) > _CACHE_LIMIT:
            self._plain.clear()
        self._plain[quarter] = first

    def _offsets(self, wall_ns: int) -> tuple[int, int]:
        """Offsets of the first and second reading; first < second inside a gap, > where readings repeat."""
        wall = (EPOCH + timedelta(microseconds=wall_ns // 1_000)).replace(tzinfo=self._zone)
        return ns_of(wall.utcoffset()), ns_of(wall.replace(fold=1).utcoffset())


def wall_ns_of(moment: datetime) -> int:
    """A clock's reading, its zone ignored, in ns since 1970."""
    return ns_of(moment.replace(tzinfo=None) - EPOCH)


def iso_utc(ts: int) -> str:
    """``2013-03-01T20:59:59.5Z``: an instant for people, with as many decimals as it needs."""
    seconds, fraction = divmod(ts, SECOND_NS)
    text = (EPOCH + timedelta(seconds=seconds)).isoformat()
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction else text + "Z"


def ns_of(delta: timedelta | None) -> int:
    """A duration in ns."""
    assert delta is not None  # every zone here answers with an offset
    return (delta.days * 86_400 + delta.seconds) * SECOND_NS + delta.microseconds * 1_000
