"""Settings of deployments: the section ``deploy:``, with the limits of the gate between two environments."""

from decimal import Decimal
from typing import Annotated

import msgspec

from kernel.errors import ConfigError

NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class GateLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a version must show in this environment before it may leave it."""

    trading_days: Count = 5
    """UTC days with market data: a week of stocks has every weekday once."""
    crashes: Count = 0
    """Sessions that did not end in order, and failures of the strategy."""
    slippage_bps: NotNegative = 10.0
    """How much worse than in the backtest fills may be on average, in basis points of the price."""
    fill_rate_pct: Annotated[float, msgspec.Meta(ge=0, le=100)] = 95.0
    """The least share of orders that are filled, of those that the venue filled, rejected or let expire."""
    pnl_deviations: NotNegative = 1.0
    """How far its P&L may be from the backtest's, in standard deviations of the backtest's P&L."""
    breaches: Count = 0
    """Breaches of risk limits, and stops of the canary."""


class DeployConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How strategies are deployed into this environment, and what lets them out of it."""

    max_drawdown: Decimal = Decimal("0.05")
    """The part of its capital that a canary may lose from its best, unless its deployment says otherwise."""
    gate: GateLimits = GateLimits()


def check_max_drawdown(fraction: Decimal, *, key: str) -> None:
    """Raise ``ConfigError`` for a drawdown that no capital can have."""
    if not (fraction.is_finite() and 0 < fraction <= 1):
        raise ConfigError(f"{key}: {fraction} is not above 0 and at most 1 (1: all of the capital)")
