"""Commission of simulated fills. A positive amount is a cost, a negative one a rebate.

An order is charged *as a whole*. After each fill the model computes the cost of the order so far, and charges
the part that was not charged before. So an order filled in parts costs exactly as much as in one fill at the
same prices, and a minimum per order is charged once, with the first part.

The cost of an order, step by step:

1. The rates.
2. ``minimum`` raises a lower cost to it.
3. ``maximum``, and ``maximum_rate`` of the order's notional, lower a higher cost to them. So a maximum is
   stronger than the minimum, as at Interactive Brokers: 10 shares at 0.20 cost 1 % of their value, 0.02, and
   not the minimum of 1.00.
4. Rounding to ``decimals`` digits after the point, ties to the even digit.

To add a model, write a frozen struct whose fields are its parameters, with ``needs_history``, ``accrual``
and ``commission``, and list it in ``fee_schedules.COMMISSION_MODELS``. A model in a module of your own is
named in the configuration as ``path/to/file.py:Class``.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from itertools import pairwise
from typing import ClassVar, Protocol

import msgspec

from kernel.contracts import inverse
from kernel.events import MAKER, Liquidity, Order

CENT = Decimal("0.01")
ONE = Decimal(1)
ZERO = Decimal(0)


class FillTerms(msgspec.Struct, frozen=True, gc=False):
    """A fill to be charged.

    - ``quantity``: in units. ``price``: per unit.
    - ``multiplier``: the currency value of one unit at price 1.

    Sums of the order's earlier fills, 0 for a model that does not need history:

    - ``filled_before``: units. ``made_before``: units that made liquidity.
    - ``notional_before``: currency.
    - ``accrued_before``: sum of ``accrual``. ``charged_before``: sum of ``commission``.

    Sums of all earlier fills in the calendar month (UTC), this order's included, 0 in the same case:

    - ``month_quantity``: units. ``month_notional``: currency.
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
        """Quantity times price times multiplier."""
        return self.quantity * self.price * self.multiplier


class InverseFillTerms(FillTerms, frozen=True, gc=False):
    """A fill of an inverse contract. ``multiplier``: the notional of one unit at price 1."""

    @property
    def notional(self) -> Decimal:
        """Quantity times multiplier over price."""
        return self.quantity * inverse(self.price) * self.multiplier


def inverse_fill(fill: FillTerms) -> FillTerms:
    """The same fill, of an inverse contract."""
    return InverseFillTerms(*msgspec.structs.astuple(fill))


class CommissionModel(Protocol):
    """A commission model. Equal terms always have equal costs."""

    @property
    def needs_history(self) -> bool:
        """Whether it reads the sums of earlier fills, which are kept only for models that do."""
        ...

    def accrual(self, fill: FillTerms) -> Decimal:
        """The cost of this fill by the rates alone, before minimum, maximum and rounding."""
        ...

    def commission(self, fill: FillTerms) -> Decimal:
        """The amount to charge with this fill."""
        ...


class PerOrderLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of commission models: limits on the cost of an order, and its rounding.

    - ``minimum``, ``maximum``: in currency; ``None``: no limit.
    - ``maximum_rate``: a fraction of the order's notional; ``None``: no limit.
    - ``decimals``: digits after the point.
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
        """Always: limits and rounding apply to the order as a whole."""
        return True

    def accrual(self, fill: FillTerms) -> Decimal:  # noqa: ARG002  # the port's signature
        """Nothing, without rates."""
        return ZERO

    def commission(self, fill: FillTerms) -> Decimal:
        """The part of the order's cost that this fill adds."""
        return self.due(fill, self.limited(fill, fill.accrued_before + self.accrual(fill)))

    def limited(self, fill: FillTerms, cost: Decimal) -> Decimal:
        """The order's cost so far within the limits, not yet rounded. ``cost`` is the sum of its rates."""
        if self.minimum is not None:
            cost = max(cost, self.minimum)
        if self.maximum is not None:
            cost = min(cost, self.maximum)
        if self.maximum_rate is not None:
            cost = min(cost, self.maximum_rate * (fill.notional_before + fill.notional))
        return cost

    def due(self, fill: FillTerms, cost: Decimal) -> Decimal:
        """The part of an order's ``cost``, rounded, that was not charged before."""
        return cost.quantize(ONE.scaleb(-self.decimals), ROUND_HALF_EVEN) - fill.charged_before


FINE_DECIMALS = 12
COIN_DECIMALS = 8
"""Of amounts in coins."""


def in_fine_steps(model: CommissionModel) -> CommissionModel:
    """The model without rounding to cents, for amounts that are charged in units of a coin."""
    if not isinstance(model, PerOrderLimits):
        return model
    return msgspec.structs.replace(model, decimals=FINE_DECIMALS)


def in_steps_of_coins(model: CommissionModel) -> CommissionModel:
    """The model with eight decimals at least, for contracts that are settled in coins."""
    if not isinstance(model, PerOrderLimits) or model.decimals >= COIN_DECIMALS:
        return model
    return msgspec.structs.replace(model, decimals=COIN_DECIMALS)


class NoCommission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Trading is free."""

    @property
    def needs_history(self) -> bool:
        """Never."""
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


class PerOrder(PerOrderLimits, frozen=True, kw_only=True):
    """``per_order`` in currency, once, with the first fill."""

    per_order: Decimal

    def accrual(self, fill: FillTerms) -> Decimal:
        """The fee of an order's first fill; nothing after it."""
        return ZERO if fill.filled_before else self.per_order


class PerCent(PerOrderLimits, frozen=True, kw_only=True):
    """``percent`` of the notional: 0.1 is 0.1 %."""

    percent: Decimal

    def accrual(self, fill: FillTerms) -> Decimal:
        """The percentage of its notional."""
        return fill.notional * self.percent / 100


class FlatRates(PerOrderLimits, frozen=True, kw_only=True):
    """The three keys ``commission_per_share``, ``commission_per_order`` and ``commission_rate`` together.

    ``rate`` is a fraction of the notional: quantity times price times multiplier.
    """

    per_share: Decimal = ZERO
    per_order: Decimal = ZERO
    rate: Decimal = ZERO

    def accrual(self, fill: FillTerms) -> Decimal:
        """The rates of this fill. The first fill also pays the fee of the order."""
        cost = fill.quantity * self.per_share + self._value(fill) * self.rate
        return cost if fill.filled_before else cost + self.per_order

    def _value(self, fill: FillTerms) -> Decimal:
        return fill.notional


class FlatRatesOfPrice(FlatRates, frozen=True, kw_only=True):
    """``FlatRates`` of runs recorded under the first account rules: of quantity times price alone."""

    def _value(self, fill: FillTerms) -> Decimal:
        return fill.quantity * fill.price


class MakerTaker(PerOrderLimits, frozen=True, kw_only=True):
    """``maker_rate`` and ``taker_rate`` as fractions of the notional: 0.001 is 0.1 %; below 0 a rebate.

    A fill of unknown liquidity is charged as a taker's. With a ``minimum`` there is no rebate.
    """

    maker_rate: Decimal
    taker_rate: Decimal
    rebates: ClassVar[frozenset[str]] = frozenset({"maker_rate"})

    def accrual(self, fill: FillTerms) -> Decimal:
        """The rate for makers or for takers."""
        return fill.notional * (self.maker_rate if fill.liquidity is MAKER else self.taker_rate)


class TierBasis(StrEnum):
    """The unit of a month's volume."""

    QUANTITY = "quantity"
    NOTIONAL = "notional"


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ``rate`` for the month's volume up to and including ``up_to``. The last tier has no bound."""

    rate: Decimal
    up_to: Decimal | None = None


class Tiered(PerOrderLimits, frozen=True, kw_only=True):
    """A marginal rate by the volume of the calendar month (UTC).

    - ``basis: quantity``: rates are in currency per unit, bounds in units.
    - ``basis: notional``: rates are fractions of the notional, bounds are in currency.

    A fill that crosses a bound pays the lower tier's rate for its part below the bound, and the next tier's
    rate for its part above.
    """

    tiers: tuple[Tier, ...]
    basis: TierBasis = TierBasis.QUANTITY

    def __post_init__(self) -> None:
        PerOrderLimits.__post_init__(self)
        check_tiers(self.tiers)

    def accrual(self, fill: FillTerms) -> Decimal:
        """The cost of each part of the fill at the rate of its tier."""
        if self.basis is TierBasis.QUANTITY:
            return marginal(self.tiers, fill.month_quantity, fill.quantity)
        return marginal(self.tiers, fill.month_notional, fill.notional)


def marginal(tiers: tuple[Tier, ...], before: Decimal, amount: Decimal) -> Decimal:
    """The cost of ``amount`` after a month's volume of ``before``, each part at the rate of its tier."""
    cost, start, end = ZERO, before, before + amount
    for tier in tiers:
        if tier.up_to is None or end <= tier.up_to:
            return cost + (end - start) * tier.rate
        if start < tier.up_to:
            cost += (tier.up_to - start) * tier.rate
            start = tier.up_to
    return cost


def check_tiers(tiers: tuple[Tier, ...]) -> None:
    """Check that tiers rise and that the last one is open; ``ValueError`` says what is wrong."""
    if not tiers or tiers[-1].up_to is not None:
        raise ValueError("tiers: the last one must have no up_to: it is for all higher volumes")
    for tier in tiers:
        _check("tiers: rate", tier.rate, may_be_negative=True)
    bounds = [ZERO if tier.up_to is None else tier.up_to for tier in tiers[:-1]]
    if any(tier.up_to is None for tier in tiers[:-1]) or not all(bound.is_finite() for bound in bounds):
        raise ValueError("tiers: all but the last need an up_to")
    if any(lower >= upper for lower, upper in pairwise([ZERO, *bounds])):
        listed = ", ".join(map(str, bounds))
        raise ValueError(f"tiers: bounds {listed} do not rise, or the first is not above 0")


def _check(name: str, value: Decimal, *, may_be_negative: bool) -> None:
    if not value.is_finite() or (value < 0 and not may_be_negative):
        at_least = "a number" if may_be_negative else "a number of at least 0"
        raise ValueError(f"{name}: {value} is not {at_least}")
