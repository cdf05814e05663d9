"""Limits, capital, parameters and code change while the daemon trades, by whom and why."""

from decimal import Decimal
from pathlib import Path

import pytest

from kernel.events import ControlRequested, OrderDenied, SessionChanged
from ops.control.client import CommandRefused
from ops.control.requests import (
    Command,
    ReloadStrategy,
    RollBackStrategy,
    SetCapital,
    SetLimits,
    SetParameters,
)
from ops.control.views import Difference, LimitsView, StrategyView, VersionView
from tests.ops.control.running import running

BUSY = '{strategy: "trade.py:Busy", symbols: [AAA, AAB], params: {every: 2}}'
RELOAD = "reload: {watch: false, tail_s: 0}"


async def test_limit_of_the_account_holds_from_the_next_order_on(tmp_path: Path) -> None:
    async with running(tmp_path, strategies=(BUSY,)) as daemon:
        await daemon.do("/limits", SetLimits(limits={"max_order_quantity": "0.5"}, reason="a test"))
        for number in range(4):
            await daemon.quote(price=100.0 + number)
        denied = await daemon.logged(OrderDenied)
        (changed,) = await daemon.logged(SessionChanged)
        asked = await daemon.logged(ControlRequested)
        view = await daemon.show("/limits", LimitsView)

    assert {one.rule for one in denied} == {"max_order_quantity"}
    assert changed.reason == "a test"
    assert [one.request for one in asked] == ["/v1/limits"]
    assert view.account.max_order_quantity == Decimal("0.5")
    assert view.account.allow_short


async def test_limits_and_capital_of_a_strategy_change_and_are_taken_away(tmp_path: Path) -> None:
    async with running(tmp_path, strategies=(BUSY,)) as daemon:
        of_busy = SetLimits(strategy="busy", limits={"max_open_orders": 3}, reason="a test")
        await daemon.do("/limits", of_busy)
        await daemon.do("/capital", SetCapital(strategy="busy", fraction=Decimal("0.2"), reason="small"))
        limits = await daemon.show("/limits", LimitsView)
        (with_capital,) = await daemon.show("/strategies", tuple[StrategyView, ...])
        none = SetLimits(strategy="busy", limits={"max_open_orders": None}, reason="back")
        await daemon.do("/limits", none)
        await daemon.do("/capital", SetCapital(strategy="busy", reason="back"))
        later = await daemon.show("/limits", LimitsView)
        (without,) = await daemon.show("/strategies", tuple[StrategyView, ...])

    assert limits.strategies["busy"].max_open_orders == 3
    assert with_capital.capital is not None
    assert with_capital.capital.fraction == Decimal("0.2")
    assert later.strategies == {}
    assert without.capital is None


async def test_parameters_change_and_the_others_stay(tmp_path: Path) -> None:
    async with running(tmp_path, strategies=(BUSY,)) as daemon:
        await daemon.do("/parameters", SetParameters(strategy="busy", params={"quantity": 3}, reason="more"))
        (one,) = await daemon.show("/strategies", tuple[StrategyView, ...])

    assert (one.params["every"], str(one.params["quantity"])) == (2, "3")


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (
            "/limits",
            SetLimits(limits={"max_drawdwn": 0.1}, reason="x"),
            "limits: there is no 'max_drawdwn'; did you mean 'max_drawdown'",
        ),
        ("/limits", SetLimits(limits={"max_order_quantity": -1}, reason="x"), "max_order_quantity"),
        ("/limits", SetLimits(limits={"allow_short": True}, reason="x"), "nothing has changed"),
        ("/limits", SetLimits(strategy="nobody", limits={"max_open_orders": 1}, reason="x"), "no strategy"),
        ("/capital", SetCapital(strategy="busy", fraction=Decimal(70), reason="x"), "fraction"),
        ("/parameters", SetParameters(strategy="busy", params={"colour": 1}, reason="x"), "colour"),
        ("/strategies/reload", ReloadStrategy(strategy="nobody"), "no strategy"),
        ("/strategies/rollback", RollBackStrategy(strategy="busy", to="ffff"), "ffff"),
    ],
)
async def test_change_that_cannot_be_made_is_refused_and_changes_nothing(
    tmp_path: Path, path: str, body: Command, words: str
) -> None:
    async with running(tmp_path, RELOAD, strategies=(BUSY,)) as daemon:
        before = daemon.session.plan
        with pytest.raises(CommandRefused, match=words):
            await daemon.do(path, body)
        recorded = await daemon.logged(ControlRequested, SessionChanged)

    assert daemon.session.plan is before
    assert recorded == []


async def test_repeated_change_is_made_once(tmp_path: Path) -> None:
    body = SetLimits(limits={"max_order_quantity": 7}, reason="a test", id="l1")
    async with running(tmp_path, strategies=(BUSY,)) as daemon:
        first, again = await daemon.do("/limits", body), await daemon.do("/limits", body)
        changes = await daemon.logged(SessionChanged)

    assert (again.seq, again.is_repeated, len(changes)) == (first.seq, True, 1)


async def test_code_is_reloaded_compared_and_rolled_back(tmp_path: Path) -> None:
    async with running(tmp_path, RELOAD, strategies=(BUSY,)) as daemon:
        await daemon.quote()
        code = tmp_path / "trade.py"
        code.write_text(code.read_text("utf-8").replace("every: int = 10", "every: int = 12"), "utf-8")
        lines = (await daemon.show("/strategies/diff?strategy=busy", Difference)).lines
        await daemon.do("/strategies/reload", ReloadStrategy(strategy="busy", reason="slower"))
        reloaded = await daemon.show("/strategies/versions?strategy=busy", tuple[VersionView, ...])
        await daemon.do("/strategies/rollback", RollBackStrategy(strategy="busy", reason="too slow"))
        rolled = await daemon.show("/strategies/versions?strategy=busy", tuple[VersionView, ...])

    assert "+    every: int = 12" in lines
    assert [one.is_running for one in reloaded] == [False, True]
    assert [(one.is_running, one.is_refused) for one in rolled] == [(True, False), (False, True)]
