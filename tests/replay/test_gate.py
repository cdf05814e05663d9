"""The gate out of an environment: what a version has shown, measured from its log, and its limits."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from components.assembly.instruments import InstrumentConfig
from components.assembly.settings import StrategyConfig
from eventstore import EventStore, MemoryEventStore
from eventstore.snapshot_files import SnapshotFiles
from kernel.errors import InputError
from kernel.events import FlattenPositions
from kernel.events.deployments import GateRow
from kernel.identifiers import StrategyId
from replay.config import ReplayConfig
from replay.deploying.gate import gate_table, rows_of_gate
from replay.deploying.gate_measures import Measured, measured_of, version_of
from replay.deploying.settings import GateLimits
from replay.session_snapshots import SessionSnapshots
from strategies.sdk import RiskLimits
from strategies.sdk.limits import BreachAction, ContinuousLimit, LimitKind
from strategies.sdk.loading import load_strategy
from tests.replay.live_sessions import LOG, live_session
from tests.replay.test_live_changes import BARS, TRADER, edit, running, write

CODE = """
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState, buy, sell


class Params(StrategyParams, frozen=True):
    every: int = 2


class State(StrategyState):
    bars: int = 0


class Trader(Strategy[Params, State]):
    metadata = Metadata(name="trader", version="1")

    def on_bar(self, bar):
        self.state.bars += 1
        turn, rest = divmod(self.state.bars, self.params.every)
        if not rest:
            return buy(bar.symbol, 10) if turn % 2 else sell(bar.symbol, 10)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trade.py"
    write(path, CODE)
    return path


@pytest.fixture
def config(file: Path) -> ReplayConfig:
    return ReplayConfig(
        instruments=(InstrumentConfig(symbol="A"),),
        risk=RiskLimits(allow_short=True, require_cash=False),
        strategies=(StrategyConfig(strategy=f"{file}:Trader", id="trader"),),
    )


async def measured(store: EventStore, folder: Path) -> Measured:
    snapshots = SessionSnapshots(SnapshotFiles(folder / "snapshots"), store=store, log=LOG)
    return await measured_of(store, LOG, await version_of(store, LOG, TRADER), snapshots=snapshots)


async def rows(store: EventStore, folder: Path, limits: GateLimits | None = None) -> dict[str, GateRow]:
    found = rows_of_gate(
        await measured(store, folder),
        limits or GateLimits(),
        reviewed_by="ann",
        alerts_confirmed_by="",
        open_alerts=1,
    )
    return {row.check: row for row in found}


def passed(found: dict[str, GateRow], names: Sequence[str]) -> list[bool]:
    return [found[name].is_passed for name in names]


async def test_undisturbed_version_is_its_own_backtest_and_passes_what_is_measured(
    config: ReplayConfig, tmp_path: Path
) -> None:
    store = MemoryEventStore()
    async with running(store, config) as daemon:
        await daemon.take(BARS[:30])
    found = await rows(store, tmp_path)
    table = gate_table(tuple(found.values()), strategy="trader", origin=LOG)

    assert [name for name, row in found.items() if not row.is_passed] == ["alerts"]
    assert found["trading days"].measured == "30"
    assert found["fill rate"].measured == "100.0% of 14 orders"
    assert found["slippage"].measured.startswith("+0.00 bps")
    gained, expected, deviation = found["P&L"].measured.split(",")
    assert gained == expected.removeprefix(" backtest ")
    assert float(deviation.rsplit(" ", 1)[1]) > 0
    assert found["review"].measured == "by ann"
    assert found["alerts"].measured == "by nobody, 1 open"
    assert [row[3] for row in table.rows].count("NO") == 1


async def test_version_that_meets_all_conditions_may_leave(config: ReplayConfig, tmp_path: Path) -> None:
    store = MemoryEventStore()
    async with running(store, config) as daemon:
        await daemon.take(BARS[:30])
    found = rows_of_gate(
        await measured(store, tmp_path),
        GateLimits(),
        reviewed_by="ann",
        alerts_confirmed_by="ben",
        open_alerts=0,
    )

    assert len(found) == 8
    assert all(row.is_passed for row in found)


async def test_version_begins_where_its_code_began(config: ReplayConfig, file: Path, tmp_path: Path) -> None:
    store = MemoryEventStore()
    async with running(store, config) as daemon:
        await daemon.take(BARS[:20])
        edit(file, ("every: int = 2", "every: int = 3"))
        await daemon.change(reload=[TRADER])
        await daemon.take(BARS[20:24])
        tight = msgspec.structs.replace(config.risk, max_open_orders=50)
        await daemon.change(config=msgspec.structs.replace(config, risk=tight))
        await daemon.take(BARS[24:27])
    async with running(store, msgspec.structs.replace(config, risk=tight)) as daemon:
        await daemon.take(BARS[27:30])
    version = await version_of(store, LOG, TRADER)
    found = await measured(store, tmp_path)

    assert version.entry.params == {"every": 3}
    assert len(found.days) == 10
    assert found.crashes.count == 0
    assert found.paper.filled == found.backtest.filled > 0
    assert found.paper.pnl == found.backtest.pnl


async def test_what_operators_did_is_not_in_the_backtest(config: ReplayConfig, tmp_path: Path) -> None:
    store = MemoryEventStore()
    async with running(store, config) as daemon:
        await daemon.take(BARS[:7])
        await daemon.session.engine.post(FlattenPositions(BARS[6].ts, "ann", reason="away"))
        await daemon.take(BARS[7:30])
    found = await measured(store, tmp_path)

    assert found.paper.filled == found.backtest.filled + 1
    assert found.paper.pnl[-1] != found.backtest.pnl[-1]


async def test_session_without_a_stop_and_strategy_that_raises_are_crashes(
    config: ReplayConfig, file: Path, tmp_path: Path
) -> None:
    store = MemoryEventStore()
    edit(
        file,
        (
            "        self.state.bars += 1\n",
            "        self.state.bars += 1\n        1 / (self.state.bars - 4)\n",
        ),
    )
    code = [load_strategy(f"{file}:Trader")]
    await live_session(store, BARS[:6], code, config, is_killed=True)
    await live_session(store, BARS[6:9], code, config)
    found = await measured(store, tmp_path)
    shown = (await rows(store, tmp_path))["crashes"]

    assert (found.crashes.count, found.failures.count) == (1, 1)
    assert not shown.is_passed
    assert shown.measured == "2"
    assert shown.place == f"first at seq {found.failures.first_seq:,}"


async def test_breach_of_a_limit_is_counted_with_its_place(config: ReplayConfig, tmp_path: Path) -> None:
    limit = ContinuousLimit(kind=LimitKind.STOP_LOSS, limit=Decimal("0.0001"), action=BreachAction.FLATTEN)
    risk = msgspec.structs.replace(config.risk, continuous=(limit,))
    store = MemoryEventStore()
    async with running(store, msgspec.structs.replace(config, risk=risk)) as daemon:
        await daemon.take(BARS[:30])
    found = await rows(store, tmp_path)
    allowed = await rows(store, tmp_path, GateLimits(breaches=1_000))

    assert not found["risk breaches"].is_passed
    assert found["risk breaches"].place.startswith("first at seq ")
    assert allowed["risk breaches"].is_passed


async def test_version_that_did_not_trade_passes_nothing_that_needs_fills(
    config: ReplayConfig, tmp_path: Path
) -> None:
    store = MemoryEventStore()
    async with running(store, config) as daemon:
        await daemon.take(BARS[:1])
    found = await rows(store, tmp_path)

    assert passed(found, ["trading days", "slippage", "fill rate", "P&L"]) == [False] * 4
    assert passed(found, ["crashes", "risk breaches"]) == [True] * 2


async def test_strategy_that_the_log_does_not_end_with_is_told(config: ReplayConfig) -> None:
    store = MemoryEventStore()
    async with running(store, config) as daemon:
        await daemon.take(BARS[:1])

    with pytest.raises(InputError, match="has no strategy 'nobody'"):
        await version_of(store, LOG, StrategyId("nobody"))
