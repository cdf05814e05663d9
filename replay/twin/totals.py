"""Totals over compared orders: fills, prices, times, and what the P&L differs by."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from statistics import median

import msgspec

from kernel.decimals import exact
from kernel.events import InstrumentDefined
from kernel.events.shadow import ShadowCompared, ShadowOutcome
from replay.twin.comparison import OrderComparison

ZERO = Decimal(0)


class SideTotals(msgspec.Struct, frozen=True, kw_only=True):
    """One side of all orders.

    - ``filled``: orders that were filled, at least in part; ``fill_rate``: their share, ``None`` without
      orders.
    - ``first_ns``, ``last_ns``: the medians of the times to the first and the last fill; ``None`` without
      fills.
    """

    filled: int
    fill_rate: float | None
    first_ns: float | None
    last_ns: float | None


class ExtraCost(msgspec.Struct, frozen=True):
    """What live cost more in one currency: the prices of what both sides filled, and the fees of all fills.

    ``difference_bps``: of the prices, the average over orders that both filled, weighted by the value of what
    both filled; above 0 live was worse. ``None`` without such an order.
    """

    prices: Decimal
    fees: Decimal
    difference_bps: float | None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Orders on both sides.

    - ``missed``, ``lucky``: filled by the simulated venue alone, and by the live one alone.
    - ``equal``: the same quantity, average price and fees.
    - ``costs``: by currency, what live cost more than the simulated side.
    - ``difference_bps``: that of ``costs``; ``None`` if orders in several currencies were filled, since their
      values cannot be added.
    """

    orders: int
    equal: int
    missed: int
    lucky: int
    difference_bps: float | None
    costs: dict[str, ExtraCost]
    live: SideTotals
    simulated: SideTotals


class MoneyTotals(msgspec.Struct, frozen=True, kw_only=True):
    """The P&L of the fills of all orders at the last prices, and its parts (see ``comparison``).

    - ``live``, ``simulated``: after fees; ``None`` if an order has no last price.
    - ``price`` = ``timing`` + ``execution``; ``quantity`` = ``missed`` + ``more``; with ``fees`` they add up
      to live less simulated. ``missed``: of orders of which live filled less, ``more``: of those of which it
      filled more.
    - ``unknown``: orders of which live filled more or less, without a last price. The parts and their total
      leave them out.
    """

    currency: str
    live: Decimal | None
    simulated: Decimal | None
    live_fees: Decimal
    simulated_fees: Decimal
    price: Decimal
    timing: Decimal
    execution: Decimal
    quantity: Decimal
    missed: Decimal
    more: Decimal
    fees: Decimal
    total: Decimal
    unknown: int


@exact
def totals_of(orders: Sequence[ShadowCompared], terms: Mapping[str, InstrumentDefined]) -> Totals:
    """The totals of compared orders. ``terms``: by symbol, for the value of a unit."""
    currencies = sorted({one.currency for one in orders})
    costs = {currency: _extra_cost(orders, currency, terms) for currency in currencies}
    known = [extra.difference_bps for extra in costs.values() if extra.difference_bps is not None]
    return Totals(
        orders=len(orders),
        equal=sum(map(is_equal, orders)),
        missed=sum(one.outcome is ShadowOutcome.MISSED for one in orders),
        lucky=sum(one.outcome is ShadowOutcome.LUCKY for one in orders),
        difference_bps=known[0] if len(known) == 1 else None,
        costs=costs,
        live=_side(
            [one.live_quantity for one in orders],
            [one.live_first_ns for one in orders],
            [one.live_last_ns for one in orders],
        ),
        simulated=_side(
            [one.simulated_quantity for one in orders],
            [one.simulated_first_ns for one in orders],
            [one.simulated_last_ns for one in orders],
        ),
    )


@exact
def money_totals(orders: Sequence[OrderComparison]) -> tuple[MoneyTotals, ...]:
    """The totals in each currency, in alphabetical order."""
    currencies = sorted({one.currency for one in orders})
    return tuple(
        _money(currency, [one for one in orders if one.currency == currency]) for currency in currencies
    )


def is_equal(one: ShadowCompared) -> bool:
    """Whether both sides filled the same quantity at the same average price and cost."""
    live = (one.live_quantity, one.live_price, one.live_fees)
    return live == (one.simulated_quantity, one.simulated_price, one.simulated_fees)


def _extra_cost(
    orders: Sequence[ShadowCompared], currency: str, terms: Mapping[str, InstrumentDefined]
) -> ExtraCost:
    own = [one for one in orders if one.currency == currency]
    fees = (one.live_fees - one.simulated_fees for one in own)
    prices = sum((one.difference for one in own), ZERO)
    return ExtraCost(prices, sum(fees, ZERO), _weighted_bps(own, terms))


def _side(
    quantities: Sequence[Decimal], firsts: Sequence[int | None], lasts: Sequence[int | None]
) -> SideTotals:
    filled = sum(map(bool, quantities))
    return SideTotals(
        filled=filled,
        fill_rate=filled / len(quantities) if quantities else None,
        first_ns=_median(firsts),
        last_ns=_median(lasts),
    )


def _median(times: Iterable[int | None]) -> float | None:
    known = [ts for ts in times if ts is not None]
    return float(median(known)) if known else None


def _weighted_bps(orders: Sequence[ShadowCompared], terms: Mapping[str, InstrumentDefined]) -> float | None:
    weighted = weights = ZERO
    for one in orders:
        if one.difference_bps is None or one.simulated_price is None:
            continue
        own = terms.get(one.symbol) or InstrumentDefined(0, one.symbol)
        common = min(one.live_quantity, one.simulated_quantity)
        weight = common * abs(own.unit_notional(one.simulated_price))
        weighted += weight * Decimal(repr(one.difference_bps))
        weights += weight
    return round(float(weighted / weights), 6) + 0.0 if weights else None


def _money(currency: str, orders: Sequence[OrderComparison]) -> MoneyTotals:
    parts = [one.parts for one in orders if one.parts is not None]
    less = [one for one in orders if one.live.quantity < one.simulated.quantity]
    more = [one for one in orders if one.live.quantity > one.simulated.quantity]
    return MoneyTotals(
        currency=currency,
        live=_sum(one.live.pnl for one in orders),
        simulated=_sum(one.simulated.pnl for one in orders),
        live_fees=sum((one.live.fees for one in orders), ZERO),
        simulated_fees=sum((one.simulated.fees for one in orders), ZERO),
        price=sum((one.price for one in parts), ZERO),
        timing=sum((one.timing or ZERO for one in parts), ZERO),
        execution=sum((one.execution for one in parts), ZERO),
        quantity=sum((one.quantity for one in parts), ZERO),
        missed=sum((one.parts.quantity for one in less if one.parts is not None), ZERO),
        more=sum((one.parts.quantity for one in more if one.parts is not None), ZERO),
        fees=sum((one.fees for one in parts), ZERO),
        total=sum((one.total for one in parts), ZERO),
        unknown=len(orders) - len(parts),
    )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    total = ZERO
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total
