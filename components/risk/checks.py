"""Limits that have the right type and no sense are refused before anything runs."""

from decimal import Decimal
from typing import assert_never

from kernel.fraction_checks import above
from strategies.sdk.limits import BreachAction, ContinuousLimit, LimitKind, LimitUnit, Rearm, RiskLimits

_AMOUNTS = (
    "max_order_quantity",
    "max_order_notional",
    "max_position_quantity",
    "price_collar_bps",
    "stop_collar_bps",
    "max_position_notional",
    "max_gross_exposure",
    "max_leverage",
    "max_symbol_concentration",
    "max_sector_concentration",
    "max_daily_loss",
    "max_drawdown",
)
_OF_EQUITY = ("max_symbol_concentration", "max_sector_concentration")
_LEVERED = 10
"""As many times equity (or what a short position brought in) may be meant where more than all of it can be
at stake; beyond that a percentage was written."""

_COUNTS = (
    "max_orders_per_second",
    "max_orders_per_minute",
    "max_open_orders",
    "max_open_orders_per_symbol",
)
NO_FRACTION = 10**18
_ORDERS_KEPT = 1_000_000
"""As many times are remembered for a rate as it allows orders; more is no limit."""

_LOSSES = (LimitKind.DAILY_LOSS, LimitKind.DRAWDOWN)
_BY_SYMBOL = (LimitKind.STOP_LOSS, LimitKind.TAKE_PROFIT, LimitKind.STALE_DATA, LimitKind.VOLATILITY)


def check_limits(limits: RiskLimits) -> None:
    """Raises ``ValueError``: the key, the value, and what was expected."""
    for key in _AMOUNTS:
        amount: Decimal | None = getattr(limits, key)
        if amount is not None and not (amount.is_finite() and amount >= 0):
            raise ValueError(f"{key}: {amount} is not a number of at least 0")
    _check_fractions(limits)
    for key in _COUNTS:
        count: int | None = getattr(limits, key)
        if count is not None and not 0 <= count <= _ORDERS_KEPT:
            raise ValueError(f"{key}: {count} is not between 0 and {_ORDERS_KEPT}")
    if not 0 <= limits.duplicate_window_s <= 86_400:
        raise ValueError(f"duplicate_window_s: {limits.duplicate_window_s} is not between 0 and a day")
    both = sorted(set(limits.restricted) & set(limits.allow_only))
    if both:
        raise ValueError(f"restricted: {', '.join(both)} also in allow_only")
    for number, limit in enumerate(limits.continuous, start=1):
        problem = _problem(limit) or above(limit.limit, _most(limit, limits))
        if problem:
            raise ValueError(f"continuous: number {number} ({limit.kind.value}): {problem}")


def can_exceed_equity(limits: RiskLimits) -> bool:
    """Whether more than the account's equity can be at stake: on margin, or short."""
    return limits.allow_short or not limits.require_cash


def _check_fractions(limits: RiskLimits) -> None:
    problem = above(limits.max_drawdown or 0, 1)
    if problem:
        raise ValueError(f"max_drawdown: {problem}")
    for key in _OF_EQUITY:
        share: Decimal | None = getattr(limits, key)
        problem = above(share or 0, _LEVERED if can_exceed_equity(limits) else 1)
        if problem:
            raise ValueError(f"{key}: {problem}")


def _most(limit: ContinuousLimit, limits: RiskLimits) -> int:
    """The largest fraction that makes sense for a kind; money and seconds are no fractions."""
    match limit.kind:
        case LimitKind.DAILY_LOSS | LimitKind.DRAWDOWN:
            return 1 if limit.unit is LimitUnit.FRACTION else NO_FRACTION
        case LimitKind.STOP_LOSS:
            return _LEVERED if limits.allow_short else 1
        case LimitKind.TAKE_PROFIT | LimitKind.VOLATILITY:
            return _LEVERED
        case LimitKind.STALE_DATA:
            return NO_FRACTION
        case _:
            assert_never(limit.kind)


def _problem(limit: ContinuousLimit) -> str:
    """What is wrong with a continuous limit; empty if nothing is."""
    if not (limit.limit.is_finite() and limit.limit > 0):
        return f"limit {limit.limit} is not a number above 0"
    if not (limit.reduce_by.is_finite() and 0 < limit.reduce_by <= 1):
        return f"reduce_by {limit.reduce_by} is not above 0 and at most 1"
    if limit.window < 2:
        return f"window {limit.window} is below 2 returns"
    if (limit.rearm is Rearm.DELAY) is not (limit.rearm_after_s > 0):
        return f"rearm_after_s {limit.rearm_after_s}: above 0 with rearm: delay, and only there"
    if limit.kind not in _LOSSES and (limit.origin is not None or limit.unit is not LimitUnit.FRACTION):
        return "from and unit are for daily_loss and drawdown"
    if limit.kind not in _BY_SYMBOL and limit.symbols:
        return "symbols are not for losses, which are the account's"
    if limit.kind is LimitKind.STALE_DATA and limit.action in (BreachAction.REDUCE, BreachAction.FLATTEN):
        return f"action {limit.action.value}: nothing should be traded on prices that are stale"
    return ""
