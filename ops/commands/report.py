"""``onetape report``: a page about one trading day of a live log."""

from datetime import date, datetime
from pathlib import Path

import click

from kernel.clock import RealTimeClock
from ops.event_loop import run
from ops.store_file import existing_store
from replay.config import CONFIG_FILE
from replay.days.paths import day_report_path
from replay.days.record import last_day, read_day
from replay.report.day_page import write_day_report
from replay.run_config import load_run_config


@click.command("report")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default=CONFIG_FILE)
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The trading day, in UTC [default: that of the last event].",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write it [default: reports/LOG-DAY.html in the store's folder].",
)
def report_command(file: Path, day: datetime | None, report: Path | None) -> None:
    """Write a page about one trading day of the log of FILE: equity, P&L, fills, orders, problems.

    The daemon may run. It writes the page itself after each trading day, unless FILE has
    `reports: {daily: false}`. The results of the whole log: replay report.

    \b
    Example:
      onetape report paper.yaml
      onetape report paper.yaml --day 2026-11-27 --report friday.html
    """
    config = load_run_config(file)
    path = run(_write(Path(config.store), config.log, None if day is None else day.date(), report))
    click.echo(f"Report: {path.resolve()}")


async def _write(store_path: Path, log: str, day: date | None, report: Path | None) -> Path:
    async with existing_store(store_path) as store:
        wanted = day or await last_day(store, log)
        record = await read_day(store, log, wanted, now_ts=RealTimeClock().now())
    path = report or day_report_path(store_path, log, wanted.isoformat())
    if report is None:
        path.parent.mkdir(exist_ok=True)
    return write_day_report(record, path)
