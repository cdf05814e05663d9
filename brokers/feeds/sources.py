"""Which source of a feed is in use: the feed itself, or one of its backups.

- What it remembers: for each source, whether it is connected, when it was heard of, and whether its data are
  fresh; and the source in use.
- What changes it: a source opens, closes, delivers or is silent for too long.
- What never happens: data of two sources are mixed, or a source is used again before it has delivered.
  Without a fresh source the last one stays in use, and its last data are the last known ones.
"""

from collections.abc import Callable, Sequence

import msgspec

from kernel.events import FeedStatusChanged
from kernel.time_units import SECOND_NS
from kernel.timers import NEVER


class SourceState(msgspec.Struct):
    """A source of a feed.

    - ``is_fresh``: its data are current. A source that has not been connected yet counts as fresh for as long
      as it may be silent.
    - ``has_delivered``: since it last opened.
    - ``heard_ts``: when it last delivered or opened.
    """

    name: str
    heard_ts: int
    is_connected: bool = False
    is_fresh: bool = True
    has_delivered: bool = False
    reason: str = ""


class SourceChoice:
    """Chooses among the sources of one feed, the first of which is the feed itself."""

    def __init__(
        self,
        names: Sequence[str],
        *,
        symbols: tuple[str, ...],
        stale_after_s: float,
        expects_data: Callable[[int], bool],
        now: int,
    ) -> None:
        self.sources = {name: SourceState(name, now) for name in names}
        self.active = self.sources[names[0]]
        """The source in use."""
        self._feed = names[0]
        self._symbols = symbols
        self._stale_after_s = stale_after_s
        self._stale_ns = int(stale_after_s * SECOND_NS)
        self._expects_data = expects_data
        self._told = (False, False, names[0])

    @property
    def due_ts(self) -> int:
        """When the next source will have been silent for too long."""
        if not self._stale_ns:
            return NEVER
        waiting = [each.heard_ts for each in self.sources.values() if each.is_connected or each.is_fresh]
        return min(waiting, default=NEVER - self._stale_ns - 1) + self._stale_ns + 1

    def opened(self, name: str, now: int) -> Sequence[FeedStatusChanged]:
        """A source is connected. It is not fresh again before it delivers, while data are expected."""
        source = self.sources[name]
        source.is_connected, source.has_delivered, source.heard_ts = True, False, now
        if not self._expects_data(now):
            source.is_fresh, source.reason = True, ""
        return self._review(now)

    def closed(self, name: str, reason: str, now: int) -> Sequence[FeedStatusChanged]:
        """A source has lost its connection, or could not connect."""
        source = self.sources[name]
        source.is_connected = source.is_fresh = source.has_delivered = False
        source.reason = reason
        return self._review(now)

    def heard(self, name: str, now: int) -> Sequence[FeedStatusChanged]:
        """A source has delivered."""
        source = self.sources[name]
        source.heard_ts = now
        if source.has_delivered and source.is_fresh:
            return ()
        source.is_connected = source.has_delivered = source.is_fresh = True
        source.reason = ""
        return self._review(now)

    def listen_anew(self, now: int) -> None:
        """Count silence from now on: nobody listened before, because the engine was busy."""
        for source in self.sources.values():
            source.heard_ts = now

    def silent(self, now: int) -> tuple[Sequence[FeedStatusChanged], list[str]]:
        """The changes because sources have been silent for too long, and the sources to connect anew."""
        if now < self.due_ts:
            return (), []
        if not self._expects_data(now):
            for source in self.sources.values():
                source.heard_ts = now
            return (), []
        again: list[str] = []
        for source in self.sources.values():
            if now - source.heard_ts <= self._stale_ns:
                continue
            if source.is_connected:
                again.append(source.name)
                source.heard_ts = now  # asked once; the next time after another silence
            source.is_fresh = False
            source.reason = f"no data for {self._stale_after_s:g} s"
        return self._review(now), again

    def _review(self, now: int) -> Sequence[FeedStatusChanged]:
        """Choose the source to use, and say what has changed for those who use the feed."""
        active = self.active
        for source in self.sources.values():
            if source is active and active.is_fresh:
                break
            if source.is_fresh and source.has_delivered:
                active = source
                break
        self.active = active
        state = (active.is_connected, not active.is_fresh, active.name)
        if state == self._told:
            return ()
        self._told = state
        reason = active.reason or self.sources[self._feed].reason
        return (
            FeedStatusChanged(
                now, self._feed, active.is_connected, not active.is_fresh, reason, active.name, self._symbols
            ),
        )
