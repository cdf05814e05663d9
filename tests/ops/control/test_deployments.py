"""Strategies are deployed, scaled, stopped and rolled back while the daemon trades, by whom and why."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from components.assembly.settings import StrategyConfig
from eventstore import open_store
from kernel.events import (
    AlertRaised,
    CancelOrder,
    ControlRequested,
    FlattenPositions,
    OrderFilled,
    PauseStrategy,
    ResumeStrategy,
    SessionChanged,
    StrategyLoaded,
)
from kernel.events.deployments import (
    DeploymentMarked,
    DeploymentRolledBack,
    DeploymentStepped,
    DeploymentStopped,
    GateJudged,
    GateRow,
    StrategyDeployed,
)
from kernel.identifiers import StrategyId
from ops.control.client import CommandRefused
from ops.control.requests import DeployStrategy, PromoteStrategy, RollBackStrategy, SetLimits
from ops.control.views import StrategyView
from ops.daemon.wanted_deployment import Judged, RecordedCode
from replay.audit import audit
from replay.reopening import Orphan
from replay.verification import verify_run
from strategies.sdk.strategy_limits import Capital
from tests.ops.control.running import FREE, LOG, Running, logged, running, until

UNTRIED = "reload: {watch: false, tail_s: 0}"
FIRST = '{strategy: "trade.py:Holder", symbols: [AAC]}'


def busy(folder: Path, *, every: int = 2, quantity: int = 1, amount: int | None = 10_000) -> StrategyConfig:
    capital = None if amount is None else Capital(amount=Decimal(amount))
    return StrategyConfig(
        strategy=f"{folder}/trade.py:Busy",
        params={"every": every, "quantity": quantity},
        symbols=("AAA",),
        capital=capital,
    )


@asynccontextmanager
async def verified(
    folder: Path, *extra: str, strategies: Sequence[str] = (), risk: str = FREE
) -> AsyncGenerator[Running]:
    """A daemon whose whole log is played again at the end, and gives the same events."""
    async with running(folder, *extra, strategies=strategies, risk=risk) as daemon:
        yield daemon
    async with await open_store(daemon.config.store) as store:
        await verify_run(store, LOG)


async def the(daemon: Running, name: str) -> StrategyView:
    views = await daemon.show("/strategies", tuple[StrategyView, ...])
    return next(view for view in views if view.strategy == name)


async def names(daemon: Running) -> list[str]:
    return [view.strategy for view in await daemon.show("/strategies", tuple[StrategyView, ...])]


async def test_strategy_is_deployed_into_a_running_daemon_without_any(tmp_path: Path) -> None:
    async with verified(tmp_path, UNTRIED, strategies=()) as daemon:
        assert await names(daemon) == []
        body = DeployStrategy(strategy="busy", settings=busy(tmp_path), reason="the first")
        receipt = await daemon.do("/deployments/deploy", body)
        for number in range(4):
            await daemon.quote(price=100.0 + number)
        (deployed,) = await daemon.logged(StrategyDeployed)
        (loaded,) = await daemon.logged(StrategyLoaded)
        (changed,) = await daemon.logged(SessionChanged)
        (asked,) = await daemon.logged(ControlRequested)
        fills = await daemon.logged(OrderFilled)
        view = await the(daemon, "busy")

    assert (deployed.operator, deployed.reason) == (receipt.operator, "the first")
    assert deployed.code_hash == loaded.source_hash
    assert changed.strategies == ("busy",)
    assert asked.request == "/v1/deployments/deploy"
    assert fills
    assert view.capital == Capital(amount=Decimal(10_000))
    assert view.deployment is not None
    assert (view.deployment.share, view.deployment.next_share) == ("100%", "")


async def test_canary_gets_a_part_of_its_capital_and_the_rest_when_it_is_promoted(tmp_path: Path) -> None:
    async with verified(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        body = DeployStrategy(strategy="busy", settings=busy(tmp_path), schedule="10%, 50%")
        await daemon.do("/deployments/deploy", body)
        shares = [(await the(daemon, "busy")).capital]
        for _ in range(2):
            await daemon.do("/deployments/promote", PromoteStrategy(strategy="busy", reason="it does well"))
            shares.append((await the(daemon, "busy")).capital)
        with pytest.raises(CommandRefused, match="no step left"):
            await daemon.do("/deployments/promote", PromoteStrategy(strategy="busy"))
        steps = await daemon.logged(DeploymentStepped)

    assert shares == [Capital(amount=Decimal(amount)) for amount in (1_000, 5_000, 10_000)]
    assert [(one.step, one.share, one.reason) for one in steps] == [
        (1, Decimal("0.5"), "it does well"),
        (2, Decimal(1), "it does well"),
    ]


async def test_schedule_takes_its_steps_by_itself(tmp_path: Path) -> None:
    async with verified(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        body = DeployStrategy(strategy="busy", settings=busy(tmp_path), schedule="10% for 1s, then 100%")
        await daemon.do("/deployments/deploy", body)
        deployments = daemon.session.deployments
        await until(lambda: not any(one.is_canary for one in deployments.current))
        (step,) = await daemon.logged(DeploymentStepped)
        (deployed,) = await daemon.logged(StrategyDeployed)

    assert (step.operator, step.reason, step.share) == ("deployment", "its schedule", Decimal(1))
    assert step.ts - deployed.ts >= 1_000_000_000


async def test_canary_whose_strategy_raises_is_stopped(tmp_path: Path) -> None:
    async with verified(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        raiser = StrategyConfig(strategy=f"{tmp_path}/trade.py:Raiser", symbols=("AAA",))
        body = DeployStrategy(strategy="raiser", settings=raiser, schedule="10%", flatten_on_stop=True)
        await daemon.do("/deployments/deploy", body)
        await daemon.quote()
        await until(lambda: bool(daemon.session.deployments.current[0].stopped))
        await daemon.quote("AAC")
        (stopped,) = await daemon.logged(DeploymentStopped)
        (paused,) = await daemon.logged(PauseStrategy)
        (flattened,) = await daemon.logged(FlattenPositions)
        view = await the(daemon, "raiser")
        alerts = daemon.session.deployments.current

    assert stopped.reason.startswith("it raised ValueError")
    assert (paused.operator, paused.strategy) == ("deployment", "raiser")
    assert (flattened.operator, flattened.strategy) == ("deployment", "raiser")
    assert view.deployment is not None
    assert view.deployment.stopped == stopped.reason
    assert not alerts[0].is_canary


async def test_canary_that_loses_too_much_is_stopped_and_goes_on_when_it_is_promoted(tmp_path: Path) -> None:
    async with verified(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        holder = StrategyConfig(strategy=f"{tmp_path}/trade.py:Holder", id="careful", symbols=("AAA",))
        holder = msgspec.structs.replace(holder, capital=Capital(amount=Decimal(10_000)))
        body = DeployStrategy(
            strategy="careful", settings=holder, schedule="10%, 11%", max_drawdown=Decimal("0.02")
        )
        await daemon.do("/deployments/deploy", body)
        await daemon.quote(price=100.0)
        await daemon.quote(price=100.0)
        await daemon.quote(price=79.0)
        await until(lambda: bool(daemon.session.deployments.current[0].stopped))
        await daemon.quote("AAC")
        (stopped,) = await daemon.logged(DeploymentStopped)
        assert (await the(daemon, "careful")).state == "paused"
        await daemon.do("/deployments/promote", PromoteStrategy(strategy="careful", reason="once more"))
        await daemon.quote(price=77.5)
        await daemon.canaries.look()
        resumed = await daemon.logged(ResumeStrategy)
        view = await the(daemon, "careful")
        await daemon.quote(price=56.0)
        await daemon.canaries.look()
        await daemon.quote("AAC")
        stops = await daemon.logged(DeploymentStopped)

    assert len(stops) == 2
    assert stopped.reason.startswith("it has lost 2.10% of the capital of its step from its best")
    assert [one.strategy for one in resumed] == ["careful"]
    assert view.state == "running"


async def test_loss_of_a_canary_is_counted_from_its_best_before_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        holder = StrategyConfig(strategy=f"{tmp_path}/trade.py:Holder", id="careful", symbols=("AAA",))
        holder = msgspec.structs.replace(holder, capital=Capital(amount=Decimal(10_000)))
        body = DeployStrategy(
            strategy="careful", settings=holder, schedule="10%", max_drawdown=Decimal("0.02")
        )
        await daemon.do("/deployments/deploy", body)
        for price in (100.0, 100.0, 101.0, 115.0):
            await daemon.quote(price=price)
            await daemon.canaries.look()
        await daemon.quote("AAC")
        marks = [one.best for one in await daemon.logged(DeploymentMarked)]
    async with verified(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        await daemon.quote(price=94.0)
        await daemon.canaries.look()
        await daemon.quote("AAC")
        (stopped,) = await daemon.logged(DeploymentStopped)

    assert marks == [15]
    assert stopped.reason.startswith("it has lost 2.10% of the capital of its step from its best")


async def test_breach_of_a_limit_stops_a_canary_and_its_orders(tmp_path: Path) -> None:
    risk = (
        "{allow_short: true, require_cash: false, "
        "continuous: [{kind: stop_loss, limit: 0.05, action: flatten}]}"
    )
    async with verified(tmp_path, UNTRIED, strategies=(FIRST,), risk=risk) as daemon:
        entry = busy(tmp_path, amount=None)
        await daemon.do(
            "/deployments/deploy", DeployStrategy(strategy="busy", settings=entry, schedule="50%")
        )
        for price in (100.0, 100.0, 100.0, 90.0):
            await daemon.quote(price=price)
        await until(lambda: bool(daemon.session.deployments.current[0].stopped))
        await daemon.quote("AAC")
        (stopped,) = await daemon.logged(DeploymentStopped)
        cancelled = await daemon.logged(CancelOrder)

    assert "stop_loss" in stopped.reason
    assert cancelled


async def test_rollback_brings_code_settings_and_capital_of_the_version_before_back(tmp_path: Path) -> None:
    async with verified(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        body = DeployStrategy(strategy="busy", settings=busy(tmp_path), schedule="20%")
        await daemon.do("/deployments/deploy", body)
        first = await the(daemon, "busy")
        file = tmp_path / "trade.py"
        file.write_text(file.read_text("utf-8").replace("every: int = 10", "every: int = 12"), "utf-8")
        second = busy(tmp_path, every=3, amount=50_000)
        await daemon.do("/deployments/deploy", DeployStrategy(strategy="busy", settings=second))
        later = await the(daemon, "busy")
        for price in range(6):
            await daemon.quote(price=100.0 + price)
        held = daemon.session.core.portfolio.strategy_positions
        await daemon.do("/strategies/rollback", RollBackStrategy(strategy="busy", reason="too much"))
        back = await the(daemon, "busy")
        (rolled,) = await daemon.logged(DeploymentRolledBack)
        positions = dict(held(StrategyId("busy")))

    assert later.source_hash != first.source_hash
    assert later.capital == Capital(amount=Decimal(50_000))
    assert (back.source_hash, back.params, back.capital) == (first.source_hash, first.params, first.capital)
    assert back.deployment is not None
    assert (back.deployment.share, back.deployment.next_share) == ("20%", "100%")
    assert (rolled.reason, rolled.code_hash) == ("too much", first.source_hash)
    assert positions


async def test_rollback_to_nothing_needs_a_word_about_positions(tmp_path: Path) -> None:
    async with verified(tmp_path, UNTRIED, strategies=()) as daemon:
        holder = StrategyConfig(strategy=f"{tmp_path}/trade.py:Holder", symbols=("AAA",))
        await daemon.do("/deployments/deploy", DeployStrategy(strategy="holder", settings=holder))
        for _ in range(3):
            await daemon.quote()
        with pytest.raises(CommandRefused, match=r"it has 1 AAA.*--flatten or --keep"):
            await daemon.do("/strategies/rollback", RollBackStrategy(strategy="holder"))
        flat = RollBackStrategy(strategy="holder", positions=Orphan.FLATTEN)
        await daemon.do("/strategies/rollback", flat)
        await daemon.quote()
        left = dict(daemon.session.core.portfolio.strategy_positions(StrategyId("holder")))
        there = await names(daemon)

    assert (left, there) == ({}, [])


async def test_strategy_of_the_file_comes_back_after_its_deployment(tmp_path: Path) -> None:
    async with verified(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        body = DeployStrategy(strategy="holder", schedule="10%", reason="smaller")
        await daemon.do("/deployments/deploy", body)
        canary = await the(daemon, "holder")
        await daemon.do("/strategies/rollback", RollBackStrategy(strategy="holder"))
        back = await the(daemon, "holder")

    assert canary.capital == Capital(fraction=Decimal("0.1"))
    assert (back.capital, back.deployment) == (None, None)


async def test_deployed_version_outlives_a_restart_and_an_edited_file(tmp_path: Path) -> None:
    async with verified(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        body = DeployStrategy(strategy="busy", settings=busy(tmp_path), schedule="10%")
        await daemon.do("/deployments/deploy", body)
        before = await the(daemon, "busy")
    file = tmp_path / "trade.py"
    file.write_text(file.read_text("utf-8").replace("every: int = 10", "every: int = 12"), "utf-8")
    async with verified(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        same_file = await the(daemon, "busy")
    async with verified(tmp_path, UNTRIED, "alerts: {enabled: false}", strategies=(FIRST,)) as daemon:
        other_file = await the(daemon, "busy")
        await daemon.do("/deployments/promote", PromoteStrategy(strategy="busy"))
        promoted = await the(daemon, "busy")

    for later in (same_file, other_file):
        assert (later.source_hash, later.capital) == (before.source_hash, before.capital)
        assert later.deployment == before.deployment
    assert promoted.capital == Capital(amount=Decimal(10_000))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (DeployStrategy(strategy="nobody"), "no strategy 'nobody' in the configuration"),
        (DeployStrategy(strategy="holder", schedule="10% and more"), "is no step"),
        (DeployStrategy(strategy="holder", schedule="50%, 10%"), "shares that grow"),
        (
            DeployStrategy(
                strategy="x",
                settings=StrategyConfig(strategy="strategies.buy_and_hold:BuyAndHold", symbols=("ZZZ",)),
            ),
            "does not trade 'ZZZ'",
        ),
        (
            DeployStrategy(
                strategy="x",
                settings=StrategyConfig(
                    strategy="strategies.buy_and_hold:BuyAndHold",
                    capital=Capital(amount=Decimal(10**7)),
                    symbols=("AAA",),
                ),
                schedule="1%",
            ),
            "adds up to",
        ),
        (
            DeployStrategy(
                strategy="holder",
                gate=Judged(rows=(GateRow("fill rate", "80%", "at least 95%", is_passed=False),)),
            ),
            "the gate is not passed: fill rate",
        ),
    ],
)
async def test_deployment_that_cannot_be_is_refused_and_changes_nothing(
    tmp_path: Path, body: DeployStrategy, words: str
) -> None:
    async with verified(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        before = daemon.session.plan
        with pytest.raises(CommandRefused, match=words):
            await daemon.do("/deployments/deploy", body)
        recorded = await daemon.logged(ControlRequested, SessionChanged, StrategyDeployed)

    assert daemon.session.plan is before
    assert recorded == []


@pytest.mark.parametrize(("is_passed", "force"), [(True, ""), (False, "the venue was closed")])
async def test_recorded_code_of_another_log_is_deployed_with_the_gate_on_record(
    tmp_path: Path, is_passed: bool, force: str
) -> None:
    paper, live = tmp_path / "a", tmp_path / "b"
    for folder in (paper, live):
        folder.mkdir()
    async with verified(paper, UNTRIED, strategies=()) as daemon:
        await daemon.do("/deployments/deploy", DeployStrategy(strategy="busy", settings=busy(paper)))
        batches = daemon.store.read(LOG)
        places = [
            seq
            async for batch in batches
            for seq, event in zip(batch.seqs, batch.events, strict=True)
            if isinstance(event, StrategyLoaded)
        ]
    (paper / "trade.py").unlink()
    async with verified(live, UNTRIED, strategies=()) as daemon:
        row = GateRow("fill rate", "97%", "at least 95%", is_passed=is_passed)
        body = DeployStrategy(
            strategy="busy",
            settings=busy(paper),
            code=RecordedCode(store=str(paper / "paper.tape"), log=LOG, seq=places[0]),
            gate=Judged(rows=(row,), reviewed_by="ann"),
            force=force,
        )
        await daemon.do("/deployments/deploy", body)
        (judged,) = await logged(daemon.store, GateJudged)
        (deployed,) = await daemon.logged(StrategyDeployed)
        view = await the(daemon, "busy")

    assert (judged.origin, judged.is_passed, judged.rows) == (LOG, is_passed, (row,))
    assert (judged.reviewed_by, judged.reason) == ("ann", force)
    assert (deployed.origin, deployed.code_hash) == (LOG, view.source_hash)


async def test_changes_of_limits_keep_a_deployment(tmp_path: Path) -> None:
    async with verified(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        await daemon.do("/deployments/deploy", DeployStrategy(strategy="busy", settings=busy(tmp_path)))
        await daemon.do("/limits", SetLimits(limits={"max_order_quantity": 7}, reason="a test"))
        view = await the(daemon, "busy")

    assert view.deployment is not None


async def test_audit_tells_each_deployment_step_stop_and_rollback(tmp_path: Path) -> None:
    async with verified(tmp_path, UNTRIED, strategies=(FIRST,)) as daemon:
        raiser = StrategyConfig(strategy=f"{tmp_path}/trade.py:Raiser", symbols=("AAA",))
        await daemon.do(
            "/deployments/deploy",
            DeployStrategy(
                strategy="raiser", settings=raiser, schedule="10%, 50%", reason="new", force="small"
            ),
        )
        await daemon.do("/deployments/promote", PromoteStrategy(strategy="raiser", reason="quiet"))
        await daemon.quote()
        await until(lambda: bool(daemon.session.deployments.current[0].stopped))
        await daemon.do("/strategies/rollback", RollBackStrategy(strategy="raiser", reason="it raises"))
        while "deployment_stopped" not in {one.rule for one in await daemon.logged(AlertRaised)}:
            await daemon.quote("AAC")
            await asyncio.sleep(0.05)
        lines = [line async for line in audit(daemon.store, LOG)]

    kinds = (GateJudged, StrategyDeployed, DeploymentStepped, DeploymentStopped, DeploymentRolledBack)
    told = [line for line in lines if line.event in {kind.__name__ for kind in kinds}]
    assert [(line.what.split(": code")[0], line.why) for line in told] == [
        ("raiser: the gate out of no environment, forced: nothing was measured", "small"),
        ("raiser: deployed", "new"),
        ("raiser: scaled to 50% of its capital", "quiet"),
        ("raiser: its canary was stopped", told[3].why),
        ("raiser: rolled back: not deployed", "it raises"),
    ]
    assert told[3].why.startswith("it raised ValueError")
    assert {"AlertRaised", "PauseStrategy", "ControlRequested"} <= {line.event for line in lines}


@pytest.mark.slow
async def test_new_strategy_is_tried_on_the_recent_past_first(tmp_path: Path) -> None:
    async with verified(tmp_path, "reload: {watch: false, tail_s: 3600}", strategies=(FIRST,)) as daemon:
        for _ in range(3):
            await daemon.quote()
        raiser = StrategyConfig(strategy=f"{tmp_path}/trade.py:Raiser", symbols=("AAA",))
        with pytest.raises(CommandRefused, match=r"raised \d errors over the last \d+ inputs: ValueError"):
            await daemon.do("/deployments/deploy", DeployStrategy(strategy="raiser", settings=raiser))
        await daemon.do("/deployments/deploy", DeployStrategy(strategy="busy", settings=busy(tmp_path)))
        there = await names(daemon)

    assert there == ["holder", "busy"]
