"""What a replay is made of, as read from ``onetape.yaml`` and the command line."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import inf
from pathlib import Path

import msgspec

from brokers.simulated.config import SimulatedBrokerConfig
from components.portfolio.portfolio import PortfolioConfig
from kernel.errors import ConfigError
from kernel.events import AssetClass
from strategies.sdk import RiskLimits

DAY_NS = 86_400_000_000_000
LAST_TS = 2**63 - 1
"""2262-04-11: the last moment that an event can be stamped with. The first one is 1970-01-01."""

CASH_LIMIT = Decimal(10) ** 15
"""More than any account holds; beyond it cents would be lost in the 28 digits of a product."""

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
        config = msgspec.convert(_with_text_dates(msgspec.yaml.decode(text)), ReplayConfig, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    try:
        check_config(config)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return config


def check_config(config: ReplayConfig) -> None:
    """Refuse what has the right type and no sense; ``ConfigError`` names the key and the value."""
    _check_period(config)
    _check_money(config)
    if config.speed is not None and not 0 < config.speed < inf:
        raise ConfigError(f"speed: {config.speed} is not above 0")
    if config.portfolio.mark_every_s < 1:
        raise ConfigError(f"portfolio.mark_every_s: {config.portfolio.mark_every_s} is below 1 second")
    symbols = [instrument.symbol for instrument in config.instruments]
    for instrument in config.instruments:
        if symbols.count(instrument.symbol) > 1:
            raise ConfigError(
                f"instruments: {instrument.symbol!r} is there {symbols.count(instrument.symbol)} times"
            )
        for key in ("tick_size", "lot_size", "multiplier"):
            step: Decimal = getattr(instrument, key)
            if not step.is_finite() or step <= 0:
                raise ConfigError(f"instruments: {instrument.symbol}: {key} {step} is not above 0")


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
    for key in ("max_order_quantity", "max_order_notional", "max_position_quantity"):
        _check_amount(f"risk.{key}", getattr(config.risk, key))


def _check_amount(key: str, amount: Decimal | None) -> None:
    if amount is not None and not (amount.is_finite() and amount >= 0):
        raise ConfigError(f"{key}: {amount} is not a number of at least 0")


def _with_text_dates(content: object) -> object:
    """YAML reads ``from: 2008-01-31`` as a date of its own; here it is the text that was written."""
    if not isinstance(content, dict):
        return content
    document: dict[object, object] = content  # pyright: ignore[reportUnknownVariableType]  # YAML may hold anything
    return {
        key: value.isoformat() if isinstance(value, date) else value  # a datetime is a date too
        for key, value in document.items()
    }


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
    ts = (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000
    if not 0 <= ts <= LAST_TS - DAY_NS:
        raise ConfigError(f"{key}: {text!r} is outside 1970-01-01 to 2262-04-10; leave it out for no bound")
    return ts
