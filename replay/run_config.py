"""The configuration of ``onetape run``: that of a replay, and what only a daemon needs.

One file serves both commands. ``replay`` reads its own part (``replay.config``); ``onetape run`` reads all of
it and refuses what only a replay has. A log begins with the effective configuration, every default included.
Secrets are in it by name only.
"""

from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Annotated

import msgspec

from brokers.feeds.config import FeedConfig
from brokers.feeds.making import check_feeds
from brokers.orders.config import VenueConfig
from brokers.orders.making import check_venue
from components.assembly.settings import with_account_values
from components.assembly.yaml_text import readable
from components.broker_watch.config import DowngradeConfig
from components.portfolio.config import PositionMode
from eventstore import Durability
from eventstore.disk_space import DiskConfig
from eventstore.segment_settings import RetentionConfig, SegmentsConfig
from eventstore.snapshot_files import SnapshotsConfig
from kernel.configuration import convert_config
from kernel.decimals import exact
from kernel.engine import EngineConfig
from kernel.errors import ConfigError
from kernel.secret import SecretReference
from replay.alert_settings import AlertsConfig, check_alerts
from replay.config import (
    DEFAULT_STORE,
    ReplayConfig,
    check_config,
    check_live_inputs,
    default_store,
    with_numbers,
)
from replay.deploying.settings import DeployConfig, check_max_drawdown
from replay.live_venue import DeclaredVenue
from replay.yaml_files.file import YamlFile, read_yaml

WAIT_S = 60.0
"""How long a twin's order may work on after the live one."""
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Mode(StrEnum):
    """What a run trades on."""

    BACKTEST = "backtest"
    """Recorded data, simulated venue; ``replay`` alone runs it."""
    PAPER = "paper"
    """Live data, simulated venue."""
    LIVE = "live"
    """Live data, real orders."""
    SHADOW = "shadow"
    """Live data, real orders, and beside them a simulated twin of each order, which is compared with it."""
    ADVISORY = "advisory"
    """Live data; decisions are told to a person, and no order is sent."""

    @property
    def sends_orders(self) -> bool:
        """Whether real orders leave."""
        return self in (Mode.LIVE, Mode.SHADOW)


class StopConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The time limits of a stop, stage by stage. The edges' own limit is ``engine.drain_timeout_s``.

    Time in which the daemon was held up, as on a busy machine, counts neither for feeds nor for strategies.
    """

    feeds_s: Seconds = 5.0
    """Until the feeds are disconnected: a close of a socket takes a round trip, or is given up."""
    workers_s: Seconds = 5.0
    """Until the strategies in processes of their own have decided for the last time, and again until they
    have saved their state. Without that their next start replays more of the log."""
    snapshot_s: Seconds = 30.0
    """For the last snapshot, which makes the next start quick. Without it the start replays the log."""
    close_s: Seconds = 10.0
    """For the store. What is not closed in time is recovered at the next start."""


class SecretsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where secrets are looked up. ``folder``: files with one secret each; else that of $ONETAPE_SECRETS."""

    folder: str = ""


class ReportsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The pages about trading days, in the folder ``reports`` of the store."""

    daily: bool = True
    """Write one after each trading day: it costs some seconds of a process of low priority."""


class ReloadConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How changed code of a strategy is loaded while it trades."""

    watch: bool = True
    """Load a strategy's file as soon as it has changed; ``false``: only when an operator asks."""
    tail_s: Seconds = 3_600.0
    """The recent past on which new code is tried first: an hour has some decisions of most strategies. 0: new
    code is swapped in untried."""
    limit_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """How long the trial may take; code that loops for ever is refused then."""
    memory_mb: Annotated[int, msgspec.Meta(ge=256)] = 2_048
    """The address space of the trial's process."""
    most_changed: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    """The largest share of decisions over the tail that may be different. 1: any, since new code is written
    to decide differently; 0: none, for a change that should only tidy up."""


class ControlConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The control API. Its Unix socket is always there, for the daemon's own user."""

    tcp: str = ""
    """``127.0.0.1:PORT``: also on TCP, for programs of this machine with a token. Empty: not."""
    tokens_file: str = ""
    """The tokens for TCP: a file of mode 0600."""


class ShadowConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The twin of mode ``shadow``. Its models are those of ``broker``."""

    wait_s: Seconds = WAIT_S
    """How long a simulated order may work on after the live one has ended. A minute: a limit order that the
    market reaches later than that was another chance."""
    every_s: Annotated[float, msgspec.Meta(ge=0.01)] = 1.0
    """Between two looks at the log. A second: nobody acts on a difference sooner."""


class TracesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Traces of orders, sent to a collector of OpenTelemetry."""

    endpoint: str = ""
    """``http://127.0.0.1:4318``, or with a path of its own: OTLP over HTTP. Empty: no traces, at no cost."""
    sample: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    """The share of orders that are traced."""

    def __post_init__(self) -> None:
        if self.endpoint and not self.endpoint.startswith(("http://", "https://")):
            raise ValueError(
                f"traces.endpoint: {self.endpoint!r} is not an address such as http://127.0.0.1:4318"
            )


class RunConfig(ReplayConfig, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The configuration of a daemon.

    - ``mode``: ``backtest`` unless given, so that no file trades by accident.
    - ``log``: the name of the log in the store. By default that of the file without its ending.
    - ``durability``: ``full`` unless given, and always for ``live``: an order may leave only when its intent
      survives a power cut. ``normal`` saves a sync for each commit.
    - ``segments``, ``retention``, ``disk``: of a store that is a folder (``paper.tape``).
    - ``venue``: where the orders of modes ``live`` and ``shadow`` go. ``downgrade``: the errors after which
      these restrict themselves. ``shadow``: the twin of that mode.
    """

    mode: Mode = Mode.BACKTEST
    log: str = ""
    durability: Durability = Durability.FULL
    feeds: tuple[FeedConfig, ...] = ()
    engine: EngineConfig = EngineConfig()
    segments: SegmentsConfig = SegmentsConfig()
    retention: RetentionConfig = RetentionConfig()
    snapshots: SnapshotsConfig = SnapshotsConfig()
    disk: DiskConfig = DiskConfig()
    reports: ReportsConfig = ReportsConfig()
    reload: ReloadConfig = ReloadConfig()
    stop: StopConfig = StopConfig()
    secrets: SecretsConfig = SecretsConfig()
    control: ControlConfig = ControlConfig()
    alerts: AlertsConfig = AlertsConfig()
    deploy: DeployConfig = DeployConfig()
    venue: VenueConfig | None = None
    downgrade: DowngradeConfig = DowngradeConfig()
    traces: TracesConfig = TracesConfig()
    shadow: ShadowConfig = ShadowConfig()


class LoadedConfig(msgspec.Struct, frozen=True):
    """A configuration, and the file with the places of its values."""

    config: RunConfig
    file: YamlFile


def load_run_config(path: Path) -> RunConfig:
    """Read a YAML file for ``onetape run``; see ``load_with_places``."""
    return load_with_places(path).config


@exact
def load_with_places(path: Path) -> LoadedConfig:
    """Read a YAML file, and remember where each value was written.

    Raises ``ConfigError`` with the file, the line, the key, the value seen and what was expected.
    """
    file = read_yaml(path)
    try:
        config = convert_config(readable(with_numbers(file.content)), RunConfig)
        check_run_config(config)
    except ConfigError as error:
        raise file.located(error) from error
    changes = {
        "store": default_store(path) if config.store == DEFAULT_STORE else config.store,
        "log": config.log or path.stem,
    }
    return LoadedConfig(msgspec.structs.replace(config, **changes), file)


@exact
def check_run_config(config: RunConfig) -> None:
    """Refuse values that have the right type but make no sense; ``ConfigError`` names key and value."""
    check_config(config)
    check_feeds(config.feeds)
    check_alerts(config.alerts)
    check_max_drawdown(config.deploy.max_drawdown, key="deploy.max_drawdown")
    for place, value in _values(config, ""):
        if isinstance(value, float | Decimal) and not isfinite(value):
            raise ConfigError(f"{place}: {value} is not a finite number")
    if config.mode is not Mode.BACKTEST:
        check_live_inputs(config)
    _check_live(config)
    if bool(config.control.tcp) is not bool(config.control.tokens_file):
        raise ConfigError("control: expected tcp and tokens_file together: nobody is let in without a token")


def _check_live(config: RunConfig) -> None:
    """Refuse a venue of real orders in a mode that sends none, and live trading without one."""
    venue = config.venue
    if not config.mode.sends_orders:
        if venue is not None:
            raise ConfigError(
                f"venue: mode {config.mode.value} sends no real orders; expected none, or mode: live"
            )
        return
    if config.durability is not Durability.FULL:
        raise ConfigError(
            f"durability: {config.durability.value!r} may lose orders that were sent; mode "
            f"{config.mode.value} needs full"
        )
    if venue is None:
        raise ConfigError(
            f"venue: expected one: mode {config.mode.value} sends its orders there (docs/live.md)"
        )
    check_venue(venue)
    if config.portfolio.position_mode is PositionMode.HEDGING:
        raise ConfigError(
            "portfolio.position_mode: hedging needs a venue that keeps legs apart, and there is none yet; "
            "expected netting"
        )


def live_venue(config: ReplayConfig) -> DeclaredVenue | None:
    """The venue to which a configuration sends real orders; ``None`` for a simulated one."""
    if not isinstance(config, RunConfig) or not config.mode.sends_orders or config.venue is None:
        return None
    return DeclaredVenue(config.venue, config.downgrade)


def config_on_record(body: str) -> ReplayConfig:
    """The configuration of a recorded run or of a live log, from the body of its ``ConfigLoaded``."""
    keys = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.decode(body, type=RunConfig if "mode" in keys else ReplayConfig)


@exact
def config_hash(config: ReplayConfig) -> str:
    """The hash of a configuration as a new log records it: SHA-256 of its JSON, in hex."""
    body = msgspec.json.encode(with_account_values(config), order="deterministic")
    return sha256(body).hexdigest()


def secrets_of(config: RunConfig) -> dict[str, SecretReference]:
    """The secrets that a configuration refers to, by the path of the setting."""
    return {place: value for place, value in _values(config, "") if isinstance(value, SecretReference)}


def _values(value: object, place: str) -> list[tuple[str, object]]:
    """The single values of a configuration by their path. A reference to a secret is one."""
    match value:
        case SecretReference():
            return [(place, value)]
        case msgspec.Struct():
            names = ((field.encode_name, field.name) for field in msgspec.structs.fields(value))
            inner = [(f"{place}.{key}".removeprefix("."), getattr(value, name)) for key, name in names]
        case dict():
            items = msgspec.convert(value, dict[str, object]).items()
            inner = [(f"{place}.{key}".removeprefix("."), each) for key, each in items]
        case tuple() | list():
            entries = msgspec.convert(value, tuple[object, ...])
            inner = [(f"{place}[{number}]", each) for number, each in enumerate(entries)]
        case _:
            return [(place, value)]
    return [pair for path, each in inner for pair in _values(each, path)]
