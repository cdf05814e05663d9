"""The configuration of a daemon: what it refuses, and what of it is on record."""

import asyncio
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from brokers.feeds.config import PlaybackFeedConfig, WebSocketFeedConfig
from components.assembly.settings import with_account_values
from eventstore import Durability, MemoryEventStore
from kernel.clock import VirtualClock
from kernel.errors import ConfigError
from kernel.events import ConfigLoaded
from replay.config import DAEMON_SECTIONS, ReplayConfig, load_config
from replay.record import read_record
from replay.run_config import Mode, RunConfig, config_on_record, load_run_config
from replay.session import begin_session

PAPER = """
mode: paper
cash: 50_000
engine: {drain_timeout_s: 3}
stop: {close_s: 2.5}
feeds: [{kind: websocket, name: exchange, url: 'ws://127.0.0.1:8700/feed', quality: {spike: 0.2}}]
segments: {roll_mb: 10}
instruments: [{symbol: A, tick_size: 0.01}]
strategies: [{strategy: 'strategies.buy_and_hold:BuyAndHold', symbols: [A]}]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "my_paper.yaml"
    path.write_text(text, "utf-8")
    return path


def test_a_daemon_has_all_settings_of_a_replay_and_its_own_sections() -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(RunConfig)}
    of_replay = {field.encode_name for field in msgspec.structs.fields(ReplayConfig)}

    assert fields - of_replay == DAEMON_SECTIONS
    assert of_replay < fields


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    config = load_run_config(written(tmp_path, PAPER))

    assert (config.mode, config.log, config.durability) == (Mode.PAPER, "my_paper", Durability.FULL)
    assert config.store == str(tmp_path / "onetape.db")
    assert (config.engine.drain_timeout_s, config.stop.close_s, config.stop.feeds_s) == (3, 2.5, 5)


def test_replay_takes_the_same_file(tmp_path: Path) -> None:
    path = written(tmp_path, PAPER)

    config = load_config(path)

    assert type(config) is ReplayConfig
    assert config == msgspec.convert(
        {
            key: value
            for key, value in msgspec.to_builtins(load_run_config(path)).items()
            if key not in DAEMON_SECTIONS
        },
        ReplayConfig,
        strict=False,
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "mode: papr\n",
            "line 1: mode: 'papr' is not one of backtest, paper, live, shadow, advisory; did you",
        ),
        ("mode: live\ndurability: normal\n", "line 2: durability: 'normal' may lose orders that were sent"),
        ("durability: ful\n", "line 1: durability: 'ful' is not one of full, normal; did you mean 'full'?"),
        ("mode: paper\nstreams: [a]\n", "line 2: streams: is only for a replay"),
        ("mode: live\nfrom: 2024-01-01\n", "line 2: from: is only for a replay"),
        ("engine:\n  inbox_capasity: 5\n", "line 2: engine: there is no 'inbox_capasity'; did you mean "),
        ("engine:\n  batch_limit: 0\n", "line 2: engine.batch_limit: Expected int >= 1"),
        ("cash: 5\ndurabilty: full\n", "line 2: there is no 'durabilty'; did you mean 'durability'?"),
        ("disk:\n  warn_mb: 1\n", "line 1: disk: warn_mb 1.0, thin_mb 2048"),
        (
            "retention: {records_years: 0.01}\n",
            "line 1: retention: market_data_days: market data are not kept",
        ),
        ("feeds:\n  - {kind: websocket, name: a}\n", "line 2: feeds[0]: 'url' is missing"),
        (
            "feeds:\n  - {kind: socket, name: a}\n",
            "line 2: feeds[0].kind: 'socket' is not one of websocket, playback",
        ),
        (
            "feeds:\n  - {kind: websocket, name: a, url: ws://h, speed: 1}\n",
            "line 2: feeds[0]: there is no 'speed'",
        ),
        (
            "feeds:\n  - {kind: websocket, name: a, url: ws://h}\n"
            "  - {kind: websocket, name: b, url: ws://h,\n     backup_for: c}\n",
            "line 3: feed 'b': backup_for: there is no 'c'",
        ),
        ("stop:\n  close_s: soon\n", "line 2: stop.close_s: expected a number, got text 'soon'"),
    ],
)
def test_a_setting_without_sense_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(ConfigError) as refused:
        load_run_config(path)

    assert str(refused.value).startswith(f"{path}, {words}")


def test_feeds_are_read_by_their_kind_and_merged_by_name(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text(
        "feeds:\n"
        "  - {kind: websocket, name: main, url: 'ws://old', symbols: [NO], compress: off}\n"
        "  - {kind: playback, name: old, store: data.db, streams: [a.1d], speed: 10}\n"
        "  - {kind: playback, name: all, store: data.db, streams: [a.1d], speed: max}\n"
    )
    path = written(tmp_path, "include: feeds.yaml\nfeeds:\n  - {name: main, url: 'ws://new'}\n")

    main, old, everything = load_run_config(path).feeds

    assert isinstance(main, WebSocketFeedConfig)
    assert (main.url, main.symbols, main.compress) == ("ws://new", ("NO",), False)
    assert isinstance(old, PlaybackFeedConfig)
    assert (old.store, old.speed) == (str(tmp_path / "data.db"), 10.0)
    assert isinstance(everything, PlaybackFeedConfig)
    assert everything.speed == "max"


def test_a_log_begins_with_the_effective_configuration_and_its_hash(tmp_path: Path) -> None:
    config = load_run_config(written(tmp_path, PAPER))

    async def opening() -> ConfigLoaded:
        store = MemoryEventStore()
        session = await begin_session(store, config.log, config, clock=VirtualClock(10**18), mode=config.mode)
        session.stop()
        await session.engine.run()
        record = await read_record(store, config.log)
        (loaded,) = (event for event in record.opening if isinstance(event, ConfigLoaded))
        return loaded

    loaded = asyncio.run(opening())

    assert config_on_record(loaded.body) == with_account_values(config)
    assert loaded.config_hash == sha256(loaded.body.encode()).hexdigest()
    assert '"close_s":2.5' in loaded.body
