"""``onetape top``: the frame, the rates, and a terminal that is left as it was."""

import asyncio
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import msgspec
import pytest

from brokers.feeds.pipeline import FeedStatus
from kernel.events import Severity
from kernel.time_units import SECOND_NS
from ops.alerts.record import AlertEntry
from ops.alerts.status import AlertsStatus
from ops.daemon.status import DaemonStatus, HeldPosition
from ops.tables import TableConsole
from ops.top_frame import Rates, frame, rates_between
from tests.ops.commands import COMMAND, ROOT, onetape
from tests.ops.control.running import running
from tests.ops.daemon.statuses import SOURCE, STATUS, asked, changed_status

TIMEOUT_S = 60
SHOW_CURSOR, MAIN_SCREEN = b"\x1b[?25h", b"\x1b[?1049l"

LATER = changed_status(
    ts=STATUS.ts + 2 * SECOND_NS,
    seq=STATUS.seq + 3_000,
    inputs=STATUS.inputs + 2_000,
    steps=STATUS.steps + 500,
    feeds=(FeedStatus("main", 999_000 + 1_900, 1, 0, (SOURCE,)),),
)


def shown(
    status: DaemonStatus, rates: Rates | None = None, *, width: int = 80, height: int | None = None
) -> str:
    """The frame as text."""
    console = TableConsole(file=StringIO(), width=width)
    console.print(frame(status, rates, width=width, height=height))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The folder of a store."""
    folder = tmp_path / "paper.tape"
    folder.mkdir()
    return folder


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal: the user's, and the program's."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


# --- rates ------------------------------------------------------------------------------------


def test_rates_are_events_a_second_between_two_statuses() -> None:
    rates = rates_between(STATUS, LATER)

    assert rates == Rates(inputs=1_000.0, records=1_500.0, steps=250.0, by_feed={"main": 950.0})


@pytest.mark.parametrize("change", [{"pid": 8}, {"epoch": 4}, {"ts": STATUS.ts}])
def test_there_are_no_rates_across_a_restart_or_without_time_between(change: dict[str, int]) -> None:
    assert rates_between(STATUS, msgspec.structs.replace(LATER, **change)) is None


# --- the frame --------------------------------------------------------------------------------


def test_frame_has_pnl_positions_orders_rates_latencies_inbox_lanes_and_feeds() -> None:
    text = shown(LATER, rates_between(STATUS, LATER))

    for wanted in (
        "Equity 99,886.50 USD",
        "1,000 inputs/s, 1,500 records/s, 250 commits/s",
        "0.41 ms median, 1.90 ms 99 %",
        "4 waiting, 61 at most, 0 refused",
        "P&L since the log began",
        "Positions",
        "Open orders",
        "Lanes",
        "950",
    ):
        assert wanted in text


def test_frame_fits_into_80_columns() -> None:
    text = shown(LATER, rates_between(STATUS, LATER))

    assert max(map(len, text.splitlines())) <= 80


def test_frame_of_a_low_terminal_counts_the_rows_that_it_leaves_out() -> None:
    held = tuple(
        HeldPosition(strategy="ping", symbol=f"S{number}", quantity="1", value="1.00") for number in range(40)
    )

    text = shown(changed_status(positions=held), height=40)

    assert "S0 " in text
    assert "S39 " not in text
    assert "and 36 more" in text
    assert len(text.splitlines()) <= 40


def test_daemon_that_is_not_ready_says_so_and_names_its_problem() -> None:
    text = shown(changed_status(is_ready=False, failing={"ping": "quarantined"}))

    assert "NOT READY" in text
    assert "Problem: ping is quarantined" in text


# --- the command ------------------------------------------------------------------------------


async def test_once_prints_a_single_frame_with_rates(store: Path) -> None:
    answers = iter([STATUS, LATER])
    async with running(store.parent, status=lambda: next(answers)):
        done = await asked("top", store, "--once", "--every", "0.1")

    assert done.exit_code == 0
    assert "1,000 inputs/s" in done.output


def test_without_a_terminal_a_single_frame_is_offered(store: Path) -> None:
    done = onetape("top", store)

    assert done.exit_code == 2
    assert "--once" in done.stderr


async def test_ctrl_c_ends_it_and_leaves_the_terminal_as_it_was(
    store: Path, terminal: tuple[int, int]
) -> None:
    async with running(store.parent, status=lambda: STATUS):
        with _top(store, terminal[1]) as process:
            output = await _read_until(terminal[0], b"Open orders")
            process.send_signal(signal.SIGINT)
            output += await _read_until(terminal[0], MAIN_SCREEN)
            _, errors = await asyncio.to_thread(process.communicate, timeout=TIMEOUT_S)

    assert (process.returncode, errors) == (0, b"")
    assert SHOW_CURSOR in output


async def test_daemon_that_stops_ends_it_with_a_sentence(store: Path, terminal: tuple[int, int]) -> None:
    async with running(store.parent, status=lambda: STATUS) as daemon:
        process = _top(store, terminal[1])
        await _read_until(terminal[0], b"Open orders")
        daemon.stop.ask("the test ends it")
    with process:
        await _read_until(terminal[0], MAIN_SCREEN)
        _, errors = await asyncio.to_thread(process.communicate, timeout=TIMEOUT_S)

    assert process.returncode == 1
    assert b"no daemon listens at" in errors
    assert b"Traceback" not in errors


def _top(store: Path, end: int) -> "subprocess.Popen[bytes]":
    words = [*COMMAND, "top", str(store), "--every", "0.1"]
    size = {"TERM": "xterm", "COLUMNS": "100", "LINES": "50"}
    return subprocess.Popen(
        words, cwd=ROOT, env={**os.environ, **size}, stdin=end, stdout=end, stderr=subprocess.PIPE
    )


async def _read_until(end: int, wanted: bytes) -> bytes:
    """What the program writes, up to these words."""

    def read(so_far: bytes, more: Callable[[], bytes]) -> bytes:
        while wanted not in so_far:
            so_far += more()
        return so_far

    async with asyncio.timeout(TIMEOUT_S):
        return await asyncio.to_thread(read, b"", lambda: os.read(end, 65_536))


def test_open_alerts_are_shown_first() -> None:
    entry = AlertEntry(
        alert_id="3-17",
        rule="stale_feed",
        severity=Severity.WARNING,
        sentence="a feed is silent",
        value=1.0,
        raised_ts=STATUS.ts,
    )

    text = shown(changed_status(alerts=AlertsStatus(open=(entry,))))

    assert text.index("Open alerts") < text.index("3-17") < text.index("Feeds")
