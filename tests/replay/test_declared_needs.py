"""A strategy that declares what the run does not give it is refused before anything runs."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from components.assembly.instruments import InstrumentConfig
from eventstore import EventStore, MemoryEventStore
from kernel.clock import VirtualClock
from kernel.configuration import convert_config
from kernel.errors import ConfigError
from kernel.events import AssetClass, Bar, BookSnapshot, Event, InstrumentDefined, PriceLevel
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.session import begin_session
from strategies.sdk.loading import LoadedStrategy, load_source
from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.market import walk, write_csv
from tests.replay.playing import START, append_in_parts, record_run, store_of

SOURCE = """
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState


class Declaring(Strategy[StrategyParams, StrategyState]):
    metadata = Metadata(name="declaring", {declared})

    def on_start(self):
        return None
"""
BOOK = BookSnapshot(START, "A", (PriceLevel(99.0, 1.0),), (PriceLevel(101.0, 1.0),))


def declaring(declared: str) -> LoadedStrategy:
    """A strategy that does nothing and declares this."""
    return load_source(SOURCE.format(declared=declared), "declaring.py")


def at_each(timeframe: str, bars: Sequence[Event]) -> list[Event]:
    """The bars under another length."""
    return [msgspec.structs.replace(bar, timeframe=timeframe) for bar in bars if isinstance(bar, Bar)]


async def planned(store: EventStore, declared: str, **sections: object) -> None:
    """Plan a run of one strategy over all streams of the store."""
    streams = [info.stream for info in await store.streams()]
    config = convert_config({"streams": streams, **sections}, ReplayConfig)
    await plan_run(store, config, loaded=[declaring(declared)])


REFUSED = {
    'timeframes=("1h",)': (
        "strategy declaring: it declares timeframe '1h', but the run has only bars of 1d for A, B"
    ),
    'timeframes=("1d", "1h")': "it declares timeframe '1h', but the run has only bars of 1d",
    'markets=("fx",)': (
        "strategy declaring: it declares markets fx, but gets A, which is equity; give the strategy "
        "`symbols` of its own, or A its asset_class under `instruments`"
    ),
    'markets=("crypto",)': "it declares a market that is not an asset class: there is no 'crypto'",
    'markets=("equities",)': "did you mean 'equity'",
    'features=("vix",)': "it declares feature 'vix', which does not exist; there are: book, day_pnl",
    'features=("books",)': "did you mean 'book'",
    'features=("book",)': "it declares feature 'book', but the run has no order books of A, B",
}


@pytest.mark.parametrize("declared", REFUSED)
async def test_what_the_run_does_not_give_is_refused(declared: str) -> None:
    store = await store_of(a_1d=walk("A", 5, seed=1), b_1d=walk("B", 5, seed=2))

    with pytest.raises(ConfigError) as refused:
        await planned(store, declared)

    assert REFUSED[declared] in str(refused.value)


@pytest.mark.parametrize("declared", ["", 'timeframes=("1d",)', 'markets=("etf", "equity")'])
async def test_what_the_run_gives_is_taken_and_nothing_declared_is_anything(declared: str) -> None:
    store = await store_of(a_1d=walk("A", 5, seed=1), b_1d=walk("B", 5, seed=2))

    run = await record_run(store, [declaring(declared)])

    assert run == "run.declaring.1"


async def test_bars_of_a_length_that_come_late_in_a_stream_are_found() -> None:
    store = await store_of()
    bars = [*walk("A", 20, seed=1), *at_each("1h", walk("A", 1, seed=1, start=START + 10**17))]
    await append_in_parts(store, "a", bars, size=4)

    await planned(store, 'timeframes=("1d", "1h")')

    with pytest.raises(ConfigError, match="only bars of 1d, 1h"):
        await planned(store, 'timeframes=("1m",)')


async def test_only_what_is_played_counts() -> None:
    bars = [*walk("A", 20, seed=1), *at_each("1h", walk("A", 1, seed=1, start=START + 10**17))]
    store = await store_of(a=bars)

    with pytest.raises(ConfigError, match="'1h', but the run has only bars of 1d"):
        await planned(store, 'timeframes=("1h",)', to="2004-01-15")


async def test_bars_of_symbols_that_the_strategy_does_not_get_do_not_count(tmp_path: Path) -> None:
    store = await store_of(a_1d=walk("A", 5, seed=1), b_1h=at_each("1h", walk("B", 5, seed=2)))
    file = tmp_path / "declaring.py"
    file.write_text(SOURCE.format(declared='timeframes=("1h",)'))
    only_a = {"strategies": [{"strategy": str(file), "symbols": ["A"]}], "streams": ["a.1d", "b.1h"]}

    with pytest.raises(ConfigError, match="timeframe '1h', but the run has only bars of 1d for A"):
        await plan_run(store, convert_config(only_a, ReplayConfig))


async def test_a_book_that_is_played_is_a_feature() -> None:
    store = await store_of(a_books=[BOOK])

    await planned(store, 'features=("book",)')

    with pytest.raises(ConfigError, match="timeframe '1d', but the run has no bars for A"):
        await planned(store, 'timeframes=("1d",)')


async def test_a_market_is_what_the_configuration_or_the_data_say() -> None:
    terms = InstrumentDefined(START, "B", AssetClass.CRYPTO_SPOT)
    store = await store_of(a_1d=walk("A", 5, seed=1), b_1d=[terms, *walk("B", 5, seed=2)])
    instruments = [{"symbol": "A", "asset_class": "fx"}]

    await planned(store, 'markets=("fx", "crypto_spot")', instruments=instruments)

    with pytest.raises(ConfigError, match="markets crypto_spot, but gets A, which is fx"):
        await planned(store, 'markets=("crypto_spot",)', instruments=instruments)


async def test_a_live_log_begins_only_with_markets_and_features_that_there_are() -> None:
    terms = InstrumentConfig(symbol="A", asset_class=AssetClass.FX)
    config = ReplayConfig(instruments=(terms,))

    async def begin(declared: str) -> None:
        store, loaded = MemoryEventStore(), [declaring(declared)]
        await begin_session(store, "paper", config, clock=VirtualClock(), mode="paper", loaded=loaded)

    await begin('markets=("fx",), timeframes=("1h",), features=("book",)')
    with pytest.raises(ConfigError, match="declares markets equity, but gets A, which is fx"):
        await begin('markets=("equity",)')
    with pytest.raises(ConfigError, match="declares feature 'vix', which does not exist"):
        await begin('features=("vix",)')


def test_the_command_says_so_and_records_nothing(tmp_path: Path) -> None:
    store, strategy = tmp_path / "a.db", tmp_path / "declaring.py"
    write_csv(tmp_path / "a.csv", walk("A", 5, seed=1))
    strategy.write_text(SOURCE.format(declared='timeframes=("5m",)'))
    onetape("import", tmp_path / "a.csv", "--symbol", "A", "--store", store)

    refused = replay("--store", store, "--strategy", strategy, "--stream", "a.1d")

    assert refused.exit_code == 1
    assert (
        "strategy declaring: it declares timeframe '5m', but the run has only bars of 1d for A"
        in " ".join(refused.output.split())
    )
    assert "run." not in onetape("streams", "--store", store).output
