"""The capital and the limits of one strategy.

The limits have the names of ``RiskLimits``, but apply only to the strategy's own positions and orders. They
are checked in addition to the account's: an order must pass both.
"""

from decimal import Decimal

import msgspec

from kernel.fraction_checks import above
from strategies.sdk.limits import LEVERED, Amount, Count, RiskLimits, check_limits


class Capital(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The share of the account that a strategy may use: ``fraction`` or ``amount``, not both.

    - ``fraction``: of the account's equity at the time of use.
    - ``amount``: in the account's currency. Gains and losses of the strategy are added, as in an account of
      its own.
    """

    fraction: Decimal | None = None
    amount: Decimal | None = None


class StrategyLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits of one strategy. A limit that is left out does not apply.

    Quantities are in units of the instrument, notionals and losses in the account's currency.
    """

    max_order_quantity: Amount | None = None
    max_order_notional: Amount | None = None
    max_position_quantity: Amount | None = None
    max_position_notional: Amount | None = None
    max_gross_exposure: Amount | None = None
    """Sum of the absolute values of its positions, plus the exposure that its working orders would add."""
    max_open_orders: Count | None = None
    max_orders_per_second: Count | None = None
    max_orders_per_minute: Count | None = None
    max_daily_loss: Amount | None = None
    """Loss since the account's trading day began, after commissions. Beyond it, orders may only reduce."""

    @property
    def is_any(self) -> bool:
        """Whether any limit is set."""
        return self != NO_LIMITS

    def as_risk_limits(self) -> RiskLimits:
        """The same limits as limits of an account without others."""
        own = {key: getattr(self, key) for key in self.__struct_fields__}
        return RiskLimits(require_cash=False, allow_short=True, **own)


NO_LIMITS = StrategyLimits()


class StrategyTerms(msgspec.Struct, frozen=True):
    """The capital of a strategy (``None``: the whole account), and its own limits."""

    capital: Capital | None = None
    limits: StrategyLimits = NO_LIMITS

    @property
    def is_any(self) -> bool:
        """Whether anything is limited."""
        return self.capital is not None or self.limits.is_any


UNLIMITED = StrategyTerms()


def check_terms(terms: StrategyTerms, *, can_exceed_equity: bool) -> None:
    """Check a strategy's terms; raises ``ValueError`` with the key, the value and the expected values."""
    check_capital(terms.capital, can_exceed_equity=can_exceed_equity)
    try:
        check_limits(terms.limits.as_risk_limits())
    except ValueError as error:
        raise ValueError(f"limits.{error}") from error


def check_capital(capital: Capital | None, *, can_exceed_equity: bool) -> None:
    """Check capital; raises ``ValueError`` as ``check_terms`` does."""
    if capital is None:
        return
    if (capital.fraction is None) is (capital.amount is None):
        raise ValueError("capital: expected either a fraction or an amount")
    for key, value in (("fraction", capital.fraction), ("amount", capital.amount)):
        if value is not None and not (value.is_finite() and value > 0):
            raise ValueError(f"capital.{key}: {value} is not a number above 0")
    problem = "" if capital.fraction is None else above(capital.fraction, LEVERED if can_exceed_equity else 1)
    if problem:
        raise ValueError(f"capital.fraction: {problem}")
