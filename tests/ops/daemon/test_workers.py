"""Strategies in processes of their own: faults that would end or stall a daemon leave the others trading."""

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec
import pytest

from components.assembly.isolation import Isolation
from eventstore import open_store
from kernel.clock import RealTimeClock
from kernel.engine import CoreEngine
from kernel.events import (
    ComponentFailed,
    ComponentQuarantined,
    Event,
    OrderFilled,
    OrderIntent,
    Quote,
    StrategyDecided,
    StrategyLogged,
)
from ops.daemon.reloading import Reloading
from ops.daemon.status import DaemonStatus
from replay.run_config import ReloadConfig
from replay.verification import verify_run
from tests.ops.daemon.processes import Daemon, Forks, exchange, hold_up
from tests.ops.daemon.working import (
    LOG,
    PATIENCE_S,
    Working,
    config_of,
    entry,
    loaded,
    worker_config,
    working,
)
from tests.ops.daemon.worlds import write_world
from tests.replay.followed_sessions import CODE

pytestmark = pytest.mark.slow

STEADY = """
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState, buy, sell


class Seen(StrategyState):
    quotes: int = 0


class Steady(Strategy[StrategyParams, Seen]):
    metadata = Metadata(name="steady", version="1")

    def on_quote(self, quote):
        self.state.quotes += 1
        return (buy if self.state.quotes % 2 else sell)(quote.symbol, 1)
"""

FAULTY = """
import os
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState


class Seen(StrategyState):
    quotes: int = 0


class Faulty(Strategy[StrategyParams, Seen]):
    metadata = Metadata(name="faulty", version="1")

    def on_quote(self, quote):
        self.state.quotes += 1
        if self.state.quotes >= 5:
            FAULT
"""

FAULTS = {
    "infinite loop": "while True: pass",
    "10 GB": "self.kept = bytearray(10 << 30)",
    "exit": "os._exit(0)",
    "fork bomb": "while True: os.fork()",
    "abort": "os.abort()",
}


DEADLINE_MS = 500.0

TRADER = CODE.replace("on_bar(self, bar)", "on_quote(self, bar)").replace("bar.close", "bar.ask")


def quotes(count: int) -> list[Event]:
    """Quotes, which the engine gives the time at which it takes them."""
    return [Quote(0, "A", 100.0 + place % 7, 100.1 + place % 7, 50, 50) for place in range(count)]


async def latencies_ms(one: Working, events: Sequence[Event]) -> list[float]:
    """For each event, the time until the decisions of strategies in the core are durable."""
    engine, times = one.session.engine, list[float]()
    for event in events:
        began, seq = time.perf_counter(), engine.last_seq
        await engine.post(event)
        await one.until(partial(_is_after, engine, seq), look_s=0)
        times.append((time.perf_counter() - began) * 1_000)
        await asyncio.sleep(0.005)
    return times


def _is_after(engine: CoreEngine, seq: int) -> bool:
    return engine.last_seq > seq


def decisions(events: Sequence[Event]) -> list[Event]:
    """What the strategy wanted, said and got, each in order, without times."""
    found: list[Event] = []
    for event in events:
        match event:
            case OrderIntent() | StrategyLogged():
                found.append(msgspec.structs.replace(event, ts=0))
            case OrderFilled():
                found.append(msgspec.structs.replace(event, ts=0, executed_ts=0))
            case _:
                pass
    return sorted(found, key=lambda event: type(event).__name__)


async def test_process_and_core_decide_equally_when_inputs_are_paced(tmp_path: Path) -> None:
    logs: list[list[Event]] = []
    for isolation in Isolation:
        folder = tmp_path / isolation.value
        folder.mkdir()
        config = config_of(folder, [entry("trader", isolation=isolation)])
        paced_by = "trader" if isolation is Isolation.PROCESS else ""
        async with working(config, [loaded(TRADER, "trader")]) as one:
            if paced_by:
                await one.started(paced_by)
            await one.take(quotes(60), paced_by=paced_by)
            logs.append(await one.events())

    inside, apart = logs
    assert sum(isinstance(event, OrderFilled) for event in inside) > 5
    assert decisions(apart) == decisions(inside)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault_in_a_process_leaves_the_others_trading_on_time(tmp_path: Path, fault: str) -> None:
    config = config_of(
        tmp_path,
        [
            entry("steady", isolation=Isolation.NONE),
            entry("faulty", worker=worker_config(deadline_ms=DEADLINE_MS, memory_mb=1024)),
        ],
    )
    codes = [loaded(STEADY, "steady"), loaded(FAULTY.replace("FAULT", FAULTS[fault]), "faulty")]
    async with working(config, codes) as one:
        await one.started("faulty")
        before = sorted(await latencies_ms(one, quotes(20)))
        during: list[float] = []
        out = one.session.engine.bus.state.quarantined
        async with asyncio.timeout(240):
            while not out.get("strategy:faulty"):
                during += await latencies_ms(one, quotes(20))
        during.sort()
        await one.started("faulty")
        status = one.statuses["faulty"]
        events = await one.events()

    failed = [event for event in events if isinstance(event, ComponentFailed)]
    sys.stdout.write(
        f"{fault}: others' decisions durable in {before[len(before) // 2]:.1f} ms before, "
        f"{during[len(during) // 2]:.1f} ms median, {during[len(during) * 99 // 100]:.1f} ms 99 % during; "
        f"{status.restarts} restarts; {failed[0].error}\n"
    )
    assert {event.component for event in failed} == {"strategy:faulty"}
    assert sum(isinstance(event, ComponentQuarantined) for event in events) == 1
    assert during[len(during) // 2] < DEADLINE_MS / 2, "who waits for the process, waits until its deadline"
    seen = sum(isinstance(event, Quote) for event in events)
    assert sum(isinstance(event, OrderIntent) for event in events) == seen
    assert processes_at(Path(config.store)) == []


async def test_killed_processes_neither_lose_decisions_nor_send_them_twice(tmp_path: Path) -> None:
    config = config_of(tmp_path, [entry("trader")])
    bars = quotes(90)
    async with working(config, [loaded(TRADER, "trader")]) as one:
        for start in range(0, 90, 30):
            await one.started("trader")
            await one.take(bars[start : start + 12], paced_by="trader")
            await one.take(bars[start + 12 : start + 20])
            one.kill("trader")
            await one.take(bars[start + 20 : start + 30])
        await one.started("trader")
        events = await one.events()

    numbers = [event.after for event in events if isinstance(event, StrategyDecided)]
    assert len(set(numbers)) == len(numbers)
    ids = [event.order.client_order_id for event in events if isinstance(event, OrderIntent)]
    assert len(set(ids)) == len(ids)
    assert (
        sum(
            event.order.tag == "" and event.order.limit_price is None
            for event in events
            if isinstance(event, OrderIntent)
        )
        >= 18
    )
    assert not any(isinstance(event, ComponentFailed) for event in events)


async def test_process_has_no_secrets_no_network_and_no_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_SECRET", "canary")
    code = """
import os, socket, subprocess, sys
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState


class Curious(Strategy[StrategyParams, StrategyState]):
    metadata = Metadata(name="curious", version="1")

    def on_quote(self, quote):
        print("printed words are no message")
        for name, act in {
            "environment": lambda: [key for key in os.environ if "SECRET" in key][0],
            "socket": socket.socket,
            "fork": os.fork,
            "run": lambda: subprocess.run(["/bin/true"]),
            "kill": lambda: os.kill(os.getppid(), 0),
            "secret file": lambda: open("SECRET_FILE").read(),
            "other file": lambda: open("SECRET_FILE.new", "w"),
        }.items():
            try:
                act()
                self.ctx.log(f"{name}: allowed")
            except (OSError, LookupError) as error:
                self.ctx.log(f"{name}: {type(error).__name__}")
"""
    secret = tmp_path / "token"
    secret.write_text("canary", "utf-8")
    config = config_of(tmp_path, [entry("curious")])
    async with working(config, [loaded(code.replace("SECRET_FILE", str(secret)), "curious")]) as one:
        await one.started("curious")
        await one.take(quotes(1), paced_by="curious")
        said = [event.words for event in await one.events() if isinstance(event, StrategyLogged)]

    assert said == [
        "environment: IndexError",
        "socket: PermissionError",
        "fork: PermissionError",
        "run: PermissionError",
        "kill: PermissionError",
        "secret file: PermissionError",
        "other file: PermissionError",
    ]


async def test_next_session_begins_at_the_snapshot_of_the_process(tmp_path: Path) -> None:
    config = config_of(tmp_path, [entry("trader")])
    bars = quotes(60)
    async with working(config, [loaded(TRADER, "trader")]) as one:
        await one.started("trader")
        await one.take(bars[:30], paced_by="trader")
    saved = list((tmp_path / "paper.tape" / "snapshots").glob("worker-*/*.snapshot"))
    async with working(config, [loaded(TRADER, "trader")]) as one:
        await one.started("trader")
        await one.take(bars[30:], paced_by="trader")

    assert saved
    async with await open_store(config.store, read_only=True) as store:
        await verify_run(store, LOG)
        events = [event async for batch in store.read(LOG) for event in batch.events]
    said = [event.words for event in events if isinstance(event, StrategyLogged)]
    assert [words for words in said if "start" in words] == ["start at bar 0", "start at bar 30"]


STRATEGIES = """
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState, buy, sell


class Seen(StrategyState):
    quotes: int = 0


class Apart(Strategy[StrategyParams, Seen]):
    metadata = Metadata(name="apart", version="1")

    def on_start(self):
        self.ctx.log(f"start at {self.state.quotes}")

    def on_quote(self, quote):
        self.state.quotes += 1
        if self.state.quotes % 5 == 0:
            return (buy if self.state.quotes % 10 else sell)(quote.symbol, 1)
"""


async def test_killed_daemon_takes_its_processes_with_it_and_goes_on_with_their_decisions(
    tmp_path: Path,
) -> None:
    (tmp_path / "trade.py").write_text(STRATEGIES, "utf-8")
    with Forks() as forks, exchange(forks, tmp_path, "--symbols", "1", "--rate", "50") as url:
        entries = ('{strategy: "trade.py:Apart", symbols: [AAA], isolation: process}',)
        write_world(tmp_path, url, "snapshots: {every_s: 0.5}", strategies=entries)
        for _ in range(3):
            daemon = Daemon(forks, tmp_path).started()
            begun = (await daemon.status()).seq
            status = await daemon.until(partial(_has_reached, begun + 200))
            daemon.kill()
            await ended(status.workers[0].pid)
        daemon = Daemon(forks, tmp_path).started()
        status = await daemon.until(lambda now: _has_reached(now.seq, now))
        assert daemon.stop() == 0, daemon.complaint
        await ended(status.workers[0].pid)

    async with await open_store(daemon.store, read_only=True) as store:
        await verify_run(store, LOG)
        events = [event async for batch in store.read(LOG) for event in batch.events]
    numbers = [event.after for event in events if isinstance(event, StrategyDecided)]
    assert len(set(numbers)) == len(numbers)
    assert numbers == sorted(numbers)
    ids = [event.order.client_order_id for event in events if isinstance(event, OrderIntent)]
    assert len(set(ids)) == len(ids) > 10
    quotes_seen = sum(isinstance(event, Quote) for event in events)
    assert quotes_seen // 5 - 3 <= len(ids) <= quotes_seen // 5
    assert not any(isinstance(event, ComponentFailed) for event in events)


def _has_reached(seq: int, status: DaemonStatus) -> bool:
    return any(one.seq >= seq for one in status.workers)


async def ended(pid: int) -> None:
    """Wait for the end of a process."""
    async with asyncio.timeout(PATIENCE_S):
        while (Path("/proc") / str(pid)).exists():  # noqa: ASYNC110 - it is not a child of this process
            await asyncio.sleep(0.02)


def processes_at(path: Path) -> list[str]:
    """The processes that name a path in their command."""
    found: list[str] = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended just now
            if bytes(path) in command.read_bytes():
                found.append(command.parent.name)
    return found


async def test_new_code_of_a_strategy_apart_is_tried_with_its_state(tmp_path: Path) -> None:
    path = tmp_path / "trade.py"
    path.write_text(STRATEGIES, "utf-8")
    config = config_of(tmp_path, [msgspec.structs.replace(entry("apart"), strategy=f"{path}:Apart")])
    config = msgspec.structs.replace(config, reload=ReloadConfig(tail_s=1e9))
    async with working(config, None) as one:
        await one.started("apart")
        await one.take(quotes(12), paced_by="apart")
    async with working(config, None) as one:
        await one.started("apart")
        await one.take(quotes(12), paced_by="apart")
        path.write_text(STRATEGIES.replace("% 5", "% 4"), "utf-8")
        reloading = Reloading(config, one.session, store=one.store, clock=RealTimeClock())
        reloaded = await reloading.reload("apart", operator="me")
        await one.started("apart")
        await one.take(quotes(4), paced_by="apart")
        said = [event.words for event in await one.events() if isinstance(event, StrategyLogged)]

    assert reloaded.tried is not None
    assert (reloaded.tried.kept, reloaded.tried.errors) == (1, ())
    assert said == ["start at 0", "start at 12", "start at 24"]


async def test_process_that_answered_while_the_daemon_was_held_up_is_not_ended(tmp_path: Path) -> None:
    config = config_of(tmp_path, [entry("steady", worker=worker_config(deadline_ms=1_000))])
    async with working(config, [loaded(STEADY, "steady")]) as one:
        await one.started("steady")
        seq = one.session.engine.last_seq
        await one.session.engine.post(quotes(1)[0])
        await one.until(partial(_is_after, one.session.engine, seq), look_s=0)
        await asyncio.sleep(0)  # the process is told
        hold_up(1.5)
        await one.started("steady")
        status = one.statuses["steady"]

    assert (status.restarts, status.reason) == (0, "")


async def test_processes_have_settled_only_when_the_step_under_way_is_played_too(tmp_path: Path) -> None:
    config = config_of(tmp_path, [entry("steady")])
    async with working(config, [loaded(STEADY, "steady")]) as one:
        await one.started("steady")
        engine = one.session.engine
        seq = engine.last_seq
        await engine.post(quotes(1)[0])
        await one.until(lambda: not engine.inbox_depth, look_s=0)  # it is taken, and not durable yet
        await one.workers.settle(PATIENCE_S)
        played = one.statuses["steady"].seq

    assert played > seq
