"""The settings of a core, shared by backtest, paper and live.

Each struct is checked by the function beside it; ``check_settings`` calls them all.
"""

from decimal import Decimal
from typing import TypeVar

import msgspec

from components.allocation.config import LEVERED, SignalsConfig, check_signals
from components.assembly.instruments import InstrumentConfig, check_instruments
from components.assembly.isolation import Isolation, WorkerConfig
from components.execution.config import ExecutionConfig, check_execution
from components.portfolio.config import AccountType, PortfolioConfig, PositionMode, check_portfolio
from kernel.errors import ConfigError
from kernel.events import MARGINED
from strategies.sdk import RiskLimits
from strategies.sdk.limits import LimitKind, MarginCall, check_limits
from strategies.sdk.strategy_limits import (
    NO_LIMITS,
    Capital,
    StrategyLimits,
    StrategyTerms,
    check_terms,
)

ZERO = Decimal(0)
CASH_LIMIT = Decimal(10) ** 15
"""The largest cash: with more, a product of 28 digits would lose cents."""


class StrategyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One strategy of a run.

    - ``strategy``: ``module:Class`` or ``path/to/file.py:Class``.
    - ``id``: by default the name in its metadata.
    - ``symbols``: by default every symbol in the data.
    - ``enabled``: a disabled strategy is not loaded; only its id, reference and numbers are checked.
    - ``capital``: its share of the account; ``None``: the whole account.
    - ``limits``: its own limits, in addition to the account's.
    - ``isolation``: whether a live run calls its hooks in a process of its own.
    - ``worker``: the limits of that process.
    """

    strategy: str
    params: dict[str, str | int | float | bool | None] = {}
    id: str = ""
    symbols: tuple[str, ...] = ()
    enabled: bool = True
    capital: Capital | None = None
    limits: StrategyLimits = NO_LIMITS
    isolation: Isolation = Isolation.NONE
    worker: WorkerConfig = WorkerConfig()

    @property
    def terms(self) -> StrategyTerms:
        """Its capital and its own limits."""
        return StrategyTerms(self.capital, self.limits)


class CoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings of a core. ``cash`` is the account's initial cash, in its currency."""

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


SettingsT = TypeVar("SettingsT", bound=CoreSettings)


def with_account_values(settings: SettingsT) -> SettingsT:
    """The settings of a new run: every setting of the account that was left out gets its value.

    So the record says what was decided, and a later default changes no recorded run.
    """
    risk, portfolio = settings.risk, settings.portfolio
    is_levered = risk.can_exceed_equity
    has_futures = any(one.asset_class in MARGINED for one in settings.instruments)
    needs_margin = risk.require_margin
    if needs_margin is None:
        needs_margin = is_levered or has_futures
    call = risk.margin_call or (MarginCall.LIQUIDATE if needs_margin else MarginCall.OFF)
    account_type = portfolio.account_type or (AccountType.MARGIN if is_levered else AccountType.CASH)
    return msgspec.structs.replace(
        settings,
        risk=msgspec.structs.replace(risk, require_margin=needs_margin, margin_call=call),
        portfolio=msgspec.structs.replace(portfolio, account_type=account_type),
    )


def check_settings(settings: CoreSettings) -> None:
    """Check values of the right type; raises ``ConfigError`` with the key and the value."""
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
    if settings.portfolio.position_mode is PositionMode.HEDGING:
        _check_hedging(settings)
    _check_strategies(settings)


def _check_hedging(settings: CoreSettings) -> None:
    """Refuse what hedging mode does not have: accounts without margin, and what counts one net position."""
    risk = settings.risk
    if risk.require_cash or not risk.allow_short:
        raise ConfigError(
            "portfolio.position_mode: hedging needs a margin account that may sell short: expected "
            "risk.require_cash: false and risk.allow_short: true"
        )
    if settings.signals is not None:
        raise ConfigError(
            "signals: a plan of signals has one net position in a symbol; expected none with "
            "portfolio.position_mode: hedging"
        )
    for limit in risk.continuous:
        if limit.kind in (LimitKind.STOP_LOSS, LimitKind.TAKE_PROFIT):
            raise ConfigError(
                f"risk.continuous: {limit.kind.value} watches net positions; with portfolio.position_mode: "
                "hedging attach stop_loss or take_profit to orders, which close their leg"
            )


def _check_strategies(settings: CoreSettings) -> None:
    """Check each strategy's terms, and that their capital adds up to at most the account."""
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
