"""The venue's check of funds: how much of a fill the account can pay.

Risk checks an order when it is decided. Between then and the fill the price may move, and the costs are known
only with the fill. So the venue checks each fill again, at its own price and with its commission:

- *Cash*, with ``require_cash``: a buy is paid in full, beyond the units that the account is short of.
- *Margin*, with ``require_margin``: what a fill adds to the account's position needs initial margin. This is
  for short sales, for buys without ``require_cash``, and for futures and perpetuals.

A fill that is too dear is cut to the whole lots that the account can pay, and the rest of the order ends. A
fill that makes a position smaller, and an exit that risk makes, are never cut.

What it remembers: fills that the account has not booked yet. A fill is booked after the venue's reports on
the event, so several fills of one event are checked against what the earlier ones took.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple, Protocol

import msgspec

from kernel.events import BUY, SELL, InstrumentDefined, Order, OrderFilled, OrderOrigin, PositionSide, Side
from kernel.identifiers import FillId
from kernel.shortages import shortage

ZERO = Decimal(0)
ONE = Decimal(1)


class FundsView(Protocol):
    """The account, in its currency."""

    @property
    def cash(self) -> Decimal: ...
    def rate(self, currency: str) -> Decimal | None: ...
    def opening_margin_rate(self, symbol: str, side: Side) -> Decimal: ...
    def free_margin_at(self, symbol: str, price: Decimal) -> Decimal:
        """Equity less initial margin, with the position in a symbol valued at ``price``."""
        ...


class MarginView(Protocol):
    """The free margin, where it is known without summing over the positions."""

    def free_margin_at(self, symbol: str, price: float) -> float | None:
        """``FundsView.free_margin_at``, never too high; ``None`` if it is not known."""
        ...


class PositionsView(Protocol):
    """The venue's count of positions, with the fills that the account has not booked."""

    def positions_for(self, order: Order) -> Mapping[str, Decimal]:
        """The positions that orders like this one change, by strategy."""
        ...

    def side_of(self, order: Order) -> PositionSide | None:
        """The leg that an order changes in hedging mode."""
        ...


class Unbooked(msgspec.Struct, frozen=True, gc=False):
    """A fill that is not booked yet.

    ``signed``: its quantity, below 0 for a sale. ``cost``: its commission in the account's currency.
    """

    order: Order
    signed: Decimal
    price: Decimal
    terms: InstrumentDefined
    cost: Decimal


class FundsState(msgspec.Struct):
    """The fills that the account has not booked."""

    unbooked: dict[FillId, Unbooked] = {}


class FundsRules(msgspec.Struct, frozen=True):
    """What the account must pay for: buys in full from cash, and positions their initial margin."""

    require_cash: bool
    require_margin: bool
    currency: str
    """The account's."""


class Payable(NamedTuple):
    """The quantity of a fill that the account can pay, and why it is not more (empty if it is all)."""

    quantity: Decimal
    reason: str


Charge = Callable[[Decimal], Decimal]
"""The commission of a quantity, in the account's currency."""


class Funds:
    """Checks fills against the account's cash and margin."""

    def __init__(
        self,
        state: FundsState,
        account: FundsView,
        positions: PositionsView,
        *,
        rules: FundsRules,
        margin: MarginView | None = None,
    ) -> None:
        """``positions``: the venue's own count of positions."""
        self._margin = margin
        self.state = state
        self._account = account
        self._positions = positions
        self._positions_for = positions.positions_for
        self._require_cash = rules.require_cash
        self._require_margin = rules.require_margin
        self._currency = rules.currency

    def covers(
        self, order: Order, terms: InstrumentDefined, *, quantity: Decimal, price: Decimal, cost: Decimal
    ) -> bool:
        """Whether the account can pay a whole fill, as far as that is seen at once; else ask ``payable``.

        ``cost``: the fill's commission in the account's currency.
        """
        if self._require_cash and order.side is BUY and not terms.is_margined:
            value = quantity * price * terms.multiplier
            if terms.currency != self._currency:
                value *= self.rate_of(terms.currency)
            cash = self._account.cash
            if self.state.unbooked:
                cash -= self._taken_cash()
            return value + cost <= cash if cost > ZERO else value <= cash
        if not self._require_margin:
            return True
        net = sum(self._positions_for(order).values(), ZERO)
        return abs(net + quantity if order.side is BUY else net - quantity) <= abs(net)

    def payable(
        self, order: Order, terms: InstrumentDefined, *, quantity: Decimal, price: Decimal, charge: Charge
    ) -> Payable:
        """How much of a fill the account can pay."""
        if order.origin is OrderOrigin.RISK:
            return Payable(quantity, "")
        is_cash = self._require_cash and not terms.is_margined
        if is_cash and order.side is BUY:
            return self._payable_in_cash(order, terms, quantity=quantity, price=price, charge=charge)
        if self._require_margin:
            return self._payable_on_margin(order, terms, quantity=quantity, price=price, charge=charge)
        return Payable(quantity, "")

    def note(
        self,
        fill_id: FillId,
        order: Order,
        terms: InstrumentDefined,
        *,
        signed: Decimal,
        price: Decimal,
        cost: Decimal,
    ) -> None:
        """Remember a fill until it is booked. The venue has counted it in its positions."""
        self.state.unbooked[fill_id] = Unbooked(order, signed, price, terms, cost)

    def on_booked(self, fill: OrderFilled) -> None:
        """Forget a fill: the account books it with this event."""
        unbooked = self.state.unbooked
        if unbooked:
            unbooked.pop(fill.fill_id, None)

    def rate_of(self, currency: str) -> Decimal:
        """The value of a unit of a currency in the account's; at par without a rate, as in its equity."""
        return ONE if currency == self._currency else self._account.rate(currency) or ONE

    def _unit(self, price: Decimal, terms: InstrumentDefined) -> Decimal:
        """The notional of one unit at a price, in the account's currency."""
        return terms.unit_notional(price) * self.rate_of(terms.currency)

    def _taken_cash(self) -> Decimal:
        """The cash that fills take which are not booked yet."""
        taken = ZERO
        for one in self.state.unbooked.values():
            taken += one.cost
            if not one.terms.is_margined:
                taken += one.signed * self._unit(one.price, one.terms)
        return taken

    def _taken_margin(self) -> Decimal:
        """The free margin that these take."""
        taken, nets = ZERO, dict[tuple[str, PositionSide | None], Decimal]()
        for one in reversed(self.state.unbooked.values()):
            key = (one.order.symbol, self._positions.side_of(one.order))
            after = nets.get(key)
            if after is None:
                after = sum(self._positions_for(one.order).values(), ZERO)
            before = nets[key] = after - one.signed
            rate = self._account.opening_margin_rate(one.order.symbol, BUY if after > 0 else SELL)
            taken += one.cost + (abs(after) - abs(before)) * self._unit(one.price, one.terms) * rate
        return taken

    def _payable_in_cash(
        self, order: Order, terms: InstrumentDefined, *, quantity: Decimal, price: Decimal, charge: Charge
    ) -> Payable:
        covered = max(ZERO, -sum(self._positions_for(order).values(), ZERO))
        opened = quantity - covered
        if opened <= 0:
            return Payable(quantity, "")
        unit = self._unit(price, terms)
        cash = self._account.cash
        if self.state.unbooked:
            cash -= self._taken_cash()
        needed = opened * unit + charge(quantity)
        if needed <= cash:
            return Payable(quantity, "")
        paid = covered + _lots(opened, unit, cash, charge=lambda part: charge(covered + part), terms=terms)
        amounts = shortage("the fill", needed=needed, available=cash, currency=self._currency)
        return Payable(paid, f"require_cash: {quantity - paid} cannot be paid: {amounts}")

    def _payable_on_margin(
        self, order: Order, terms: InstrumentDefined, *, quantity: Decimal, price: Decimal, charge: Charge
    ) -> Payable:
        net = sum(self._positions_for(order).values(), ZERO)
        signed = quantity if order.side is BUY else -quantity
        added = abs(net + signed) - abs(net)
        if added <= 0:
            return Payable(quantity, "")
        unit = self._unit(price, terms) * self._account.opening_margin_rate(order.symbol, order.side)
        needed, taken = added * abs(unit) + charge(quantity), ZERO
        if self.state.unbooked:
            taken = self._taken_margin()
        if self._margin is not None:
            known = self._margin.free_margin_at(order.symbol, float(price))
            if known is not None and float(needed + taken) <= known:
                return Payable(quantity, "")
        free = self._account.free_margin_at(order.symbol, price) - taken
        if needed <= free:
            return Payable(quantity, "")
        rest = quantity - added
        paid = rest + _lots(added, abs(unit), free, charge=lambda part: charge(rest + part), terms=terms)
        amounts = shortage("the fill", needed=needed, available=free, currency=self._currency)
        return Payable(
            paid,
            f"require_margin: the free equity does not cover the initial margin of {quantity - paid} more: "
            f"{amounts}",
        )


def _lots(
    quantity: Decimal, unit: Decimal, funds: Decimal, *, charge: Charge, terms: InstrumentDefined
) -> Decimal:
    """The largest quantity in whole lots, at most ``quantity``, that the funds cover with its costs.

    The costs of the whole quantity are the upper bound for a part; those of that part give the result.
    """
    lot = terms.lot_size
    if unit <= 0:
        return ZERO
    part = max(ZERO, (funds - charge(quantity)) / unit // lot * lot)
    better = max(ZERO, (funds - charge(part)) / unit // lot * lot)
    if part < better <= quantity and better * unit + charge(better) <= funds:
        return better
    return min(part, quantity)
