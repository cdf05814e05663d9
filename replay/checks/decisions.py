"""The decisions of a strategy in words, without the ids that depend on how many came before."""

from collections.abc import Iterable, Iterator

from kernel.events import (
    CancelExecutionIntent,
    CancelIntent,
    DecisionRefused,
    Event,
    ExecutionRequested,
    OrderIntent,
    ReplaceIntent,
    SignalRaised,
)
from kernel.identifiers import StrategyId

Decision = tuple[int, str]
"""The time of a decision, and the decision in words without its ids."""


def decisions_of(events: Iterable[Event], strategy: StrategyId) -> Iterator[Decision]:
    """The decisions of a strategy, in order of the log."""
    for event in events:
        match event:
            case OrderIntent(order=order) | ExecutionRequested(order=order) if order.strategy == strategy:
                limit = "" if order.limit_price is None else f" limit {order.limit_price}"
                stop = "" if order.stop_price is None else f" stop {order.stop_price}"
                kind = order.order_type.value
                yield (
                    event.ts,
                    f"{order.side.value} {order.quantity:f} {order.symbol} {kind}{limit}{stop}",
                )
            case SignalRaised(strategy=owner) if owner == strategy:
                yield event.ts, f"signal {event.direction.value} {event.symbol} {event.strength:g}"
            case CancelIntent(strategy=owner) | CancelExecutionIntent(strategy=owner) if owner == strategy:
                yield event.ts, f"cancel an order of {event.symbol}"
            case ReplaceIntent(strategy=owner) if owner == strategy:
                yield event.ts, f"replace an order of {event.symbol}"
            case DecisionRefused(strategy=owner) if owner == strategy:
                yield event.ts, f"refused: {event.reason}"
            case _:
                pass
