"""Sums over executed orders by symbol, strategy, order type or hour, and why some failed."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from statistics import median

import msgspec

from kernel.decimals import exact
from kernel.events import OrderStatus
from kernel.time_units import HOUR_NS, SECOND_NS
from replay.execution_analysis.records import ExecutedOrder
from replay.execution_analysis.sightings import ZERO

BPS = Decimal(10_000)
ALL = "all"

GROUPS: Mapping[str, Callable[[ExecutedOrder], str]] = {
    "symbol": lambda one: one.order.symbol,
    "strategy": lambda one: one.order.strategy,
    "order-type": lambda one: one.order.order_type.value,
    "hour": lambda one: f"{one.decided_ts // HOUR_NS % 24:02}:00",
}
"""What orders can be grouped by; the hour is that of the decision, in UTC."""


class ExecutionTotals(msgspec.Struct, frozen=True, kw_only=True):
    """A group of orders in one currency. Amounts are exact sums; a cost is above 0.

    - ``orders``: all; ``sent``: those that reached the venue; of these ``filled`` whole, ``partly``,
      ``unfilled``, by the fills as they were corrected; ``working``: of these still open.
    - ``ordered``, ``executed``: quantities of the orders that were sent, in units.
    - ``notional``: of the fills. ``priced``: of the fills with an arrival price, at that price.
    - ``slippage``, ``missed``, ``against_limit``, ``against_vwap``, ``spread_paid``: of the orders that have
      such a figure; ``None`` if no order has.
    - ``limit_notional``, ``vwap_notional``, ``spread_notional``: of the fills of the orders that have them.
    - ``first_fill_s``, ``done_s``: the median from the decision to the first fill, and to the last one of
      filled orders.
    """

    group: str
    currency: str
    orders: int
    sent: int
    filled: int
    partly: int
    unfilled: int
    working: int
    denied: int
    rejected: int
    cancelled: int
    expired: int
    ordered: Decimal
    executed: Decimal
    notional: Decimal
    priced: Decimal
    fees: Decimal
    slippage: Decimal | None
    missed: Decimal | None
    against_limit: Decimal | None
    limit_notional: Decimal
    against_vwap: Decimal | None
    vwap_notional: Decimal
    spread_paid: Decimal | None
    spread_notional: Decimal
    first_fill_s: float | None
    done_s: float | None

    @property
    def fill_rate(self) -> Decimal | None:
        """Filled quantity per ordered quantity; ``None`` without orders."""
        return self.executed / self.ordered if self.ordered else None

    @property
    def shortfall(self) -> Decimal | None:
        """The implementation shortfall: slippage, fees, and what was missed; ``None`` if no part is known.

        Orders without a fill have no slippage, and what they missed counts alone.
        """
        if self.slippage is None and (self.executed or self.missed is None):
            return None
        return (self.slippage or ZERO) + self.fees + (self.missed or ZERO)

    @property
    def slippage_bps(self) -> Decimal | None:
        """Of the notional at the arrival prices."""
        return bps(self.slippage, self.priced)

    @property
    def shortfall_bps(self) -> Decimal | None:
        """Of the notional at the arrival prices."""
        return bps(self.shortfall, self.priced)

    @property
    def limit_bps(self) -> Decimal | None:
        """Against the limits."""
        return bps(self.against_limit, self.limit_notional)

    @property
    def vwap_bps(self) -> Decimal | None:
        """Against the market's average prices."""
        return bps(self.against_vwap, self.vwap_notional)

    @property
    def spread_bps(self) -> Decimal | None:
        """Against the middle of the quotes."""
        return bps(self.spread_paid, self.spread_notional)

    @property
    def fees_bps(self) -> Decimal | None:
        """Of the notional of the fills."""
        return bps(self.fees, self.notional)


class Refusals(msgspec.Struct, frozen=True):
    """Orders that failed for one reason. ``what``: denied, rejected, cancelled or expired."""

    what: str
    reason: str
    count: int


@exact
def totals(executed: Iterable[ExecutedOrder], by: str = "") -> tuple[ExecutionTotals, ...]:
    """Sums by group and currency, in order of both; without ``by``, one group for each currency.

    ``by``: a name in ``GROUPS``.
    """
    key = GROUPS[by] if by else _one_group
    groups: dict[tuple[str, str], list[ExecutedOrder]] = {}
    for one in executed:
        groups.setdefault((key(one), one.currency), []).append(one)
    return tuple(_summed(group, currency, groups[group, currency]) for group, currency in sorted(groups))


def refusals(executed: Iterable[ExecutedOrder]) -> tuple[Refusals, ...]:
    """Why orders failed, the most frequent first. A denial counts by its rule."""
    found: Counter[tuple[str, str]] = Counter()
    for one in executed:
        if one.status in _FAILED:
            found[one.status.value, one.rule or one.reason or "no reason given"] += 1
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Refusals(what, reason, count) for (what, reason), count in ordered)


def bps(cost: Decimal | None, notional: Decimal) -> Decimal | None:
    """A cost in basis points of a notional."""
    return None if cost is None or not notional else BPS * cost / notional


def _one_group(one: ExecutedOrder) -> str:
    del one
    return ALL


_FAILED = (OrderStatus.DENIED, OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.EXPIRED)


def _summed(group: str, currency: str, executed: Sequence[ExecutedOrder]) -> ExecutionTotals:
    sent = [one for one in executed if one.was_sent]
    counts = Counter(one.status for one in executed)
    filled = sum(one.is_filled for one in sent)
    partly = sum(not one.is_filled and bool(one.filled) for one in sent)
    firsts = [one.first_fill_ns for one in sent if one.first_fill_ns is not None]
    dones = [one.done_ns for one in sent if one.done_ns is not None]
    return ExecutionTotals(
        group=group,
        currency=currency,
        orders=len(executed),
        sent=len(sent),
        filled=filled,
        partly=partly,
        unfilled=len(sent) - filled - partly,
        working=sum(not one.done_ts for one in sent),
        denied=counts[OrderStatus.DENIED],
        rejected=counts[OrderStatus.REJECTED],
        cancelled=counts[OrderStatus.CANCELLED],
        expired=counts[OrderStatus.EXPIRED],
        ordered=sum((one.order.quantity for one in sent), ZERO),
        executed=sum((one.filled for one in sent), ZERO),
        notional=sum((one.notional for one in sent), ZERO),
        priced=sum((one.arrival_notional or ZERO for one in sent), ZERO),
        fees=sum((one.fees for one in sent), ZERO),
        slippage=_sum(one.slippage for one in sent),
        missed=_sum(one.missed for one in sent),
        against_limit=_sum(one.against_limit for one in sent),
        limit_notional=_notional(one for one in sent if one.against_limit is not None),
        against_vwap=_sum(one.against_vwap for one in sent),
        vwap_notional=_notional(one for one in sent if one.against_vwap is not None),
        spread_paid=_sum(one.spread_paid for one in sent),
        spread_notional=_notional(one for one in sent if one.spread_paid is not None),
        first_fill_s=median(firsts) / SECOND_NS if firsts else None,
        done_s=median(dones) / SECOND_NS if dones else None,
    )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    found = [amount for amount in amounts if amount is not None]
    return sum(found, ZERO) if found else None


def _notional(executed: Iterable[ExecutedOrder]) -> Decimal:
    return sum((one.notional for one in executed), ZERO)
