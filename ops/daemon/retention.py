"""Applies the retention of the configuration to the segments of a daemon's own store.

Theory of operation. Five minutes after a start, and then once a day, market data and records that are old
enough are removed, and sealed segments are compressed; if a backup copies the files then, it is tried again
five minutes later. The store itself keeps this apart from the writer: a
segment is touched only after it was sealed, and what was done is an event in the store's record.

When the disk is tight (``disk.thin_mb``), the same is done at once, and again each hour. If that is not
enough, the next means follow, the oldest segment first, until the disk has room:

1. all sealed segments are compressed, whatever their age;
2. market data older than a day are removed.

What never happens: anything is removed that a recovery needs. A new snapshot is saved first, and only what
lies before it is removed, and before the newest snapshot of each strategy in a process of its own. Records
are kept as long as the policy says, and what ``retention`` keeps for ever (``null``), or only with a backup,
stays under pressure too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from pathlib import Path

import msgspec
import structlog

from eventstore import RetentionConfig, SegmentedEventStore
from eventstore.segment_pruning import COPIED_NOW, SegmentChange, archive_segments, prune_segments
from kernel.clock import Clock
from kernel.errors import InputError, OnetapeError
from kernel.time_units import SECOND_NS

_log = structlog.get_logger()

FIRST_AFTER_S = 300.0
"""After a start: the recovery, the first snapshot and the reports are done by then."""
COPIED_AGAIN_S = 300.0
"""How long after a try that a backup did not let through the next one follows."""
PRESSED_AGAIN_S = 3_600.0
"""How long after a try under pressure the next one follows: new segments are sealed meanwhile."""
PRESSED_DAYS = 1.0
"""Market data of the last day stay under pressure too: the report of the day reads them."""


class Retention:
    """The retention of one store. ``run`` is one task of the daemon."""

    def __init__(
        self,
        store: SegmentedEventStore,
        config: RetentionConfig,
        *,
        clock: Clock,
        now: Callable[[], int],
        has_room: Callable[[], bool],
        save_snapshot: Callable[[], Awaitable[bool]],
        followers: Callable[[], Sequence[Path]],
    ) -> None:
        """Make it.

        - ``clock``: of the wall, for the intervals. ``now``: the time of the log, for the ages of segments.
        - ``has_room``: whether the disk is no longer tight, measured now.
        - ``save_snapshot``: saves the state of now; whether that has worked.
        - ``followers``: the folders with the snapshots of the strategies' own processes.
        """
        self._store = store
        self._policy = msgspec.structs.replace(config, needs_snapshot=True)
        self._clock = clock
        self._now = now
        self._has_room = has_room
        self._save_snapshot = save_snapshot
        self._followers = followers
        self._pressed = asyncio.Event()
        self._told = ""
        """The last reason why something that is due was kept."""
        self._again_after_s = inf
        """How soon what the last try put off is tried again."""

    def press(self) -> None:
        """The disk is tight: begin at once."""
        self._pressed.set()

    async def run(self) -> None:
        """Work until cancelled."""
        next_ts = self._after(min(FIRST_AFTER_S, self._policy.apply_every_s))
        while True:
            while self._clock.now() < next_ts and not self._pressed.is_set():
                await self._clock.wait(self._pressed, until_ts=next_ts)
            self._pressed.clear()
            self._again_after_s = inf
            try:
                await self.apply()
                wait_s = self._policy.apply_every_s
                if not self._has_room():
                    await self._make_room()
                    wait_s = min(wait_s, PRESSED_AGAIN_S)
            except (OnetapeError, OSError) as error:
                _log.warning("retention_failed", error=str(error))
                wait_s = min(self._policy.apply_every_s, PRESSED_AGAIN_S)
            next_ts = self._after(min(wait_s, self._again_after_s))

    async def apply(self) -> None:
        """Do what the policy says now."""
        await self._prune(self._policy, is_enough=_never)
        await self._archive(self._policy, is_enough=_never)

    async def _make_room(self) -> None:
        """Do more than the policy says, until the disk has room."""
        policy = self._policy
        if policy.archive_after_days is not None:
            await self._archive(
                msgspec.structs.replace(policy, archive_after_days=0.0), is_enough=self._has_room
            )
        if policy.market_data_days is not None:
            days = min(policy.market_data_days, PRESSED_DAYS)
            await self._prune(
                msgspec.structs.replace(policy, market_data_days=days), is_enough=self._has_room
            )

    async def _prune(self, policy: RetentionConfig, *, is_enough: Callable[[], bool]) -> None:
        now_ts = self._now()
        due = await prune_segments(
            self._store, msgspec.structs.replace(policy, needs_snapshot=False), now_ts=now_ts, is_trial=True
        )
        if all(change.refusal for change in due) or not await self._save_snapshot():
            self._tell(due)
            return
        changes = await prune_segments(
            self._store, policy, now_ts=now_ts, is_enough=is_enough, followers=self._followers()
        )
        self._tell(changes)

    async def _archive(self, policy: RetentionConfig, *, is_enough: Callable[[], bool]) -> None:
        try:
            self._tell(await archive_segments(self._store, policy, now_ts=self._now(), is_enough=is_enough))
        except InputError as error:  # without the package for it; removing goes on
            _log.warning("segments_not_archived", error=str(error))

    def _tell(self, changes: Sequence[SegmentChange]) -> None:
        """Say what was done, and once why something was not."""
        for change in changes:
            if not change.refusal:
                _log.info(
                    "segment_changed",
                    segment=change.number,
                    what=change.what,
                    bytes_before=change.bytes_before,
                    bytes_after=change.bytes_after,
                )
                continue
            if change.refusal == COPIED_NOW:
                self._again_after_s = COPIED_AGAIN_S
            if change.refusal != self._told:
                self._told = change.refusal
                _log.warning("segment_is_due_but_kept", segment=change.number, reason=change.refusal)

    def _after(self, seconds: float) -> int:
        return self._clock.now() + int(seconds * SECOND_NS)


def _never() -> bool:
    return False
