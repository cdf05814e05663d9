"""The spans of an order: tick, decision, risk, durable, sent, ack.

What it remembers: the orders that no venue has answered yet, at most ``MOST_ORDERS`` of them.

What changes it: the events of an order, as they become durable. Ids are made of the log's own: a trace has
the log, the session and the number of the input that caused the order; a span also its seq. So the same order
has the same ids in every reading of the log, and whoever has an event finds its trace.

Times are those of the events (``ts``: kernel time). A moment when something was durable is not in the log;
it is the time at which the edge got the event. In a simulation the venue answers within the same step.
"""

from collections import OrderedDict
from collections.abc import Iterator
from hashlib import sha256

import msgspec

from kernel.events import (
    Event,
    Order,
    OrderAccepted,
    OrderApproved,
    OrderDenied,
    OrderFilled,
    OrderIntent,
    OrderRejected,
    OrderSubmitted,
    StrategyDecided,
)
from kernel.identifiers import ClientOrderId

TRACED: frozenset[type[Event]] = frozenset(
    {OrderIntent, OrderApproved, OrderDenied, OrderSubmitted, OrderAccepted, OrderRejected, OrderFilled}
)
MOST_ORDERS = 10_000
"""Orders without an answer whose trace goes on; those of a venue that is away for long are dropped."""
TRACE_BYTES, SPAN_BYTES = 16, 8

AttributeValue = str | int | float


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A span. Times in ns since the epoch, UTC; ids as OpenTelemetry has them.

    ``parent_id``: 0 for the first span of a trace. ``problem``: why it ended badly; empty if it did not.
    """

    trace_id: int
    span_id: int
    parent_id: int
    name: str
    start_ts: int
    end_ts: int
    attributes: dict[str, AttributeValue]
    problem: str = ""


class Tick(msgspec.Struct, frozen=True):
    """The input that caused an order. ``ordinal``: its number in the log. ``seq``: 0 if it is not known."""

    ordinal: int
    seq: int = 0
    event: Event | None = None


class _Open(msgspec.Struct):
    """An order that no venue has answered yet."""

    trace_id: int
    decision_id: int
    ts: int
    order: Order
    sent_seq: int = 0
    sent_ts: int = 0


class OrderTraces:
    """The traces of one session."""

    def __init__(self, log: str, *, epoch: int, sample: float) -> None:
        """``sample``: the share of orders that are traced, 0..1."""
        self._log = log
        self._epoch = epoch
        self._below = int(sample * 2**32)
        self._open = OrderedDict[ClientOrderId, _Open]()
        self._last_trace = 0

    def is_chosen(self, event: Event) -> bool:
        """Whether the order of an event is traced: the same ones in every reading of a log."""
        key = sha256(_order_id(event).encode()).digest()[:4]
        return int.from_bytes(key, "big") < self._below

    def decided(self, seq: int, intent: OrderIntent, tick: Tick, *, durable_ts: int) -> Iterator[Span]:
        """The spans of a decision, which is durable since ``durable_ts``."""
        trace_id = trace_id_of(self._log, self._epoch, tick.ordinal)
        root_id, decision_id = _span_id(trace_id, 0, "tick"), _span_id(trace_id, seq, "decision")
        end_ts = max(intent.ts, durable_ts)
        if trace_id != self._last_trace:  # one input may cause several orders
            self._last_trace = trace_id
            yield self._span(trace_id, root_id, 0, "tick", intent.ts, end_ts, _tick_facts(tick))
        facts = {**_order_facts(intent.order), "onetape.seq": seq}
        yield self._span(trace_id, decision_id, root_id, "decision", intent.ts, intent.ts, facts)
        durable_id = _span_id(trace_id, seq, "durable")
        yield self._span(
            trace_id, durable_id, decision_id, "durable", intent.ts, end_ts, {"onetape.seq": seq}
        )
        self._open[intent.order.client_order_id] = _Open(trace_id, decision_id, intent.ts, intent.order)
        if len(self._open) > MOST_ORDERS:
            self._open.popitem(last=False)

    def hear(self, seq: int, event: Event, *, durable_ts: int) -> Iterator[Span]:
        """The spans of what followed a decision."""
        key = _order_id(event)
        known = self._open.get(key)
        if known is None:
            return
        match event:
            case OrderApproved():
                yield self._follow(known, seq, "risk", event.ts, event.ts)
            case OrderDenied(rule=rule, reason=reason):
                yield self._follow(known, seq, "risk", event.ts, event.ts, rule=rule, problem=reason)
                del self._open[key]
            case OrderSubmitted():
                known.sent_seq, known.sent_ts = seq, durable_ts
            case OrderAccepted() | OrderFilled():
                yield from self._answered(known, seq, event)
                del self._open[key]
            case OrderRejected(reason=reason):
                yield from self._answered(known, seq, event, problem=reason)
                del self._open[key]
            case _:
                pass

    def _answered(self, known: _Open, seq: int, event: Event, *, problem: str = "") -> Iterator[Span]:
        """On its way to the venue and back, and the answer."""
        start_ts = min(known.sent_ts or event.ts, event.ts)  # a simulated venue answers in the same step
        if known.sent_seq:
            yield self._follow(known, known.sent_seq, "sent", start_ts, event.ts)
        answer = type(event).__name__
        yield self._follow(known, seq, "ack", event.ts, event.ts, answer=answer, problem=problem)

    def _follow(
        self,
        known: _Open,
        seq: int,
        name: str,
        start_ts: int,
        end_ts: int,
        *,
        problem: str = "",
        **facts: str,
    ) -> Span:
        span_id = _span_id(known.trace_id, seq, name)
        attributes: dict[str, AttributeValue] = {
            "onetape.seq": seq,
            "onetape.order": known.order.client_order_id,
            **{f"onetape.{key}": value for key, value in facts.items()},
        }
        return self._span(
            known.trace_id, span_id, known.decision_id, name, start_ts, end_ts, attributes, problem=problem
        )

    def _span(
        self,
        trace_id: int,
        span_id: int,
        parent_id: int,
        name: str,
        start_ts: int,
        end_ts: int,
        attributes: dict[str, AttributeValue],
        *,
        problem: str = "",
    ) -> Span:
        facts = {"onetape.log": self._log, "onetape.session": self._epoch, **attributes}
        return Span(
            trace_id=trace_id,
            span_id=span_id,
            parent_id=parent_id,
            name=name,
            start_ts=start_ts,
            end_ts=end_ts,
            attributes=facts,
            problem=problem,
        )


def trace_id_of(log: str, epoch: int, ordinal: int) -> int:
    """The id of the trace of an input: by its log, its session and its number."""
    return _id(f"{log}\0{epoch}\0{ordinal}", TRACE_BYTES)


def tick_of(ordinal: int, seq: int, event: Event | None) -> Tick:
    """The tick of an input; for decisions of a process of its own, the input after which it decided."""
    if isinstance(event, StrategyDecided):
        return Tick(event.after, seq, event)
    return Tick(ordinal, seq, event)


def _tick_facts(tick: Tick) -> dict[str, AttributeValue]:
    facts: dict[str, AttributeValue] = {"onetape.input": tick.ordinal}
    if tick.event is not None:
        facts |= {"onetape.type": type(tick.event).__name__, "onetape.seq": tick.seq}
        for name in ("symbol", "exchange_ts"):
            value = getattr(tick.event, name, None)
            if value:
                facts[f"onetape.{name}"] = value
    return facts


def _order_facts(order: Order) -> dict[str, AttributeValue]:
    return {
        "onetape.strategy": order.strategy,
        "onetape.order": order.client_order_id,
        "onetape.symbol": order.symbol,
        "onetape.side": order.side.value,
        "onetape.quantity": f"{order.quantity:f}",
        "onetape.order_type": order.order_type.value,
    }


def _order_id(event: Event) -> ClientOrderId:
    match event:
        case (
            OrderIntent(order=order)
            | OrderApproved(order=order)
            | OrderDenied(order=order)
            | OrderSubmitted(order=order)
        ):
            return order.client_order_id
        case OrderAccepted() | OrderRejected() | OrderFilled():
            return event.client_order_id
        case _:
            return ClientOrderId("")


def _span_id(trace_id: int, seq: int, name: str) -> int:
    return _id(f"{trace_id:x}\0{seq}\0{name}", SPAN_BYTES)


def _id(text: str, size: int) -> int:
    """A number of so many bytes, never 0, which is no id."""
    return int.from_bytes(sha256(text.encode()).digest()[:size], "big") or 1
