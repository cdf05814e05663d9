"""The limits of a configuration on orders and positions.

Each limit declares its bounds. ``check_limits`` checks the bounds, and the conditions between several limits.
``docs/risk.md`` lists what each key compares and the text of its denial.

To add a limit: a field of ``RiskLimits`` with its bounds, and its rule in ``components/risk/rules``. To add a
continuous limit: a member of ``LimitKind``, its line in ``KIND_TERMS``, and its figure in
``components/risk_monitor``.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from math import inf, isfinite
from typing import Annotated, NamedTuple, get_args, get_type_hints

import msgspec

from kernel.fraction_checks import above
from kernel.identifiers import StrategyId
from kernel.time_units import DAY_S

ORDERS_KEPT = 1_000_000
"""The largest number of orders in a limit: a rate limit remembers the times of that many orders."""

LEVERED = 10
"""The largest fraction of equity, or of the cost of a short position, in a limit. A larger one was probably
meant as a percentage."""

MAINTENANCE_MARGIN = "maintenance_margin"
RUIN = "ruin"
"""The rules of a margin call in ``RiskLimitBreached``.

- ``maintenance_margin``: the equity is below it.
- ``ruin``: the equity is below 0, and nothing is held that could be sold.
"""

REARMED = "rearmed"
"""The action of a ``RiskLimitBreached`` that reports a limit as active again."""


# --- bounds --------------------------------------------------------------------------------------


class Fraction(msgspec.Struct, frozen=True):
    """The largest fraction that makes sense for a limit. A larger one was probably meant as a percentage.

    - ``most``: for every account.
    - ``levered``: for an account that can have more than its equity at stake.
    - ``short``: for an account that may sell short.
    """

    most: int = 1
    levered: int = 1
    short: int = 1

    def problem(self, value: Decimal | float, limits: "RiskLimits") -> str:
        """The sentence about a fraction that is too large; empty if it is within the limit."""
        levered = self.levered if limits.can_exceed_equity else 1
        short = self.short if limits.allow_short else 1
        return above(value, max(self.most, levered, short))


class Bounds(msgspec.Struct, frozen=True):
    """The values that a limit may have.

    - ``wrong``: the end of the sentence about another value: ``-1 is not a number of at least 0``.
    - ``is_open``: the lowest value itself is not allowed.
    """

    wrong: str
    lowest: int = 0
    highest: float = inf
    is_open: bool = False
    fraction: Fraction | None = None

    def problem(self, value: Decimal | float, limits: "RiskLimits") -> str:
        """The sentence about a value out of bounds; empty if it is within."""
        is_finite = value.is_finite() if isinstance(value, Decimal) else isfinite(value)
        is_within = is_finite and self.lowest <= value <= self.highest
        if not is_within or (self.is_open and value == self.lowest):
            return f"{value} {self.wrong}"
        return "" if self.fraction is None else self.fraction.problem(value, limits)


Amount = Annotated[Decimal, Bounds("is not a number of at least 0")]
Count = Annotated[int, Bounds(f"is not between 0 and {ORDERS_KEPT}", 0, ORDERS_KEPT)]
EquityFraction = Annotated[
    Decimal, Bounds("is not a number of at least 0", fraction=Fraction(levered=LEVERED))
]
LossFraction = Annotated[Decimal, Bounds("is not a number of at least 0", fraction=Fraction())]


# --- continuous limits ---------------------------------------------------------------------------


class LimitKind(StrEnum):
    """The figure that a continuous limit watches."""

    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    VOLATILITY = "volatility"
    STALE_DATA = "stale_data"


class LimitUnit(StrEnum):
    """The unit of a loss: a fraction of the base equity, or money in the account's currency."""

    FRACTION = "fraction"
    MONEY = "money"


class LossOrigin(StrEnum):
    """The base equity of a loss: the highest of the period, or the one at its start."""

    PEAK = "peak"
    START = "start"


class BreachAction(StrEnum):
    """The action after a breach, from an event only to a halt of all orders."""

    ALERT = "alert"
    DENY = "deny"
    REDUCE = "reduce"
    FLATTEN = "flatten"
    HALT = "halt"


class MarginCall(StrEnum):
    """What follows when the equity is below the maintenance margin."""

    LIQUIDATE = "liquidate"
    ALERT = "alert"
    OFF = "off"


class Rearm(StrEnum):
    """The moment when a breached limit is active again."""

    NEW_DAY = "new_day"
    RECOVERY = "recovery"
    DELAY = "delay"
    BY_HAND = "by_hand"


class KindTerms(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of one kind of continuous limit.

    - ``rearm``: the default re-arming.
    - ``fraction``: the largest fraction that makes sense; ``None`` if the limit is not a fraction.
    - ``loss_from``: the default base equity of a loss; ``None`` for kinds that are not losses of the account.
    """

    rearm: Rearm = Rearm.BY_HAND
    fraction: Fraction | None = None
    loss_from: LossOrigin | None = None


KIND_TERMS: Mapping[LimitKind, KindTerms] = {
    LimitKind.DAILY_LOSS: KindTerms(rearm=Rearm.NEW_DAY, fraction=Fraction(), loss_from=LossOrigin.START),
    LimitKind.DRAWDOWN: KindTerms(fraction=Fraction(), loss_from=LossOrigin.PEAK),
    LimitKind.STOP_LOSS: KindTerms(fraction=Fraction(short=LEVERED)),
    LimitKind.TAKE_PROFIT: KindTerms(fraction=Fraction(LEVERED)),
    LimitKind.VOLATILITY: KindTerms(rearm=Rearm.RECOVERY, fraction=Fraction(LEVERED)),
    LimitKind.STALE_DATA: KindTerms(rearm=Rearm.RECOVERY),
}


class ContinuousLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A limit that is checked between orders. It acts once, until it is re-armed."""

    kind: LimitKind
    limit: Annotated[Decimal, Bounds("is not a number above 0", is_open=True)]
    """By kind:

    - losses: in ``unit``;
    - stop loss, take profit: a fraction of the position's cost;
    - volatility: per year, as a fraction (0.15 is 15 %);
    - stale data: seconds.
    """
    action: BreachAction = BreachAction.ALERT
    unit: LimitUnit = LimitUnit.FRACTION
    origin: LossOrigin | None = msgspec.field(default=None, name="from")
    """``None``: the start of the day for a daily loss, the peak for a drawdown."""
    symbols: tuple[str, ...] = ()
    """The watched symbols; empty: all symbols, and for volatility the account."""
    rearm: Rearm | None = None
    """``None``: the default of the kind (``KIND_TERMS``)."""
    rearm_after_s: int = 0
    """Seconds until it is active again, if ``rearm`` is ``delay``."""
    reduce_by: Annotated[Decimal, Bounds("is not above 0 and at most 1", 0, 1, is_open=True)] = Decimal("0.5")
    """The fraction of each position that ``reduce`` closes."""
    window: Annotated[int, Bounds("is below 2 returns", 2)] = 20
    """The number of returns between account marks for volatility."""

    @property
    def is_loss(self) -> bool:
        """Whether it limits a loss of the account."""
        return KIND_TERMS[self.kind].loss_from is not None

    @property
    def loss_from(self) -> LossOrigin | None:
        """The base equity of the loss; ``None`` if it is not a loss of the account."""
        return self.origin or KIND_TERMS[self.kind].loss_from

    @property
    def rearms(self) -> Rearm:
        """The moment when it is active again."""
        return self.rearm or KIND_TERMS[self.kind].rearm


def named_limits(limits: Iterable[ContinuousLimit]) -> Mapping[str, ContinuousLimit]:
    """Limits by their rule name in the log: the kind, with a number from the second of a kind on."""
    rules: dict[str, ContinuousLimit] = {}
    counts: dict[str, int] = {}
    for limit in limits:
        kind = limit.kind.value
        counts[kind] = counts.get(kind, 0) + 1
        rules[kind if counts[kind] == 1 else f"{kind} {counts[kind]}"] = limit
    return rules


class BreachKey(NamedTuple):
    """The subject of a breach. ``symbol`` and ``strategy`` are empty if it is the whole account.

    A limit acts on one subject once, until it is re-armed.
    """

    rule: str
    symbol: str
    strategy: StrategyId


# --- rules of your own ---------------------------------------------------------------------------


class RuleConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A risk rule from a user's module: ``path/to/file.py:Class`` or ``package.module:Class``."""

    rule: str
    params: dict[str, object] = {}


# --- all limits ----------------------------------------------------------------------------------


class RiskLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The limits on every order of the account.

    ``None`` and an empty list mean no limit. 0 is a limit that allows nothing; only for the time span
    ``duplicate_window_s`` 0 means no limit.

    Quantities are in units of the instrument, notionals and losses in the account's currency. An order that
    makes a position smaller passes every limit on positions, exposure and losses.
    """

    max_order_quantity: Amount | None = None
    max_order_notional: Amount | None = None
    max_position_quantity: Amount | None = None
    require_cash: bool = True
    """Whether a buy, with all working buys, must be covered by cash at the last price."""
    allow_short: bool = False
    """Whether a sale may take a position below zero."""

    price_collar_bps: Amount | None = None
    """The most by which an order may trade worse than the last price, at its limit or at the quote."""
    stop_collar_bps: Amount | None = None
    """The largest distance of a stop or touch price from the last price, above or below."""
    max_position_notional: Amount | None = None
    max_gross_exposure: Amount | None = None
    """Sum of the absolute values of all positions."""
    max_leverage: Amount | None = None
    """Gross exposure over equity."""
    require_margin: bool | None = None
    """Whether new exposure needs initial margin in addition to that of positions and working orders.

    Left out: it does where shorts or leverage are allowed, and for futures and perpetuals."""
    max_symbol_concentration: EquityFraction | None = None
    """The largest value of one symbol, as a fraction of equity."""
    max_sector_concentration: EquityFraction | None = None
    """The largest value of all symbols of one sector, as a fraction of equity."""
    restricted: tuple[str, ...] = ()
    """Symbols that may not be traded."""
    allow_only: tuple[str, ...] = ()
    """The only symbols that may be traded; empty for all."""
    require_defined_symbol: bool = False
    """Whether a symbol needs an ``InstrumentDefined``; otherwise a price is enough."""
    max_orders_per_second: Count | None = None
    """Orders and replacements approved in any second."""
    max_orders_per_minute: Count | None = None
    """Orders and replacements approved in any minute."""
    max_open_orders: Count | None = None
    max_open_orders_per_symbol: Count | None = None
    duplicate_window_s: Annotated[float, Bounds("is not between 0 and a day", 0, DAY_S)] = 0.0
    """The seconds within which an equal order of the same strategy counts as a mistake."""
    in_session_only: bool = False
    """Whether orders are denied while the market is closed, except orders for the opening."""
    max_daily_loss: Amount | None = None
    """Loss of the account since the end of its last trading day. Beyond it, orders may only reduce."""
    max_drawdown: LossFraction | None = None
    """Loss from the account's highest equity, as a fraction of it. Beyond it, orders may only reduce."""
    continuous: tuple[ContinuousLimit, ...] = ()
    """Limits that are checked between orders."""
    day_symbol: str = ""
    """The symbol with the account's trading day; empty: the first symbol traded."""
    rules: tuple[RuleConfig, ...] = ()
    """Rules of your own, checked in this order after all others."""
    margin_call: MarginCall | None = None
    """What follows when equity falls below the maintenance margin. Left out: ``liquidate``, where margin is
    required."""
    locate_quantity: dict[str, Decimal] = {}
    """By symbol, the units that can be borrowed: the largest short position. Others have no such limit."""

    @property
    def can_exceed_equity(self) -> bool:
        """Whether more than the account's equity can be at stake: on margin, or short."""
        return self.allow_short or not self.require_cash

    @property
    def counts_exposure(self) -> bool:
        """Whether any limit needs the exposure of positions with working orders."""
        return bool(self.require_margin) or self.limits_exposure

    @property
    def limits_exposure(self) -> bool:
        """Whether any limit other than margin needs the exposure of positions."""
        return any(
            limit is not None
            for limit in (
                self.max_gross_exposure,
                self.max_leverage,
                self.max_symbol_concentration,
                self.max_sector_concentration,
            )
        )

    @property
    def follows_prices(self) -> bool:
        """Whether the account's figures are kept up to date with every price, not computed for each order.

        Under the first account rules this is so for margin too.
        """
        return self.limits_exposure or (bool(self.require_margin) and self.margin_call is None)


# --- checking ------------------------------------------------------------------------------------


def check_limits(limits: RiskLimits) -> None:
    """Check all limits; raises ``ValueError`` with the key, the value and the expected values."""
    for key, problem in _out_of_bounds(limits, limits):
        raise ValueError(f"{key}: {problem}")
    for symbol, quantity in limits.locate_quantity.items():
        if not quantity.is_finite() or quantity < 0:
            raise ValueError(f"locate_quantity: {symbol}: {quantity} is not a number of at least 0")
    both = sorted(set(limits.restricted) & set(limits.allow_only))
    if both:
        raise ValueError(f"restricted: {', '.join(both)} listed in allow_only too")
    for number, limit in enumerate(limits.continuous, start=1):
        problem = _continuous_problem(limit, limits)
        if problem:
            raise ValueError(f"continuous: number {number} ({limit.kind.value}): {problem}")


def _out_of_bounds(declared: RiskLimits | ContinuousLimit, limits: RiskLimits) -> Iterator[tuple[str, str]]:
    """Keys with a value out of bounds, each with the sentence about it."""
    for key, bounds in _BOUNDS[type(declared)].items():
        value: Decimal | float | None = getattr(declared, key)
        problem = "" if value is None else bounds.problem(value, limits)
        if problem:
            yield key, problem


def _continuous_problem(limit: ContinuousLimit, limits: RiskLimits) -> str:
    """The sentence about an invalid continuous limit; empty if it is valid."""
    for key, problem in _out_of_bounds(limit, limits):
        return f"{key} {problem}"
    if (limit.rearm is Rearm.DELAY) is not (limit.rearm_after_s > 0):
        return f"rearm_after_s {limit.rearm_after_s}: expected above 0 with rearm: delay, else 0"
    if not limit.is_loss and (limit.origin is not None or limit.unit is not LimitUnit.FRACTION):
        return "from and unit are only for daily_loss and drawdown"
    if limit.is_loss and limit.symbols:
        return "symbols: a loss is the account's and takes no symbols"
    if limit.kind is LimitKind.STALE_DATA and limit.action in (BreachAction.REDUCE, BreachAction.FLATTEN):
        return f"action {limit.action.value}: expected one that does not trade, because the prices are stale"
    fraction = KIND_TERMS[limit.kind].fraction
    if fraction is None or limit.unit is not LimitUnit.FRACTION:
        return ""
    return fraction.problem(limit.limit, limits)


def _bounds_of(kind: type[msgspec.Struct]) -> Mapping[str, Bounds]:
    """The declared bounds of a struct's fields, by field."""
    hints: Mapping[str, object] = get_type_hints(kind, include_extras=True)
    return {key: bounds for key, hint in hints.items() for bounds in _declared_in(hint)}


def _declared_in(hint: object) -> Iterator[Bounds]:
    """The bounds in a type: ``Amount``, or ``Amount | None``."""
    for one in (hint, *get_args(hint)):
        for extra in getattr(one, "__metadata__", ()):
            if isinstance(extra, Bounds):
                yield extra


_BOUNDS: Mapping[type[msgspec.Struct], Mapping[str, Bounds]] = {
    kind: _bounds_of(kind) for kind in (RiskLimits, ContinuousLimit)
}
