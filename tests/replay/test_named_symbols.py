"""Symbols that a configuration names and nothing has: refused by key and name, with the nearest."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from components.execution.config import ExecutionConfig
from eventstore import EventStore
from kernel.configuration import convert_config
from kernel.errors import ConfigError
from kernel.events import CorporateAction, CorporateActionKind
from kernel.time_units import DAY_NS
from replay.backtesting import from_instance
from replay.config import ReplayConfig
from replay.planning import plan_run, unplayed_actions
from strategies.buy_and_hold import BuyAndHold
from strategies.sdk import RiskLimits
from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.market import walk, write_csv
from tests.replay.playing import START, store_of


async def market() -> EventStore:
    """Bars of two shares, the second of which is renamed, and a split of the first that nobody may play."""
    split = CorporateAction(START + 3 * DAY_NS, "SPY", CorporateActionKind.SPLIT, Decimal(2))
    renamed = CorporateAction(START + 5 * DAY_NS, "FB", CorporateActionKind.SYMBOL_CHANGE, new_symbol="META")
    return await store_of(
        spy_1d=walk("SPY", 20, seed=1),
        fb_1d=walk("FB", 20, seed=2),
        qqq_1d=walk("QQQ", 20, seed=3),
        spy_actions=[split],
        fb_actions=[renamed],
    )


async def planned(**sections: object) -> None:
    """Plan a run over SPY and FB with these sections of a configuration."""
    config = convert_config({"streams": ["spy.1d", "fb.1d", "fb.actions"], **sections}, ReplayConfig)
    await plan_run(await market(), config, loaded=[from_instance(BuyAndHold())])


NEAR = "; did you mean 'SPY'"
MISSPELT: dict[str, tuple[dict[str, object], str]] = {
    "restricted": ({"risk": {"restricted": ["SPYY"]}}, f"risk.restricted: 'SPYY' is neither .*{NEAR}"),
    "allow_only": ({"risk": {"allow_only": ["SPYY"]}}, f"risk.allow_only: 'SPYY' is neither .*{NEAR}"),
    "day_symbol": ({"risk": {"day_symbol": "SPYY"}}, f"risk.day_symbol: 'SPYY' is not in the run.*{NEAR}"),
    "day_symbol that is not played": (
        {"risk": {"day_symbol": "QQQ"}},
        "'QQQ' is not in the run, which has FB",
    ),
    "continuous": (
        {"risk": {"continuous": [{"kind": "stop_loss", "limit": 0.1, "symbols": ["SPY", "SPYY"]}]}},
        r"risk.continuous: number 1 \(stop_loss\): symbols: 'SPYY' is not in the run",
    ),
    "volume_profiles": (
        {"execution": {"volume_profiles": {"SPYY": [1]}}},
        "execution.volume_profiles: 'SPYY'",
    ),
    "learn_volume": ({"execution": {"learn_volume": ["SPYY"]}}, "execution.learn_volume: 'SPYY'"),
    "instruments": ({"instruments": [{"symbol": "SPYY"}]}, f"instruments: 'SPYY' is not in the data.*{NEAR}"),
}


@pytest.mark.parametrize(("sections", "problem"), MISSPELT.values(), ids=MISSPELT)
async def test_a_symbol_that_nothing_has_is_refused_with_the_nearest(
    sections: dict[str, object], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        await planned(**sections)


SHARED: dict[str, dict[str, object]] = {
    "restricted, in the store": {"risk": {"restricted": ["QQQ"]}},
    "restricted, with terms": {
        "risk": {"restricted": ["QQQ", "SPX"]},
        "instruments": [{"symbol": "SPY", "asset_class": "future", "underlying": "SPX"}, {"symbol": "SPX"}],
    },
    "terms of what is in the store": {"instruments": [{"symbol": "QQQ"}]},
    "a limit on what the share becomes": {
        "risk": {"continuous": [{"kind": "stop_loss", "limit": 0.1, "symbols": ["META"]}]}
    },
    "terms of what the share becomes": {"instruments": [{"symbol": "META"}]},
}


@pytest.mark.parametrize("sections", SHARED.values(), ids=SHARED)
async def test_a_configuration_that_several_runs_share_is_taken(sections: dict[str, object]) -> None:
    await planned(**sections)


async def test_actions_in_the_store_that_are_not_played_are_found() -> None:
    store, loaded = await market(), [from_instance(BuyAndHold())]

    without = await plan_run(store, ReplayConfig(streams=("spy.1d",)), loaded=loaded)
    beside = await plan_run(store, ReplayConfig(streams=("spy.1d", "spy.actions")), loaded=loaded)
    later = ReplayConfig(streams=("spy.1d",), start="2004-01-10")

    assert await unplayed_actions(store, without) == ("spy.actions",)
    assert await unplayed_actions(store, beside) == ()
    assert await unplayed_actions(store, await plan_run(store, later, loaded=loaded)) == ()


async def test_verifying_a_run_asks_nothing_of_its_symbols() -> None:
    """A recorded configuration is what it is: newer checks do not make it unplayable."""
    risk = RiskLimits(restricted=("GONE",))

    body = msgspec.json.encode(ReplayConfig(risk=risk, execution=ExecutionConfig(learn_volume=("GONE",))))

    assert msgspec.json.decode(body, type=ReplayConfig).risk == risk


def test_the_command_says_that_actions_in_the_store_are_not_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "spy.csv", walk("SPY", 20, seed=1))
    (tmp_path / "actions.csv").write_text("symbol,ex_date,type,ratio\nSPY,2004-01-04,split,2\n")
    for arguments in (("spy.csv", "--symbol", "SPY"), ("actions.csv", "--kind", "corporate-actions")):
        assert onetape("import", *arguments, "--store", "m.db").exit_code == 0
    what = (
        "--store",
        "m.db",
        "--stream",
        "spy.1d",
        "--strategy",
        "strategies.buy_and_hold:BuyAndHold",
        "--json",
    )

    alone, beside = replay(*what), replay(*what, "--stream", "spy.actions")

    assert alone.stderr == "replay: stream 'spy.actions' is in the store and not played\n"
    assert beside.stderr == ""
