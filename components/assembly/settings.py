"""The settings of a core: what backtest, paper and live have in common.

Each struct is checked by the function beside it; ``check_settings`` calls them all.
"""

from decimal import Decimal

import msgspec

from components.allocation.config import LEVERED, SignalsConfig, check_signals
from components.assembly.instruments import InstrumentConfig, check_instruments
from components.execution.config import ExecutionConfig, check_execution
from components.portfolio.config import PortfolioConfig, check_portfolio
from kernel.errors import ConfigError
from strategies.sdk import RiskLimits
from strategies.sdk.limits import check_limits
from strategies.sdk.strategy_limits import (
    NO_LIMITS,
    Capital,
    StrategyLimits,
    StrategyTerms,
    check_terms,
)

ZERO = Decimal(0)
CASH_LIMIT = Decimal(10) ** 15
"""More than any account holds; beyond it cents would be lost in the 28 digits of a product."""


class StrategyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One strategy of a run.

    ``strategy`` is ``module:Class`` or ``path/to/file.py:Class``; ``id`` defaults to the name in its
    metadata; ``symbols`` to every symbol in the data. One that is not ``enabled`` is not loaded: only its
    id, its reference and its numbers are checked. ``capital`` is its share of the account, left out: all of
    it; ``limits`` are its own, beside the account's.
    """

    strategy: str
    params: dict[str, str | int | float | bool | None] = {}
    id: str = ""
    symbols: tuple[str, ...] = ()
    enabled: bool = True
    capital: Capital | None = None
    limits: StrategyLimits = NO_LIMITS

    @property
    def terms(self) -> StrategyTerms:
        """What it may use of the account."""
        return StrategyTerms(self.capital, self.limits)


class CoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a core is made of. ``cash`` is what the account begins with, in its currency."""

    strategies: tuple[StrategyConfig, ...] = ()
    cash: Decimal = Decimal(100_000)
    risk: RiskLimits = RiskLimits()
    portfolio: PortfolioConfig = PortfolioConfig()
    instruments: tuple[InstrumentConfig, ...] = ()
    environment: dict[str, str] = {}
    signals: SignalsConfig | None = None
    execution: ExecutionConfig = ExecutionConfig()

    @property
    def enabled_strategies(self) -> tuple[StrategyConfig, ...]:
        """The strategies that are loaded."""
        return tuple(one for one in self.strategies if one.enabled)


def check_settings(settings: CoreSettings) -> None:
    """Refuse what has the right type and no sense; ``ConfigError`` names the key and the value."""
    if not settings.cash.is_finite() or not 0 <= settings.cash <= CASH_LIMIT:
        raise ConfigError(f"cash: {settings.cash} is not between 0 and {CASH_LIMIT}")
    check_instruments(settings.instruments)
    try:
        check_portfolio(settings.portfolio)
    except ValueError as error:
        raise ConfigError(f"portfolio.{error}") from error
    try:
        check_execution(settings.execution)
    except ValueError as error:
        raise ConfigError(f"execution: {error}") from error
    try:
        if settings.signals is not None:
            largest = LEVERED if settings.risk.can_exceed_equity else 1
            check_signals(settings.signals, largest_position=largest)
    except ValueError as error:
        raise ConfigError(f"signals: {error}") from error
    try:
        check_limits(settings.risk)
    except ValueError as error:
        raise ConfigError(f"risk.{error}") from error
    _check_strategies(settings)


def _check_strategies(settings: CoreSettings) -> None:
    """Terms that make sense, and shares of the account that do not add up to more than there is."""
    for number, one in enumerate(settings.strategies, start=1):
        try:
            check_terms(one.terms, can_exceed_equity=settings.risk.can_exceed_equity)
        except ValueError as error:
            raise ConfigError(f"strategies: number {number} ({one.id or one.strategy}): {error}") from error
    shares = [one.capital for one in settings.enabled_strategies if one.capital is not None]
    fractions = sum((share.fraction for share in shares if share.fraction is not None), ZERO)
    most = LEVERED if settings.risk.can_exceed_equity else 1
    if fractions > most:
        raise ConfigError(
            f"strategies: their capital adds up to {fractions:f} of the account; expected at most {most}"
        )
    amounts = sum((share.amount for share in shares if share.amount is not None), ZERO)
    total = fractions * settings.cash + amounts
    if amounts and total > most * settings.cash:
        raise ConfigError(
            f"strategies: their capital adds up to {total:f}; expected at most {most * settings.cash:f}, "
            f"with cash of {settings.cash:f}"
        )
