"""Settings of interest and borrow fees at the simulated broker. ``back_office`` charges them."""

from decimal import Decimal

import msgspec

from kernel.fraction_checks import above
from kernel.time_units import DAY_S

ZERO = Decimal(0)


class Interest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Yearly rates on the cash of one currency, as fractions: 0.0683 is 6.83 %.

    - ``debit``: paid on a negative balance.
    - ``credit``: received on a positive balance, less the cash that secures short positions.
    - ``day_count``: days in a year: 360 for most currencies, 365 for GBP, CAD, AUD, HKD and some more.
    """

    debit: Decimal = ZERO
    credit: Decimal = ZERO
    day_count: int = 360

    def __post_init__(self) -> None:
        _check_rate("debit", self.debit)
        _check_rate("credit", self.credit)
        _check_days("day_count", self.day_count)


class FinancingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The costs of holding cash and short positions. By default there are none.

    - ``interest``: rates by currency.
    - ``borrow_day_count``: days in a year of an instrument's ``borrow_rate``, the fee for short positions.
    - ``accrual_s``: the time of the daily charge, in seconds after 00:00 UTC. Positions held then are
      charged.
    """

    interest: dict[str, Interest] = {}
    borrow_day_count: int = 360
    accrual_s: int = 0

    def __post_init__(self) -> None:
        _check_days("borrow_day_count", self.borrow_day_count)
        if not 0 <= self.accrual_s < DAY_S:
            raise ValueError(f"accrual_s: {self.accrual_s} is not between 0 and {DAY_S - 1} seconds")


def _check_rate(name: str, rate: Decimal) -> None:
    if not rate.is_finite():  # a rate below 0 is fine: some currencies had one
        raise ValueError(f"{name}: {rate} is not a number")
    problem = above(rate, 1)
    if problem:
        raise ValueError(f"{name}: {problem}")


def _check_days(name: str, days: int) -> None:
    if not 360 <= days <= 366:
        raise ValueError(f"{name}: {days} is not between 360 and 366 days")
