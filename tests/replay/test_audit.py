"""The audit of a live log: what was changed, by whom and why, and whether the log is as it was written."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from components.assembly.instruments import InstrumentConfig
from components.assembly.settings import StrategyConfig
from eventstore import MemoryEventStore
from kernel.errors import StreamMissing
from kernel.events import (
    ControlRequested,
    EngageKillSwitch,
    HaltTrading,
    PauseStrategy,
    ResumeTrading,
    VersionRefused,
)
from kernel.identifiers import StrategyId
from replay.audit import AuditLine, audit, checked
from replay.config import ReplayConfig
from strategies.sdk import Capital, RiskLimits
from tests.replay.live_sessions import LOG
from tests.replay.test_live_changes import BARS, CODE, edit, running, write


async def audited(store: MemoryEventStore, *, from_ts: int = 0) -> list[AuditLine]:
    return [line async for line in audit(store, LOG, from_ts=from_ts)]


async def test_each_change_has_a_line_with_what_was_before(tmp_path: Path) -> None:
    file, store = tmp_path / "trade.py", MemoryEventStore()
    write(file, CODE)
    config = ReplayConfig(
        instruments=(InstrumentConfig(symbol="A"),),
        risk=RiskLimits(allow_short=True, require_cash=False),
        strategies=(StrategyConfig(strategy=f"{file}:Trader", id="trader"),),
    )
    async with running(store, config) as daemon:
        await daemon.take(BARS[:7])
        tight = msgspec.structs.replace(config.risk, max_position_quantity=Decimal(25))
        await daemon.change(config=msgspec.structs.replace(config, risk=tight), reason="too large")
        edit(file, ("Decimal(10)", "Decimal(3)"))
        await daemon.change(reload=[StrategyId("trader")])
        await daemon.session.engine.post(HaltTrading(BARS[7].ts, "ann", "news"))
        await daemon.take(BARS[7:9])
    lines = await audited(store)
    chain = await checked(store, LOG)

    told = [(line.who, line.what.split(" code ")[0], line.why) for line in lines]
    assert told[2:] == [
        ("daemon", "session 1 began: paper, onetape 0.1.0", ""),
        ("daemon", "risk.max_position_quantity: nothing -> 25", ""),
        ("test", "session 1 changed", "too large"),
        ("daemon", "trader:", ""),
        ("test", "session 1 changed; new or started again: trader", ""),
        ("ann", "halt trading", "news"),
        ("daemon", "session 1 ended", "end of day"),
    ]
    assert await audited(store, from_ts=lines[3].ts) == lines[3:]
    assert (chain.seq, chain.damage) == ((await store.head(LOG)).seq, "")


async def test_log_that_is_not_there_is_told() -> None:
    with pytest.raises(StreamMissing):
        await audited(MemoryEventStore())


async def test_new_strategy_and_one_that_is_gone_have_a_line_each(tmp_path: Path) -> None:
    file, store = tmp_path / "trade.py", MemoryEventStore()
    write(file, CODE)
    one = StrategyConfig(strategy=f"{file}:Trader", id="trader")
    config = ReplayConfig(instruments=(InstrumentConfig(symbol="A"),), strategies=(one,))
    two = msgspec.structs.replace(config, strategies=(one, msgspec.structs.replace(one, id="other")))
    async with running(store, config) as daemon:
        await daemon.take(BARS[:2])
        await daemon.change(config=two)
        await daemon.change(config=config)
    lines = [line.what for line in await audited(store) if line.event == "ConfigLoaded"]

    assert lines[1:] == ["strategies[other]: new", "strategies[other]: removed"]


async def test_settings_that_are_only_written_otherwise_are_no_change(tmp_path: Path) -> None:
    file, store = tmp_path / "trade.py", MemoryEventStore()
    write(file, CODE)
    one = StrategyConfig(strategy=f"{file}:Trader", id="trader")
    config = ReplayConfig(instruments=(InstrumentConfig(symbol="A"),), strategies=(one,))
    again = msgspec.json.decode(msgspec.json.encode(config), type=ReplayConfig)  # 1 is 1.0 now
    shared = msgspec.structs.replace(again.strategies[0], capital=Capital(fraction=Decimal("0.5")))
    async with running(store, config) as daemon:
        await daemon.take(BARS[:2])
        await daemon.change(config=msgspec.structs.replace(again, strategies=(shared,)))
    lines = [line.what for line in await audited(store) if line.event == "ConfigLoaded"]

    assert lines[1:] == ["strategies[trader].capital.fraction: nothing -> 0.5"]


async def test_commands_are_named_in_words() -> None:
    store = MemoryEventStore()
    commands = [
        EngageKillSwitch(1, "ann", "fire"),
        PauseStrategy(2, "ben", StrategyId("trader"), "results"),
        ResumeTrading(2, "ben", "calm"),
        ControlRequested(3, "ann", "/v1/kill", "{}", key="1-1"),
        VersionRefused(4, "ben", StrategyId("trader"), "74469aa7" * 8, "it trades too much"),
    ]
    await store.append(LOG, commands, expected_seq=0)

    assert [line.what for line in await audited(store)] == [
        "engage kill switch",
        "pause strategy strategy=trader",
        "resume trading",
        "asked for /v1/kill {} key=1-1",
        "trader: code 74469aa7 is not loaded again until its file is edited",
    ]
