"""``onetape panic``: with a daemon that answers, one that hangs, and none at all."""

import asyncio
import socket
import stat
from pathlib import Path

from kernel.events import EngageKillSwitch, OrderSubmitted, SessionStarted, TradingState
from ops.control.panic import MARKER, Panic, write_marker
from ops.control.socket_file import SOCKET
from tests.ops.control.running import logged, running, until
from tests.ops.daemon.statuses import asked

STARTER = '{strategy: "start.py:Starter", symbols: [AAA]}'
STARTS = '''
from strategies.sdk import Decisions, Metadata, Strategy, StrategyParams, StrategyState, buy


class Starter(Strategy[StrategyParams, StrategyState]):
    """Buys at once."""

    metadata = Metadata(name="starter")

    def on_start(self) -> Decisions:
        return buy("AAA", 1, limit=1_000)
'''


async def test_daemon_that_answers_engages_its_kill_switch(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        done = await asked("panic", tmp_path / "paper.yaml", "--reason", "it buys")
        kills = await daemon.logged(EngageKillSwitch)
        has_marker = (daemon.folder / MARKER).exists()

    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "the kill switch is engaged"
    assert [one.reason for one in kills] == ["it buys"]
    assert not has_marker


async def test_daemon_that_turns_again_finds_the_marker_and_removes_it_when_it_is_durable(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        marker = write_marker(daemon.folder, Panic(operator="ann", reason="it hung"))
        mode = stat.S_IMODE(marker.stat().st_mode)
        await until(lambda: not marker.exists())
        kills = await daemon.logged(EngageKillSwitch)

    assert mode == 0o600
    assert [(one.operator, one.reason) for one in kills] == [("ann", "it hung")]


async def test_next_start_obeys_before_anything_else_leaves(tmp_path: Path) -> None:
    (tmp_path / "start.py").write_text(STARTS, "utf-8")
    async with running(tmp_path, strategies=(STARTER,)) as daemon:
        folder = daemon.folder
        before = len(await daemon.logged(OrderSubmitted))
    write_marker(folder, Panic(operator="ann"))
    async with running(tmp_path, strategies=(STARTER,)) as daemon:
        await until(lambda: not (folder / MARKER).exists())
        for _ in range(3):
            await daemon.quote()
        state = daemon.session.core.risk.state.trading_state
        begun = await logged(daemon.store, SessionStarted, EngageKillSwitch)
        held = daemon.session.core.portfolio.net_position("AAA")

    assert before == 1
    assert state is TradingState.KILLED
    assert [type(one) for one in begun] == [SessionStarted, SessionStarted, EngageKillSwitch]
    assert held == 0


async def test_marker_that_cannot_be_read_counts_too(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        marker = daemon.folder / MARKER
        marker.write_text("touched by hand", "utf-8")
        await until(lambda: not marker.exists())
        state = daemon.session.core.risk.state.trading_state

    assert state is TradingState.KILLED


async def test_marker_that_cannot_be_removed_is_obeyed_once(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        marker = daemon.folder / MARKER
        marker.mkdir()  # a folder cannot be unlinked
        await until(lambda: daemon.session.core.risk.state.is_killed)
        await asyncio.sleep(0.35)
        kills = await daemon.logged(EngageKillSwitch)

    assert len(kills) == 1


async def test_daemon_that_hangs_finds_a_marker(tmp_path: Path) -> None:
    async with running(tmp_path):
        pass
    store = tmp_path / "paper.tape"
    with socket.socket(socket.AF_UNIX) as stuck:
        stuck.bind(str(store / SOCKET))
        stuck.listen()
        done = await asked("panic", tmp_path / "paper.yaml", "--wait", "0.1")
    (store / SOCKET).unlink()

    assert done.exit_code == 0
    assert "does not answer" in done.stdout
    assert "nothing is outside" in done.stdout
    assert await asyncio.to_thread((store / MARKER).exists)


async def test_without_a_daemon_the_marker_waits_for_the_next_start(tmp_path: Path) -> None:
    async with running(tmp_path):
        pass

    done = await asked("panic", tmp_path / "paper.tape")

    assert done.exit_code == 0
    assert (tmp_path / "paper.tape" / MARKER).exists()
