"""Approved orders that are not finished, and their sums, kept up as they change.

Sums by symbol and side, by strategy, and of cash, so that a check costs the same whether one order is
working or a thousand. Two things keep orders that cannot all fill from being counted as if they could:

- Orders of one group (one cancels other) count as the largest of them.
- An exit that waits for its parent (a bracket's stop) trades only what the parent bought, so it counts
  as far as the parent is filled. What it still waits for is its ``cover``.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from components.risk.openings import VALUE_QUANTUM, Openings, OpeningSums
from kernel.events import Order, Side, TradingState
from kernel.identifiers import ClientOrderId, StrategyId

ZERO = Decimal(0)


# Read once: on 3.11 a member of an enum takes 0.1 us to look up, a global 0.02.
_BUY = Side.BUY


class Share(msgspec.Struct, frozen=True, gc=False):
    """What one order, or one group of orders, adds to the sums.

    ``quantity`` may still fill; ``value`` is what that is worth: a buy reserves as much cash.
    """

    quantity: Decimal = ZERO
    value: Decimal = ZERO


NO_SHARE = Share()


class WorkingOrder(msgspec.Struct, gc=False):
    """An approved order that is not finished: what is left of it, and what a unit of it is worth.

    While a replacement is under way either version may fill, so the larger one counts. Units are valued
    where somebody asks for the value: those of buys always, those of sales where exposure counts.
    """

    order: Order
    leaves_quantity: Decimal
    unit_value: Decimal
    replacement: Order | None = None
    replacement_unit_value: Decimal = ZERO
    cover: Decimal = ZERO
    children: tuple[ClientOrderId, ...] = ()
    clearance: TradingState = TradingState.ACTIVE
    """The narrowest trading state in which the gate lets it out unasked: exits of risk's own."""
    counted: Share = NO_SHARE

    @property
    def filled_quantity(self) -> Decimal:
        """What of it is filled."""
        return self.order.quantity - self.leaves_quantity

    def share(self) -> Share:
        """What it adds to the sums now."""
        if self.replacement is None and not self.cover:
            leaves = self.leaves_quantity
            return Share(leaves, leaves * self.unit_value if self.unit_value else ZERO)
        growth = ZERO if self.replacement is None else self.replacement.quantity - self.order.quantity
        quantity = self.leaves_quantity + growth if growth > 0 else self.leaves_quantity
        value = self.leaves_quantity * self.unit_value if self.unit_value else ZERO
        if self.replacement is not None:
            value = max(value, (self.leaves_quantity + growth) * self.replacement_unit_value)
        if self.cover:
            quantity = max(ZERO, quantity - self.cover)
            value = min(value, quantity * max(self.unit_value, self.replacement_unit_value))
        return Share(quantity, value)


class SymbolSums(msgspec.Struct, gc=False):
    """Sums over the working orders of one symbol: quantities by side, number of orders."""

    buy: Decimal = ZERO
    sell: Decimal = ZERO
    count: int = 0


class Group(msgspec.Struct, gc=False):
    """Orders of one strategy, symbol and side of which one cancels the others."""

    members: list[ClientOrderId] = []
    counted: Share = NO_SHARE


class WorkingSums(msgspec.Struct):
    """Sums by symbol, and by strategy and symbol, of whatever was ever ordered; groups by key.

    ``reserved`` is the cash that all buys may take; ``openings`` is kept where exposure counts.
    """

    by_symbol: dict[str, SymbolSums] = {}
    by_strategy: dict[StrategyId, dict[str, SymbolSums]] = {}
    reserved: Decimal = ZERO
    groups: dict[str, Group] = {}
    openings: OpeningSums = msgspec.field(default_factory=OpeningSums)


NOTHING = SymbolSums()


class WorkingOrders:
    """The arithmetic over orders by id, oldest first, and their sums; it holds nothing else.

    ``openings``, where exposure counts, are kept up with the sums.
    """

    __slots__ = ("openings", "orders", "sums")

    def __init__(
        self,
        orders: dict[ClientOrderId, WorkingOrder],
        sums: WorkingSums,
        openings: Openings | None = None,
    ) -> None:
        self.orders = orders
        self.sums = sums
        self.openings = openings

    # --- reading ------------------------------------------------------------------------------

    def quantity(self, symbol: str, side: Side) -> Decimal:
        """What orders of one side may still fill."""
        sums = self.sums.by_symbol.get(symbol, NOTHING)
        return sums.buy if side is _BUY else sums.sell

    def strategy_quantity(self, strategy: StrategyId, symbol: str, side: Side) -> Decimal:
        """The part of it that is one strategy's."""
        sums = self.sums.by_strategy.get(strategy, {}).get(symbol, NOTHING)
        return sums.buy if side is _BUY else sums.sell

    def reserved_as_written(self) -> Decimal:
        """Reserved cash with the digits of the orders that are there, for a denial to show.

        The running total is the same number, but keeps the digits of every order it ever held.
        """
        buys = [one for one in self.orders.values() if one.order.side is _BUY]
        shares = [working.counted for working in buys if not working.order.group_id]
        keys = dict.fromkeys(_group_key(working.order) for working in buys if working.order.group_id)
        shares += [self.sums.groups[key].counted for key in keys]
        return sum((share.value for share in shares if share.value), ZERO)

    def count(self, symbol: str) -> int:
        """How many orders of a symbol are not finished."""
        return self.sums.by_symbol.get(symbol, NOTHING).count

    def group_share(self, order: Order) -> Share:
        """What the group that an order would join counts already."""
        group = self.sums.groups.get(_group_key(order)) if order.group_id else None
        return NO_SHARE if group is None else group.counted

    def cover_for(self, order: Order) -> Decimal:
        """How much of an order waits for what its parent has not traded yet; 0 for other orders."""
        parent = self.orders.get(order.parent_id) if order.parent_id else None
        if parent is None or not _is_exit_of(order, parent.order):
            return ZERO
        taken: dict[str, Decimal] = {}
        for key in parent.children:
            child = self.orders[key]
            if key != order.client_order_id and child.cover and _is_exit_of(child.order, parent.order):
                name = child.order.group_id or key
                taken[name] = max(taken.get(name, ZERO), child.cover)
        if order.group_id:
            taken.pop(order.group_id, None)
        return max(ZERO, min(order.quantity, parent.leaves_quantity - sum(taken.values(), ZERO)))

    # --- changing -----------------------------------------------------------------------------

    def add(self, working: WorkingOrder) -> None:
        """Take an order in."""
        order = working.order
        key = order.client_order_id
        self.orders[key] = working
        sums = every, own = self._sums_of(order)
        every.count += 1
        if not (order.parent_id or order.group_id):
            share = working.counted = working.share()
            if every.count > 1 or self.openings is not None:
                self._shift(sums, working, before=NO_SHARE, after=share)
            elif order.side is _BUY:  # alone in its symbol, as most are: nothing to add to
                every.buy = own.buy = share.quantity
                self.sums.reserved += share.value
            else:
                every.sell = own.sell = share.quantity
            return
        parent = self.orders.get(order.parent_id)
        if parent is not None:
            parent.children += (key,)
        if order.group_id:
            self._join_group(order)
        self.recount(working)

    def remove(self, key: ClientOrderId) -> WorkingOrder | None:
        """Let a finished order go; what waited for it waits no longer."""
        working = self.orders.get(key)
        if working is None:
            return None
        order = working.order
        sums = every, own = self._sums_of(order)
        every.count -= 1
        if not (order.parent_id or order.group_id):
            del self.orders[key]
            if every.count or self.openings is not None:
                self._shift(sums, working, before=working.counted, after=NO_SHARE)
            elif order.side is _BUY:
                every.buy = own.buy = ZERO
                self.sums.reserved = self.sums.reserved - working.counted.value or ZERO
            else:
                every.sell = own.sell = ZERO
        else:
            self._remove_related(working)
        for name in working.children:
            child = self.orders[name]
            if child.cover:
                child.cover = ZERO
                self.recount(child)
        return working

    def _remove_related(self, working: WorkingOrder) -> None:
        """The way out of an order that belongs to a group or a parent."""
        order = working.order
        self.withdraw(working)
        del self.orders[order.client_order_id]
        if order.group_id:
            self._leave_group(order)
        parent = self.orders.get(order.parent_id)
        if parent is not None:
            key = order.client_order_id
            parent.children = tuple(child for child in parent.children if child != key)

    def set_leaves(self, working: WorkingOrder, leaves: Decimal) -> None:
        """Note how much of an order is left; nothing left finishes it."""
        if leaves <= 0:
            working.leaves_quantity = leaves
            self.remove(working.order.client_order_id)
            return
        traded = working.leaves_quantity - leaves
        working.leaves_quantity = leaves
        self.recount(working)
        for key in working.children if traded > 0 else ():
            child = self.orders[key]
            if child.cover:
                child.cover = max(ZERO, child.cover - traded)
                self.recount(child)

    def set_order(self, working: WorkingOrder, order: Order, leaves: Decimal) -> None:
        """Take an order's new terms; their symbol may be another one."""
        self.withdraw(working)
        if order.group_id:
            self._leave_group(working.order)
        self._sums_of(working.order)[0].count -= 1
        working.order, working.leaves_quantity = order, leaves
        self._sums_of(order)[0].count += 1
        if order.group_id:
            self._join_group(order)
        for key in working.children:
            child = self.orders[key]
            child.cover = min(child.cover, leaves)
            self.recount(child)
        self.set_leaves(working, leaves)

    def restate_covers(self, working: WorkingOrder, leaves: Decimal) -> None:
        """What is left of a parent changes its units: so does what its exits wait for."""
        before = working.leaves_quantity
        for key in working.children:
            child = self.orders[key]
            if child.cover == before:
                child.cover = leaves
            elif child.cover and before:
                child.cover = (child.cover * leaves / before).quantize(VALUE_QUANTUM)

    def withdraw(self, working: WorkingOrder) -> None:
        """Count an order for nothing, until ``recount``."""
        self._put(working, NO_SHARE)

    def recount(self, working: WorkingOrder) -> None:
        """Count an order for what it may do now."""
        self._put(working, working.share())

    def _put(self, working: WorkingOrder, share: Share) -> None:
        order, before = working.order, working.counted
        working.counted = share
        if order.group_id:
            group = self.sums.groups[_group_key(order)]
            before = group.counted
            share = group.counted = _largest([self.orders[key].counted for key in group.members])
        self._shift(self._sums_of(order), working, before=before, after=share)

    def _shift(
        self, sums: tuple[SymbolSums, SymbolSums], working: WorkingOrder, *, before: Share, after: Share
    ) -> None:
        """Change the sums by what an order, or its group, counts for now instead of before."""
        every, own = sums
        change = after.quantity - before.quantity
        if working.order.side is _BUY:
            every.buy = every.buy + change or ZERO  # an exact zero keeps no digits of what it was
            own.buy = own.buy + change or ZERO
            totals = self.sums
            totals.reserved = totals.reserved + (after.value - before.value) or ZERO
        else:
            every.sell = every.sell + change or ZERO
            own.sell = own.sell + change or ZERO
        if self.openings is not None:
            order, value = working.order, after.value - before.value
            self.openings.shift(order.symbol, order.side, quantity=change, value=value)

    def _sums_of(self, order: Order) -> tuple[SymbolSums, SymbolSums]:
        """The sums of an order's symbol: of all strategies, and of its own."""
        sums, symbol = self.sums, order.symbol
        try:
            return sums.by_symbol[symbol], sums.by_strategy[order.strategy][symbol]
        except KeyError:
            own = sums.by_strategy.setdefault(order.strategy, {})
            every = sums.by_symbol.setdefault(symbol, SymbolSums())
            return every, own.setdefault(symbol, SymbolSums())

    def _join_group(self, order: Order) -> None:
        group = self.sums.groups.setdefault(_group_key(order), Group())
        group.members.append(order.client_order_id)

    def _leave_group(self, order: Order) -> None:
        groups, key = self.sums.groups, _group_key(order)
        groups[key].members.remove(order.client_order_id)
        if not groups[key].members:
            del groups[key]


def _is_exit_of(order: Order, parent: Order) -> bool:
    return (
        order.symbol == parent.symbol and order.strategy == parent.strategy and order.side is not parent.side
    )


def _largest(shares: Sequence[Share]) -> Share:
    return Share(
        max(share.quantity for share in shares),
        max(share.value for share in shares),
    )


def _group_key(order: Order) -> str:
    return f"{order.group_id}|{order.strategy}|{order.symbol}|{order.side.value}"
