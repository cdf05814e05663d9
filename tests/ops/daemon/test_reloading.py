"""Code of a strategy changes while it trades: by an edited file, by an operator, and back again."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from components.assembly.instruments import InstrumentConfig
from components.assembly.settings import StrategyConfig
from eventstore import StoreOnDisk, open_store
from kernel.clock import VirtualClock
from kernel.errors import InputError, OnetapeError
from kernel.events import (
    Event,
    OrderFilled,
    OrderSubmitted,
    SessionChanged,
    StrategyLoaded,
    StrategyLoadRefused,
)
from ops.daemon.reloading import Reloading
from replay.run_config import Mode, ReloadConfig, RunConfig
from replay.session import begin_session
from replay.verification import verify_run
from strategies.sdk import RiskLimits
from tests.kernel.live import until
from tests.ops.daemon.processes import Daemon, Forks, exchange
from tests.ops.daemon.worlds import write_world
from tests.replay.market import walk

BARS = walk("A", 60, seed=8)
CODE = """
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState, buy

from sizes import SIZE


class State(StrategyState):
    bars: int = 0


class Trader(Strategy[StrategyParams, State]):
    metadata = Metadata(name="trader", version="1")

    def on_bar(self, bar):
        self.state.bars += 1
        if self.state.bars % 5 == 0:
            return buy(bar.symbol, SIZE)
"""


class Trading:
    """A session over bars, and the code of its strategy."""

    def __init__(self, folder: Path, store: StoreOnDisk, clock: VirtualClock, config: RunConfig) -> None:
        self._folder, self._store, self._clock, self._config = folder, store, clock, config
        self._taken = 0

    async def begin(self, group: asyncio.TaskGroup) -> None:
        """Start the session."""
        self._session = await begin_session(
            self._store, "paper", self._config, clock=self._clock, mode="paper"
        )
        self.reloading = Reloading(self._config, self._session, store=self._store, clock=self._clock)
        self._engine = group.create_task(self._session.engine.run(), name="engine")

    async def end(self) -> None:
        """Stop it, and verify its log."""
        self._session.stop()
        await self._engine
        await verify_run(self._store, "paper")

    async def bars(self, count: int) -> None:
        """Give it the next bars, and wait until they are durable."""
        engine = self._session.engine
        for bar in BARS[self._taken : self._taken + count]:
            self._clock.advance(to_ts=bar.ts)
            await engine.post(bar)
        self._taken += count
        await until(lambda: not engine.inbox_depth)
        await engine.snapshot()

    def write(self, old: str, new: str, *, file: str = "trade.py") -> None:
        """Edit a file."""
        path = self._folder / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    async def events(self) -> list[Event]:
        """The log so far."""
        return [event async for batch in self._store.read("paper") for event in batch.events]

    async def bought(self) -> list[int]:
        """The quantities of all fills."""
        return [int(event.quantity) for event in await self.events() if isinstance(event, OrderFilled)]


@asynccontextmanager
async def trading(folder: Path, **reload: object) -> AsyncGenerator[Trading]:
    (folder / "trade.py").write_text(CODE, "utf-8")
    (folder / "sizes.py").write_text("SIZE = 10\n", "utf-8")
    config = RunConfig(
        mode=Mode.PAPER,
        log="paper",
        store=str(folder / "paper.tape"),
        instruments=(InstrumentConfig(symbol="A"),),
        risk=RiskLimits(allow_short=True, require_cash=False),
        strategies=(StrategyConfig(strategy=f"{folder}/trade.py:Trader", id="trader"),),
        reload=msgspec.convert(reload, ReloadConfig),
    )
    clock = VirtualClock()
    clock.advance(to_ts=BARS[0].ts)
    async with await open_store(config.store) as store, asyncio.TaskGroup() as group:
        one = Trading(folder, store, clock, config)
        await one.begin(group)
        yield one
        await one.end()


@pytest.mark.slow
async def test_changed_helper_module_is_new_code_of_its_strategy(tmp_path: Path) -> None:
    async with trading(tmp_path, tail_s=1e9) as one:
        await one.bars(12)
        one.write("10", "3", file="sizes.py")
        reloaded = await one.reloading.reload("trader", operator="me", reason="smaller")
        await one.bars(10)
        bought = await one.bought()

    assert bought == [10, 10, 3, 3]
    assert reloaded.tried is not None
    assert (reloaded.tried.kept, reloaded.tried.gone, reloaded.tried.added) == (0, 2, 2)
    assert reloaded.tried.examples[0].endswith(" buy 3 A market")


async def test_comparison_above_its_limit_vetoes_unless_it_is_forced(tmp_path: Path) -> None:
    async with trading(tmp_path, tail_s=1e9, most_changed=0.2) as one:
        await one.bars(12)
        one.write("% 5", "% 6")
        with pytest.raises(InputError, match=r"\d+% of the decisions .*most_changed allows 20%"):
            await one.reloading.reload("trader", operator="me")
        await one.bars(6)
        await one.reloading.reload("trader", operator="me", is_forced=True)
        events = await one.events()

    (refused,) = [event for event in events if isinstance(event, StrategyLoadRefused)]
    assert "most_changed" in refused.reason
    assert sum(isinstance(event, SessionChanged) for event in events) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("self.state.bars += 1 / 0", "raised 3 errors over the last 17 inputs: ZeroDivisionError"),
        ("while True: self.state.bars += 1", "did not get through the last 1e+09 s of the log in 10 s"),
        ("self.state.bars += len([0] * (1 << 32))", "memory|Memory"),
        ("import os", "differs from machine to machine"),
    ],
    ids=["raises", "endless", "memory", "forbidden"],
)
async def test_code_that_does_not_get_through_the_tail_never_trades(
    tmp_path: Path, new: str, words: str
) -> None:
    async with trading(tmp_path, tail_s=1e9, limit_s=10 if "while" in new else 60, memory_mb=1024) as one:
        await one.bars(11)
        one.write("self.state.bars += 1", new)
        with pytest.raises(OnetapeError, match=words.replace("+", r"\+")):
            await one.reloading.reload("trader", operator="me")
        await one.bars(10)
        bought = await one.bought()
        events = await one.events()

    assert bought == [10, 10, 10, 10]
    assert sum(isinstance(event, StrategyLoaded) for event in events) == 1
    assert sum(isinstance(event, StrategyLoadRefused) for event in events) == 1


async def test_rollback_goes_back_to_the_version_before_and_forth_by_its_hash(tmp_path: Path) -> None:
    async with trading(tmp_path, tail_s=0) as one:
        await one.bars(6)
        one.write("10", "3", file="sizes.py")
        await one.reloading.reload("trader", operator="me")
        await one.bars(5)
        back = await one.reloading.rollback("trader", operator="me", reason="worse")
        await one.bars(5)
        first, second = await one.reloading.versions("trader")
        with pytest.raises(InputError, match="runs already"):
            await one.reloading.rollback("trader", to=first.code_hash[:8], operator="me")
        shown = await one.reloading.diff("trader", to=second.code_hash[:8])
        await one.reloading.rollback("trader", to=second.code_hash[:8], operator="me")
        await one.bars(5)
        bought = await one.bought()

    assert bought == [10, 3, 10, 3]
    assert back.code_hash == first.code_hash
    assert (first.is_refused, second.is_refused) == (False, True)
    assert "-SIZE = 3\n+SIZE = 10\n" in shown


async def test_wrong_names_are_refused_with_those_there_are(tmp_path: Path) -> None:
    async with trading(tmp_path, tail_s=0) as one:
        await one.bars(1)
        with pytest.raises(InputError, match="there is no strategy 'x'; the session runs trader"):
            await one.reloading.reload("x", operator="me")
        with pytest.raises(InputError, match="no recorded version begins with 'abcd'; the log has "):
            await one.reloading.rollback("trader", to="abcd", operator="me")
        with pytest.raises(InputError, match="the log has no other version"):
            await one.reloading.rollback("trader", operator="me")
        with pytest.raises(InputError, match="the code in its file is the code that runs"):
            await one.reloading.reload("trader", operator="me")


# --- a daemon -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as started:
        yield started


async def more_inputs(daemon: Daemon, count: int) -> None:
    before = await daemon.status()
    await daemon.until(lambda status: status.inputs > before.inputs + count)


async def noticed(daemon: Daemon, *, edits: int) -> None:
    """Wait until both strategies of the file have been reloaded, or refused, so many times."""
    await daemon.until(lambda _: daemon.complaint.count("reloaded") >= 2 * edits)


@pytest.mark.slow
async def test_a_hundred_edits_under_load_lose_no_event_and_the_log_verifies(
    forks: Forks, tmp_path: Path
) -> None:
    with exchange(forks, tmp_path, "--symbols", "4", "--rate", "1000") as url:
        write_world(
            tmp_path,
            url,
            "reload: {tail_s: 0}",
            strategies=('{strategy: "trade.py:Busy", symbols: [AAA, AAB]}', '{strategy: "trade.py:Holder"}'),
        )
        path = tmp_path / "trade.py"
        code = path.read_text("utf-8")
        daemon = Daemon(forks, tmp_path).started()
        for number in range(1, 101):
            broken = "if turn % 2 1:" if number % 3 == 0 else f"if turn % 2 and {number}:"
            edited = tmp_path / "trade.py.new"  # in one piece, as editors do it
            edited.write_text(code.replace("if turn % 2:", broken), "utf-8")
            edited.replace(path)
            await more_inputs(daemon, 50)
            await noticed(daemon, edits=number)
        await more_inputs(daemon, 50)
        assert daemon.stop() == 0, daemon.complaint

    async with await open_store(tmp_path / "paper.tape", read_only=True) as store:
        await verify_run(store, "paper")
        events = [event async for batch in store.read("paper") for event in batch.events]
    swaps = [event for event in events if isinstance(event, SessionChanged)]
    refused = [event for event in events if isinstance(event, StrategyLoadRefused)]
    assert len(swaps) == 2 * 67
    assert {event.strategies for event in swaps} == {("busy",), ("holder",)}
    assert len(refused) == 2 * 33
    assert any(isinstance(event, OrderSubmitted) and event.ts > swaps[-1].ts for event in events)
