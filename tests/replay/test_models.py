"""Models of the simulated venue from a user's own module: loaded, recorded, verified without the file."""

from pathlib import Path

import msgspec
import pytest

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from components.assembly.settings import StrategyConfig
from eventstore import MemoryEventStore
from eventstore.importing import ImportOptions, import_files
from kernel.errors import ConfigError
from kernel.events import ModelLoaded, OrderFilled
from replay.backtesting import run_and_record
from replay.config import ReplayConfig, load_config
from replay.planning import plan_run
from replay.simulated_venue import load_models
from replay.verification import verify_run

MIDDLE = """
import msgspec

from brokers.simulated.fills import Price


class Middle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    share: float = 0.5

    def fill(self, resting, bar):
        return Price(bar.low + self.share * (bar.high - bar.low), slips=True, executed_ts=bar.ts)
"""
BARS = "Date,Open,High,Low,Close,Volume\n" + "".join(
    f"2024-01-{day:02},100,110,90,{100 + day},1000\n" for day in range(2, 10)
)


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "middle.py"
    path.write_text(MIDDLE, "utf-8")
    return path


def forget(module: Path) -> None:
    """The file is gone."""
    module.unlink()


async def recorded(store: MemoryEventStore, folder: Path, broker: SimulatedBrokerConfig) -> str:
    """A run of buy and hold on eight bars."""
    data = folder / "abc.csv"
    data.write_text(BARS, "utf-8")
    imported = await import_files(store, [data], ImportOptions(fallback_symbol="ABC"))
    config = ReplayConfig(
        streams=tuple(stream.stream for stream in imported.streams),
        strategies=(StrategyConfig(strategy="strategies.buy_and_hold:BuyAndHold"),),
        broker=broker,
    )
    return await run_and_record(store, await plan_run(store, config))


async def test_a_run_fills_by_a_users_model_and_is_verified_without_its_file(module: Path) -> None:
    store = MemoryEventStore()
    broker = SimulatedBrokerConfig(bars=ModelConfig(str(module), {"share": 0.75}))
    run = await recorded(store, module.parent, broker)
    forget(module)

    verified = await verify_run(store, run)

    events = [event async for batch in store.read(run) for event in batch.events]
    (loaded,) = [event for event in events if isinstance(event, ModelLoaded)]
    assert {float(event.price) for event in events if isinstance(event, OrderFilled)} == {105.0}
    assert (loaded.role, loaded.reference) == ("bars", f"{module}:Middle")
    assert (loaded.source, loaded.params) == (MIDDLE, '{"share":0.75}')
    assert verified.derived_count > 0


async def test_a_run_with_models_of_ours_records_none(tmp_path: Path) -> None:
    store = MemoryEventStore()
    broker = SimulatedBrokerConfig(bars="path", volume="share", commission="ibkr_fixed", slippage="spread")

    run = await recorded(store, tmp_path, broker)

    events = [event async for batch in store.read(run) for event in batch.events]
    assert [event for event in events if isinstance(event, ModelLoaded)] == []
    assert (await verify_run(store, run)).run_stream == run


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        (
            {"bars": "olhc"},
            r"broker.bars: there is no 'olhc'; did you mean 'ohlc'\? .*, or path/to/file.py:Class",
        ),
        ({"bars": "no/such.py:Bars"}, r"broker.bars: there is no file or module for 'no/such.py:Bars'"),
        ({"bars": "not a reference:"}, r"broker.bars: 'not a reference:': expected path/to/file.py:Class"),
        (
            {"volume": {"model": "share", "params": {"limit": 2}}},
            r"broker.volume: share: limit 2.0 is not",
        ),
        (
            {"volume": {"model": "share", "params": {"limi": 1}}},
            r"broker.volume: share: there is no 'limi'; did you mean 'limit'\? There are: limit",
        ),
        ({"slippage": "none", "slippage_bps": 3}, r"broker: give slippage or slippage_bps, not both"),
        ({"commission": "alpaca", "commission_rate": 3}, r"broker: give commission, or commission_per_share"),
        ({"lacks": ["stopp"]}, r"broker.lacks: 'stopp' is not one of "),
    ],
)
def test_a_model_that_is_wrong_is_refused_by_key(choice: dict[str, object], sentence: str) -> None:
    config = msgspec.convert(choice, SimulatedBrokerConfig, strict=False)

    with pytest.raises(ConfigError, match=sentence):
        load_models(config)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import nothing_like_that", r"broker.bars: loading .*: ModuleNotFoundError"),
        ("x = 1", r"broker.bars: .*: expected one model; its msgspec structs: none"),
        (
            MIDDLE.replace("def fill", "def filled"),
            r"broker.bars: .*own.py has no method fill\(self, resting, bar\)",
        ),
    ],
)
def test_a_module_without_a_model_is_refused(tmp_path: Path, source: str, sentence: str) -> None:
    path = tmp_path / "own.py"
    path.write_text(source, "utf-8")

    with pytest.raises(ConfigError, match=sentence):
        load_models(SimulatedBrokerConfig(bars=str(path)))


def test_models_are_named_in_the_configuration_file(tmp_path: Path) -> None:
    path = tmp_path / "onetape.yaml"
    path.write_text(
        "broker:\n"
        "  bars: path_pessimistic\n"
        "  volume: {model: share, params: {limit: 0.1}}\n"
        "  slippage: {model: volume_share, params: {price_impact: 0.1}}\n"
        "  commission: ibkr_tiered\n"
        "  latency: {model: normal, params: {mean_ms: 20, sd_ms: 5, seed: 7}}\n"
        "  lacks: [trailing_stop, oco]\n",
        "utf-8",
    )

    config = load_config(path)

    assert config.broker.bars == "path_pessimistic"
    assert config.broker.volume == ModelConfig("share", {"limit": "0.1"})
    assert load_models(config.broker) == ()
