"""Advice: what strategies decided, for a person to carry out, folded from a live log.

In mode ``advisory`` no order leaves: the simulated venue fills what was decided, and so tracks on paper what
following it would have given. Only decisions that passed risk are advice. The log of every other mode gives
the same list; there the orders went to its own venue.

- An entry: an order, other terms for one, the cancellation of one, or a signal of a strategy.
- What changes it: the reports of the venue on its order, and channels that took the message about it.
"""

from contextlib import aclosing
from decimal import Decimal
from enum import StrEnum

import msgspec

from eventstore import EventStore, Selection
from kernel.decimals import exact
from kernel.events import (
    AlertDelivered,
    ApprovedOrder,
    CancelRejected,
    CancelSubmitted,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
    OrderSubmitted,
    ReplaceRejected,
    ReplaceSubmitted,
    SignalRaised,
)
from kernel.identifiers import ClientOrderId

ADVISED: frozenset[type[Event]] = frozenset({OrderSubmitted, ReplaceSubmitted, CancelSubmitted, SignalRaised})
"""The events that are advice."""
OUTCOMES: frozenset[type[Event]] = frozenset(
    {
        OrderAccepted,
        OrderRejected,
        OrderFilled,
        OrderCancelled,
        OrderExpired,
        OrderReplaced,
        CancelRejected,
        ReplaceRejected,
        AlertDelivered,
    }
)
"""The events that tell what became of it."""

FIRST_WINDOW = 10_000
"""How many records are read first; four times as many as long as there is not enough advice among them."""


class AdviceKind(StrEnum):
    """What a person is advised to do."""

    ORDER = "order"
    REPLACE = "replace"
    """Give a working order other terms."""
    CANCEL = "cancel"
    SIGNAL = "signal"
    """Nothing yet: a view of a strategy, from which no order follows by itself."""


class Outcome(StrEnum):
    """What became of it on paper."""

    NONE = ""
    """Nothing can: it is a signal."""
    SENT = "sent"
    WORKING = "working"
    PARTLY_FILLED = "partly filled"
    FILLED = "filled"
    DONE = "done"
    """The venue has taken the other terms, or the order is cancelled."""
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Advice(msgspec.Struct, kw_only=True):
    """One advice. ``ts`` in ns, UTC.

    - ``side``: ``buy`` or ``sell``; of a signal its direction.
    - ``quantity``, ``limit_price``, ``stop_price``: the terms, ``None`` where there are none.
    - ``reason``: the tag of the order, or the reason of the signal, as the strategy gave it.
    - ``origin``: who made the order: a strategy, an operator, a limit of risk.
    - ``filled``, ``price``: what was filled on paper, and its average price.
    - ``told``: the channels that took the message.
    """

    seq: int
    ts: int
    kind: AdviceKind
    strategy: str
    symbol: str
    side: str = ""
    quantity: Decimal | None = None
    order_type: str = ""
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: str = ""
    strength: float | None = None
    reason: str = ""
    origin: str = ""
    client_order_id: str = ""
    outcome: Outcome = Outcome.NONE
    why: str = ""
    """Why it was refused, or ended."""
    filled: Decimal = Decimal(0)
    price: Decimal | None = None
    told: list[str] = []

    @property
    def key(self) -> str:
        """Names it: by its order, or by its place in the log."""
        return f"{self.client_order_id or 'signal'}@{self.seq}"


class AdviceList(msgspec.Struct, frozen=True, kw_only=True):
    """The latest advice, oldest first. ``from_seq``: older records were not looked at."""

    from_seq: int
    advice: tuple[Advice, ...]


def advice_of(seq: int, event: Event) -> Advice | None:
    """The advice that an event is; ``None`` if it is none."""
    match event:
        case OrderSubmitted(order=order):
            return _of_order(seq, event.ts, AdviceKind.ORDER, order)
        case ReplaceSubmitted(order=order):
            return _of_order(seq, event.ts, AdviceKind.REPLACE, order)
        case CancelSubmitted():
            return Advice(
                seq=seq,
                ts=event.ts,
                kind=AdviceKind.CANCEL,
                strategy=event.strategy,
                symbol=event.symbol,
                client_order_id=event.client_order_id,
                outcome=Outcome.SENT,
            )
        case SignalRaised():
            return Advice(
                seq=seq,
                ts=event.ts,
                kind=AdviceKind.SIGNAL,
                strategy=event.strategy,
                symbol=event.symbol,
                side=event.direction.value,
                strength=event.strength,
                reason=event.reason,
            )
        case _:
            return None


def words_of_advice(one: Advice) -> str:
    """The advice in words: ``buy 10 AAA limit at 99.5, gtc (entry)``."""
    parts = [one.kind.value] if one.kind is not AdviceKind.ORDER else []
    parts += [one.side, f"{one.quantity:f}" if one.quantity is not None else "", one.symbol]
    parts += [one.order_type if one.kind is not AdviceKind.CANCEL else one.client_order_id]
    if one.limit_price is not None:
        parts.append(f"at {one.limit_price:f}")
    if one.stop_price is not None:
        parts.append(f"stop {one.stop_price:f}")
    if one.strength is not None:
        parts.append(f"strength {one.strength:g}")
    text = " ".join(part for part in parts if part)
    ending = f", {one.time_in_force}" if one.time_in_force else ""
    return f"{text}{ending}{f' ({one.reason})' if one.reason else ''}"


class AdviceBook:
    """The fold."""

    def __init__(self) -> None:
        self.entries: list[Advice] = []
        self._orders: dict[ClientOrderId | str, Advice] = {}
        self._requests: dict[ClientOrderId, Advice] = {}
        self._keys: dict[str, Advice] = {}

    @exact
    def fold(self, seq: int, event: Event) -> None:
        """Take an event."""
        advice = advice_of(seq, event)
        if advice is not None:
            self.entries.append(advice)
            self._keys[advice.key] = advice
            if advice.kind is AdviceKind.ORDER:
                self._orders[advice.client_order_id] = advice
            elif advice.client_order_id:
                self._requests[ClientOrderId(advice.client_order_id)] = advice
            return
        if isinstance(event, AlertDelivered):
            told = self._keys.get(event.alert_id)
            if told is not None and event.is_delivered and event.channel not in told.told:
                told.told.append(event.channel)
            return
        self._end_request(event)
        self._follow(event)

    def _end_request(self, event: Event) -> None:
        """Note what became of other terms, or of a cancellation."""
        match event:
            case OrderReplaced(order=order):
                key, outcome, why = order.client_order_id, Outcome.DONE, ""
            case OrderCancelled():
                key, outcome, why = event.client_order_id, Outcome.DONE, ""
            case CancelRejected() | ReplaceRejected():
                key, outcome, why = event.client_order_id, Outcome.REFUSED, event.reason
            case _:
                return
        request = self._requests.pop(key, None)
        if request is not None:
            request.outcome, request.why = outcome, why

    def _follow(self, event: Event) -> None:
        """Note what became of an order."""
        match event:
            case OrderFilled():
                self._fill(event)
            case OrderAccepted():
                self._set(event.client_order_id, Outcome.WORKING)
            case OrderRejected():
                self._set(event.client_order_id, Outcome.REFUSED, event.reason)
            case OrderCancelled():
                self._set(event.client_order_id, Outcome.CANCELLED, event.reason)
            case OrderExpired():
                self._set(event.client_order_id, Outcome.EXPIRED, event.reason)
            case _:
                pass

    def _set(self, key: ClientOrderId, outcome: Outcome, why: str = "") -> None:
        order = self._orders.get(key)
        if order is not None:
            order.outcome, order.why = outcome, why

    def _fill(self, event: OrderFilled) -> None:
        order = self._orders.get(event.client_order_id)
        if order is None:
            return
        value = order.filled * (order.price or Decimal(0)) + event.quantity * event.price
        order.filled += event.quantity
        order.price = value / order.filled
        order.outcome = Outcome.PARTLY_FILLED if event.leaves_quantity else Outcome.FILLED


async def latest_advice(
    store: EventStore, log: str, *, last_seq: int, limit: int, symbol: str = "", strategy: str = ""
) -> AdviceList:
    """The last advice of a log, of one symbol or strategy if they are given, with what became of it."""
    width = FIRST_WINDOW
    while True:
        begin = max(1, last_seq - width + 1)
        found = [
            one
            for one in (await _read(store, log, begin, last_seq)).entries
            if symbol in ("", one.symbol) and strategy in ("", one.strategy)
        ]
        if len(found) >= limit or begin == 1:
            return AdviceList(from_seq=begin, advice=tuple(found[-limit:]))
        width *= 4


async def _read(store: EventStore, log: str, from_seq: int, to_seq: int) -> AdviceBook:
    book = AdviceBook()
    selection = Selection(from_seq=from_seq, to_seq=to_seq, types=ADVISED | OUTCOMES)
    async with aclosing(store.read(log, selection)) as batches:
        async for batch in batches:
            for seq, event in zip(batch.seqs, batch.events, strict=True):
                book.fold(seq, event)
    return book


def _of_order(seq: int, ts: int, kind: AdviceKind, order: ApprovedOrder) -> Advice:
    return Advice(
        seq=seq,
        ts=ts,
        kind=kind,
        strategy=order.strategy,
        symbol=order.symbol,
        side=order.side.value,
        quantity=order.quantity,
        order_type=order.order_type.value,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        time_in_force=order.time_in_force.value,
        reason=order.tag,
        origin=order.origin.value,
        client_order_id=order.client_order_id,
        outcome=Outcome.SENT,
    )
