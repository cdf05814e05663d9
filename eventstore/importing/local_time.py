"""Conversion between local time and UTC, in nanoseconds, with hours that are skipped or occur twice."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from eventstore.importing.defects import RowDefect
from eventstore.moments import EPOCH
from kernel.errors import InputError
from kernel.time_units import DAY_S, MINUTE_NS, SECOND_NS

_CACHE_LIMIT = 100_000
_QUARTER_HOUR = 15 * MINUTE_NS


class LocalTime:
    """A time zone. Converts local (wall-clock) times to UTC and back, in ns."""

    def __init__(self, name: str) -> None:
        """Raises ``InputError`` if the name is not an IANA zone."""
        try:
            self._zone: tzinfo = UTC if name.upper() == "UTC" else ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise InputError(
                f"time zone is {name!r}, expected an IANA name such as America/New_York"
            ) from None
        self.name = name
        self.is_utc = self._zone is UTC
        self.repeated_count = 0  # local times that occur twice, among those converted
        self._plain: dict[int, int] = {}

    def to_utc(self, wall_ns: int, *, later: bool = False) -> int:
        """The UTC time of a local time.

        When clocks are set back, a local time occurs twice: this takes the first, or the second if ``later``.
        Raises ``RowDefect`` for a local time that was skipped when clocks were set forward.
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
            raise RowDefect(
                "time",
                seen,
                expected=f"a time that exists in {self.name} (clocks skipped it; another zone: --tz)",
            )
        self._remember(quarter)
        self.repeated_count += first > second and not later
        return wall_ns - (second if later else first)

    def to_utc_or_next(self, wall_ns: int) -> int:
        """The UTC time of a local time. A skipped time is moved forward by the length of the gap."""
        return wall_ns if self.is_utc else wall_ns - self._offsets(wall_ns)[0]

    def to_wall(self, ts: int) -> int:
        """The local time at a UTC time."""
        if self.is_utc:
            return ts
        moment = (EPOCH + timedelta(microseconds=ts // 1_000)).replace(tzinfo=UTC)
        return ts + ns_of(moment.astimezone(self._zone).utcoffset())

    def _remember(self, quarter: int) -> None:
        """Cache the offset of a quarter of an hour, unless the offset changes within it."""
        edges = {self._offsets(quarter * _QUARTER_HOUR), self._offsets((quarter + 1) * _QUARTER_HOUR - 1_000)}
        first, second = next(iter(edges)) if len(edges) == 1 else (0, 1)
        if first != second:
            return
        if len(self._plain) > _CACHE_LIMIT:
            self._plain.clear()
        self._plain[quarter] = first

    def _offsets(self, wall_ns: int) -> tuple[int, int]:
        """Offsets from UTC of the first and second occurrence of a local time.

        They are equal for most times. In a gap first < second; where a time occurs twice first > second.
        """
        wall = (EPOCH + timedelta(microseconds=wall_ns // 1_000)).replace(tzinfo=self._zone)
        return ns_of(wall.utcoffset()), ns_of(wall.replace(fold=1).utcoffset())


def wall_ns_of(moment: datetime) -> int:
    """A local time, its zone ignored, in ns since 1970."""
    return ns_of(moment.replace(tzinfo=None) - EPOCH)


def ns_of(delta: timedelta | None) -> int:
    """A duration in ns."""
    assert delta is not None  # every zone here answers with an offset
    return (delta.days * DAY_S + delta.seconds) * SECOND_NS + delta.microseconds * 1_000
