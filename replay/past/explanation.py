"""Why an order was sent, and what became of it: from its last event back to what its strategy saw.

An ``Explanation`` has the steps of one order in the order of the log, and the sight of its strategy: the core
before the decision, the input at which it decided, and what changed in its own state. The core is made again
from the nearest snapshot (``timeline``), so everything shown was so.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from decimal import Decimal

import msgspec

from components.assembly.core import Core
from components.strategy_host.translation import host_name
from eventstore import Batch, EventStore, Selection, SnapshotFiles
from eventstore.vocabulary import symbol_of
from kernel.decimals import exact
from kernel.errors import InputError
from kernel.events import (
    Bar,
    CancelExecutionIntent,
    CancelIntent,
    CancelRejected,
    CancelSubmitted,
    DecisionRefused,
    Event,
    ExecutionFinished,
    ExecutionReport,
    ExecutionRequested,
    ExpireOrderIntent,
    FillCorrected,
    HeldOrderTriggered,
    Order,
    OrderAccepted,
    OrderAdjusted,
    OrderApproved,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderHeld,
    OrderIntent,
    OrderRejected,
    OrderReplaced,
    OrderStateUnknown,
    OrderSubmitted,
    OrderTriggered,
    PositionChanged,
    Quote,
    ReplaceApproved,
    ReplaceDenied,
    ReplaceIntent,
    ReplaceRejected,
    ReplaceSubmitted,
    RunStarted,
    SignalRaised,
    SignalsAggregated,
    StrategyLogged,
    TimerFired,
    Trade,
    TransitionRefused,
)
from kernel.identifiers import ClientOrderId, StrategyId
from replay.past.log_player import Part
from replay.past.states import Plain, StateChange, changes_between, plain_of
from replay.past.timeline import Timeline

OF_ORDERS: frozenset[type[Event]] = frozenset(
    {
        *(OrderIntent, ExecutionRequested, OrderApproved, OrderDenied, OrderHeld, HeldOrderTriggered),
        *(OrderSubmitted, ExecutionReport, OrderAccepted, OrderRejected, OrderFilled, OrderCancelled),
        *(OrderExpired, OrderReplaced, OrderTriggered, CancelRejected, ReplaceRejected, OrderStateUnknown),
        *(TransitionRefused, FillCorrected, OrderAdjusted, CancelIntent, ReplaceIntent, CancelSubmitted),
        *(ReplaceSubmitted, ReplaceApproved, ReplaceDenied, ExpireOrderIntent, CancelExecutionIntent),
        *(ExecutionFinished, PositionChanged),
    }
)
"""Events that tell of one order."""

BESIDE: frozenset[type[Event]] = frozenset({SignalRaised, SignalsAggregated, StrategyLogged, DecisionRefused})
"""Events that explain a decision and name no order."""

ENDS: frozenset[type[Event]] = frozenset(
    {OrderDenied, OrderRejected, OrderCancelled, OrderExpired, ExecutionFinished}
)

BARS_SHOWN = 5
SYMBOLS_SHOWN = 12
INPUTS_SHOWN = 20
"""Inputs that are looked up; an order of more fills shows the first ones."""


class OrderStep(msgspec.Struct, frozen=True):
    """An event of the order, or an input at which something happened to it.

    - ``seq``: of the record; 0 for data of a run, which are in their own streams.
    - ``number``: of the input that it is, or that caused it.
    - ``after_ns``: the time since the step before.
    """

    seq: int
    number: int
    is_input: bool
    event: Event
    after_ns: int = 0


class SeenSymbol(msgspec.Struct, frozen=True):
    """What was known of a symbol when the strategy decided; bars oldest first."""

    symbol: str
    bars: tuple[Bar, ...]
    quote: Quote | None
    trade: Trade | None


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What the strategy saw when it decided.

    - ``trigger``: the input or timer at which it decided.
    - ``cash``, ``equity``, ``positions``, ``open_orders``: of the account, before that.
    - ``state``: the strategy's own state before, and ``changes``: what it changed then.
    - ``beside``: signals and words of that input.
    """

    trigger: Event
    number: int
    cash: Decimal
    equity: Decimal
    positions: dict[str, Decimal]
    open_orders: tuple[Order, ...]
    symbols: tuple[SeenSymbol, ...]
    params: Plain
    state: Plain
    changes: tuple[StateChange, ...]
    beside: tuple[Event, ...]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """An order from what its strategy saw to its end.

    - ``strategy``: that decided; empty for an order that an operator or risk made.
    - ``order``: its first terms.
    - ``related``: orders that it is a part of, waits for, or is grouped with.
    """

    log: str
    order_id: ClientOrderId
    order: Order
    strategy: StrategyId
    steps: tuple[OrderStep, ...]
    sight: Sight
    related: tuple[str, ...] = ()


@exact
async def explain_order(
    store: EventStore, log: str, order_id: str, *, snapshots: SnapshotFiles | None = None
) -> Explanation:
    """Explain one order of a run or live log.

    Raises ``InputError`` if the log has no such order, and as ``Timeline.open`` does.
    """
    key = ClientOrderId(order_id)
    found = await _events_of(store, log, key)
    order = next((each for one in found if (each := _order_in(one.event)) is not None), None)
    if order is None:
        raise InputError(f"order {order_id!r} is not in {log}")
    async with Timeline.open(store, log, snapshots=snapshots) as timeline:
        sight = await _sight(timeline, found[0], order)
        steps = await _with_inputs(timeline, found, sight)
    return Explanation(
        log=log,
        order_id=key,
        order=order,
        strategy=order.strategy,
        steps=tuple(_timed(steps)),
        sight=sight,
        related=tuple(_related(order)),
    )


async def logs_with_order(store: EventStore, order_id: str) -> tuple[str, ...]:
    """The runs and live logs of a store that have an order of this id."""
    found: list[str] = []
    for info in await store.streams(holding=RunStarted):
        told = _Told(ClientOrderId(order_id))
        await told.begin(store, info.stream)
        if told.steps:
            found.append(info.stream)
    return tuple(found)


# --- its events -----------------------------------------------------------------------------------


async def _events_of(store: EventStore, log: str, key: ClientOrderId) -> list[OrderStep]:
    """The events of an order. After its end only corrections of its fills are looked for."""
    told = _Told(key)
    await told.begin(store, log)
    if told.steps and not told.is_over:
        chosen = Selection(from_seq=told.seq + 1, types=OF_ORDERS)
        await told.read(store, log, chosen, until=lambda: told.is_over)
    if told.is_over:
        chosen = Selection(from_seq=told.seq + 1, types=frozenset({FillCorrected}))
        await told.read(store, log, chosen, until=lambda: False)
    return told.steps


class _Told:
    """The events of one order, as far as its log is read. ``seq``: of the last event that was read."""

    def __init__(self, key: ClientOrderId) -> None:
        self.steps: list[OrderStep] = []
        self.seq = 0
        self._key = key
        self._fills: set[str] = set()

    @property
    def is_over(self) -> bool:
        """Whether the order has ended."""
        return any(
            type(one.event) in ENDS or (isinstance(one.event, OrderFilled) and not one.event.leaves_quantity)
            for one in self.steps
        )

    async def begin(self, store: EventStore, log: str) -> None:
        """Read the block that has the first event of the order, if there is one."""
        chosen = Selection(types=OF_ORDERS, text=self._key)
        await self.read(store, log, chosen, until=lambda: bool(self.steps))

    async def read(
        self, store: EventStore, log: str, chosen: Selection, *, until: Callable[[], bool]
    ) -> None:
        """Read the chosen events, by whole batches."""
        async with aclosing(store.read(log, chosen)) as batches:
            async for batch in batches:
                self._take(batch)
                if until():
                    return

    def _take(self, batch: Batch) -> None:
        causes = batch.causes or (0,) * len(batch.events)
        for seq, event, cause in zip(batch.seqs, batch.events, causes, strict=True):
            if not _is_of(event, self._key) and not _is_of_fill(event, self._fills):
                continue
            if not self.steps and _order_in(event) is None:
                continue  # as a cancel of an id that no order has yet
            self.steps.append(OrderStep(seq, abs(cause), cause <= 0, event))
            if isinstance(event, OrderFilled):
                self._fills.add(event.fill_id)
        self.seq = batch.seqs[-1]


def _is_of(event: Event, key: ClientOrderId) -> bool:
    order = _order_in(event)
    return key == (getattr(event, "client_order_id", "") if order is None else order.client_order_id)


def _is_of_fill(event: Event, fills: set[str]) -> bool:
    return isinstance(event, PositionChanged) and event.fill_id in fills and bool(event.fill_id)


def _order_in(event: Event) -> Order | None:
    order = getattr(event, "order", None)
    return order if isinstance(order, Order) else None


def _related(order: Order) -> Iterator[str]:
    if order.whole_id:
        yield f"a part of {order.whole_id}"
    if order.parent_id:
        yield f"waits for the fill of {order.parent_id}"
    if order.group_id:
        yield f"in group {order.group_id}"


def _timed(steps: Sequence[OrderStep]) -> Iterator[OrderStep]:
    """The steps, each with the time since the one before."""
    before = steps[0].event.ts
    for one in steps:
        yield msgspec.structs.replace(one, after_ns=one.event.ts - before)
        before = one.event.ts


# --- what the strategy saw --------------------------------------------------------------------------


async def _sight(timeline: Timeline, first: OrderStep, order: Order) -> Sight:
    """Go to just before the decision, look at the core, and play the decision."""
    await timeline.goto_number(first.number - 1, before_seq=first.seq)
    before = _look(timeline, order)
    part = await timeline.step()
    if part is not None and timeline.moment.seq < first.seq:  # a timer fired after that input
        before = _look(timeline, order)
        part = await timeline.step()
    assert part is not None, "an order of the log has an input"
    trigger, number = _trigger(part, first)
    owner = host_name(order.strategy)
    after = _own_state(timeline.core, owner)
    strategy = next((one for one in timeline.plan.strategies if one.strategy_id == order.strategy), None)
    symbols = () if strategy is None else strategy.symbols
    named = list(dict.fromkeys((order.symbol, symbol_of(trigger), *symbols)))
    return Sight(
        trigger=trigger,
        number=number,
        cash=before.cash,
        equity=before.equity,
        positions=before.positions,
        open_orders=before.open_orders,
        symbols=tuple(_seen(timeline.core, symbol, trigger) for symbol in named[:SYMBOLS_SHOWN] if symbol),
        params=None if strategy is None else plain_of(strategy.loaded.strategy.params),
        state=before.state,
        changes=tuple(changes_between(before.state, after)),
        beside=tuple(event for event in part.records.events if type(event) in BESIDE),
    )


class _Before(msgspec.Struct, frozen=True):
    cash: Decimal
    equity: Decimal
    positions: dict[str, Decimal]
    open_orders: tuple[Order, ...]
    state: Plain


def _look(timeline: Timeline, order: Order) -> _Before:
    core = timeline.core
    held = {one.symbol: core.portfolio.net_position(one.symbol) for one in timeline.plan.instruments}
    return _Before(
        core.portfolio.cash,
        core.portfolio.equity,
        {symbol: quantity for symbol, quantity in held.items() if quantity},
        tuple(core.orders.open_orders(order.strategy, None)),
        _own_state(core, host_name(order.strategy)),
    )


def _own_state(core: Core, owner: str) -> Plain:
    host = core.bus.components.get(owner)
    state = None if host is None else plain_of(host.state)
    return state.get("strategy") if isinstance(state, dict) else None


def _trigger(part: Part, first: OrderStep) -> tuple[Event, int]:
    """The timer or input at which the order was made."""
    timers = [
        event
        for event, cause in zip(part.records.events, part.records.causes, strict=True)
        if isinstance(event, TimerFired) and cause == first.number and event.ts <= first.event.ts
    ]
    if timers and part.first_number > first.number:
        return timers[-1], first.number
    return part.inputs[0], part.first_number


def _seen(core: Core, symbol: str, trigger: Event) -> SeenSymbol:
    """What the core knew of a symbol, the trigger included."""
    by_timeframe = core.market.state.history.get(symbol, {})
    bars = [bar for each in by_timeframe.values() for bar in each[-BARS_SHOWN:]]
    last = core.bus.last(Bar, symbol)
    if not bars and last is not None:
        bars = [last]
    known = tuple(sorted((bar for bar in bars if bar.ts <= trigger.ts), key=lambda bar: bar.ts))
    return SeenSymbol(symbol, known, core.bus.last(Quote, symbol), core.bus.last(Trade, symbol))


# --- the inputs beside its events ---------------------------------------------------------------------


async def _with_inputs(timeline: Timeline, found: Sequence[OrderStep], sight: Sight) -> list[OrderStep]:
    """The steps, with the input before those that it caused: the bar that filled it, for example."""
    steps: list[OrderStep] = []
    shown = {one.number for one in found if one.is_input}
    for one in found:
        if one.number not in shown and len(shown) < INPUTS_SHOWN:
            shown.add(one.number)
            steps.append(await _input_of(timeline, one, sight))
        steps.append(one)
    return steps


async def _input_of(timeline: Timeline, one: OrderStep, sight: Sight) -> OrderStep:
    if one.number == sight.number:
        return OrderStep(0, one.number, True, sight.trigger)
    await timeline.goto_number(one.number - 1, before_seq=one.seq)
    part = await timeline.step()
    assert part is not None, "the input of a record is in the log"
    trigger, number = _trigger(part, one)
    return OrderStep(0, number, True, trigger)
