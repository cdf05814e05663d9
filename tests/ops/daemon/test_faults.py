"""What goes wrong around a daemon: it ends with a sentence, or goes on. Its log verifies afterwards."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import pytest

from eventstore import Selection, open_store
from kernel.errors import VenueUnavailable
from kernel.events import (
    ComponentFailed,
    EdgeState,
    EdgeStateChanged,
    Event,
    FeedStatusChanged,
    MessageQuarantined,
    OrderDenied,
    OrderIntent,
    OrderSubmitted,
    Quote,
    SessionStopped,
)
from ops.daemon.status import DaemonStatus
from replay.verification import verify_run
from tests.ops.commands import COMMAND
from tests.ops.daemon.processes import LOOK_S, PATIENCE_S, ROOT, Daemon, Forks, exchange
from tests.ops.daemon.worlds import write_world

pytestmark = pytest.mark.slow

IS_ROOT = os.geteuid() == 0
SETPRIV = shutil.which("setpriv")

FREQUENT = "snapshots: {every_s: 0.2}"
QUICK = ", stale_after_s: 0.5, heartbeat_s: 0.6, restart: {first_delay_s: 0.05, longest_delay_s: 0.2}"
"""A feed that notices within half a second, so that tests need not wait for it."""


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as started:
        yield started


@asynccontextmanager
async def trading(
    forks: Forks, folder: Path, *extra: str, faults: tuple[str, ...] = (), rate: int = 500, feed: str = ""
) -> AsyncGenerator[Daemon]:
    """A daemon that trades on an exchange with faults. It is killed at the end, unless it has ended."""
    with exchange(forks, folder, "--symbols", "4", "--rate", str(rate), *faults) as url:
        write_world(folder, url, *extra, feed=feed)
        daemon = Daemon(forks, folder)
        try:
            yield daemon.started()
        finally:
            if not daemon.ended_within(0):
                daemon.kill()


async def stopped_and_verified(daemon: Daemon) -> list[Event]:
    """The log of a daemon that was stopped in order."""
    assert daemon.stop() == 0, daemon.complaint
    return await verified(daemon.store)


async def verified(path: Path) -> list[Event]:
    """The events of a log, which a fresh replay derives again."""
    async with await open_store(path, read_only=True) as store:
        assert await store.verify("paper") is None
        await verify_run(store, "paper")
        return [event async for batch in store.read("paper") for event in batch.events]


def refusal(daemon: Daemon) -> str:
    """The sentence with which it ends by itself."""
    assert daemon.ended_within(PATIENCE_S), daemon.complaint
    assert daemon.ended() == 1, daemon.complaint
    assert "Traceback" not in daemon.complaint
    *_, sentence = daemon.complaint.strip().splitlines()
    assert sentence.startswith("onetape: "), sentence
    return sentence.removeprefix("onetape: ")


def segment_size(folder: Path) -> int:
    """The bytes of the largest file of a log."""
    return max(path.stat().st_size for path in (folder / "paper.tape" / "segments").iterdir())


def spoil_last_block(path: Path) -> None:
    """Change what the file holds, as a disk does that mixes up its pages."""
    last = "(SELECT max(first_ts) FROM block)"
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(f"UPDATE block SET payload = zeroblob(length(payload)) WHERE first_ts = {last}")


# --- one daemon on a log ------------------------------------------------------------------------


async def test_second_daemon_on_a_log_is_refused_and_the_first_one_goes_on(
    forks: Forks, tmp_path: Path
) -> None:
    async with trading(forks, tmp_path) as first:
        second = Daemon(forks, tmp_path)

        assert "a store in a folder has one writer" in refusal(second)
        seq = (await first.status()).seq
        await first.until(lambda status: status.seq > seq)
        await stopped_and_verified(first)


async def test_daemon_that_was_held_still_has_its_log_and_goes_on(forks: Forks, tmp_path: Path) -> None:
    async with trading(forks, tmp_path, feed=QUICK) as first:
        seq = (await first.until(lambda status: status.seq > 50)).seq
        first.send(signal.SIGSTOP)
        second = Daemon(forks, tmp_path)

        assert "a store in a folder has one writer" in refusal(second)
        first.send(signal.SIGCONT)
        await first.until(lambda status: status.seq > seq + 50 and status.is_ready)
        await stopped_and_verified(first)


# --- the disk -----------------------------------------------------------------------------------


@pytest.mark.skipif(IS_ROOT and SETPRIV is None, reason="root may write everywhere")
def test_folder_that_cannot_be_written_is_refused_with_a_sentence(tmp_path: Path) -> None:
    write_world(tmp_path, "ws://127.0.0.1:1/market")
    tmp_path.chmod(0o555)
    command = [*COMMAND, "run", "paper.yaml"]
    if IS_ROOT:
        command = [str(SETPRIV), "--bounding-set=-dac_override", *command]
    try:
        ended = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    finally:
        tmp_path.chmod(0o755)

    assert ended.returncode == 1
    assert ended.stderr.startswith("onetape: ")
    assert "paper.tape" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


async def test_disk_that_takes_no_more_ends_it_and_nothing_durable_is_lost(
    forks: Forks, tmp_path: Path
) -> None:
    """A limit on the size of files stands for a full disk: SQLite gets the same refusal."""
    with exchange(forks, tmp_path, "--symbols", "4", "--rate", "2000", "--batch", "10") as url:
        write_world(tmp_path, url)
        before = Daemon(forks, tmp_path).started()
        seq = (await before.until(lambda status: status.seq > 0)).seq
        assert before.stop() == 0, before.complaint
        full = Daemon(forks, tmp_path, file_limit=segment_size(tmp_path) + 300_000).started()
        while not full.ended_within(0.01):
            try:
                seq = max(seq, (await full.status()).seq)
            except VenueUnavailable:
                break
        sentence = refusal(full)
        again = Daemon(forks, tmp_path).started()
        events = await stopped_and_verified(again)

    assert "paper.tape" in sentence
    assert len(events) >= seq


async def test_little_disk_space_ends_it_in_order_with_its_reason_on_record(
    forks: Forks, tmp_path: Path
) -> None:
    tight = "disk: {warn_mb: 1e9, thin_mb: 1e9, halt_mb: 1e9, reserve_mb: 0}"
    async with trading(forks, tmp_path, tight) as daemon:
        assert daemon.ended_within(PATIENCE_S)
        daemon.ended()
        events = await verified(daemon.store)

    assert "disk_is_low" in daemon.complaint
    (stopped,) = [event for event in events if isinstance(event, SessionStopped)]
    assert "MB free" in stopped.reason


async def test_snapshot_that_cannot_be_saved_is_told_and_trading_goes_on(
    forks: Forks, tmp_path: Path
) -> None:
    store = tmp_path / "paper.tape"
    store.mkdir()
    (store / "snapshots").write_text("in the way", "utf-8")
    async with trading(forks, tmp_path, FREQUENT) as daemon:
        seq = (await daemon.until(lambda _: "snapshot_failed" in daemon.complaint)).seq
        await daemon.until(lambda status: status.seq > seq + 100)
        await stopped_and_verified(daemon)


@pytest.mark.parametrize("damage", ["changed block", "lost -wal"])
async def test_damaged_log_is_refused_with_a_sentence(forks: Forks, tmp_path: Path, damage: str) -> None:
    async with trading(forks, tmp_path) as daemon:
        await daemon.until(lambda status: status.seq > 300)
        if damage == "changed block":
            assert daemon.stop() == 0
            shutil.rmtree(daemon.store / "snapshots")
            spoil_last_block(daemon.store / "segments" / "000001.db")
        else:
            daemon.kill()
            (daemon.store / "segments" / "000001.db-wal").unlink()
        again = Daemon(forks, tmp_path)

        assert "paper" in refusal(again)


# --- signals ------------------------------------------------------------------------------------


async def test_sigterm_under_load_ends_it_in_order_with_a_snapshot_of_its_end(
    forks: Forks, tmp_path: Path
) -> None:
    async with trading(forks, tmp_path, rate=3_000, faults=("--batch", "10")) as daemon:
        await daemon.until(lambda status: status.seq > 1_000)
        events = await stopped_and_verified(daemon)

    assert any(isinstance(event, SessionStopped) for event in events[-10:])
    assert (daemon.store / "snapshots" / f"paper-{len(events):013}.snapshot").exists()
    assert not (daemon.store / "control.sock").exists()


async def test_sigterm_without_a_market_ends_it_at_once(forks: Forks, tmp_path: Path) -> None:
    write_world(tmp_path, "ws://127.0.0.1:1/market")
    daemon = Daemon(forks, tmp_path).started()
    await daemon.until(lambda status: bool(status.feeds[0].sources[0].reason))

    health = forks.run(tmp_path, "health", "paper.yaml")

    assert (health.code, health.said) == (1, "not ready\n")
    daemon.send(signal.SIGTERM)
    assert daemon.ended_within(PATIENCE_S)
    assert daemon.ended() == 0


async def test_sigterm_during_the_recovery_ends_it_before_it_has_started(
    forks: Forks, tmp_path: Path
) -> None:
    async with trading(forks, tmp_path, rate=5_000, faults=("--batch", "50")) as daemon:
        await daemon.until(lambda status: status.seq > 10_000)
        daemon.kill()
        said = ""
        while "stopped_while_recovering" not in said:  # on a busy machine the signal may come too late
            shutil.rmtree(daemon.store / "snapshots", ignore_errors=True)
            again = Daemon(forks, tmp_path).told(b"STATUS=recovering")
            again.send(signal.SIGTERM)
            assert again.ended() == 0, again.complaint
            said = again.complaint
            assert '"event": "stopped' in said

        assert '"event": "started"' not in said
        await stopped_and_verified(Daemon(forks, tmp_path).started())


async def test_sigterm_while_trading_hours_are_looked_up_ends_it_at_once(
    forks: Forks, tmp_path: Path
) -> None:
    """The lookup is a process that imports a large library: here it hangs, as on a disk that does."""
    (tmp_path / "pandas.py").write_text(
        "import os, pathlib, time\npathlib.Path('looks.pid').write_text(str(os.getpid()))\ntime.sleep(600)\n"
    )
    terms = "tick_size: 0.01, lot_size: 1, calendar: XNYS"
    write_world(tmp_path, "ws://127.0.0.1:1/market", terms=terms)
    daemon = Daemon(forks, tmp_path)
    looks = tmp_path / "looks.pid"
    while not (looks.exists() and looks.read_text("utf-8")):
        assert not daemon.ended_within(LOOK_S), daemon.complaint

    daemon.send(signal.SIGTERM)

    assert daemon.ended_within(PATIENCE_S)
    assert daemon.ended() == 0, daemon.complaint
    assert "stopped_while_recovering" in daemon.complaint
    with pytest.raises(ProcessLookupError):
        os.kill(int(looks.read_text("utf-8")), 0)
    (tmp_path / "pandas.py").unlink()
    async with await open_store(daemon.store, read_only=True) as store:
        assert (await store.head("paper")).seq == 0


async def test_second_signal_ends_it_at_once_and_the_next_start_recovers(
    forks: Forks, tmp_path: Path
) -> None:
    """Both signals are there when it looks, because it is held until then."""
    async with trading(forks, tmp_path) as daemon:
        await daemon.until(lambda status: status.seq > 200)
        daemon.send(signal.SIGSTOP)
        daemon.send(signal.SIGTERM)
        daemon.send(signal.SIGINT)
        daemon.send(signal.SIGCONT)

        assert refusal(daemon) == "stopped at once, by a second signal; the next start recovers"
        again = Daemon(forks, tmp_path).started()
        await stopped_and_verified(again)


# --- the feed -----------------------------------------------------------------------------------


async def waits_of(daemon: Daemon) -> list[EdgeStateChanged]:
    """How often an edge has waited to be connected again, by the log so far."""
    async with await open_store(daemon.store, read_only=True) as store:
        changes = Selection(types=frozenset({EdgeStateChanged}))
        found = [event async for batch in store.read("paper", changes) for event in batch.events]
    return [one for one in found if isinstance(one, EdgeStateChanged) and one.state is EdgeState.WAITING]


def has_more_inputs(count: int, status: DaemonStatus) -> bool:
    return status.inputs > count


@pytest.mark.slow
@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        (("--drop-connection-every", "0.4"), ""),
        (("--mute-every", "3", "--mute-for", "1"), "no data for 0.5 s"),
        (("--half-open-every", "1"), ""),
    ],
    ids=["dropped", "mute", "half-open"],
)
async def test_lost_connection_is_made_again_and_is_on_record(
    forks: Forks, tmp_path: Path, faults: tuple[str, ...], reason: str
) -> None:
    async with trading(forks, tmp_path, faults=faults, feed=QUICK) as daemon:
        lost = await daemon.until(lambda status: status.feeds[0].sources[0].restarts >= 2)
        while not any(reason in one.reason for one in await waits_of(daemon)):
            await daemon.until(partial(has_more_inputs, (await daemon.status()).inputs))
        await daemon.until(lambda status: status.is_ready and status.inputs > lost.inputs + 20)
        events = await stopped_and_verified(daemon)

    assert len(await waits_of(daemon)) >= 2
    assert any(isinstance(one, FeedStatusChanged) for one in events)


@pytest.mark.slow
async def test_storm_of_messages_is_taken_without_losing_orders(forks: Forks, tmp_path: Path) -> None:
    async with trading(
        forks, tmp_path, rate=100, faults=("--storm-every", "0.3", "--batch", "50"), feed=QUICK
    ) as daemon:
        await daemon.until(lambda status: status.inputs > 4_000)
        events = await stopped_and_verified(daemon)

    counts = Counter(type(one) for one in events)
    assert counts[OrderIntent] == counts[Quote] // 10 * 2  # two orders at every tenth quote
    assert counts[OrderSubmitted] + counts[OrderDenied] == counts[OrderIntent]


async def test_spoilt_messages_are_quarantined_and_trading_goes_on(forks: Forks, tmp_path: Path) -> None:
    bad = (
        "--bad-price-every",
        "5",
        "--gap-every",
        "7",
        "--duplicate-every",
        "11",
        "--out-of-order-every",
        "13",
    )
    async with trading(forks, tmp_path, faults=bad) as daemon:
        await daemon.until(lambda status: status.feeds[0].quarantined > 20 and status.inputs > 300)
        events = await stopped_and_verified(daemon)

    assert any(isinstance(one, MessageQuarantined) for one in events)
    assert any(isinstance(one, OrderSubmitted) for one in events)


async def test_daemon_is_not_ready_before_its_feed_has_connected(forks: Forks, tmp_path: Path) -> None:
    """The market takes the connection and says nothing, so the attempt goes on."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}/market"
        write_world(tmp_path, url, feed=", connect_timeout_s: 600")
        daemon = Daemon(forks, tmp_path).started()
        status = await daemon.status()
        assert daemon.stop() == 0

    assert status.feeds[0].sources[0].reason == ""
    assert not status.is_ready


async def test_market_that_opens_later_is_found(forks: Forks, tmp_path: Path) -> None:
    with socket.socket() as kept:  # it refuses connections, and keeps the port from all others
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        port = int(kept.getsockname()[1])
        write_world(tmp_path, f"ws://127.0.0.1:{port}/market", feed=QUICK)
        daemon = Daemon(forks, tmp_path).started()
        await daemon.until(lambda status: bool(status.feeds[0].sources[0].reason))

        with exchange(forks, tmp_path, "--symbols", "4", "--rate", "500", port=port):
            await daemon.until(lambda status: status.is_ready)
            await stopped_and_verified(daemon)


# --- a strategy ---------------------------------------------------------------------------------


async def test_strategy_that_raises_is_isolated_and_the_others_go_on(forks: Forks, tmp_path: Path) -> None:
    both = (
        '{strategy: "trade.py:Raiser", symbols: [AAA]}',
        '{strategy: "trade.py:Busy", symbols: [AAB, AAC]}',
    )
    with exchange(forks, tmp_path, "--symbols", "4", "--rate", "500") as url:
        write_world(tmp_path, url, strategies=both)
        daemon = Daemon(forks, tmp_path).started()
        failing = await daemon.until(lambda status: bool(status.failing))
        await daemon.until(lambda status: status.seq > failing.seq + 200)
        events = await stopped_and_verified(daemon)

    failures = [one for one in events if isinstance(one, ComponentFailed)]
    assert any("no idea about AAA" in one.error for one in failures)
    assert any(isinstance(one, OrderSubmitted) for one in events)
