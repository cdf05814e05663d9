"""The daemon writes the pages of days that are over, in a child process, and goes on if that fails."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from eventstore import open_store
from kernel.clock import VirtualClock
from kernel.time_units import DAY_NS, HOUR_NS, SECOND_NS
from ops.daemon.day_reports import AFTER_NS, DayReports
from replay.run_config import ReportsConfig, RunConfig
from tests.ops.commands import onetape
from tests.replay.live_sessions import LOG, live_session
from tests.replay.sample_strategies import RandomOrders
from tests.replay.test_day_record import CONFIG, START_TS, quotes

TIMEOUT_S = 120


@pytest.fixture
async def config(tmp_path: Path) -> RunConfig:
    """The configuration of a store with a log of 2024-03-04."""
    path = tmp_path / "paper.tape"
    async with await open_store(path) as store:
        await live_session(store, quotes(0, 1), [RandomOrders()], CONFIG)
    return RunConfig(store=str(path), log=LOG)


def pages(config: RunConfig) -> list[str]:
    return sorted(path.name for path in (Path(config.store) / "reports").glob("*.html"))


def clock_at(ts: int) -> VirtualClock:
    clock = VirtualClock()
    clock.advance(to_ts=ts)
    return clock


async def test_days_without_a_page_get_one_and_days_without_a_daemon_none(config: RunConfig) -> None:
    reports = DayReports(config, clock=clock_at(START_TS + 2 * DAY_NS))

    with capture_logs() as logs:
        await reports.write_missing()

    assert pages(config) == ["paper-2024-03-04.html"]
    assert [line["event"] for line in logs] == ["day_report_written"]


async def test_a_page_from_before_the_end_of_its_day_is_written_again(config: RunConfig) -> None:
    reports = DayReports(config, clock=clock_at(START_TS + 2 * DAY_NS))
    await reports.write_missing()
    page = Path(config.store) / "reports" / "paper-2024-03-04.html"
    noon = datetime(2024, 3, 4, 12, tzinfo=UTC).timestamp()
    os.utime(page, (noon, noon))

    await reports.write_missing()

    assert page.stat().st_mtime > noon


async def test_a_log_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    config = RunConfig(store=str(tmp_path / "gone.tape"), log=LOG)

    with capture_logs() as logs:
        await DayReports(config, clock=clock_at(START_TS + 2 * DAY_NS)).write_missing()

    assert [(line["event"], line["log_level"]) for line in logs] == [("day_report_failed", "warning")]


async def test_pages_come_after_a_start_and_after_each_midnight(config: RunConfig) -> None:
    clock = clock_at(START_TS + DAY_NS - HOUR_NS)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(DayReports(config, clock=clock).run(), name="day reports")
        await asyncio.sleep(0)
        assert pages(config) == []

        clock.advance(to_ts=START_TS + DAY_NS + AFTER_NS + SECOND_NS)
        async with asyncio.timeout(TIMEOUT_S):
            while not pages(config):  # noqa: ASYNC110 - another process writes: nobody tells when
                await asyncio.sleep(0.02)
        running.cancel()

    assert pages(config) == ["paper-2024-03-04.html"]


async def test_no_page_is_written_if_none_is_wanted(config: RunConfig) -> None:
    unwanted = RunConfig(store=config.store, log=LOG, reports=ReportsConfig(daily=False))

    await DayReports(unwanted, clock=clock_at(START_TS + 2 * DAY_NS)).run()

    assert pages(config) == []


def test_command_writes_the_page_of_the_last_day(config: RunConfig, tmp_path: Path) -> None:
    file = tmp_path / "paper.yaml"
    file.write_text("mode: paper\nstore: paper.tape\ninstruments: [{symbol: A}]\n", encoding="utf-8")

    done = onetape("report", file)

    assert done.exit_code == 0
    assert done.output == f"Report: {Path(config.store) / 'reports' / 'paper-2024-03-04.html'}\n"


def test_command_refuses_a_day_that_is_not_in_the_log(config: RunConfig, tmp_path: Path) -> None:
    file = tmp_path / "paper.yaml"
    file.write_text(f"mode: paper\nstore: {config.store}\ninstruments: [{{symbol: A}}]\n", encoding="utf-8")

    done = onetape("report", file, "--day", "2024-04-01")

    assert done.exit_code == 1
    assert "it goes from 2024-03-04 to 2024-03-04" in done.stderr


def test_command_writes_over_no_other_file(config: RunConfig, tmp_path: Path) -> None:
    file, notes = tmp_path / "paper.yaml", tmp_path / "notes.txt"
    file.write_text(f"mode: paper\nstore: {config.store}\ninstruments: [{{symbol: A}}]\n", encoding="utf-8")
    notes.write_text("mine", encoding="utf-8")

    done = onetape("report", file, "--report", notes)

    assert done.exit_code == 1
    assert notes.read_text("utf-8") == "mine"
