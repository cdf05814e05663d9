"""Has a page written about each trading day after it is over, in a process of its own (``day_pages``).

Reading a day decodes all of its orders and some of its quotes, which would hold up the engine.

A page that cannot be written is told in the text log; the daemon goes on. Days without a page are looked at
again after the next start, for a week.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from kernel.clock import Clock
from kernel.time_units import DAY_NS, SECOND_NS
from ops.daemon.children import end_of_child
from replay.days.paths import day_report_path
from replay.run_config import RunConfig

_log = structlog.get_logger()

AFTER_NS = 60 * SECOND_NS
"""How long after midnight, or after a start: the mark that closes the day is on the tape by then."""
LIMIT_S = 900
"""The longest time for the pages of a start. A day of fifty million quotes takes about a minute."""
DAYS_BACK = 7
"""How many days before today may get their page after a start: a long weekend and more."""


class DayReports:
    """The pages of one daemon."""

    def __init__(self, config: RunConfig, *, clock: Clock) -> None:
        self._store = Path(config.store)
        self._log = config.log
        self._is_wanted = config.reports.daily
        self._clock = clock

    async def run(self) -> None:
        """Write pages until cancelled: soon for the last days, and then after each midnight."""
        if not self._is_wanted:
            return
        next_ts = self._clock.now() + AFTER_NS
        while True:
            await self._wait(next_ts)
            await self.write_missing()
            next_ts = (self._clock.now() // DAY_NS + 1) * DAY_NS + AFTER_NS

    async def write_missing(self) -> None:
        """Write the pages that are due now."""
        days = await asyncio.to_thread(self._missing)
        if not days:
            return
        command = (sys.executable, "-m", "ops.daemon.day_pages", str(self._store), self._log, *days)
        try:
            child = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
        except OSError as error:
            _log.warning("day_report_failed", error=str(error))
            return
        try:
            async with asyncio.timeout(LIMIT_S):
                written, said = await child.communicate()
        except TimeoutError:
            _log.warning("day_report_failed", error=f"it took more than {LIMIT_S} s")
            return
        finally:
            await end_of_child(child)
        if child.returncode:
            _log.warning("day_report_failed", error=said.decode(errors="replace").strip())
        for path in written.decode(errors="replace").splitlines():
            _log.info("day_report_written", path=path)

    def _missing(self) -> list[str]:
        """The last days that have no page, or one from before their end; oldest first."""
        midnight = datetime.fromtimestamp(self._clock.now() // DAY_NS * DAY_NS // SECOND_NS, tz=UTC)
        begins = [midnight - timedelta(days=back) for back in range(DAYS_BACK, 0, -1)]
        return [begin.date().isoformat() for begin in begins if not self._has_page(begin)]

    def _has_page(self, begin: datetime) -> bool:
        path = day_report_path(self._store, self._log, begin.date().isoformat())
        end = begin + timedelta(days=1)
        return path.exists() and path.stat().st_mtime >= end.timestamp()

    async def _wait(self, until_ts: int) -> None:
        while self._clock.now() < until_ts:
            await self._clock.wait(asyncio.Event(), until_ts=until_ts)
