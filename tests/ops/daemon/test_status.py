"""The control socket of a daemon, and ``onetape status`` and ``onetape health`` which ask it."""

import asyncio
import json
import socket
import stat
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from kernel.errors import VenueUnavailable
from ops.control.client import DaemonAddress, get
from ops.control.socket_file import SOCKET
from ops.daemon.status import DaemonStatus
from ops.status_rows import status_rows
from ops.tables import fitting
from replay.rows import Column
from tests.ops.commands import onetape
from tests.ops.control.running import running
from tests.ops.daemon.statuses import STATUS, asked, changed_status


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The folder of a store."""
    folder = tmp_path / "paper.tape"
    folder.mkdir()
    return folder


@asynccontextmanager
async def serving(store: Path, status: Callable[[], DaemonStatus] = lambda: STATUS) -> AsyncGenerator[None]:
    """A daemon on the store that shows this status."""
    async with running(store.parent, status=status):
        yield


# --- the socket -------------------------------------------------------------------------------


async def test_only_the_owner_can_use_the_socket(store: Path) -> None:
    async with serving(store):
        mode = (store / SOCKET).stat().st_mode

    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


async def test_socket_of_a_killed_daemon_is_replaced(store: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(store / SOCKET))

    async with serving(store):
        done = await asked("health", store)

    assert (done.exit_code, done.output) == (0, "ready\n")


async def test_a_stopped_server_leaves_no_socket(store: Path) -> None:
    async with serving(store):
        assert (store / SOCKET).exists()

    assert not (store / SOCKET).exists()


async def test_figures_are_computed_only_when_somebody_asks(store: Path) -> None:
    asks: list[int] = []

    def status() -> DaemonStatus:
        asks.append(1)
        return STATUS

    async with serving(store, status):
        before = len(asks)
        await asked("status", store)

    assert (before, len(asks)) == (0, 1)


# --- a daemon that is not there, or stuck -----------------------------------------------------


def test_store_without_a_daemon_is_told_how_to_start_one(store: Path) -> None:
    done = onetape("status", store)

    assert done.exit_code == 1
    assert done.stderr == f"onetape: no daemon runs on {store}; start it with: onetape run {store}\n"


@pytest.mark.parametrize("command", [["status"], ["health"], ["top", "--once"]])
def test_daemon_that_was_killed_is_told_as_ended(store: Path, command: list[str]) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(store / SOCKET))

    done = onetape(*command, store)

    assert done.exit_code == 1
    assert done.stderr == (
        f"onetape: no daemon listens at {store / SOCKET}: it does not run, or ended without a stop; "
        f"start it with: onetape run {store}\n"
    )


async def test_daemon_that_does_not_answer_in_time_is_given_up(store: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stuck:
        stuck.bind(str(store / SOCKET))
        stuck.listen()

        with pytest.raises(VenueUnavailable, match=r"does not answer: nothing came within 0\.05 s"):
            await get(DaemonAddress(socket=store / SOCKET), "/v1/status", limit_s=0.05)


async def test_daemon_that_ends_before_it_answers_is_told_as_ended(store: Path) -> None:
    """As when a client connects while the daemon stops."""
    with socket.socket(socket.AF_UNIX) as ending:
        ending.bind(str(store / SOCKET))
        ending.listen()
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(asked("status", store), name="status")
            taken, _ = await asyncio.to_thread(ending.accept)
            ending.close()
            taken.close()

    assert asking.result().exit_code == 1
    assert asking.result().stderr.startswith(f"onetape: no daemon listens at {store / SOCKET}: ")


# --- what a user sees -------------------------------------------------------------------------


async def test_health_of_a_daemon_that_is_not_ready_exits_with_1(store: Path) -> None:
    async with serving(store, lambda: changed_status(is_ready=False)):
        done = await asked("health", store)

    assert (done.exit_code, done.stdout) == (1, "not ready\n")


async def test_what_keeps_a_daemon_from_being_ready_is_told(store: Path) -> None:
    why = "VenueUnavailable: the venue refuses: there is no SPY"
    source = msgspec.structs.replace(
        STATUS.feeds[0].sources[0],
        name="here",
        state="waiting",
        is_connected=False,
        is_fresh=False,
        reason=why,
    )
    feed = msgspec.structs.replace(STATUS.feeds[0], name="market", sources=(source,))
    async with serving(store, lambda: changed_status(is_ready=False, feeds=(feed,))):
        health = await asked("health", store)
        status = await asked("status", store)
        top = await asked("top", store, "--once")

    told = f"feed market, source here: waiting: {why}"
    assert told in health.stderr
    assert told in " ".join(status.stdout.split())
    assert f"Problem: {told}" in " ".join(top.stdout.split())


async def test_health_waits_for_a_daemon_that_starts(store: Path) -> None:
    answers = iter([False, False, True])

    async with serving(store, lambda: changed_status(is_ready=next(answers))):
        done = await asked("health", store, "--wait", "60")

    assert (done.exit_code, done.output) == (0, "ready\n")


def test_health_gives_up_a_daemon_that_does_not_come(store: Path) -> None:
    done = onetape("health", store, "--wait", "0.3")

    assert done.exit_code == 1
    assert "no daemon runs" in done.stderr


async def test_status_has_headings_titles_and_every_figure(store: Path) -> None:
    async with serving(store):
        done = await asked("status", store)

    lines = [line.split() for line in done.output.splitlines()]
    assert done.exit_code == 0
    assert ["Log", "paper"] in lines
    assert ["Running", "for", "1", "d", "02:03:04"] in lines
    titles = ("Feeds", "Lanes", "P&L since the log began", "Positions", "Open orders")
    assert [line for line in done.output.splitlines() if line in titles] == list(titles)
    assert ["alerts", "3", "9", "1,234,000", "0", "1", "memory"] in lines
    assert ["ping", "all", "-113.50", "10.00", "-120.50", "3.00", "0.00"] in lines
    assert ["ping", "AAA", "97", "27,942.30"] in lines
    assert ["Equity", "USD", "99,886.50", "(cash", "71,944.20)"] in lines


async def test_value_without_a_price_is_shown_as_unknown_and_not_as_zero(store: Path) -> None:
    async with serving(store):
        done = await asked("status", store)

    assert ["ping", "AAB", "-5", "-"] in [line.split() for line in done.output.splitlines()]


async def test_failing_component_is_a_problem(store: Path) -> None:
    async with serving(store, lambda: changed_status(failing={"ping": "quarantined"})):
        done = await asked("status", store)

    assert ["Problem", "ping", "is", "quarantined"] in [line.split() for line in done.output.splitlines()]


def test_tables_fit_into_80_columns() -> None:
    for rows in status_rows(STATUS):
        shown = fitting(rows, 80)
        widths = [max(len(cells[place]) for cells in (_names(rows.columns), *rows.rows)) for place in shown]

        assert sum(widths) + 2 * (len(shown) - 1) <= 80, rows.title


def test_columns_have_names() -> None:
    assert all(column.name for rows in status_rows(STATUS) for column in rows.columns)


async def test_json_of_a_status_has_exact_amounts_as_text(store: Path) -> None:
    async with serving(store):
        done = await asked("status", store, "--json")

    told = json.loads(done.output)
    assert (told["equity"], told["seq"], told["positions"][1]["value"]) == ("99886.50", 1_234_567, None)


async def test_configuration_names_the_daemon_of_its_store(store: Path) -> None:
    file = store.parent / "paper.yaml"
    file.write_text(f"mode: paper\nstore: {store}\ninstruments: [{{symbol: AAA}}]\n", encoding="utf-8")

    async with serving(store):
        done = await asked("health", file)

    assert done.output == "ready\n"


async def test_several_ask_at_once(store: Path) -> None:
    async with serving(store):
        address = DaemonAddress(socket=store / SOCKET)
        answers = await asyncio.gather(*(get(address, "/v1/health/ready") for _ in range(20)))

    assert set(answers) == {b'{"live":true,"ready":true}'}


def _names(columns: Sequence[Column]) -> tuple[str, ...]:
    return tuple(column.name for column in columns)
