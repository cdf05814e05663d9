"""A session goes on with other code or another configuration, between two of its events.

Each log is recovered by a later session and played again by ``verify_run``, over all its changes.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from components.assembly.instruments import InstrumentConfig
from components.assembly.settings import StrategyConfig
from eventstore import EventStore, MemoryEventStore
from kernel.clock import VirtualClock
from kernel.errors import ComponentError, ConfigError, StrategyRefused
from kernel.events import (
    Event,
    OrderDenied,
    OrderFilled,
    SessionChanged,
    SessionStarted,
    StrategyLoaded,
    StrategyLogged,
    VersionRefused,
)
from kernel.identifiers import StrategyId
from replay.config import ReplayConfig
from replay.live_change import Change
from replay.reopening import Orphan
from replay.session import LiveSession, begin_session
from replay.verification import verify_run
from strategies.sdk import RiskLimits
from strategies.sdk.loading import load_recorded
from tests.kernel.live import until
from tests.replay.live_sessions import LOG
from tests.replay.market import walk

BARS = walk("A", 120, seed=8)
TRADER, OTHER = StrategyId("trader"), StrategyId("other")
CODE = """
from decimal import Decimal
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState, buy, sell


class Params(StrategyParams, frozen=True):
    quantity: Decimal = Decimal(10)


class State(StrategyState):
    bars: int = 0


class Trader(Strategy[Params, State]):
    metadata = Metadata(name="trader", version="1")

    def on_start(self):
        self.ctx.log(f"start at bar {self.state.bars}")

    def on_bar(self, bar):
        self.state.bars += 1
        if self.state.bars % 5 == 0:
            return buy(bar.symbol, self.params.quantity)
"""


class Running:
    """A session that gets the bars of the test one after another."""

    def __init__(self, session: LiveSession, clock: VirtualClock) -> None:
        self.session = session
        self._clock = clock

    async def take(self, bars: Sequence[Event]) -> None:
        """Post them, and wait until they are durable."""
        for bar in bars:
            self._clock.advance(to_ts=max(bar.ts, self._clock.now()))
            await self.session.engine.post(bar)
        await until(lambda: not self.session.engine.inbox_depth)
        await self.session.engine.snapshot()

    async def change(self, **what: object) -> int:
        return await self.session.change(Change(operator="test", **what))  # type: ignore[arg-type]  # its fields


@asynccontextmanager
async def running(store: EventStore, config: ReplayConfig) -> AsyncGenerator[Running]:
    clock = VirtualClock()
    clock.advance(to_ts=max(BARS[0].ts, (await store.head(LOG)).ts))
    session = await begin_session(store, LOG, config, clock=clock, mode="paper")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(session.engine.run(), name="engine")
        try:
            yield Running(session, clock)
        finally:
            session.stop("end of day")
            await task


async def events_of(store: EventStore) -> list[Event]:
    return [event async for batch in store.read(LOG) for event in batch.events]


def bought(events: Sequence[Event]) -> list[Decimal]:
    return [event.quantity for event in events if isinstance(event, OrderFilled)]


def said(events: Sequence[Event]) -> list[str]:
    return [event.words for event in events if isinstance(event, StrategyLogged)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trade.py"
    path.write_text(CODE, "utf-8")
    return path


@pytest.fixture
def config(file: Path) -> ReplayConfig:
    return ReplayConfig(
        instruments=(InstrumentConfig(symbol="A"),),
        risk=RiskLimits(allow_short=True, require_cash=False),
        strategies=(StrategyConfig(strategy=f"{file}:Trader", id="trader"),),
    )


def write(file: Path, text: str) -> None:
    file.write_text(text, "utf-8")


def edit(file: Path, *pairs: tuple[str, str]) -> None:
    text = file.read_text("utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, "utf-8")


def with_params(config: ReplayConfig, **params: str) -> ReplayConfig:
    (one,) = config.strategies
    return msgspec.structs.replace(config, strategies=(msgspec.structs.replace(one, params=dict(params)),))


# --- code ---------------------------------------------------------------------------------------


async def test_new_code_goes_on_with_the_state_of_the_old(config: ReplayConfig, file: Path) -> None:
    store = MemoryEventStore()
    async with running(store, config) as daemon:
        await daemon.take(BARS[:12])
        edit(file, ("Decimal(10)", "Decimal(3)"))
        await daemon.take(BARS[12:22])
        await daemon.change(reload=[TRADER], reason="smaller")
        await daemon.take(BARS[22:40])

    await verify_run(store, LOG)
    events = await events_of(store)
    (changed,) = [event for event in events if isinstance(event, SessionChanged)]
    assert (changed.operator, changed.reason, changed.strategies) == ("test", "smaller", (TRADER,))
    assert bought(events) == [10, 10, 10, 10, 3, 3, 3]
    assert said(events) == ["start at bar 0", "start at bar 22"]


async def test_a_change_of_limits_does_not_load_an_edited_file(config: ReplayConfig, file: Path) -> None:
    store = MemoryEventStore()
    tight = msgspec.structs.replace(
        config, risk=msgspec.structs.replace(config.risk, max_position_quantity=Decimal(25))
    )
    async with running(store, config) as daemon:
        await daemon.take(BARS[:12])
        edit(file, ("Decimal(10)", "Decimal(3)"))
        await daemon.change(config=tight)
        await daemon.take(BARS[12:40])

    await verify_run(store, LOG)
    events = await events_of(store)
    assert bought(events) == [10, 10]
    assert {event.rule for event in events if isinstance(event, OrderDenied)} == {"max_position_quantity"}
    assert said(events) == ["start at bar 0"], "a strategy that is as it was does not start again"


async def test_changed_parameters_keep_the_code_that_runs(config: ReplayConfig, file: Path) -> None:
    store = MemoryEventStore()
    smaller = with_params(config, quantity="4")
    async with running(store, config) as daemon:
        await daemon.take(BARS[:7])
        write(file, "broken (")
        await daemon.change(config=smaller)
        await daemon.take(BARS[7:20])

    await verify_run(store, LOG)
    assert bought(await events_of(store)) == [10, 4, 4]


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("bars: int = 0", "bars: str = ''", ComponentError),
        ("self.state.bars += 1", "import os", StrategyRefused),
        ("def on_bar", "def on_bar(", StrategyRefused),
    ],
    ids=["state", "forbidden", "syntax"],
)
async def test_code_that_cannot_follow_changes_nothing(
    config: ReplayConfig, file: Path, old: str, new: str, error: type[Exception]
) -> None:
    store = MemoryEventStore()
    async with running(store, config) as daemon:
        await daemon.take(BARS[:12])
        before = len(await events_of(store))
        edit(file, (old, new))
        with pytest.raises(error):
            await daemon.change(reload=[TRADER])
        assert len(await events_of(store)) == before
        write(file, CODE)
        await daemon.take(BARS[12:22])

    await verify_run(store, LOG)
    assert bought(await events_of(store)) == [10, 10, 10, 10]


async def test_state_of_another_version_is_migrated_by_the_strategy(config: ReplayConfig, file: Path) -> None:
    store = MemoryEventStore()
    async with running(store, config) as daemon:
        await daemon.take(BARS[:12])
        edit(
            file,
            ("bars: int = 0", "seen: tuple[int, ...] = (0,)"),
            ('version="1"', 'version="2"'),
            ("self.state.bars += 1", "self.state.seen = (self.state.seen[0] + 1,)"),
            ("self.state.bars", "self.state.seen[0]"),
            (
                "    def on_start",
                "    def migrate(self, state, version):\n"
                "        return {'seen': [100 + state['bars']]} if version == '1' else state\n\n"
                "    def on_start",
            ),
        )
        await daemon.change(reload=[TRADER])
        await daemon.take(BARS[12:22])

    await verify_run(store, LOG)
    assert said(await events_of(store)) == ["start at bar 0", "start at bar 112"]


async def test_migrate_that_raises_is_told_and_the_old_code_goes_on(config: ReplayConfig, file: Path) -> None:
    store = MemoryEventStore()
    async with running(store, config) as daemon:
        edit(
            file,
            ('version="1"', 'version="2"'),
            ("    def on_start", "    def migrate(self, state, version):\n        1 / 0\n\n    def on_start"),
        )
        with pytest.raises(
            ComponentError, match=r"`migrate` failed on the state of version '1'.*ZeroDivision"
        ):
            await daemon.change(reload=[TRADER])
        await daemon.take(BARS[:12])

    await verify_run(store, LOG)
    assert bought(await events_of(store)) == [10, 10]


# --- versions -----------------------------------------------------------------------------------


async def test_a_version_that_was_refused_stays_away_until_its_file_is_edited(
    config: ReplayConfig, file: Path
) -> None:
    store = MemoryEventStore()
    async with running(store, config) as daemon:
        await daemon.take(BARS[:7])
        good = daemon.session.plan.strategies[0].loaded
        edit(file, ("Decimal(10)", "Decimal(3)"))
        await daemon.change(reload=[TRADER])
        await daemon.take(BARS[7:12])
        bad = daemon.session.plan.strategies[0].loaded
        await daemon.change(
            versions={TRADER: load_recorded(good.source, good.reference)}, refused={TRADER: bad.code_hash}
        )
        await daemon.take(BARS[12:17])
    async with running(store, config) as daemon:
        await daemon.take(BARS[17:22])
        with pytest.raises(ConfigError, match="nothing has changed"):
            await daemon.change(reload=[TRADER])
        edit(file, ("Decimal(3)", "Decimal(5)"))
        await daemon.change(reload=[TRADER])
        await daemon.take(BARS[22:27])

    await verify_run(store, LOG)
    events = await events_of(store)
    assert bought(events) == [10, 3, 10, 10, 5]
    assert [event.code_hash for event in events if isinstance(event, VersionRefused)] == [bad.code_hash]
    assert len([event for event in events if isinstance(event, StrategyLoaded)]) == 4


# --- values -------------------------------------------------------------------------------------


async def test_a_tunable_parameter_changes_without_a_new_start(config: ReplayConfig, file: Path) -> None:
    edit(
        file,
        (
            "quantity: Decimal = Decimal(10)",
            "quantity: Annotated[Decimal, Tunable] = Decimal(10)\n    other: int = 1",
        ),
        ("import Metadata,", "import Metadata, Tunable,"),
        ("from decimal import Decimal", "from decimal import Decimal\nfrom typing import Annotated"),
    )
    store = MemoryEventStore()
    async with running(store, config) as daemon:
        await daemon.take(BARS[:7])
        await daemon.change(config=with_params(config, quantity="4"))
        await daemon.take(BARS[7:12])

    await verify_run(store, LOG)
    events = await events_of(store)
    assert bought(events) == [10, 4]
    assert said(events) == ["start at bar 0"]


async def test_changed_values_hold_over_a_restart_until_the_file_changes(config: ReplayConfig) -> None:
    store = MemoryEventStore()
    async with running(store, config) as daemon:
        await daemon.take(BARS[:12])
        tight = msgspec.structs.replace(config.risk, max_position_quantity=Decimal(25))
        await daemon.change(config=msgspec.structs.replace(config, risk=tight))
        await daemon.change(config=with_params(daemon.session.plan.config, quantity="4"))
    async with running(store, config) as daemon:
        await daemon.take(BARS[12:20])
        held = daemon.session.plan.config
    other = msgspec.structs.replace(
        config, risk=msgspec.structs.replace(config.risk, max_position_quantity=Decimal(99))
    )
    async with running(store, other) as daemon:
        await daemon.take(BARS[20:25])
        last = daemon.session.plan.config

    await verify_run(store, LOG)
    assert held.risk.max_position_quantity == 25
    assert held.strategies[0].params == {"quantity": "4"}
    assert last.risk.max_position_quantity == 99
    assert last.strategies[0].params == {}


# --- strategies come and go ---------------------------------------------------------------------


async def test_a_strategy_is_added_and_another_removed_while_it_trades(
    config: ReplayConfig, file: Path
) -> None:
    store = MemoryEventStore()
    other = StrategyConfig(strategy=f"{file}:Trader", id="other", params={"quantity": "1"})
    both = msgspec.structs.replace(config, strategies=(*config.strategies, other))
    alone = msgspec.structs.replace(config, strategies=(other,))
    async with running(store, config) as daemon:
        await daemon.take(BARS[:6])
        await daemon.change(config=both)
        await daemon.take(BARS[6:11])
        with pytest.raises(ConfigError, match="Say what becomes of them"):
            await daemon.change(config=alone)
        change = Change(operator="test", config=alone)
        await daemon.session.change(change, orphans={TRADER: Orphan.FLATTEN})
        await daemon.take(BARS[11:30])
        held = dict(daemon.session.core.portfolio.holders("A"))

    await verify_run(store, LOG)
    assert held == {OTHER: 4}


async def test_what_only_a_start_reads_is_refused_with_its_key(config: ReplayConfig) -> None:
    store = MemoryEventStore()
    async with running(store, config) as daemon:
        with pytest.raises(ConfigError, match="cash: cannot change while the session runs"):
            await daemon.change(config=msgspec.structs.replace(config, cash=Decimal(5)))
        with pytest.raises(ConfigError, match="nothing has changed"):
            await daemon.change(config=config)

    assert [type(event) for event in await events_of(store)].count(SessionStarted) == 1


# --- at once ------------------------------------------------------------------------------------


async def test_no_event_is_lost_or_seen_twice_over_many_changes(config: ReplayConfig, file: Path) -> None:
    store = MemoryEventStore()
    async with running(store, config) as daemon:
        for number in range(1, len(BARS)):
            edit(file, (f"Decimal({9 + number})", f"Decimal({10 + number})"))
            posting = asyncio.ensure_future(daemon.take(BARS[number - 1 : number]))
            await asyncio.gather(posting, daemon.change(reload=[TRADER]))
        counted = daemon.session.core.hosts[0].strategy.state.bars

    await verify_run(store, LOG)
    assert counted == len(BARS) - 1
