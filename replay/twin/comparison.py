"""An order at the live venue beside the same order at the simulated one, and what the difference is worth.

Both sides hold fills; ``compare`` makes figures of them. Signs: a ``difference`` is above 0 where live was
worse. An amount of P&L is live less simulated, so it is below 0 where live was worse.

With U(price) the value at which a unit is booked (``InstrumentDefined.unit_value``), s = 1 for a buy and -1
for a sale, q the quantity and W the sum of quantity * U(price) of a side, and M the last price:

    P&L of a side        s * (q * U(M) - W) - fees
    price                s * (W_simulated - W_live), on the quantity that both filled, the smaller q
    of it, timing        the same with the mid prices at the fills in place of their prices
    of it, execution     price - timing
    quantity             P&L live - P&L simulated, without fees and price
    fees                 fees simulated - fees live

A side of which only a part is in both counts with its average price. The parts add up exactly: what is
rounded in one is in the next.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from kernel.contracts import inverse
from kernel.decimals import exact
from kernel.events import BUY, InstrumentDefined, Order, OrderStatus, Side
from kernel.events.shadow import ShadowCompared, ShadowOutcome
from kernel.identifiers import FillId
from replay.performance.trades import COMMISSION_QUANTUM

ZERO = Decimal(0)
BPS = 10_000
_AMOUNT = Decimal("1E-8")
_Price = Callable[[Decimal], Decimal]


class TwinFill(msgspec.Struct, frozen=True):
    """A fill on one side, in the units of its order.

    ``fee``: in the instrument's currency. ``mid``: the mid price then, if known. ``ratio``: how many of these
    units there are for one of the day of the fill.
    """

    ts: int
    quantity: Decimal
    price: Decimal
    fee: Decimal
    mid: Decimal | None = None
    ratio: Decimal = Decimal(1)


class OrderSide(msgspec.Struct):
    """An order on one side: its fills, and how it ended. ``ended_ts``: 0 while it works."""

    fills: dict[FillId, TwinFill] = {}
    status: OrderStatus = OrderStatus.SUBMITTED
    reason: str = ""
    ended_ts: int = 0

    @property
    def quantity(self) -> Decimal:
        """The filled quantity."""
        return sum((fill.quantity for fill in self.fills.values()), ZERO)

    @property
    def fees(self) -> Decimal:
        """The fees of its fills."""
        return sum((fill.fee for fill in self.fills.values()), ZERO)

    @property
    def has_mids(self) -> bool:
        """Whether a mid price is known at each fill."""
        return all(fill.mid is not None for fill in self.fills.values())

    def restate(self, ratio: Decimal) -> None:
        """Go on in the units after a split into ``ratio`` for one."""
        self.fills = {
            key: msgspec.structs.replace(
                fill,
                quantity=fill.quantity * ratio,
                price=fill.price / ratio,
                mid=None if fill.mid is None else fill.mid / ratio,
                ratio=fill.ratio * ratio,
            )
            for key, fill in self.fills.items()
        }

    def worth(self, unit: _Price) -> Decimal:
        """The sum of quantity times the value of a unit at each fill's price."""
        return sum((fill.quantity * unit(fill.price) for fill in self.fills.values()), ZERO)

    def mid_worth(self, unit: _Price) -> Decimal:
        """The same at the mid prices."""
        mids = ((fill.quantity, fill.mid) for fill in self.fills.values())
        return sum((quantity * unit(mid) for quantity, mid in mids if mid is not None), ZERO)

    def average_price(self, *, is_inverse: bool) -> Decimal | None:
        """The average price, of inverse contracts the harmonic one; ``None`` without a fill."""
        quantity = self.quantity
        if not quantity:
            return None
        worth = self.worth(inverse if is_inverse else _itself)
        average = (quantity / worth if worth else ZERO) if is_inverse else worth / quantity
        return average.quantize(COMMISSION_QUANTUM).normalize()

    def after_ns(self, submitted_ts: int) -> tuple[int | None, int | None]:
        """The times from the submission to the first and to the last fill."""
        times = [fill.ts for fill in self.fills.values() if fill.quantity]
        return (min(times) - submitted_ts, max(times) - submitted_ts) if times else (None, None)


class SideFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a compared order.

    - ``price``: the average; ``None`` without a fill.
    - ``first_ns``, ``last_ns``: from the submission to the first and to the last fill.
    - ``pnl``: of its fills at the last price, after fees; ``None`` without a price.
    """

    quantity: Decimal
    price: Decimal | None
    fees: Decimal
    first_ns: int | None
    last_ns: int | None
    status: OrderStatus
    reason: str
    pnl: Decimal | None


class Attribution(msgspec.Struct, frozen=True):
    """The parts of P&L live less simulated; they add up to it (see above).

    ``timing``: ``None`` if a mid price is missing, and then all of ``price`` is ``execution``.
    """

    price: Decimal
    timing: Decimal | None
    quantity: Decimal
    fees: Decimal

    @property
    def execution(self) -> Decimal:
        """The part of ``price`` that is not from the time of the fills."""
        return self.price - (self.timing or ZERO)

    @property
    def total(self) -> Decimal:
        """P&L live less simulated."""
        return self.price + self.quantity + self.fees


class OrderComparison(msgspec.Struct, frozen=True, kw_only=True):
    """An order on both sides. Amounts are in ``currency``, the instrument's.

    - ``quantity``: as ordered, by the last terms.
    - ``is_over``: it has ended on both sides.
    - ``difference_bps``: of the average prices; ``None`` unless both filled.
    - ``difference``: the same in money, on the quantity that both filled.
    - ``parts``: of P&L; ``None`` if the quantities differ and there is no last price.
    """

    order: Order
    submitted_ts: int
    quantity: Decimal
    currency: str
    is_over: bool
    outcome: ShadowOutcome
    live: SideFigures
    simulated: SideFigures
    difference_bps: float | None
    difference: Decimal
    parts: Attribution | None

    @property
    def is_equal(self) -> bool:
        """Whether both sides filled the same, at the same average price and cost."""
        live, simulated = self.live, self.simulated
        return (live.quantity, live.price, live.fees) == (simulated.quantity, simulated.price, simulated.fees)

    def event(self, ts: int) -> ShadowCompared:
        """The event that records it."""
        order, live, simulated = self.order, self.live, self.simulated
        return ShadowCompared(
            ts,
            order.client_order_id,
            order.strategy,
            order.symbol,
            order.side,
            self.quantity,
            self.outcome,
            live.quantity,
            simulated.quantity,
            live.price,
            simulated.price,
            self.difference_bps,
            self.difference,
            live.fees,
            simulated.fees,
            self.currency,
            live.first_ns,
            live.last_ns,
            simulated.first_ns,
            simulated.last_ns,
            live.status,
            simulated.status,
            live.reason,
        )


@exact
def compare(
    order: Order,
    live: OrderSide,
    simulated: OrderSide,
    *,
    submitted_ts: int,
    terms: InstrumentDefined,
    mark: Decimal | None,
) -> OrderComparison:
    """Compare the sides of an order. ``mark``: the last price, for the P&L of what was filled."""
    unit, sign = terms.unit_value, 1 if order.side is BUY else -1
    live_price, simulated_price = (
        side.average_price(is_inverse=terms.is_inverse) for side in (live, simulated)
    )
    common = min(live.quantity, simulated.quantity)
    price_pnl = sign * (_part(simulated, common, unit) - _part(live, common, unit)) + ZERO
    return OrderComparison(
        order=order,
        submitted_ts=submitted_ts,
        quantity=order.quantity,
        currency=terms.currency,
        is_over=bool(live.ended_ts and simulated.ended_ts),
        outcome=_outcome(live, simulated),
        live=_figures(live, live_price, submitted_ts, pnl=_pnl(live, order.side, unit, mark)),
        simulated=_figures(
            simulated, simulated_price, submitted_ts, pnl=_pnl(simulated, order.side, unit, mark)
        ),
        difference_bps=_bps(live_price, simulated_price, sign),
        difference=-price_pnl if price_pnl else ZERO,
        parts=_parts(order.side, live, simulated, unit=unit, mark=mark, price_pnl=price_pnl),
    )


def _outcome(live: OrderSide, simulated: OrderSide) -> ShadowOutcome:
    match bool(live.quantity), bool(simulated.quantity):
        case True, True:
            return ShadowOutcome.FILLED
        case True, False:
            return ShadowOutcome.LUCKY
        case False, True:
            return ShadowOutcome.MISSED
        case _:
            return ShadowOutcome.UNFILLED


def _figures(
    side: OrderSide, price: Decimal | None, submitted_ts: int, *, pnl: Decimal | None
) -> SideFigures:
    first_ns, last_ns = side.after_ns(submitted_ts)
    return SideFigures(
        quantity=side.quantity,
        price=price,
        fees=side.fees,
        first_ns=first_ns,
        last_ns=last_ns,
        status=side.status,
        reason=side.reason,
        pnl=pnl,
    )


def _bps(live: Decimal | None, simulated: Decimal | None, sign: int) -> float | None:
    if live is None or simulated is None or not simulated:
        return None
    return round(float(sign * (live - simulated) / abs(simulated) * BPS), 6) + 0.0


def _part(side: OrderSide, quantity: Decimal, unit: _Price) -> Decimal:
    """What a part of a side is worth at its average price."""
    return _share(side.worth(unit), side.quantity, quantity)


def _share(worth: Decimal, whole: Decimal, quantity: Decimal) -> Decimal:
    if quantity == whole:
        return worth
    return (worth * quantity / whole).quantize(_AMOUNT) if quantity else ZERO


def _pnl(side: OrderSide, direction: Side, unit: _Price, mark: Decimal | None) -> Decimal | None:
    quantity = side.quantity
    if not quantity:
        return -side.fees if side.fees else ZERO
    if mark is None:
        return None
    gained = quantity * unit(mark) - side.worth(unit)
    return (gained if direction is BUY else -gained) - side.fees


def _parts(
    direction: Side,
    live: OrderSide,
    simulated: OrderSide,
    *,
    unit: _Price,
    mark: Decimal | None,
    price_pnl: Decimal,
) -> Attribution | None:
    sign = 1 if direction is BUY else -1
    more = live.quantity - simulated.quantity
    quantity_pnl = ZERO
    if more:
        if mark is None:
            return None
        whole = sign * (more * unit(mark) - live.worth(unit) + simulated.worth(unit))
        quantity_pnl = whole - price_pnl
    timing = None
    common = min(live.quantity, simulated.quantity)
    if common and live.has_mids and simulated.has_mids:
        before, after = (_share(side.mid_worth(unit), side.quantity, common) for side in (simulated, live))
        timing = sign * (before - after)
    return Attribution(price_pnl, timing, quantity_pnl, simulated.fees - live.fees)


def _itself(price: Decimal) -> Decimal:
    return price
