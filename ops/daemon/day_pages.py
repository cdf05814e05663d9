"""The process of low priority that writes pages about trading days. The daemon starts it (``day_reports``):

    python -m ops.daemon.day_pages STORE LOG DAY...

It reads the log, writes the pages, prints their paths and ends.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from eventstore import open_store
from kernel.clock import RealTimeClock
from kernel.errors import InputError, OnetapeError
from ops.event_loop import run
from replay.days.paths import day_report_path
from replay.days.record import read_day
from replay.report.day_page import write_day_report

LOWER_PRIORITY = 10


async def write_days(store_path: Path, log: str, days: Sequence[date]) -> tuple[Path, ...]:
    """Write the pages of the days on which a daemon ran.

    Raises as ``read_day`` and ``write_day_report`` do, but nothing for days outside of the log.
    """
    written: list[Path] = []
    store = await open_store(store_path, read_only=True)
    try:
        for day in days:
            try:
                record = await read_day(store, log, day, now_ts=RealTimeClock().now())
            except InputError:  # before the log, or after it
                continue
            if not record.is_empty:
                path = day_report_path(store_path, log, day.isoformat())
                await asyncio.to_thread(path.parent.mkdir, exist_ok=True)
                written.append(write_day_report(record, path))
    finally:
        await store.close()
    return tuple(written)


def main(arguments: Sequence[str]) -> int:
    """Write pages and print their paths; a refusal is a sentence on standard error."""
    store, log, *days = arguments
    os.nice(LOWER_PRIORITY)
    try:
        for path in run(write_days(Path(store), log, [date.fromisoformat(day) for day in days])):
            sys.stdout.write(f"{path}\n")
    except OnetapeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
