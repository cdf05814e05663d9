"""What a daemon does by the clock: snapshots, trading hours, retention, and a look at the disk.

None of it decides about trading. A snapshot that cannot be saved is told, and the next one is tried; without
free disk space the daemon is stopped in order, while there is still room for that.
"""

import asyncio
from functools import partial
from pathlib import Path

import structlog

from components.assembly.hosts import Place
from eventstore import SegmentedEventStore, StoreOnDisk
from eventstore.disk_space import DiskLevel, DiskReading, DiskSpace
from kernel.clock import Clock
from kernel.errors import ComponentError, OnetapeError, StoreError
from kernel.snapshot import take
from kernel.time_units import DAY_NS, SECOND_NS
from ops.daemon.hours import hours_apart
from ops.daemon.retention import Retention
from ops.daemon.signals import StopRequest
from ops.daemon.worker import folder_of
from replay.run_config import RunConfig
from replay.session import HOURS_AHEAD_NS, LiveSession
from replay.session_snapshots import SessionSnapshots

_log = structlog.get_logger()

LOOK_EVERY_NS = 5 * SECOND_NS
"""How often the disk is measured."""
RENEW_EVERY_NS = 30 * DAY_NS
"""How often trading hours are looked up again, for nine months ahead: exchanges change them now and then."""


class Upkeep:
    """The regular work of one daemon."""

    def __init__(
        self, config: RunConfig, store: StoreOnDisk, *, snapshots: SessionSnapshots, clock: Clock
    ) -> None:
        self.disk_state = "not measured yet"
        self._snapshot_every_ns = int(config.snapshots.every_s * SECOND_NS)
        self._snapshots = snapshots
        self._clock = clock
        self._path = Path(config.store)
        self._disk = DiskSpace(self._path, config.disk)
        self._level = DiskLevel.OK
        self._policy = config.retention
        self._store = store
        self._retention: Retention | None = None
        self._saving = asyncio.Lock()

    @property
    def snapshot_seq(self) -> int:
        """The last seq in the newest snapshot."""
        return self._snapshots.seq

    @property
    def disk_level(self) -> DiskLevel:
        """How full the disk was when it was measured last."""
        return self._level

    async def run(self, session: LiveSession, stop: StopRequest) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            if isinstance(self._store, SegmentedEventStore):
                self._retention = Retention(
                    self._store,
                    self._policy,
                    clock=self._clock,
                    now=lambda: session.engine.bus.state.now,
                    has_room=lambda: self._measure().level < DiskLevel.THIN,
                    save_snapshot=partial(self._save, session),
                    followers=lambda: [
                        folder_of(self._path, one.strategy_id)
                        for one in session.plan.strategies
                        if one.place is Place.APART
                    ],
                )
                group.create_task(self._retention.run(), name="retention")
            await self._work(session, stop)

    async def _work(self, session: LiveSession, stop: StopRequest) -> None:
        now = self._clock.now()
        snapshot_ts, renewal_ts = now + self._snapshot_every_ns, now + RENEW_EVERY_NS
        while True:
            await self._look_at_disk(stop)
            if now >= snapshot_ts:
                await self._save(session)
                snapshot_ts = now + self._snapshot_every_ns
            if now >= renewal_ts:
                await self._renew_hours(session)
                renewal_ts = now + RENEW_EVERY_NS
            await self._clock.wait(asyncio.Event(), until_ts=min(snapshot_ts, now + LOOK_EVERY_NS))
            now = self._clock.now()

    async def save(self, session: LiveSession) -> int:
        """Save a snapshot now; returns its seq. Raises ``ComponentError`` and ``StoreError``."""
        async with self._saving:
            seq, core = await session.engine.snapshot()
            await self._snapshots.save(session.cores, seq, core, epoch=session.epoch)
        _log.info("snapshot_saved", seq=seq)
        return seq

    async def save_last(self, session: LiveSession) -> None:
        """Save the state at the end of the log. The engine has ended."""
        engine = session.engine
        await self._snapshots.save(session.cores, engine.last_seq, take(engine.bus), epoch=session.epoch)

    async def _save(self, session: LiveSession) -> bool:
        """Save the state of now; whether that has worked."""
        try:
            await self.save(session)
        except (ComponentError, StoreError) as error:
            _log.warning("snapshot_failed", error=str(error))
            return False
        return True

    async def _renew_hours(self, session: LiveSession) -> None:
        now = self._clock.now()
        try:
            calendars = await hours_apart(session.plan, from_ts=now, to_ts=now + HOURS_AHEAD_NS)
        except OnetapeError as error:
            _log.warning("trading_hours_not_renewed", error=str(error))
            return
        for calendar in calendars:
            await session.engine.post(calendar)

    async def _look_at_disk(self, stop: StopRequest) -> None:
        """Measure the disk; tell each change, and stop before it is full."""
        reading = await asyncio.to_thread(self._measure)
        self.disk_state = reading.sentence or f"{reading.free_bytes / 2**30:.1f} GB free"
        if reading.level is self._level:
            return
        self._level = reading.level
        if reading.level is DiskLevel.OK:
            _log.info("disk_has_room_again", free_mb=reading.free_bytes >> 20)
        else:
            _log.warning("disk_is_low", what=reading.sentence)
        if reading.level >= DiskLevel.THIN and self._retention is not None:
            self._retention.press()
        if reading.level is DiskLevel.HALT:
            await asyncio.to_thread(self._disk.free_reserve)
            stop.ask(reading.sentence)

    def _measure(self) -> DiskReading:
        self._disk.keep_reserve()
        return self._disk.measure()
