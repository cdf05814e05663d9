"""What a replay is made of, as read from ``onetape.yaml`` and the command line."""

from decimal import Decimal
from math import inf
from pathlib import Path

import msgspec

from brokers.simulated.config import SimulatedBrokerConfig
from components.allocation.config import LEVERED, SignalsConfig, check_signals
from components.execution.config import ExecutionConfig, check_execution
from components.portfolio.portfolio import PortfolioConfig
from kernel.configuration import convert_config
from kernel.decimals import exact
from kernel.errors import ConfigError
from kernel.fraction_checks import above
from kernel.time_units import DAY_NS
from replay.commands import Command, check_commands
from replay.instruments import InstrumentConfig, check_instruments
from replay.moments import is_day, moment_ns
from replay.yaml_text import readable
from strategies.sdk import RiskLimits
from strategies.sdk.limits import check_limits

CASH_LIMIT = Decimal(10) ** 15
"""More than any account holds; beyond it cents would be lost in the 28 digits of a product."""

CONFIG_FILE = "onetape.yaml"

__all__ = [
    "CASH_LIMIT",
    "CONFIG_FILE",
    "InstrumentConfig",
    "ReplayConfig",
    "StrategyConfig",
    "check_config",
    "load_config",
]


class StrategyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One strategy of a run.

    ``strategy`` is ``module:Class`` or ``path/to/file.py:Class``; ``id`` defaults to the name in its
    metadata; ``symbols`` to every symbol in the data.
    """

    strategy: str
    params: dict[str, str | int | float | bool | None] = {}
    id: str = ""
    symbols: tuple[str, ...] = ()


class ReplayConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole run. ``from`` and ``to`` are UTC days or moments, inclusive; a day means all of it.

    ``speed``: 1 is real time, 10 ten times faster; left out, as fast as it goes.
    """

    store: str = "onetape.db"
    streams: tuple[str, ...] = ()
    strategies: tuple[StrategyConfig, ...] = ()
    start: str | None = msgspec.field(default=None, name="from")
    end: str | None = msgspec.field(default=None, name="to")
    cash: Decimal = Decimal(100_000)
    speed: float | None = None
    risk: RiskLimits = RiskLimits()
    broker: SimulatedBrokerConfig = SimulatedBrokerConfig()
    portfolio: PortfolioConfig = PortfolioConfig()
    instruments: tuple[InstrumentConfig, ...] = ()
    environment: dict[str, str] = {}
    signals: SignalsConfig | None = None
    execution: ExecutionConfig = ExecutionConfig()
    commands: tuple[Command, ...] = ()
    """What operators tell the run, and when (``replay.commands``)."""

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
    """Read a YAML file; ``ConfigError`` names the file, the key and what was expected."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        config = convert_config(readable(msgspec.yaml.decode(text)), ReplayConfig)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    try:
        check_config(config)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return config


@exact
def check_config(config: ReplayConfig) -> None:
    """Refuse what has the right type and no sense; ``ConfigError`` names the key and the value."""
    _check_period(config)
    _check_money(config)
    if config.speed is not None and not 0 < config.speed < inf:
        raise ConfigError(f"speed: {config.speed} is not above 0")
    if config.portfolio.mark_every_s < 1:
        raise ConfigError(f"portfolio.mark_every_s: {config.portfolio.mark_every_s} is below 1 second")
    if config.portfolio.corrections_kept < 0:
        raise ConfigError(f"portfolio.corrections_kept: {config.portfolio.corrections_kept} is below 0")
    check_instruments(config.instruments)
    _check_signals(config)
    check_commands(config.commands, from_ts=config.from_ts, to_ts=config.to_ts)
    try:
        check_limits(config.risk)
    except ValueError as error:
        raise ConfigError(f"risk.{error}") from error


def _check_signals(config: ReplayConfig) -> None:
    try:
        check_execution(config.execution)
    except ValueError as error:
        raise ConfigError(f"execution: {error}") from error
    try:
        if config.signals is not None:
            largest = LEVERED if config.risk.can_exceed_equity else 1
            check_signals(config.signals, largest_position=largest)
    except ValueError as error:
        raise ConfigError(f"signals: {error}") from error


def _check_period(config: ReplayConfig) -> None:
    from_ts, to_ts = config.from_ts, config.to_ts
    if from_ts is not None and to_ts is not None and from_ts > to_ts:
        raise ConfigError(f"from: {config.start} is after to: {config.end}")


def _check_money(config: ReplayConfig) -> None:
    if not config.cash.is_finite() or not 0 <= config.cash <= CASH_LIMIT:
        raise ConfigError(f"cash: {config.cash} is not between 0 and {CASH_LIMIT}")
    broker = config.broker
    if not 0 <= broker.slippage_bps < 10_000:
        raise ConfigError(f"broker.slippage_bps: {broker.slippage_bps} is not between 0 and 10,000")
    for key in ("commission_per_share", "commission_per_order", "commission_rate"):
        _check_amount(f"broker.{key}", getattr(broker, key))
    problem = above(broker.commission_rate, 1)
    if problem:
        raise ConfigError(f"broker.commission_rate: {problem}")


def _check_amount(key: str, amount: Decimal | None) -> None:
    if amount is not None and not (amount.is_finite() and amount >= 0):
        raise ConfigError(f"{key}: {amount} is not a number of at least 0")
