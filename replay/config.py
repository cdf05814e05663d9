"""What a replay is made of, as read from ``onetape.yaml`` and the command line."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import msgspec

from brokers.simulated.config import SimulatedBrokerConfig
from components.portfolio.portfolio import PortfolioConfig
from kernel.errors import ConfigError
from kernel.events import AssetClass
from strategies.sdk import RiskLimits

DAY_NS = 86_400_000_000_000
CONFIG_FILE = "onetape.yaml"


class StrategyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One strategy of a run.

    ``strategy`` is ``module:Class`` or ``path/to/file.py:Class``; ``id`` defaults to the name in its
    metadata; ``symbols`` to every symbol in the data.
    """

    strategy: str
    params: dict[str, str | int | float | bool | None] = {}
    id: str = ""
    symbols: tuple[str, ...] = ()


class InstrumentConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The terms of one instrument; what is not given is as for a US share."""

    symbol: str
    asset_class: AssetClass = AssetClass.EQUITY
    currency: str = "USD"
    tick_size: Decimal = Decimal("0.01")
    lot_size: Decimal = Decimal(1)
    multiplier: Decimal = Decimal(1)


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

    @property
    def from_ts(self) -> int | None:
        """The first moment, ns UTC; ``ConfigError`` if it cannot be read."""
        return None if self.start is None else _moment(self.start, key="from")

    @property
    def to_ts(self) -> int | None:
        """The last moment, ns UTC, inclusive: the last nanosecond of a day."""
        if self.end is None:
            return None
        ts = _moment(self.end, key="to")
        return ts + DAY_NS - 1 if _is_day(self.end) else ts


def load_config(path: Path) -> ReplayConfig:
    """Read a YAML file; ``ConfigError`` names the file, the key and what was expected."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return msgspec.yaml.decode(text, type=ReplayConfig, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error


def _is_day(text: str) -> bool:
    return len(text.strip()) <= len("2008-01-01")


def _moment(text: str, *, key: str) -> int:
    """ns since the epoch; a text without an offset is UTC."""
    try:
        if _is_day(text):
            moment = datetime.combine(date.fromisoformat(text.strip()), time(), UTC)
        else:
            moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ConfigError(
            f"{key}: {text!r} is not a date like 2008-01-31 or a time like 2008-01-31T14:30:00"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000
