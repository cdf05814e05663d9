"""Emulates what a venue lacks: conditional orders, times in force, post-only and reduce-only.

What it remembers: the venue's declaration, and each emulated order with its phase, its condition (a price
level, perhaps trailing) and its timers.

What changes it:

- ``OrderHeld`` brings an order that the venue does not accept as it is. When its condition is true, or at
  once if it has none, ``HeldOrderTriggered`` sends it: as a type that the venue accepts, with the same client
  order id.
- DAY, GTD and IOC are emulated with an order sent good till cancelled. When its time is over,
  ``ExpireOrderIntent`` asks the orders component to cancel it, and the cancel counts as an expiry. IOC ends
  after the first market event of the symbol after the venue accepted the order.
- Market events test conditions and move trailing levels. They are heard only for symbols with an order that
  waits for one.
- A time that ends inside a bar that has not arrived (see ``release_times``): the order is *overdue*. It sees
  that bar, and ends with it.
- ``PositionChanged``: a reduce-only order ends with the position that it could reduce. Where the venue does
  not know reduce-only, the order is sent as a plain one and stays here, so that it ends too.
- A DAY order that is reached gets the day that a DAY order has which is given then.

What never happens: an emulated stop trades on the event that triggers it. The simulated venue processes each
market event before emulation does, so the order is sent on that event and trades on the next one.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from components.emulation.capabilities import (
    as_sent,
    can_be_sent,
    is_emulated_type,
    must_wait_for_group,
    takes_as_it_is,
    time_wanted,
)
from components.emulation.release_times import (
    TradingHours,
    expiry_ts,
    is_out_of_session,
    overdue_until,
    release_ts,
)
from components.emulation.triggers import (
    Condition,
    condition_of,
    reached_by_bar,
    reached_by_quote,
    reached_by_trade,
    rescale,
)
from components.emulation.views import AccountView, MarketView, price_for, reducible, would_take
from kernel.bar_times import EndsOfBars, earliest_open, note_end, note_last_end
from kernel.bus import EventBus
from kernel.component import STEADFAST, FailurePolicy, Subscription, Watch
from kernel.corporate_actions import ONE, RESTATING, is_void, successor
from kernel.errors import ComponentError
from kernel.events import (
    ApprovedOrder,
    Bar,
    CancelIntent,
    CorporateAction,
    Event,
    ExpireOrderIntent,
    HeldOrderTriggered,
    HoldReason,
    Order,
    OrderAccepted,
    OrderAdjusted,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderHeld,
    OrderRejected,
    OrderReplaced,
    PositionChanged,
    Quote,
    TimeInForce,
    TimerCancelled,
    TimerFired,
    TimerPurpose,
    TimerScheduled,
    Trade,
    VenueDeclared,
    VenueFeature,
)
from kernel.events.timer_purposes import HeldOrderRelease, OrderExpiry
from kernel.identifiers import ClientOrderId, TimerName
from kernel.rules import FIRST_RULES, RULES
from kernel.timers import NEVER

ZERO = Decimal(0)
_OWN_TIMERS = (OrderExpiry, HeldOrderRelease)


class Phase(StrEnum):
    """The phase of an emulated order."""

    HELD = "held"
    SENT = "sent"
    """At the venue; its time in force or its reduce-only is emulated."""
    LAST_CHANCE = "last_chance"
    """An IOC order accepted by the venue: it ends after the next market event."""
    UNNEEDED = "unneeded"
    """A reduce-only order whose position has ended; its cancel was asked for."""


class EmulatedOrder(msgspec.Struct, gc=False):
    """One emulated order.

    - ``order``: the order as it was asked for.
    - ``since_ts``: the time at which it was held, accepted for IOC, or sent for DAY.
    - ``condition``: the price it waits for; ``None`` without one.
    - ``timers``: the names of its timers that have not fired.
    - ``is_restated``: the corporate action in progress has given it new terms.
    - ``is_overdue``: its time is over, and it waits for the bar that contains this moment.
    """

    order: ApprovedOrder
    phase: Phase
    since_ts: int
    condition: Condition | None = None
    timers: list[TimerName] = []
    is_restated: bool = False
    is_overdue: bool = False


class EmulatorState(msgspec.Struct):
    """The whole state of the emulator.

    - ``declared``: what the venue accepts; ``None`` before it was declared.
    - ``orders``: emulated orders by symbol, in order of arrival.
    - ``symbols``: their symbols by client order id.
    - ``ended``: the end of the last bar without ``open_ts``, by symbol and timeframe.
    """

    declared: VenueDeclared | None = None
    orders: dict[str, dict[ClientOrderId, EmulatedOrder]] = {}
    symbols: dict[ClientOrderId, str] = {}
    ended: EndsOfBars = {}


class Emulator:
    """The component that emulates orders for the venue."""

    name = "emulation"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(
        self,
        bus: EventBus,
        *,
        market: MarketView,
        account: AccountView,
        hours: TradingHours,
        sees_bars: bool,
        rules: int = RULES,
    ) -> None:
        """``sees_bars``: the venue is in the core and fills orders on bars, when these end."""
        self.state = EmulatorState()
        self._bus = bus
        self._sees_bars = sees_bars
        self._market = market
        self._account = account
        self._hours = hours
        self._rules = rules
        self._watch: Watch | None = None

    def subscriptions(self) -> Iterable[Subscription]:
        follows = () if self._rules == FIRST_RULES else (Subscription(PositionChanged, self.on_position),)
        return (
            *follows,
            Subscription(VenueDeclared, self.on_declared),
            Subscription(OrderHeld, self.on_held),
            Subscription(OrderAccepted, self.on_accepted),
            Subscription(OrderFilled, self.on_filled),
            Subscription(OrderCancelled, self.on_ended),
            Subscription(OrderExpired, self.on_ended),
            Subscription(OrderRejected, self.on_ended),
            Subscription(OrderDenied, self.on_denied),
            Subscription(OrderReplaced, self.on_new_terms),
            Subscription(OrderAdjusted, self.on_new_terms),
            Subscription(CorporateAction, self.on_corporate_action),
            Subscription(TimerFired, self.on_timer),
        )

    def watches(self) -> tuple[Iterable[Subscription], Iterable[str]]:
        handlers = (
            Subscription(Bar, self.on_bar),
            Subscription(Quote, self.on_quote),
            Subscription(Trade, self.on_trade),
        )
        return handlers, tuple(symbol for symbol in self.state.orders if self._is_needed(symbol))

    def set_watch(self, watch: Watch) -> None:
        self._watch = watch

    # --- what can be emulated -----------------------------------------------------------------

    def emulates(self, order: Order, lacking: str) -> bool:  # noqa: ARG002  # risk's signature for such checks
        """Whether the order can be traded although the venue lacks the feature ``lacking``."""
        declared = self.state.declared
        return declared is None or can_be_sent(order, declared)

    def holds(self, order: Order) -> bool:
        """Whether the order must be held here before it is sent."""
        declared = self.state.declared
        if declared is None:
            return False
        if takes_as_it_is(order, declared) and not must_wait_for_group(order, declared):
            return False
        return can_be_sent(order, declared)

    def has(self, feature: VenueFeature) -> bool:
        """Whether the venue has the feature; ``True`` before its declaration."""
        return self.state.declared is None or feature in self.state.declared.features

    def on_declared(self, event: VenueDeclared) -> None:
        self.state.declared = event

    # --- holding ------------------------------------------------------------------------------

    def on_held(self, event: OrderHeld) -> Sequence[Event] | None:
        if event.reason is not HoldReason.EMULATED:
            return None
        order, ts = event.order, event.ts
        item = EmulatedOrder(order, Phase.HELD, ts)
        self.state.orders.setdefault(order.symbol, {})[order.client_order_id] = item
        self.state.symbols[order.client_order_id] = order.symbol
        events: list[Event] = self._expiry_timer(ts, item)
        if is_emulated_type(order, self._declared):
            item.condition = condition_of(order, since_ts=ts, last_price=price_for(self._market, order))
            due = release_ts(order, ts, hours=self._hours)
            if due is not None:
                name = TimerName(f"send {order.client_order_id}")
                release = HeldOrderRelease(order.client_order_id)
                return [*events, self._timer(ts, item, name, due_ts=due, purpose=release)]
            if item.condition is not None:
                self._watch_for(order.symbol)
                return events
        return [*events, *self._release(ts, item)]

    def _expiry_timer(self, ts: int, item: EmulatedOrder) -> list[Event]:
        due = expiry_ts(item.order, ts, hours=self._hours, rules=self._rules)
        return [] if due is None else [self._expiry_at(ts, item, due)]

    def _expiry_at(self, ts: int, item: EmulatedOrder, due_ts: int) -> Event:
        key = item.order.client_order_id
        return self._timer(ts, item, TimerName(f"expire {key}"), due_ts=due_ts, purpose=OrderExpiry(key))

    def _timer(
        self, ts: int, item: EmulatedOrder, name: TimerName, *, due_ts: int, purpose: TimerPurpose
    ) -> Event:
        if name not in item.timers:
            item.timers.append(name)
        return TimerScheduled(ts, self.name, name, due_ts, purpose=purpose)

    # --- sending ------------------------------------------------------------------------------

    def _release(self, ts: int, item: EmulatedOrder) -> Sequence[Event]:
        """Send an order in the form that the venue accepts.

        Denied instead: a reduce-only order without a position to reduce, a post-only order that would trade.
        """
        order, declared = item.order, self._declared
        sent = as_sent(order, declared)
        may_open = order.reduce_only and not sent.reduce_only
        if may_open:
            room = reducible(self._account, order)
            if room <= 0:
                reason = "a reduce-only order finds no position that it would reduce"
                return self._deny(ts, item, rule="reduce_only", reason=reason, limit=room)
            sent = msgspec.structs.replace(sent, quantity=min(sent.quantity, room))
        if order.post_only and not sent.post_only and would_take(self._market, sent):
            reason = f"a post-only {sent.side.value} at {sent.limit_price} would take liquidity"
            return self._deny(ts, item, rule="post_only", reason=reason, limit=sent.limit_price)
        is_timed = sent.time_in_force is not time_wanted(order, declared)
        if not is_timed and not may_open:
            return [*self._forget(ts, order.client_order_id), HeldOrderTriggered(ts, sent)]
        item.phase, item.condition = Phase.SENT, None
        if not is_timed:  # the venue ends it in time
            self._unwatch_if_idle(order.symbol)
            return [*self._cancelled_timers(ts, item), HeldOrderTriggered(ts, sent)]
        day = self._begin_day(ts, item)
        self._unwatch_if_idle(order.symbol)
        return [*day, HeldOrderTriggered(ts, sent)]

    def _begin_day(self, ts: int, item: EmulatedOrder) -> list[Event]:
        """Let a DAY order that is sent now end as one that is given now. A new timer replaces the old one."""
        if self._rules == FIRST_RULES or item.order.time_in_force is not TimeInForce.DAY:
            return []
        before = expiry_ts(item.order, item.since_ts, hours=self._hours, rules=self._rules)
        due = expiry_ts(item.order, ts, hours=self._hours, rules=self._rules)
        is_new = item.is_overdue or due != before
        item.since_ts, item.is_overdue = ts, False
        return [self._expiry_at(ts, item, due)] if is_new and due is not None else []

    def _deny(
        self, ts: int, item: EmulatedOrder, *, rule: str, reason: str, limit: Decimal | None
    ) -> Sequence[Event]:
        order = item.order
        denied = OrderDenied(ts, order, rule, reason, str(limit), str(order.quantity))
        return [*self._forget(ts, order.client_order_id), denied]

    # --- the market and the clock -------------------------------------------------------------

    def on_bar(self, bar: Bar) -> Sequence[Event] | None:
        opened_ts: int | None = bar.open_ts
        if not opened_ts:
            opened_ts = None if self._rules == FIRST_RULES else earliest_open(bar, self.state.ended)
            note_end(bar, self.state.ended)

        def is_reached(condition: Condition) -> bool:
            return reached_by_bar(condition, bar, opened_ts=opened_ts)

        return self._test_conditions(bar, is_reached, opened_ts=bar.ts if opened_ts is None else opened_ts)

    def on_quote(self, quote: Quote) -> Sequence[Event] | None:
        def is_reached(condition: Condition) -> bool:
            return reached_by_quote(condition, quote)

        return self._test_conditions(quote, is_reached, opened_ts=quote.ts)

    def on_trade(self, trade: Trade) -> Sequence[Event] | None:
        def is_reached(condition: Condition) -> bool:
            return reached_by_trade(condition, trade)

        return self._test_conditions(trade, is_reached, opened_ts=trade.ts)

    def _test_conditions(
        self, event: Bar | Quote | Trade, is_reached: Callable[[Condition], bool], *, opened_ts: int
    ) -> Sequence[Event] | None:
        """Test the conditions of a symbol's orders against a market event, in order of arrival."""
        ts, symbol = event.ts, event.symbol
        if is_out_of_session(event, hours=self._hours):
            return None
        events: list[Event] = []
        for item in list(self.state.orders.get(symbol, {}).values()):
            if item.phase is Phase.LAST_CHANCE:
                if opened_ts < item.since_ts:
                    continue  # the bar opened before the order was accepted
                item.phase = Phase.SENT
                events.append(ExpireOrderIntent(ts, item.order.client_order_id))
            elif item.is_overdue and not isinstance(event, Bar):
                events.append(self._end(ts, item))
            elif item.condition is not None and is_reached(item.condition):
                events += self._release(ts, item)
            elif item.is_overdue:
                events.append(self._end(ts, item))
        if events:
            self._unwatch_if_idle(symbol)
        return events or None

    def on_timer(self, timer: TimerFired) -> Sequence[Event] | None:
        if timer.owner != self.name:
            return None
        purpose = timer.purpose
        item = self._find(purpose.client_order_id) if isinstance(purpose, _OWN_TIMERS) else None
        if item is None:
            return None
        if timer.name in item.timers:
            item.timers.remove(timer.name)
        if isinstance(purpose, OrderExpiry):
            return self._expire(timer.ts, item)
        return self._release(timer.ts, item) if item.phase is Phase.HELD else None

    def _expire(self, ts: int, item: EmulatedOrder) -> Sequence[Event]:
        """End an order whose time is over, or let it wait for the bar that contains this moment."""
        if self._rules > FIRST_RULES and not item.is_overdue:
            until = overdue_until(
                item.order,
                ts,
                since_ts=item.since_ts,
                hours=self._hours,
                bus=self._bus,
                sees_bars=self._sees_bars,
            )
            if until > ts:
                item.is_overdue = True
                self._watch_for(item.order.symbol)
                return () if until == NEVER else (self._expiry_at(ts, item, until),)
        return (self._end(ts, item),)

    def _end(self, ts: int, item: EmulatedOrder) -> Event:
        item.is_overdue = False
        return ExpireOrderIntent(ts, item.order.client_order_id)

    # --- events of orders ---------------------------------------------------------------------

    def on_accepted(self, event: OrderAccepted | OrderFilled) -> None:
        item = self._find(event.client_order_id) if self.state.symbols else None
        if item is not None and item.phase is Phase.SENT and self._is_immediate(item.order):
            item.phase, item.since_ts = Phase.LAST_CHANCE, event.ts
            self._watch_for(event.symbol)

    def on_filled(self, event: OrderFilled) -> Sequence[Event] | None:
        """Forget a filled order. A partial fill proves that the venue has accepted the order."""
        if event.client_order_id not in self.state.symbols:
            return None
        if not event.leaves_quantity:
            return self._forget(event.ts, event.client_order_id) or None
        self.on_accepted(event)
        return None

    def on_position(self, event: PositionChanged) -> Sequence[Event] | None:
        """Cancel a strategy's reduce-only orders that have nothing to reduce any more."""
        items = self.state.orders.get(event.symbol)
        if items is None:
            return None
        cancels: list[Event] = []
        for key, item in items.items():
            order = item.order
            if not order.reduce_only or order.strategy != event.strategy or item.phase is Phase.UNNEEDED:
                continue
            if reducible(self._account, order) <= 0:
                item.phase = Phase.UNNEEDED
                cancels.append(CancelIntent(event.ts, key, order.strategy, order.symbol))
        return cancels or None

    def on_ended(self, event: OrderCancelled | OrderExpired | OrderRejected) -> Sequence[Event] | None:
        return self._forget(event.ts, event.client_order_id) or None

    def on_denied(self, event: OrderDenied) -> Sequence[Event] | None:
        return self._forget(event.ts, event.order.client_order_id) or None

    def on_new_terms(self, event: OrderReplaced | OrderAdjusted) -> None:
        """Take new terms of a held order. A trailing level stays, unless the replacement gives a new one."""
        order = event.order
        item = self._find(order.client_order_id)
        if item is None:
            return
        if order.symbol != item.order.symbol:
            self._move(item, order.symbol)
        item.is_restated = isinstance(event, OrderAdjusted)
        if item.phase is not Phase.HELD:
            return
        is_new_level = order.stop_price != item.order.stop_price
        item.order = ApprovedOrder.of(order)
        condition = item.condition
        if condition is None or order.stop_price is None or not is_new_level:
            return
        if isinstance(event, OrderReplaced):
            condition.level, condition.since_ts = float(order.stop_price), event.ts
        elif not condition.trails:
            condition.level = float(order.stop_price)

    def on_corporate_action(self, action: CorporateAction) -> None:
        """Rescale trailing levels after a split; the orders' terms came as ``OrderAdjusted`` before.

        Only restated orders are rescaled. Orders that were in the new symbol already keep their levels.
        """
        if action.kind in RESTATING and not is_void(action):
            for item in self.state.orders.get(successor(action), {}).values():
                condition = item.condition
                if item.is_restated and condition is not None and condition.trails and action.ratio != ONE:
                    rescale(condition, action.ratio)
                item.is_restated = False

    # --- bookkeeping --------------------------------------------------------------------------

    @property
    def _watching(self) -> Watch:
        if self._watch is None:
            raise ComponentError("emulation was not registered with register_watching")
        return self._watch

    @property
    def _declared(self) -> VenueDeclared:
        declared = self.state.declared
        assert declared is not None, "an order was held though no venue lacks anything"
        return declared

    def _is_immediate(self, order: Order) -> bool:
        return time_wanted(order, self._declared) is TimeInForce.IOC

    def _find(self, key: ClientOrderId) -> EmulatedOrder | None:
        symbol = self.state.symbols.get(key)
        return None if symbol is None else self.state.orders[symbol][key]

    def _forget(self, ts: int, key: ClientOrderId) -> list[Event]:
        """Drop an order, and the timers that were set for it."""
        symbol = self.state.symbols.pop(key, None)
        if symbol is None:
            return []
        item = self.state.orders[symbol].pop(key)
        self._unwatch_if_idle(symbol)
        return self._cancelled_timers(ts, item)

    def _cancelled_timers(self, ts: int, item: EmulatedOrder) -> list[Event]:
        names, item.timers = item.timers, []
        return [TimerCancelled(ts, self.name, name) for name in names]

    def _move(self, item: EmulatedOrder, symbol: str) -> None:
        """Move an order to its new symbol."""
        key, old = item.order.client_order_id, item.order.symbol
        del self.state.orders[old][key]
        self.state.orders.setdefault(symbol, {})[key] = item
        self.state.symbols[key] = symbol
        item.order = msgspec.structs.replace(item.order, symbol=symbol)
        self._unwatch_if_idle(old)
        if self._is_needed(symbol):
            self._watching.add(symbol)

    def _watch_for(self, symbol: str) -> None:
        """Hear the symbol's market events for an order that waits for one from now on."""
        if self._rules > FIRST_RULES:
            note_last_end(self._bus, symbol, self.state.ended)
        self._watching.add(symbol)

    def _is_needed(self, symbol: str) -> bool:
        """Whether an order of the symbol waits for a market event."""
        return any(
            item.condition is not None or item.phase is Phase.LAST_CHANCE or item.is_overdue
            for item in self.state.orders.get(symbol, {}).values()
        )

    def _unwatch_if_idle(self, symbol: str) -> None:
        if not self._is_needed(symbol):
            self._watching.discard(symbol)
            if not self.state.orders.get(symbol):
                self.state.orders.pop(symbol, None)
