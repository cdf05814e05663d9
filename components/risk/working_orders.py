"""Approved orders that are not finished, and their sums.

What it remembers: every such order with its leaves quantity; and sums over them: the quantity by symbol and
side, the same by strategy, the value of all buys, their exposure, and the cash that they reserve
(``cash_reserve``). A check reads the sums, so it costs the same for one working order and for a thousand.

What changes it: an approval adds an order; a fill, a correction, new terms or a corporate action change it;
its end removes it. Each time the order's old share in the sums is replaced by its new one. In exposure and
cash an order counts only when a check reads them: until then it is *uncounted*, and most orders have filled.

How much of an order counts:

- Its leaves quantity. While a replacement is under way, the larger of old and new terms counts.
- Orders of one group (one cancels other) count as the largest of them.
- A *closer* is a reduce-only order where the venue keeps these from opening a position. All closers of one
  strategy, symbol and side together fill at most the position that the strategy holds (``unfillable``).
- An exit that waits for its parent (a bracket's stop) closes only the quantity that the parent opened. The
  quantity that it still waits for is its ``awaiting_parent``, and does not count. Once the parent has ended,
  the whole exit counts.

What never happens: an order counts twice or below 0, a denied order counts, or the sums differ from a new sum
over the same orders.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from components.risk.cash_reserve import CashReserve, ReserveSums
from components.risk.exposure import VALUE_QUANTUM, ExposureSums, WorkingExposure
from kernel.events import BUY, Order, Side, TradingState
from kernel.identifiers import ClientOrderId, StrategyId

ZERO = Decimal(0)


class Share(msgspec.Struct, frozen=True, gc=False):
    """The share of one order, or of one group of orders, in the sums.

    - ``quantity``: it may still fill.
    - ``value``: the value of this quantity. For a buy it is the reserved cash.
    """

    quantity: Decimal = ZERO
    value: Decimal = ZERO


NO_SHARE = Share()


class GroupKey(NamedTuple):
    """The orders of one group that count as one: those of one strategy in one symbol and direction."""

    group_id: str
    strategy: StrategyId
    symbol: str
    side: Side
    is_closer: bool = False


class WorkingOrder(msgspec.Struct, gc=False):
    """An approved order that is not finished.

    ``unit_value``: the value of one unit; 0 for sales unless exposure counts, because no sum needs it.
    """

    order: Order
    leaves_quantity: Decimal
    unit_value: Decimal
    replacement: Order | None = None
    """The new terms that were approved and that the venue has not confirmed."""
    replacement_unit_value: Decimal = ZERO
    awaiting_parent: Decimal = ZERO
    """The quantity that cannot fill before the parent trades more."""
    children: tuple[ClientOrderId, ...] = ()
    clearance: TradingState = TradingState.ACTIVE
    """The narrowest trading state in which it is sent without a check; below active only for risk's exits."""
    counted: Share = NO_SHARE
    """Its share in the sums now."""
    cost: Decimal = ZERO
    """Its estimated commission and slippage, reserved until it ends."""
    is_closer: bool = False
    """Whether the venue keeps it from opening a position."""

    @property
    def filled_quantity(self) -> Decimal:
        """The quantity that is filled."""
        return self.order.quantity - self.leaves_quantity

    def share(self) -> Share:
        """The share that it should have in the sums."""
        if self.replacement is None and not self.awaiting_parent:
            leaves = self.leaves_quantity
            return Share(leaves, leaves * self.unit_value if self.unit_value else ZERO)
        increase = ZERO if self.replacement is None else self.replacement.quantity - self.order.quantity
        quantity = self.leaves_quantity + increase if increase > 0 else self.leaves_quantity
        value = self.leaves_quantity * self.unit_value if self.unit_value else ZERO
        if self.replacement is not None:
            value = max(value, (self.leaves_quantity + increase) * self.replacement_unit_value)
        if self.awaiting_parent:
            quantity = max(ZERO, quantity - self.awaiting_parent)
            value = min(value, quantity * max(self.unit_value, self.replacement_unit_value))
        return Share(quantity, value)


class SymbolSums(msgspec.Struct, gc=False):
    """Sums over the working orders of one symbol: quantity by side, number of orders.

    ``closing_buy`` and ``closing_sell`` are the parts of ``buy`` and ``sell`` that closers have.
    """

    buy: Decimal = ZERO
    sell: Decimal = ZERO
    count: int = 0
    closing_buy: Decimal = ZERO
    closing_sell: Decimal = ZERO


class Group(msgspec.Struct, gc=False):
    """Orders of one strategy, symbol and side of which one cancels the others, and their common share."""

    members: list[ClientOrderId] = []
    counted: Share = NO_SHARE


class WorkingState(msgspec.Struct):
    """The orders by id, oldest first, and all sums.

    Symbols and strategies stay in the sums once they had an order.
    """

    orders: dict[ClientOrderId, WorkingOrder] = {}
    by_symbol: dict[str, SymbolSums] = {}
    by_strategy: dict[StrategyId, dict[str, SymbolSums]] = {}
    """By strategy and symbol."""
    reserved: Decimal = ZERO
    """The value of all buys. Under the first account rules it is the cash that they reserve."""
    groups: dict[GroupKey, Group] = {}
    exposure: ExposureSums = msgspec.field(default_factory=ExposureSums)
    """Kept where a limit counts exposure."""
    own_exposure: dict[StrategyId, ExposureSums] = {}
    """The exposure that a strategy's orders add to its own positions; for strategies with own limits."""
    cash: ReserveSums = msgspec.field(default_factory=ReserveSums)
    """Kept under the present account rules."""
    uncounted: dict[ClientOrderId, bool] = {}
    """The orders that exposure and cash do not contain yet."""


NOTHING = SymbolSums()
NO_EXPOSURE_SUMS = ExposureSums()
NO_EXPOSURE: Mapping[StrategyId, WorkingExposure] = MappingProxyType({})


class WorkingOrders:
    """The arithmetic over the orders and their sums; it holds nothing else.

    - ``exposure``: updated with the sums if a limit counts exposure; else ``None``.
    - ``own_exposure``: the same for each strategy with own limits, against its own positions.
    - ``cash``: updated with the sums under the present account rules; else ``None``.
    - ``is_eager``: no order is ever uncounted, and none is a closer. Logs of the first rules show the digits
      of sums made so.
    """

    __slots__ = ("_has_values", "cash", "exposure", "is_eager", "own_exposure", "state")

    def __init__(
        self,
        state: WorkingState,
        exposure: WorkingExposure | None = None,
        own_exposure: Mapping[StrategyId, WorkingExposure] = NO_EXPOSURE,
        cash: CashReserve | None = None,
        *,
        is_eager: bool = False,
    ) -> None:
        self.state = state
        self.cash = cash
        self.exposure = exposure
        self.is_eager = is_eager
        self.set_own_exposure(own_exposure)

    def set_own_exposure(self, own_exposure: Mapping[StrategyId, WorkingExposure]) -> None:
        """Set the exposure of strategies with own limits, before the first order or after a restore."""
        self.own_exposure = own_exposure
        self._has_values = self.exposure is not None or self.cash is not None or bool(own_exposure)

    # --- reading ------------------------------------------------------------------------------

    def quantity(self, symbol: str, side: Side) -> Decimal:
        """The quantity that orders of one side may still fill."""
        sums = self.state.by_symbol.get(symbol, NOTHING)
        return sums.buy if side is BUY else sums.sell

    def strategy_quantity(self, strategy: StrategyId, symbol: str, side: Side) -> Decimal:
        """The part of ``quantity`` that is one strategy's."""
        sums = self.state.by_strategy.get(strategy, {}).get(symbol, NOTHING)
        return sums.buy if side is BUY else sums.sell

    def closing_quantity(self, strategy: StrategyId, symbol: str, side: Side) -> Decimal:
        """The part of ``strategy_quantity`` that its closers have."""
        sums = self.state.by_strategy.get(strategy, {}).get(symbol, NOTHING)
        return sums.closing_buy if side is BUY else sums.closing_sell

    def unfillable(self, order: Order, *, held: Decimal, added: Decimal = ZERO) -> Decimal:
        """The quantity of a strategy's closers, on the side of an order, that is beyond its position.

        In the worst case closers fill before the other orders of their side: they take the position to 0, and
        the others then open one. So the others count whole, and closers up to the position. ``held``: the
        strategy's position; ``added``: the quantity of one more closer.
        """
        closing = self.closing_quantity(order.strategy, order.symbol, order.side) + added
        return max(ZERO, closing - max(ZERO, -held if order.side is BUY else held)) if closing else ZERO

    def reserved_as_written(self) -> Decimal:
        """Reserved cash with the digits of the present orders, as a denial shows it.

        The running total is the same number, but keeps the digits of every order it ever held.
        """
        buys = [one for one in self.state.orders.values() if one.order.side is BUY]
        shares = [working.counted for working in buys if not working.order.group_id]
        keys = dict.fromkeys(_group_of(working) for working in buys if working.order.group_id)
        shares += [self.state.groups[key].counted for key in keys]
        return sum((share.value for share in shares if share.value), ZERO)

    def exposure_sums(self) -> ExposureSums:
        """The exposure that working orders would add; empty where no limit counts it."""
        self.count_all()
        return NO_EXPOSURE_SUMS if self.exposure is None else self.exposure.sums

    def added_exposure(self, order: Order, *, quantity: Decimal, value: Decimal) -> Decimal:
        """The exposure that one more order could add to that of its symbol's working orders."""
        if self.exposure is None:
            return value
        self.count_all()
        return self.exposure.added_by(order.symbol, order.side, quantity=quantity, value=value)

    def reserved_cash(self) -> Decimal:
        """The cash that working buys take at their prices; 0 where it is not counted."""
        if self.cash is None:
            return ZERO
        if self.state.uncounted:
            self.count_all()
        return self.cash.sums.counted

    def added_reserve(self, order: Order, *, quantity: Decimal, value: Decimal, held: Decimal) -> Decimal:
        """The cash that one more buy would reserve. ``held``: the net position.

        The instrument is paid for: this is not asked for futures and perpetuals that need margin.
        """
        if self.cash is None:
            return value
        if self.state.uncounted:
            self.count_all()
        return self.cash.added_by(order.symbol, quantity=quantity, value=value, held=held)

    @property
    def open_count(self) -> int:
        """The number of orders that are not finished."""
        return len(self.state.orders)

    def count(self, symbol: str) -> int:
        """The number of a symbol's orders that are not finished."""
        return self.state.by_symbol.get(symbol, NOTHING).count

    def group_share(self, order: Order, *, is_closer: bool) -> Share:
        """The share that the group of an order has already, without it."""
        group = self.state.groups.get(_group_key(order, is_closer=is_closer)) if order.group_id else None
        return NO_SHARE if group is None else group.counted

    def quantity_awaiting_parent(self, order: Order) -> Decimal:
        """The part of an order that waits for its parent to trade more; 0 for other orders."""
        parent = self.state.orders.get(order.parent_id) if order.parent_id else None
        if parent is None or not _is_exit_of(order, parent.order):
            return ZERO
        taken: dict[str, Decimal] = {}
        for key in parent.children:
            child = self.state.orders[key]
            if (
                key != order.client_order_id
                and child.awaiting_parent
                and _is_exit_of(child.order, parent.order)
            ):
                name = child.order.group_id or key
                taken[name] = max(taken.get(name, ZERO), child.awaiting_parent)
        if order.group_id:
            taken.pop(order.group_id, None)
        return max(ZERO, min(order.quantity, parent.leaves_quantity - sum(taken.values(), ZERO)))

    # --- changing -----------------------------------------------------------------------------

    def add(self, working: WorkingOrder) -> None:
        """Add an order."""
        order = working.order
        key = order.client_order_id
        self.state.orders[key] = working
        sums = every, own = self._sums_of(order)
        every.count += 1
        own.count += 1
        if working.cost:
            self.state.cash.costs += working.cost
        if not (order.parent_id or order.group_id or working.is_closer):
            share = working.counted = working.share()
            if self._has_values:
                if self.is_eager:
                    self._shift_values(order, before=NO_SHARE, after=share)
                else:
                    self.state.uncounted[key] = True
            if every.count > 1:
                self._shift(sums, working, before=NO_SHARE, after=share)
            elif order.side is BUY:  # the only order in its symbol, as most are: it is the whole sum
                every.buy = own.buy = share.quantity
                self.state.reserved += share.value
            else:
                every.sell = own.sell = share.quantity
            return
        parent = self.state.orders.get(order.parent_id)
        if parent is not None:
            parent.children += (key,)
        if order.group_id:
            self._join_group(working)
        self.recount(working)

    def remove(self, key: ClientOrderId) -> WorkingOrder | None:
        """Remove a finished order; exits that waited for it count whole from now on."""
        working = self.state.orders.get(key)
        if working is None:
            return None
        order = working.order
        sums = every, own = self._sums_of(order)
        every.count -= 1
        own.count -= 1
        if working.cost:
            self.state.cash.costs = self.state.cash.costs - working.cost or ZERO
        if not (order.parent_id or order.group_id or working.is_closer):
            del self.state.orders[key]
            if self._has_values and self.state.uncounted.pop(key, None) is None:
                self._shift_values(order, before=working.counted, after=NO_SHARE)
            if every.count:
                self._shift(sums, working, before=working.counted, after=NO_SHARE)
            elif order.side is BUY:
                every.buy = own.buy = ZERO
                self.state.reserved = self.state.reserved - working.counted.value or ZERO
            else:
                every.sell = own.sell = ZERO
        else:
            self._remove_related(working)
        for name in working.children:
            child = self.state.orders[name]
            if child.awaiting_parent:
                child.awaiting_parent = ZERO
                self.recount(child)
        return working

    def _remove_related(self, working: WorkingOrder) -> None:
        """Remove a closer, or an order that belongs to a group or a parent."""
        order = working.order
        self.withdraw(working)
        del self.state.orders[order.client_order_id]
        if order.group_id:
            self._leave_group(working)
        parent = self.state.orders.get(order.parent_id)
        if parent is not None:
            key = order.client_order_id
            parent.children = tuple(child for child in parent.children if child != key)

    def set_leaves(self, working: WorkingOrder, leaves: Decimal) -> None:
        """Set the leaves quantity of an order; at 0 it is finished."""
        if leaves <= ZERO:
            working.leaves_quantity = leaves
            self.remove(working.order.client_order_id)
            return
        traded = working.leaves_quantity - leaves
        working.leaves_quantity = leaves
        self.recount(working)
        for key in working.children if traded > 0 else ():
            child = self.state.orders[key]
            if child.awaiting_parent:
                child.awaiting_parent = max(ZERO, child.awaiting_parent - traded)
                self.recount(child)

    def set_order(self, working: WorkingOrder, order: Order, leaves: Decimal) -> None:
        """Set the new terms of an order; the symbol may be another one."""
        self.withdraw(working)
        if order.group_id:
            self._leave_group(working)
        for sums in self._sums_of(working.order):
            sums.count -= 1
        working.order, working.leaves_quantity = order, leaves
        for sums in self._sums_of(order):
            sums.count += 1
        if order.group_id:
            self._join_group(working)
        for key in working.children:
            child = self.state.orders[key]
            child.awaiting_parent = min(child.awaiting_parent, leaves)
            self.recount(child)
        self.set_leaves(working, leaves)

    def restate_awaiting(self, working: WorkingOrder, leaves: Decimal) -> None:
        """Restate, in the new units of a parent, the quantity that its exits await."""
        before = working.leaves_quantity
        for key in working.children:
            child = self.state.orders[key]
            if child.awaiting_parent == before:
                child.awaiting_parent = leaves
            elif child.awaiting_parent and before:
                child.awaiting_parent = (child.awaiting_parent * leaves / before).quantize(VALUE_QUANTUM)

    def set_cost(self, working: WorkingOrder, cost: Decimal) -> None:
        """Set the estimated cost of an order with new terms."""
        self.state.cash.costs = self.state.cash.costs - working.cost + cost or ZERO
        working.cost = cost

    def withdraw(self, working: WorkingOrder) -> None:
        """Take an order out of the sums, until ``recount``."""
        self._put(working, NO_SHARE)

    def recount(self, working: WorkingOrder) -> None:
        """Count all that an order may fill now."""
        self._put(working, working.share())

    def _put(self, working: WorkingOrder, share: Share) -> None:
        order, before = working.order, working.counted
        working.counted = share
        if order.group_id:
            group = self.state.groups[_group_of(working)]
            before = group.counted
            share = group.counted = _largest([self.state.orders[key].counted for key in group.members])
        self._shift(self._sums_of(order), working, before=before, after=share)
        if self._has_values and order.client_order_id not in self.state.uncounted:
            self._shift_values(order, before=before, after=share)

    def _shift(
        self, sums: tuple[SymbolSums, SymbolSums], working: WorkingOrder, *, before: Share, after: Share
    ) -> None:
        """Replace the share of an order, or of its group, in the sums."""
        every, own = sums
        change = after.quantity - before.quantity
        if working.order.side is BUY:
            every.buy = every.buy + change or ZERO  # not 0.00 after orders with decimals
            own.buy = own.buy + change or ZERO
            totals = self.state
            totals.reserved = totals.reserved + (after.value - before.value) or ZERO
        else:
            every.sell = every.sell + change or ZERO
            own.sell = own.sell + change or ZERO
        for one in sums if working.is_closer else ():
            if working.order.side is BUY:
                one.closing_buy = one.closing_buy + change or ZERO
            else:
                one.closing_sell = one.closing_sell + change or ZERO

    def _shift_values(self, order: Order, *, before: Share, after: Share) -> None:
        """Replace the share of an order, or of its group, in the reserved cash and in the exposure."""
        quantity, value = after.quantity - before.quantity, after.value - before.value
        if self.cash is not None and order.side is BUY:
            self.cash.shift(order.symbol, quantity=quantity, value=value)
        for exposure in (self.exposure, self.own_exposure.get(order.strategy)):
            if exposure is not None:
                exposure.shift(order.symbol, order.side, quantity=quantity, value=value)

    def count_all(self) -> None:
        """Count in exposure and cash the orders that are not in these sums yet."""
        uncounted = self.state.uncounted
        for key in uncounted:
            working = self.state.orders[key]
            self._shift_values(working.order, before=NO_SHARE, after=working.counted)
        uncounted.clear()

    def recount_after(self, symbol: str, strategy: StrategyId) -> None:
        """Count the exposure and the reserve of working orders again after a position changed."""
        if self.cash is not None:
            self.cash.recount(symbol)
        for exposure in (self.exposure, self.own_exposure.get(strategy)):
            if exposure is not None:
                exposure.recount(symbol)

    def _sums_of(self, order: Order) -> tuple[SymbolSums, SymbolSums]:
        """The sums of an order's symbol: over all strategies, and over its own."""
        state, symbol = self.state, order.symbol
        try:
            return state.by_symbol[symbol], state.by_strategy[order.strategy][symbol]
        except KeyError:
            own = state.by_strategy.setdefault(order.strategy, {})
            every = state.by_symbol.setdefault(symbol, SymbolSums())
            return every, own.setdefault(symbol, SymbolSums())

    def _join_group(self, working: WorkingOrder) -> None:
        group = self.state.groups.setdefault(_group_of(working), Group())
        group.members.append(working.order.client_order_id)

    def _leave_group(self, working: WorkingOrder) -> None:
        groups, key = self.state.groups, _group_of(working)
        groups[key].members.remove(working.order.client_order_id)
        if not groups[key].members:
            del groups[key]


class StrategyWorkingOrders(WorkingOrders):
    """The working orders of one strategy, for reading. Its sums are those in ``by_strategy``.

    It holds dicts of the state, so a new one is made after a restore.
    """

    __slots__ = ("_whole",)

    def __init__(self, working: WorkingOrders, strategy: StrategyId) -> None:
        state, exposure = working.state, working.own_exposure[strategy]
        by_symbol = state.by_strategy.setdefault(strategy, {})
        own = WorkingState(
            state.orders, by_symbol, {strategy: by_symbol}, groups=state.groups, exposure=exposure.sums
        )
        super().__init__(own, exposure, is_eager=working.is_eager)
        self._whole = working

    def count_all(self) -> None:
        """Count all orders, its own among them."""
        self._whole.count_all()

    @property
    def open_count(self) -> int:
        """The number of the strategy's unfinished orders, added up over its symbols."""
        return sum(one.count for one in self.state.by_symbol.values())


def _is_exit_of(order: Order, parent: Order) -> bool:
    return (
        order.symbol == parent.symbol and order.strategy == parent.strategy and order.side is not parent.side
    )


def _largest(shares: Sequence[Share]) -> Share:
    return Share(
        max(share.quantity for share in shares),
        max(share.value for share in shares),
    )


def _group_of(working: WorkingOrder) -> GroupKey:
    return _group_key(working.order, is_closer=working.is_closer)


def _group_key(order: Order, *, is_closer: bool) -> GroupKey:
    return GroupKey(order.group_id, order.strategy, order.symbol, order.side, is_closer)
