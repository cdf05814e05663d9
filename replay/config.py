"""The configuration of a run, from ``onetape.yaml`` and the command line."""

from math import inf
from pathlib import Path
from typing import cast

import msgspec

from brokers.simulated.config import SimulatedBrokerConfig, check_broker
from components.assembly.moments import is_day, moment_ns
from components.assembly.settings import CoreSettings, check_settings
from components.assembly.yaml_text import readable
from components.portfolio.config import PositionMode
from kernel.configuration import convert_config
from kernel.decimals import exact
from kernel.errors import ConfigError
from kernel.events import VenueFeature
from kernel.time_units import DAY_NS
from replay.commands import Command, check_commands
from replay.yaml_files.file import read_yaml, text_in

CONFIG_FILE = "onetape.yaml"
DEFAULT_STORE = "onetape.db"
"""The store of every command that is told no other: a file in the current folder."""

DAEMON_SECTIONS = frozenset(
    {
        *("mode", "log", "durability", "feeds", "engine", "stop", "secrets"),
        *("segments", "retention", "snapshots", "disk", "reports", "reload", "control", "alerts", "deploy"),
        *("venue", "downgrade", "traces", "shadow"),
    }
)
"""The settings of ``replay.run_config.RunConfig`` that a replay ignores."""

AUTO, NONE = "auto", "none"
"""Settings of ``warm_up`` besides a number of bars."""


class ReplayConfig(CoreSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The configuration of a whole run.

    - ``from``, ``to``: days or moments (UTC), inclusive. A day means all of it (``replay.played_parts``).
    - ``warm_up``: the bars before ``from`` that fill the history: ``auto`` as many as the strategies ask for,
      ``none``, or a number for each symbol.
    - ``benchmark``: what the result is compared with (``replay.run_reading``). Empty: the symbols of the run,
      bought and held.
    - ``speed``: 1 is real time, 10 is ten times faster. Left out, the run is as fast as possible.
    - ``snapshot_every``: inputs between two snapshots of a run, from which ``replay step`` and others begin;
      0: none. Left out, there is one for each twentieth of a second that the run takes.
    """

    store: str = DEFAULT_STORE
    streams: tuple[str, ...] = ()
    start: str | None = msgspec.field(default=None, name="from")
    end: str | None = msgspec.field(default=None, name="to")
    warm_up: int | str = AUTO
    speed: float | None = None
    snapshot_every: int | None = None
    benchmark: str = ""
    broker: SimulatedBrokerConfig = SimulatedBrokerConfig()
    commands: tuple[Command, ...] = ()
    """Commands of operators, with their times (``replay.commands``)."""

    @property
    def from_ts(self) -> int | None:
        """The first moment, ns UTC; ``ConfigError`` if it cannot be read."""
        return None if self.start is None else moment_ns(self.start, key="from")

    @property
    def to_ts(self) -> int | None:
        """The last moment, ns UTC, inclusive: the last nanosecond of a day."""
        if self.end is None:
            return None
        ts = moment_ns(self.end, key="to")
        return ts + DAY_NS - 1 if is_day(self.end) else ts


@exact
def load_config(path: Path) -> ReplayConfig:
    """Read a YAML file; ``ConfigError`` names the file, the line, the key and what was expected.

    The sections that only a daemon needs are neither read nor checked (``replay.run_config``). Relative paths
    of the store and of code files are relative to the folder of the file that names them.
    """
    file = read_yaml(path, without=DAEMON_SECTIONS)
    try:
        config = convert_config(readable(with_numbers(file.content)), ReplayConfig)
        check_config(config)
    except ConfigError as error:
        raise file.located(error) from error
    if config.store != DEFAULT_STORE:
        return config
    return msgspec.structs.replace(config, store=default_store(path))


def store_of(path: Path) -> str:
    """The store that a YAML file names, else the default beside it. Its other settings are not checked."""
    return text_in(path, "store") or default_store(path)


def default_store(path: Path) -> str:
    """The store of a YAML file that names none: in the same folder."""
    return str(path.parent / DEFAULT_STORE)


def with_numbers(content: object) -> object:
    """The content of a YAML file, which is text, with a number for the setting that takes a word too."""
    if not isinstance(content, dict):
        return content
    settings = cast(dict[str, object], content)  # isinstance tells no more
    written = settings.get("warm_up")
    if not isinstance(written, str) or not written.isdecimal():
        return settings
    return {**settings, "warm_up": int(written)}


def check_live_inputs(config: ReplayConfig) -> None:
    """Refuse settings that only a replay has, for a log that takes inputs as they arrive."""
    for key, is_given in (
        ("streams", config.streams),
        ("from", config.start),
        ("to", config.end),
        ("speed", config.speed),
        ("snapshot_every", config.snapshot_every is not None),
        ("commands", config.commands),
    ):
        if is_given:
            raise ConfigError(f"{key}: is only for a replay; a live log takes inputs as they arrive")


@exact
def check_config(config: ReplayConfig) -> None:
    """Refuse values that have the right type but make no sense; ``ConfigError`` names key and value."""
    check_settings(config)
    _check_period(config)
    _check_warm_up(config.warm_up)
    if config.speed is not None and not 0 < config.speed < inf:
        raise ConfigError(f"speed: {config.speed} is not above 0")
    if config.snapshot_every is not None and config.snapshot_every < 0:
        raise ConfigError(f"snapshot_every: {config.snapshot_every} is below 0")
    check_commands(config.commands, from_ts=config.from_ts, to_ts=config.to_ts)
    try:
        check_broker(config.broker)
    except ValueError as error:
        raise ConfigError(f"broker.{error}") from error
    is_hedged = config.portfolio.position_mode is PositionMode.HEDGING
    if is_hedged and VenueFeature.REDUCE_ONLY.value in config.broker.lacks:
        raise ConfigError(
            "broker.lacks: hedging mode (portfolio.position_mode) needs reduce_only orders: they say which "
            "leg they close"
        )


def _check_period(config: ReplayConfig) -> None:
    from_ts, to_ts = config.from_ts, config.to_ts
    if from_ts is not None and to_ts is not None and from_ts > to_ts:
        raise ConfigError(f"from: {config.start} is after to: {config.end}")


def _check_warm_up(warm_up: int | str) -> None:
    if isinstance(warm_up, str) and warm_up not in (AUTO, NONE):
        raise ConfigError(f"warm_up: expected {AUTO}, {NONE} or a number of bars; got {warm_up!r}")
    if isinstance(warm_up, int) and warm_up < 0:
        raise ConfigError(f"warm_up: {warm_up} is below 0")
