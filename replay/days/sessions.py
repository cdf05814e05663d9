"""The sessions of a live log on a trading day, and how they ended."""

import msgspec

from kernel.events import Event, SessionStarted, SessionStopped

SESSION_TYPES: frozenset[type[Event]] = frozenset({SessionStarted, SessionStopped})


class DaySession(msgspec.Struct, frozen=True, kw_only=True):
    """A session that ran on the day. ``stopped_ts``: 0 if it ended without a stop, or still runs."""

    epoch: int
    mode: str
    version: str
    started_ts: int
    stopped_ts: int
    reason: str
    is_last: bool


class DaySessions:
    """Gathers the sessions of a log."""

    def __init__(self) -> None:
        self._sessions: list[DaySession] = []

    def take(self, event: Event) -> None:
        """Take the next event of these types."""
        match event:
            case SessionStarted():
                self._begin(event)
            case SessionStopped(ts=ts, reason=reason) if self._sessions:
                self._sessions[-1] = msgspec.structs.replace(self._sessions[-1], stopped_ts=ts, reason=reason)
            case _:
                pass

    def between(self, start_ts: int, end_ts: int) -> tuple[DaySession, ...]:
        """The sessions of which a part was between two moments. One that was killed may have run until the
        next start."""
        starts = [one.started_ts for one in self._sessions[1:]]
        ends = [one.stopped_ts or after for one, after in zip(self._sessions, [*starts, 0], strict=True)]
        return tuple(
            one
            for one, ended_ts in zip(self._sessions, ends, strict=True)
            if one.started_ts <= end_ts and (not ended_ts or ended_ts > start_ts)
        )

    def _begin(self, event: SessionStarted) -> None:
        if self._sessions:
            self._sessions[-1] = msgspec.structs.replace(self._sessions[-1], is_last=False)
        self._sessions.append(
            DaySession(
                epoch=event.epoch,
                mode=event.mode,
                version=event.version,
                started_ts=event.ts,
                stopped_ts=0,
                reason="",
                is_last=True,
            )
        )
