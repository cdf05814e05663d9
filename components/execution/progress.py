"""The next step of a worked order: another part, a cancel of its parts, or its end."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from components.execution.schedule import MAX_PARTS, quantity_due
from components.execution.work import Part, Stage, Work
from kernel.events import (
    AlgorithmKind,
    CancelIntent,
    Event,
    InstrumentDefined,
    Order,
    OrderIntent,
    OrderType,
)
from kernel.identifiers import ClientOrderId


class Outcome(NamedTuple):
    """The end of a worked order. ``reason``: why it is not completely filled; empty if it is."""

    reason: str
    is_out_of_time: bool = False


def outcome(work: Work, instrument: InstrumentDefined) -> Outcome | None:
    """The end of a worked order; ``None`` while it is unfinished."""
    if work.parts:
        return None
    if work.filled_quantity >= work.order.quantity:
        return Outcome("")
    if work.stage is Stage.STOPPING:
        return Outcome(work.reason, work.is_out_of_time)
    least = max(instrument.lot_size, instrument.minimum_quantity)
    if work.unsent_quantity < least:
        rest = work.unsent_quantity
        return Outcome(f"the rest of {rest} is less than {least}, the least that can be traded")
    if len(work.sent) >= MAX_PARTS and work.terms.kind is not AlgorithmKind.PARTICIPATION:
        return Outcome(f"it took {MAX_PARTS} parts")
    return None


def next_part(ts: int, work: Work, instrument: InstrumentDefined) -> OrderIntent | None:
    """The intent of the next part; ``None`` while a part is unfinished, or if none is due."""
    if work.parts or work.stage not in (Stage.WORKING, Stage.CLOSING):
        return None
    if work.stage is Stage.CLOSING:
        lot_size = instrument.lot_size
        return _send(ts, work, work.unsent_quantity // lot_size * lot_size, limit_price=None)
    due = quantity_due(work, lot_size=instrument.lot_size, minimum=instrument.minimum_quantity)
    return _send(ts, work, due, limit_price=work.order.limit_price) if due else None


def cancel_parts(ts: int, work: Work) -> Sequence[Event]:
    """Cancel every unfinished part, unless its cancel was sent already."""
    emitted: list[Event] = []
    for key, part in work.parts.items():
        if not part.is_cancelling:
            part.is_cancelling = True
            emitted.append(CancelIntent(ts, key, work.order.strategy, work.order.symbol))
    return emitted


def _send(ts: int, work: Work, quantity: Decimal, *, limit_price: Decimal | None) -> OrderIntent:
    parent = work.order
    work.volume -= work.volume
    key = ClientOrderId(f"{parent.client_order_id}-{len(work.sent) + 1}")
    work.sent.append(key)
    work.parts[key] = Part(quantity)
    return OrderIntent(
        ts,
        Order(
            client_order_id=key,
            strategy=parent.strategy,
            symbol=parent.symbol,
            side=parent.side,
            order_type=OrderType.MARKET if limit_price is None else OrderType.LIMIT,
            quantity=quantity,
            limit_price=limit_price,
            post_only=parent.post_only and limit_price is not None,
            reduce_only=parent.reduce_only,
            tag=parent.client_order_id,
            whole_id=parent.client_order_id,
        ),
    )
