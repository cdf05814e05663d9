"""What a simulated fill costs. Positive is a cost, negative a rebate, in the currency of the fill.

An order is charged by what it comes to *as a whole*. After each of its fills the model works out what the
order costs so far (rates, then minimum, then maximum, then rounding) and charges what was not charged
before. So an order filled in parts costs exactly what it would have cost in one fill at the same prices,
and a minimum per order is charged once, with the first part.

The order of the limits: a cost below ``minimum`` is raised to it; one above ``maximum``, or above
``maximum_rate`` of the order's notional, is lowered to that. The maximum has the last word (so it is at
Interactive Brokers: 10 shares at 0.20 cost 1 % of their value, 0.02, and not the minimum of 1.00).

The rounding: the cost of the whole order, to ``decimals`` digits after the point, ties to the even digit.

To add a model, write a frozen struct whose fields are its parameters, with ``needs_history``, ``accrual``
and ``commission``; list it in ``brokers.simulated.fee_schedules.COMMISSION_MODELS`` or, in a module of your
own, name it in the configuration as ``path/to/file.py:Class``.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from itertools import pairwise
from typing import ClassVar, Protocol

import msgspec

from kernel.events import Liquidity, Order

CENT = Decimal("0.01")
ONE = Decimal(1)
ZERO = Decimal(0)

# Read once: on 3.11 a member of an enum takes 0.1 us to look up, a global 0.02.
_MAKER = Liquidity.MAKER


class FillTerms(msgspec.Struct, frozen=True, gc=False):
    """A fill to be charged, and what came before it.

    ``quantity`` in units, ``price`` per unit, ``multiplier`` the currency value of one unit at price 1.
    ``filled_before``, ``made_before``, ``notional_before``, ``accrued_before`` and ``charged_before`` are of
    this order's earlier fills: units, units that made liquidity, currency, sum of ``accrual`` and sum of
    ``commission``. ``month_quantity`` and ``month_notional`` are of all fills of the calendar month (UTC)
    before this one, this order's included. All of these are 0 for a model that does not need them.
    """

    order: Order
    quantity: Decimal
    price: Decimal
    liquidity: Liquidity
    multiplier: Decimal
    filled_before: Decimal
    charged_before: Decimal
    month_quantity: Decimal
    month_notional: Decimal
    notional_before: Decimal
    accrued_before: Decimal
    made_before: Decimal

    @property
    def notional(self) -> Decimal:
        """What this fill is worth: quantity times price times multiplier."""
        return self.quantity * self.price * self.multiplier


class CommissionModel(Protocol):
    """The cost of fills. Pure: the same terms always cost the same."""

    @property
    def needs_history(self) -> bool:
        """Whether it reads what came before a fill; nobody keeps that for a model that does not."""
        ...

    def accrual(self, fill: FillTerms) -> Decimal:
        """What this fill costs by the rates alone: before minimum, maximum and rounding."""
        ...

    def commission(self, fill: FillTerms) -> Decimal:
        """What is charged with this fill."""
        ...


class PerOrderLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What models have in common: limits on the cost of an order, and its rounding.

    ``minimum`` and ``maximum`` in currency, ``maximum_rate`` a fraction of the order's notional;
    ``None`` is no limit.
    """

    minimum: Decimal | None = None
    maximum: Decimal | None = None
    maximum_rate: Decimal | None = None
    decimals: int = 2
    rebates: ClassVar[frozenset[str]] = frozenset()
    """The parameters that may be negative."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value: object = getattr(self, name)
            if isinstance(value, Decimal):
                _check(name, value, may_be_negative=name in self.rebates)
        if not 0 <= self.decimals <= 12:
            raise ValueError(f"decimals: {self.decimals} is not between 0 and 12")

    @property
    def needs_history(self) -> bool:
        """Limits and rounding are of the order as a whole."""
        return True

    def limited(self, fill: FillTerms, cost: Decimal) -> Decimal:
        """What an order costs so far whose rates came to ``cost``; not yet rounded."""
        if self.minimum is not None:
            cost = max(cost, self.minimum)
        if self.maximum is not None:
            cost = min(cost, self.maximum)
        if self.maximum_rate is not None:
            cost = min(cost, self.maximum_rate * (fill.notional_before + fill.notional))
        return cost

    def due(self, fill: FillTerms, cost: Decimal) -> Decimal:
        """What is left to charge of an order's ``cost``, after rounding."""
        return cost.quantize(ONE.scaleb(-self.decimals), ROUND_HALF_EVEN) - fill.charged_before


class NoCommission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Trading is free."""

    @property
    def needs_history(self) -> bool:
        """It reads nothing."""
        return False

    def accrual(self, fill: FillTerms) -> Decimal:  # noqa: ARG002  # the port's signature
        """Nothing."""
        return ZERO

    def commission(self, fill: FillTerms) -> Decimal:  # noqa: ARG002  # the port's signature
        """Nothing."""
        return ZERO


class PerShare(PerOrderLimits, frozen=True, kw_only=True):
    """``per_share`` in currency for each unit: a share, a contract, a coin."""

    per_share: Decimal

    def accrual(self, fill: FillTerms) -> Decimal:
        """Quantity times the rate."""
        return fill.quantity * self.per_share

    def commission(self, fill: FillTerms) -> Decimal:
        """What this fill adds to the order's cost."""
        return self.due(fill, self.limited(fill, fill.accrued_before + self.accrual(fill)))


class PerOrder(PerOrderLimits, frozen=True, kw_only=True):
    """``per_order`` in currency, once, with the first fill."""

    per_order: Decimal

    def accrual(self, fill: FillTerms) -> Decimal:
        """The fee of an order's first fill; nothing after it."""
        return ZERO if fill.filled_before else self.per_order

    def commission(self, fill: FillTerms) -> Decimal:
        """What this fill adds to the order's cost."""
        return self.due(fill, self.limited(fill, fill.accrued_before + self.accrual(fill)))


class PerCent(PerOrderLimits, frozen=True, kw_only=True):
    """``percent`` of the notional: 0.1 is 0.1 %."""

    percent: Decimal

    def accrual(self, fill: FillTerms) -> Decimal:
        """Its part of the notional."""
        return fill.notional * self.percent / 100

    def commission(self, fill: FillTerms) -> Decimal:
        """What this fill adds to the order's cost."""
        return self.due(fill, self.limited(fill, fill.accrued_before + self.accrual(fill)))


class FlatRates(PerOrderLimits, frozen=True, kw_only=True):
    """The three keys ``commission_per_share``, ``commission_per_order`` and ``commission_rate`` together.

    ``rate`` is a fraction of quantity times price. It leaves an instrument's multiplier out, as that key
    always did; ``PerCent`` is of the whole notional.
    """

    per_share: Decimal = ZERO
    per_order: Decimal = ZERO
    rate: Decimal = ZERO

    def accrual(self, fill: FillTerms) -> Decimal:
        """The rates of this fill, and the fee of the order with its first one."""
        cost = fill.quantity * self.per_share + fill.quantity * fill.price * self.rate
        return cost if fill.filled_before else cost + self.per_order

    def commission(self, fill: FillTerms) -> Decimal:
        """What this fill adds to the order's cost."""
        return self.due(fill, self.limited(fill, fill.accrued_before + self.accrual(fill)))


class MakerTaker(PerOrderLimits, frozen=True, kw_only=True):
    """``maker_rate`` and ``taker_rate`` as fractions of the notional: 0.001 is 0.1 %; below 0 a rebate.

    A fill of which nobody knows whether it made or took liquidity is charged as a taker's. With a
    ``minimum`` there is no rebate.
    """

    maker_rate: Decimal
    taker_rate: Decimal
    rebates: ClassVar[frozenset[str]] = frozenset({"maker_rate"})

    def accrual(self, fill: FillTerms) -> Decimal:
        """The rate of its side of the trade."""
        return fill.notional * (self.maker_rate if fill.liquidity is _MAKER else self.taker_rate)

    def commission(self, fill: FillTerms) -> Decimal:
        """What this fill adds to the order's cost."""
        return self.due(fill, self.limited(fill, fill.accrued_before + self.accrual(fill)))


class TierBasis(StrEnum):
    """What a month's volume is counted in."""

    QUANTITY = "quantity"
    NOTIONAL = "notional"


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``rate`` for the month's volume up to and including ``up_to``; the last tier has no bound."""

    rate: Decimal
    up_to: Decimal | None = None


class Tiered(PerOrderLimits, frozen=True, kw_only=True):
    """A rate that falls with the volume of the calendar month (UTC), marginally.

    With ``basis: quantity`` rates are currency per unit and bounds are units; with ``basis: notional``
    rates are fractions of the notional and bounds are currency. A fill that crosses a bound pays each
    side's rate for its part.
    """

    tiers: tuple[Tier, ...]
    basis: TierBasis = TierBasis.QUANTITY

    def __post_init__(self) -> None:
        PerOrderLimits.__post_init__(self)
        check_tiers(self.tiers)

    def accrual(self, fill: FillTerms) -> Decimal:
        """Each part of the fill at its tier's rate."""
        if self.basis is TierBasis.QUANTITY:
            return marginal(self.tiers, fill.month_quantity, fill.quantity)
        return marginal(self.tiers, fill.month_notional, fill.notional)

    def commission(self, fill: FillTerms) -> Decimal:
        """What this fill adds to the order's cost."""
        return self.due(fill, self.limited(fill, fill.accrued_before + self.accrual(fill)))


def marginal(tiers: tuple[Tier, ...], before: Decimal, amount: Decimal) -> Decimal:
    """The cost of ``amount`` on top of a month's ``before``, each part of it at its own tier's rate."""
    cost, start, end = ZERO, before, before + amount
    for tier in tiers:
        if tier.up_to is None or end <= tier.up_to:
            return cost + (end - start) * tier.rate
        if start < tier.up_to:
            cost += (tier.up_to - start) * tier.rate
            start = tier.up_to
    return cost


def check_tiers(tiers: tuple[Tier, ...]) -> None:
    """Refuse tiers that do not cover every volume, in order; ``ValueError`` says what is wrong."""
    if not tiers or tiers[-1].up_to is not None:
        raise ValueError("tiers: the last one must have no up_to, for all that is above")
    for tier in tiers:
        _check("tiers: rate", tier.rate, may_be_negative=True)
    bounds = [ZERO if tier.up_to is None else tier.up_to for tier in tiers[:-1]]
    if any(tier.up_to is None for tier in tiers[:-1]) or not all(bound.is_finite() for bound in bounds):
        raise ValueError("tiers: all but the last need an up_to")
    if any(lower >= upper for lower, upper in pairwise([ZERO, *bounds])):
        raise ValueError(f"tiers: bounds {', '.join(map(str, bounds))} do not rise from above 0")


def _check(name: str, value: Decimal, *, may_be_negative: bool) -> None:
    if not value.is_finite() or (value < 0 and not may_be_negative):
        at_least = "a number" if may_be_negative else "a number of at least 0"
        raise ValueError(f"{name}: {value} is not {at_least}")
