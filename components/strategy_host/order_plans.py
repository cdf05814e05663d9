"""Makes order intents of decisions: single orders, groups, and parents with children.

Ids are counted in order, the parent's first. The orders of one ``OneCancelsOther`` share a ``group_id``; so
do the two exits attached to an order. It is made from the id of the first of them. A plan with one invalid
order is refused as a whole and uses no id.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Protocol

import msgspec

from components.strategy_host.order_terms import (
    AT_MARKET,
    display_of,
    instructions_of,
    is_plain,
    is_priced,
    terms_of,
    trail_of,
)
from components.strategy_host.plain_values import choice, joined, order_price, several, text
from components.strategy_host.sizes import Sizes
from components.strategy_host.state import HostState
from kernel.events import (
    BUY,
    GTC,
    LIMIT,
    SELL,
    STOP,
    InstrumentDefined,
    Order,
    OrderIntent,
    Side,
    VenueFeature,
)
from kernel.identifiers import ClientOrderId, StrategyId
from strategies.sdk.decisions import OneCancelsOther, OneTriggersOther, PlaceOrder, Target

MAX_MEMBERS = 100
"""The most orders in one group, and the most children of one parent."""

NO_PARENT = ClientOrderId("")


class HeldView(Protocol):
    """The positions and orders of the strategy."""

    def closable(self, order: Order) -> Decimal: ...
    def open_orders(self, symbol: str | None) -> Sequence[Order]: ...


class OrderPlans:
    """Makes the order intents of one strategy; every method raises ``ValueError`` for invalid terms.

    The caller restores ``state.order_count`` after a refused plan.
    """

    def __init__(
        self,
        strategy: StrategyId,
        *,
        slug: str,
        state: HostState,
        instrument: Callable[[str], InstrumentDefined],
        sizes: Sizes,
        held: HeldView,
        has: Callable[[VenueFeature], bool],
        exits_reduce: bool = True,
    ) -> None:
        """Make the plans of one strategy.

        - ``held``: its own positions and orders.
        - ``has``: whether the venue has a feature.
        - ``exits_reduce``: attached exits, and orders that close beside them, are reduce-only. Not so under
          the first rules.
        """
        self._held = held
        self._has = has
        self._exits_reduce = exits_reduce
        self._strategy = strategy
        self._slug = slug
        self._state = state
        self._instrument = instrument
        self._sizes = sizes

    def placed(
        self, ts: int, wanted: PlaceOrder, *, parent_id: ClientOrderId = NO_PARENT, group_id: str = ""
    ) -> list[OrderIntent]:
        """One order, followed by its attached exits."""
        order, asked = self.order(ts, wanted, parent_id=parent_id, group_id=group_id)
        intents = [OrderIntent(ts, order, asked)]
        if wanted.stop_loss is not None or wanted.take_profit is not None:
            intents += self._exits(ts, wanted, entry=order)
        return intents

    def order(
        self, ts: int, wanted: PlaceOrder, *, parent_id: ClientOrderId = NO_PARENT, group_id: str = ""
    ) -> tuple[Order, str]:
        """One order without exits, and the requested size in words (empty for units)."""
        symbol = text(wanted.symbol, "symbol")
        instrument = self._instrument(symbol)
        terms = terms_of(ts, wanted, instrument) if is_priced(wanted) else AT_MARKET
        price = terms.stop_price if terms.limit_price is None else terms.limit_price
        quantity, asked = self._sizes.lots(wanted.quantity, instrument, price=price)
        trail_amount, trail_percent, display = None, None, None
        post_only, reduce_only = False, False
        if not is_plain(wanted, terms.order_type):
            trail_amount, trail_percent = trail_of(wanted, terms.order_type, instrument)
            post_only, reduce_only = instructions_of(wanted, terms)
            display, cut = display_of(
                wanted, terms, quantity=quantity, instrument=instrument, sizes=self._sizes
            )
            asked = joined(asked, cut)
        side, tag = choice(Side, wanted.side, "side"), text(wanted.tag, "tag")
        order = Order(
            self._next_id(),
            self._strategy,
            symbol,
            side,
            terms.order_type,
            quantity,
            terms.limit_price,
            terms.stop_price,
            terms.time_in_force,
            terms.expire_ts,
            post_only,
            reduce_only,
            tag,
            trail_amount,
            trail_percent,
            display,
            parent_id,
            group_id,
        )
        if reduce_only:
            self._state.has_closers = True
        return (self._beside_exits(order) if self._state.has_closers else order), asked

    def targeted(self, ts: int, wanted: Target) -> list[OrderIntent]:
        """The order for the difference to a target; no order if that is less than a lot."""
        symbol = text(wanted.symbol, "symbol")
        instrument = self._instrument(symbol)
        terms, tag = terms_of(ts, wanted, instrument), text(wanted.tag, "tag")
        price = terms.stop_price if terms.limit_price is None else terms.limit_price
        missing, asked = self._sizes.difference(wanted, instrument, price=price)
        if not missing:
            return []
        order = Order(
            self._next_id(),
            self._strategy,
            symbol,
            BUY if missing > 0 else SELL,
            terms.order_type,
            abs(missing),
            terms.limit_price,
            terms.stop_price,
            terms.time_in_force,
            terms.expire_ts,
            tag=tag,
        )
        if self._state.has_closers:
            order = self._beside_exits(order)
        return [OrderIntent(ts, order, asked)]

    def _beside_exits(self, order: Order) -> Order:
        """The order; reduce-only if it closes units that reduce-only orders of its side offer already.

        The market could fill both of them. So the order that fills later must not open a position.
        """
        if order.reduce_only or order.parent_id or order.quantity > self._held.closable(order):
            return order
        if not self._exits_reduce or not self._has(VenueFeature.REDUCE_ONLY):
            return order
        others = self._held.open_orders(order.symbol)
        if any(one.reduce_only and one.side is order.side for one in others):
            return msgspec.structs.replace(order, reduce_only=True)
        return order

    def cancelling(
        self, ts: int, wanted: OneCancelsOther, *, parent_id: ClientOrderId = NO_PARENT
    ) -> list[OrderIntent]:
        """The orders of one group."""
        members = several(wanted.orders, "orders", at_most=MAX_MEMBERS)
        if len(members) < 2:
            raise ValueError("one cancels other: expected 2 orders or more; got 1")
        group_id = self._next_group_id()
        intents: list[OrderIntent] = []
        for member in members:
            intents += self.placed(ts, _an_order(member), parent_id=parent_id, group_id=group_id)
        symbols = {intent.order.symbol for intent in intents}
        if len(symbols) > 1:
            raise ValueError(f"one cancels other: expected one symbol; got {', '.join(sorted(symbols))}")
        return intents

    def triggering(self, ts: int, wanted: OneTriggersOther) -> list[OrderIntent]:
        """A parent order and its children."""
        intents = self.placed(ts, _an_order(wanted.first))
        parent_id = intents[0].order.client_order_id
        for child in several(wanted.then, "then", at_most=MAX_MEMBERS):
            if isinstance(child, OneCancelsOther):
                intents += self.cancelling(ts, child, parent_id=parent_id)
            else:
                intents += self.placed(ts, _an_order(child), parent_id=parent_id)
        return intents

    def _exits(self, ts: int, wanted: PlaceOrder, *, entry: Order) -> Sequence[OrderIntent]:
        """The attached exits: of the entry's quantity, good till cancelled, in one group."""
        instrument = self._instrument(entry.symbol)
        stop_loss = order_price(wanted.stop_loss, instrument)
        take_profit = order_price(wanted.take_profit, instrument)
        _check_exits(entry, stop_loss, take_profit)
        group_id = "" if stop_loss is None or take_profit is None else self._next_group_id()
        self._state.has_closers = True
        exits: list[OrderIntent] = []
        for order_type, price in ((STOP, stop_loss), (LIMIT, take_profit)):
            if price is not None:
                order = Order(
                    self._next_id(),
                    self._strategy,
                    entry.symbol,
                    SELL if entry.side is BUY else BUY,
                    order_type,
                    entry.quantity,
                    price if order_type is LIMIT else None,
                    price if order_type is STOP else None,
                    GTC,
                    reduce_only=self._exits_reduce,
                    tag=entry.tag,
                    parent_id=entry.client_order_id,
                    group_id=group_id,
                )
                exits.append(OrderIntent(ts, order))
        return exits

    def _next_id(self) -> ClientOrderId:
        self._state.order_count += 1
        return ClientOrderId(f"{self._state.epoch}-{self._slug}-{self._state.order_count}")

    def _next_group_id(self) -> str:
        """The group id made from the next order's id."""
        return f"{self._state.epoch}-{self._slug}-{self._state.order_count + 1}-oco"


def _an_order(wanted: object) -> PlaceOrder:
    if not isinstance(wanted, PlaceOrder):
        raise ValueError(f"expected a PlaceOrder; got {type(wanted).__name__}")
    return wanted


def _check_exits(entry: Order, stop_loss: Decimal | None, take_profit: Decimal | None) -> None:
    """A stop loss is on the losing side of the entry's price, a take profit on the winning one."""
    price = entry.stop_price if entry.limit_price is None else entry.limit_price
    steps = [one for one in (stop_loss, price, take_profit) if one is not None]
    rising = entry.side is BUY
    in_order = all(low < high if rising else low > high for low, high in pairwise(steps))
    if not in_order:
        word = "ascending" if rising else "descending"
        raise ValueError(
            f"stop loss, price and take profit of a {entry.side.value} must be {word}; "
            f"got {', '.join(map(str, steps))}"
        )
