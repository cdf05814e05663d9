"""``onetape deploy``, ``promote`` and ``rollback`` against a running daemon."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from components.assembly.instruments import InstrumentConfig
from components.assembly.settings import StrategyConfig
from eventstore import open_store
from kernel.events.deployments import GateJudged, StrategyDeployed
from ops.control.requests import DeployStrategy
from replay.config import ReplayConfig
from strategies.sdk import RiskLimits
from strategies.sdk.strategy_limits import Capital
from tests.ops.commands import onetape
from tests.ops.control.running import Running, running
from tests.ops.control.test_deployments import FIRST, UNTRIED, the
from tests.ops.daemon.statuses import asked
from tests.ops.daemon.worlds import write_world
from tests.replay.test_gate import CODE
from tests.replay.test_live_changes import BARS
from tests.replay.test_live_changes import running as session_of

WAITING = '{strategy: "trade.py:Busy", id: waiting, symbols: [AAB], params: {every: 3}, enabled: false}'


async def deployed(daemon: Running, *arguments: object) -> StrategyDeployed:
    done = await asked(*map(str, arguments))
    assert done.exit_code == 0, done.stderr
    return (await daemon.logged(StrategyDeployed))[-1]


async def test_code_of_a_file_is_deployed_with_the_options_of_the_command(tmp_path: Path) -> None:
    async with running(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        code = f"{tmp_path}/trade.py:Busy"
        made = await deployed(
            daemon,
            *("deploy", code, tmp_path / "paper.yaml", "--id", "fast", "--symbols", "AAA,AAB"),
            *("--set", "every=2", "--capital", "20%", "--schedule", "10% for 2h, then 100%"),
            *("--max-drawdown", "3%", "--flatten-on-stop", "--reason", "tried for a week"),
        )
        view = await the(daemon, "fast")
        table = (await asked("strategies", "list", tmp_path / "paper.yaml")).stdout

    assert (made.strategy, made.max_drawdown, made.flattens) == ("fast", Decimal("0.03"), True)
    assert made.reason == "tried for a week"
    assert view.symbols == ("AAA", "AAB")
    assert view.params["every"] == 2
    assert view.capital == Capital(fraction=Decimal("0.020"))
    assert "10%, 100% at 20" in table


async def test_answer_has_the_name_that_later_commands_need(tmp_path: Path) -> None:
    async with running(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        file, code = tmp_path / "paper.yaml", f"{tmp_path}/trade.py:Busy"
        first = await asked("deploy", code, str(file), "--symbols", "AAA", "--canary", "10%")
        name = first.stdout.partition(":")[0]
        promoted = await asked("promote", name, str(file))
        entry = StrategyConfig(strategy=code, symbols=("AAA",))
        body = DeployStrategy(strategy=code, settings=entry, id="twice")
        receipts = [await daemon.do("/deployments/deploy", body) for _ in range(2)]

    assert first.stdout.startswith("busy: deployed, with 10% of its capital; recorded at seq ")
    assert promoted.exit_code == 0, promoted.stderr
    assert [(one.strategy, one.is_repeated) for one in receipts] == [("busy", False), ("", True)]


async def test_entry_that_is_not_enabled_is_deployed_by_its_name(tmp_path: Path) -> None:
    async with running(tmp_path, UNTRIED, strategies=(FIRST, WAITING)) as daemon:
        file = tmp_path / "paper.yaml"
        await deployed(daemon, "deploy", "waiting", file, "--canary", "25%")
        view = await the(daemon, "waiting")
        promoted = await asked("promote", "waiting", file)
        back = await asked("rollback", "waiting", file)
        again = await deployed(daemon, "deploy", "waiting", file)

    assert view.params["every"] == 3
    assert view.deployment is not None
    assert view.deployment.share == "25%"
    assert promoted.stdout.startswith("waiting: it has the capital of its next step; recorded at seq ")
    assert back.stdout.startswith("waiting: rolled back: it is not deployed any more; recorded at seq ")
    assert again.settings_before == ""


async def test_wrong_usage_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    two = onetape("deploy", "x", str(tmp_path), "--canary", "10%", "--schedule", "20%")
    both = onetape("rollback", "x", str(tmp_path), "--flatten", "--keep")
    text = onetape("deploy", "x.py:X", str(tmp_path), "--capital", "much")
    step = onetape("deploy", "x.py:X", str(tmp_path), "--canary", "a little")

    assert [one.exit_code for one in (two, both, text, step)] == [2, 2, 2, 1]
    assert "'a little' is no step" in step.stderr


async def test_environment_is_found_by_its_name_or_because_it_is_the_only_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with running(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        await deployed(daemon, "deploy", "trade.py:Busy", "--env", "paper", "--symbols", "AAA")
        alone = await asked("rollback", "busy")
        (tmp_path / "live.yaml").write_text("mode: live\n", "utf-8")
        unclear = await asked("rollback", "busy")

    assert alone.exit_code == 0
    assert unclear.exit_code == 2
    assert "--env paper or --env live" in unclear.stderr


async def test_version_of_an_environment_is_promoted_to_another_through_its_gate(tmp_path: Path) -> None:
    paper, live = tmp_path / "a", tmp_path / "b"
    for folder in (paper, live):
        folder.mkdir()
    async with (
        running(paper, UNTRIED, strategies=(FIRST,)) as here,
        running(live, UNTRIED, strategies=()) as there,
    ):
        file, target = paper / "paper.yaml", str(live / "paper")
        code = f"{paper}/trade.py:Busy"
        await deployed(here, "deploy", code, file, "--symbols", "AAA", "--set", "every=2", "--capital", "10%")
        for price in range(12):
            await here.quote(price=100.0 + price % 3)
        (paper / "trade.py").unlink()
        gate = await asked("gate", "busy", file)
        told = await asked("gate", "busy", file, "--json", "--reviewed-by", "ann")
        people = ("--reviewed-by", "ann", "--alerts-confirmed-by", "ben")
        refused = await asked("promote", "busy", file, "--to", target, *people)
        done = await asked(
            "promote", "busy", file, "--to", target, *people, "--canary", "10%", "--force-gate", "an exercise"
        )
        (judged,) = await there.logged(GateJudged)
        (made,) = await there.logged(StrategyDeployed)
        view, before = await the(there, "busy"), await the(here, "busy")

    assert gate.exit_code == 1
    assert "trading days" in gate.stdout
    assert "the gate is not passed" in gate.stdout
    found = json.loads(told.stdout)
    rows = {row["check"]: row for row in found["rows"]}
    assert not found["is_passed"]
    assert [rows[name]["is_passed"] for name in ("crashes", "slippage", "risk breaches", "review")] == [
        True
    ] * 4
    assert refused.exit_code == 1
    assert "the gate is not passed: trading days" in refused.stderr
    assert done.exit_code == 0, done.stderr
    assert (judged.origin, judged.is_passed, judged.reason) == ("paper", False, "an exercise")
    assert (judged.reviewed_by, judged.alerts_confirmed_by) == ("ann", "ben")
    assert made.code_hash == before.source_hash == view.source_hash
    assert view.params == before.params
    assert view.capital == Capital(fraction=Decimal("0.01"))


async def test_version_that_has_shown_all_of_it_is_promoted_without_force(tmp_path: Path) -> None:
    paper, live = tmp_path / "a", tmp_path / "b"
    for folder in (paper, live):
        folder.mkdir()
    write_world(paper, "ws://unused")
    (paper / "trader.py").write_text(CODE, "utf-8")
    config = ReplayConfig(
        instruments=(InstrumentConfig(symbol="A"),),
        risk=RiskLimits(allow_short=True, require_cash=False),
        strategies=(StrategyConfig(strategy=f"{paper}/trader.py:Trader", id="trader"),),
    )
    async with await open_store(paper / "paper.tape") as store, session_of(store, config) as session:
        await session.take(BARS[:30])
    people = ("--reviewed-by", "ann", "--alerts-confirmed-by", "ben")

    async with running(live, UNTRIED, strategies=()) as there:
        gate = await asked("gate", "trader", paper / "paper.yaml", *people)
        done = await asked(
            "promote", "trader", paper / "paper.yaml", "--to", live / "paper", *people, "--capital", "500"
        )
        (judged,) = await there.logged(GateJudged)
        (made,) = await there.logged(StrategyDeployed)
        view = await the(there, "trader")

    assert gate.exit_code == 0, gate.stdout
    assert "the gate is passed, 8 of 8 conditions are met" in gate.stdout
    assert done.exit_code == 0, done.stderr
    assert "the gate is passed, 8 of 8 conditions are met" in done.stdout
    assert judged.is_passed
    assert judged.reason == ""
    assert all(row.is_passed for row in judged.rows)
    assert made.code_hash == view.source_hash
    assert view.capital == Capital(amount=Decimal(500))
