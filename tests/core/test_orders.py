"""What is true of every order and its fills, whatever the market, the venue and the strategies do."""

from collections.abc import Iterator
from decimal import Decimal

from kernel.events import (
    Bar,
    BookDelta,
    BookSnapshot,
    Event,
    ExecutionKind,
    ExecutionReport,
    HeldOrderTriggered,
    Order,
    OrderAdjusted,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderHeld,
    OrderRejected,
    OrderReplaced,
    OrderSubmitted,
    OrderTriggered,
    OrderType,
    Quote,
    Side,
    Trade,
    TransitionRefused,
)
from tests.core.tape import Tape

STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
TOUCHES = frozenset({OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED})
ENDS = (OrderCancelled, OrderDenied, OrderExpired, OrderRejected)


class OrderRecord:
    """Orders as the log tells of them: terms now in force, what was filled, what ended."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.asked: dict[str, Order] = {}
        """In the type that was asked for: an emulated order is sent as another."""
        self.filled: dict[str, Decimal] = {}
        self.triggered: set[str] = set()
        self.ended: dict[str, Event] = {}

    def note(self, event: Event) -> None:
        """Follow one event."""
        match event:
            case OrderHeld() | OrderSubmitted() | OrderReplaced() | OrderAdjusted() | HeldOrderTriggered():
                key = event.order.client_order_id
                self.orders[key] = event.order
                if self.asked.setdefault(key, event.order).order_type is event.order.order_type:
                    self.asked[key] = event.order
            case OrderTriggered():
                self.triggered.add(event.client_order_id)
            case OrderFilled():
                key = event.client_order_id
                self.filled[key] = self.filled.get(key, Decimal(0)) + event.quantity
                if not event.leaves_quantity:
                    self.ended[key] = event
            case OrderDenied():
                self.ended[event.order.client_order_id] = event
            case OrderCancelled() | OrderExpired() | OrderRejected():
                self.ended[event.client_order_id] = event
            case _:
                pass


def told(tape: Tape) -> Iterator[tuple[OrderRecord, Event, Event | None]]:
    """Each event with the record before it, and the input that it came of."""
    record = OrderRecord()
    for moment in tape.moments:
        for event in moment.everything():
            yield record, event, moment.event
            record.note(event)


def test_no_order_is_overfilled(tape: Tape) -> None:
    for record, event, _ in told(tape):
        if isinstance(event, OrderFilled):
            key = event.client_order_id
            total = record.filled.get(key, Decimal(0)) + event.quantity
            assert event.quantity > 0, event
            assert total + event.leaves_quantity == record.orders[key].quantity, (event, record.orders[key])
            assert event.leaves_quantity >= 0, event


def test_no_fill_is_beyond_its_limit(tape: Tape) -> None:
    for record, event, _ in told(tape):
        if isinstance(event, OrderFilled):
            limit = record.orders[event.client_order_id].limit_price
            if limit is not None:
                is_within = event.price <= limit if event.side is Side.BUY else event.price >= limit
                assert is_within, (event, record.orders[event.client_order_id])


def test_no_stop_fills_before_its_trigger(tape: Tape) -> None:
    for record, event, _ in told(tape):
        if isinstance(event, OrderFilled):
            key = event.client_order_id
            if record.asked[key].order_type in STOPS | TOUCHES:
                assert key in record.triggered, event


def test_a_trigger_was_reached_by_what_the_market_said(tape: Tape) -> None:
    for record, event, cause in told(tape):
        if not isinstance(event, OrderTriggered):
            continue
        order = record.orders[event.client_order_id]
        kind = record.asked[event.client_order_id].order_type
        stop = (
            record.asked[event.client_order_id].stop_price if order.stop_price is None else order.stop_price
        )
        if isinstance(cause, BookSnapshot | BookDelta) or kind is OrderType.TRAILING_STOP or stop is None:
            continue  # a book's best prices and a trail's level take a second model to know
        reached = _extremes(cause)
        upwards = (order.side is Side.BUY) is (kind in STOPS)
        assert reached, (event, cause)
        assert max(reached) >= stop if upwards else min(reached) <= stop, (event, order, cause)


def _extremes(cause: Event | None) -> list[Decimal]:
    prices: tuple[float, ...] = ()
    match cause:
        case Bar():
            prices = (cause.high, cause.low)
        case Quote():
            prices = (cause.bid, cause.ask)
        case Trade():
            prices = (cause.price,)
        case _:
            pass
    return [Decimal(repr(price)) for price in prices if price]


def test_nothing_happens_to_an_order_after_its_end(tape: Tape) -> None:
    """But that one which emulation denies may be called back for its group at the same instant."""
    for record, event, _ in told(tape):
        key = getattr(event, "client_order_id", "")
        end = record.ended.get(key)
        if isinstance(event, OrderCancelled) and isinstance(end, OrderDenied) and end.ts == event.ts:
            continue
        if isinstance(event, OrderFilled | OrderCancelled | OrderExpired | OrderRejected | OrderTriggered):
            assert end is None, (event, end)
        elif isinstance(event, OrderSubmitted | OrderReplaced | OrderAdjusted | OrderHeld):
            assert event.order.client_order_id not in record.ended, event


def test_the_orders_of_record_take_every_report_of_the_simulated_venue(tape: Tape) -> None:
    """But that new terms are refused which a fill of the order's group has overtaken on their way there."""
    grouped = {
        event.order.client_order_id
        for event in tape.derived()
        if isinstance(event, OrderSubmitted) and event.order.group_id
    }
    refused = [
        event
        for event in tape.derived()
        if isinstance(event, TransitionRefused)
        and (event.kind is not ExecutionKind.REPLACE_REJECTED or event.client_order_id not in grouped)
    ]
    assert not refused


def test_every_fill_that_the_venue_reports_is_booked_once(tape: Tape) -> None:
    reported = [
        event.fill_id for event in tape.derived() if isinstance(event, ExecutionReport) and event.fill_id
    ]
    booked = [event.fill_id for event in tape.derived() if isinstance(event, OrderFilled)]
    assert len(set(booked)) == len(booked)
    assert booked == reported
