"""Recorded runs with a shared plan and worked orders: replayed byte for byte, and read as results."""

from decimal import Decimal
from pathlib import Path

import pytest

from components.allocation.config import Priority, SignalsConfig, Vote
from components.execution.config import ExecutionConfig
from kernel.errors import ConfigError
from kernel.events import ExecutionFinished, SignalRaised, SignalsAggregated
from replay import backtest
from replay.config import ReplayConfig, load_config
from replay.results import read_results
from replay.verification import verify_run
from strategies.channel_break import ChannelBreak
from strategies.sdk import Participation, RiskLimits, Twap
from strategies.sdk.sizing import FixedFractional, RiskPerTrade, VolatilityScaled
from tests.replay.market import walk, write_csv
from tests.replay.playing import read_events, record_run, store_of

DAY_S = 86_400.0
FREE = RiskLimits(require_cash=False, allow_short=True)
CONFIGS = {
    "exits, sized by risk": SignalsConfig(
        sizing=RiskPerTrade(risk=Decimal("0.02")), valid_for_s=20 * DAY_S, min_change=Decimal(0)
    ),
    "twap, sized by volatility": SignalsConfig(
        sizing=VolatilityScaled(window=5), aggregation=Vote(), execution=Twap(4 * DAY_S, 4)
    ),
    "participation, by priority": SignalsConfig(
        sizing=FixedFractional(fraction=Decimal("0.3")),
        aggregation=Priority(("channel_brea.2", "channel_break")),
        execution=Participation(Decimal("0.1")),
    ),
}


def breakers() -> list[ChannelBreak]:
    """Two strategies of one kind, which gets the second one a number."""
    return [ChannelBreak(entry=8, exit=4, allow_short=True), ChannelBreak(entry=3, exit=2)]


@pytest.mark.parametrize("signals", CONFIGS.values(), ids=CONFIGS)
async def test_a_run_with_a_shared_plan_replays_byte_for_byte(signals: SignalsConfig) -> None:
    store = await store_of(a_1d=walk("A", 150, seed=3), b_1d=walk("B", 150, seed=4))
    run = await record_run(
        store, breakers(), ReplayConfig(risk=FREE, signals=signals, streams=("a.1d", "b.1d"))
    )
    verified = await verify_run(store, run)

    events = await read_events(store, run)
    result = await read_results(store, run)
    assert verified.derived_count > 200
    assert sum(isinstance(event, SignalsAggregated) for event in events) > 10
    assert any(isinstance(event, ExecutionFinished) for event in events) is (signals.execution is not None)
    assert len(result.trades) > 3
    assert {trade.strategy for trade in result.trades} == {"signals"}


def test_a_backtest_takes_signals_and_execution_settings(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    write_csv(file, walk("A", 150, seed=3))

    result = backtest(
        ChannelBreak(entry=5, exit=3),
        file,
        signals=SignalsConfig(sizing=FixedFractional(fraction=Decimal("0.5"))),
        execution=ExecutionConfig(learn_volume=("A",)),
    )

    assert {trade.strategy for trade in result.trades} == {"signals"}


def test_a_configuration_file_says_how_signals_are_put_together(tmp_path: Path) -> None:
    file = tmp_path / "onetape.yaml"
    file.write_text(
        "signals:\n"
        "  aggregation: {mode: vote, quorum: 2}\n"
        "  sizing: {model: risk_per_trade, risk: 0.01}\n"
        "execution: {learn_volume: [SPY], bucket_s: 900}\n"
    )

    config = load_config(file)

    assert config.signals == SignalsConfig(
        aggregation=Vote(quorum=2), sizing=RiskPerTrade(risk=Decimal("0.01"))
    )
    assert config.execution.learn_volume == ("SPY",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "signals: {sizing: {model: fixed_fractional, fraction: -1}}",
            "signals: sizing: fraction -1 is below 0",
        ),
        ("signals: {sizing: {model: half}}", "signals.sizing.model: 'half' is not one of fixed, "),
        ("execution: {bucket_s: 11}", "execution: bucket_s 11 is not a divisor of 86400"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_their_place(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "onetape.yaml"
    file.write_text(text)

    with pytest.raises(ConfigError, match=message):
        load_config(file)


async def test_signals_that_no_plan_trades_are_told_with_their_count() -> None:
    data = walk("A", 150, seed=3)
    store = await store_of(a_1d=data)
    alone = await record_run(store, breakers(), ReplayConfig(streams=("a.1d",)))
    planned = await record_run(store, breakers(), ReplayConfig(signals=SignalsConfig(), streams=("a.1d",)))

    raised = sum(isinstance(event, SignalRaised) for event in await read_events(store, alone))
    notes = (await read_results(store, alone)).notes
    assert raised > 5
    assert notes == (
        f"{raised} signals of channel_brea.2, channel_break were only recorded, and traded nothing: "
        "a plan for them needs the section `signals` in the configuration",
    )
    assert not any("only recorded" in note for note in (await read_results(store, planned)).notes)
