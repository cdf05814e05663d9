"""``backtest`` takes numbers and mappings wherever it takes settings, and says what does not fit."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import replay
from components.assembly.instruments import instrument_like
from kernel.errors import InputError, OnetapeError
from replay import (
    Backtest,
    ImportOptions,
    InstrumentConfig,
    ModelConfig,
    PortfolioConfig,
    RiskLimits,
    SimulatedBrokerConfig,
    backtest,
)
from replay.config import ReplayConfig
from strategies.ma_cross import MovingAverageCross
from tests.replay.market import walk, write_csv


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Sixty daily bars of A."""
    write_csv(tmp_path / "a.csv", walk("A", 60, seed=5))
    return tmp_path / "a.csv"


def run(data: Path, **settings: Any) -> Backtest:  # Any: arguments of all types, wrong ones too
    return backtest(MovingAverageCross(fast=2, slow=3, quantity=10), data, **settings)


def config_of(done: Backtest) -> ReplayConfig:
    return msgspec.json.decode(done.result.config, type=ReplayConfig)


def test_floats_are_taken_as_they_are_written(bars: Path) -> None:
    terms: Any = {
        "tick_size": 0.001,
        "lot_size": 1,
        "borrow_rate": np.float64(0.003),
    }  # Any: not the declared types

    done = run(bars, cash=np.int64(5000), instruments=[InstrumentConfig(symbol="A", **terms)])

    config = config_of(done)
    assert config.cash == Decimal(5000)
    assert (config.instruments[0].tick_size, config.instruments[0].borrow_rate) == (
        Decimal("0.001"),
        Decimal("0.003"),
    )


MAPPED: dict[str, tuple[object, object]] = {
    "broker": (
        {"slippage_bps": 2, "commission": {"model": "per_share", "params": {"per_share": "0.01"}}},
        SimulatedBrokerConfig(slippage_bps=2.0, commission=ModelConfig("per_share", {"per_share": "0.01"})),
    ),
    "risk": ({"max_drawdown": 0.2}, RiskLimits(max_drawdown=Decimal("0.2"))),
    "portfolio": ({"lots": "fifo"}, PortfolioConfig(lots=replay.PortfolioConfig().lots.FIFO)),
    "instruments": (
        [{"symbol": "A", "like": "us_share", "tick_size": 0.005}],
        [msgspec.structs.replace(instrument_like("us_share", "A"), tick_size=Decimal("0.005"))],
    ),
    "importing": ({"symbol": "B"}, ImportOptions(symbol="B")),
    "start": (date(2004, 1, 9), "2004-01-09"),
}


@pytest.mark.parametrize(
    ("key", "mapped", "typed"), [(key, *pair) for key, pair in MAPPED.items()], ids=MAPPED
)
def test_a_mapping_gives_the_run_of_the_struct(bars: Path, key: str, mapped: object, typed: object) -> None:
    one, other = run(bars, **{key: mapped}), run(bars, **{key: typed})

    assert one.result.config == other.result.config
    assert one.result.digest == other.result.digest


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "no mapping": ({"broker": "cheap"}, "broker: expected a mapping, got text 'cheap'"),
    "no such key": (
        {"broker": {"comission": "x"}},
        "broker: there is no 'comission'; did you mean 'commission'",
    ),
    "no list": ({"instruments": {"symbol": "A"}}, "instruments: expected a list, got a mapping"),
    "no number": (
        {"instruments": [{"symbol": "A", "lot_size": "x"}]},
        r"instruments\[0\].lot_size: 'x' is not a",
    ),
    "no cash": ({"cash": "much"}, "cash: 'much' is not a number"),
    "nothing that we know": ({"risk": object()}, "risk: a configuration cannot hold <object "),
    "a stream as text": ({"streams": "a.1d"}, "streams: expected a list, got text"),
    "no choice": ({"importing": {"kind": "bar"}}, "importing.?: kind: 'bar' is not one of|importing.kind"),
}


@pytest.mark.parametrize(("settings", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_with_a_sentence(
    bars: Path, settings: dict[str, object], problem: str
) -> None:
    with pytest.raises(OnetapeError, match=problem):
        run(bars, **settings)


PERCENTAGES: dict[str, dict[str, object]] = {
    "risk.max_drawdown: 20 is above 1: it is a fraction, 0.2 is 20 %": {"risk": {"max_drawdown": 20}},
    "risk.max_symbol_concentration: 5 is above 1": {"risk": {"max_symbol_concentration": 5}},
    "risk.max_sector_concentration: 25 is above 10": {
        "risk": {"max_sector_concentration": 25, "require_cash": False}
    },
    "1 .daily_loss.: 2 is above 1": {"risk": {"continuous": [{"kind": "daily_loss", "limit": 2}]}},
    "1 .stop_loss.: 5 is above 1": {"risk": {"continuous": [{"kind": "stop_loss", "limit": 5}]}},
    "1 .volatility.: 20 is above 10": {"risk": {"continuous": [{"kind": "volatility", "limit": 20}]}},
    "sizing: risk: 5 is above 1: it is a fraction, 0.05 is 5 %": {
        "signals": {"sizing": {"model": "risk_per_trade", "risk": 5}}
    },
    "sizing: fraction: 5 is above 1": {"signals": {"sizing": {"model": "fixed_fractional", "fraction": 5}}},
    "sizing: share: 50 is above 1": {
        "signals": {"sizing": {"model": "kelly", "win_rate": 0.5, "payoff": 2, "share": 50}}
    },
    "signals: min_change: 10 is above 1": {"signals": {"min_change": 10}},
    "debit: 6.83 is above 1: it is a fraction, 0.0683 is 6.83 %": {
        "broker": {"financing": {"interest": {"USD": {"debit": 6.83}}}}
    },
    "borrow_rate 25 is above 10": {"instruments": [{"symbol": "A", "borrow_rate": 25}]},
    "broker.commission_rate: 2 is above 1": {"broker": {"commission_rate": 2}},
}


@pytest.mark.parametrize(("problem", "settings"), PERCENTAGES.items(), ids=PERCENTAGES)
def test_a_fraction_that_was_written_as_a_percentage_is_refused(
    bars: Path, problem: str, settings: dict[str, object]
) -> None:
    with pytest.raises(OnetapeError, match=problem):
        run(bars, **settings)


AMOUNTS: dict[str, dict[str, object]] = {
    "losses in money": {"risk": {"continuous": [{"kind": "drawdown", "limit": 10_000, "unit": "money"}]}},
    "seconds": {"risk": {"continuous": [{"kind": "stale_data", "limit": 864_000}]}},
    "money a day": {"risk": {"max_daily_loss": 2500, "max_leverage": 20}},
    "a levered account": {
        "risk": {"require_cash": False, "max_symbol_concentration": 3},
        "signals": {"sizing": {"model": "fixed_fractional", "fraction": 3}},
    },
}


@pytest.mark.parametrize("settings", AMOUNTS.values(), ids=AMOUNTS)
def test_money_seconds_and_leverage_are_no_fractions(bars: Path, settings: dict[str, object]) -> None:
    assert run(bars, **settings).result.fills >= 0


def test_rates_are_read_from_files_beside_the_bars(bars: Path, tmp_path: Path) -> None:
    (tmp_path / "eurusd.csv").write_text("date,rate\n2003-12-31,1.25\n2004-01-20,1.3\n")
    (tmp_path / "funding.csv").write_text("time,symbol,rate\n2004-01-10T08:00:00,A,0.0001\n")

    done = run(bars, fx_rates=tmp_path / "eurusd.csv", funding_rates=[tmp_path / "funding.csv"])

    assert [source.stream for source in done.result.sources] == ["a.1d", "eurusd.fx", "a.funding"]


def test_rates_of_a_store_are_named_as_streams(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="fx_rates: files can only be added to files; for a store, name their streams"
    ):
        run(tmp_path / "market.db", fx_rates="eurusd.csv")


def test_every_setting_can_be_had_from_one_place() -> None:
    wanted = {"SimulatedBrokerConfig", "PortfolioConfig", "RiskLimits", "ImportOptions", "InstrumentConfig"}

    assert wanted | {"ModelConfig", "SignalsConfig", "ExecutionConfig", "FinancingConfig"} <= set(
        replay.__all__
    )
    assert all(hasattr(replay, name) for name in replay.__all__)
