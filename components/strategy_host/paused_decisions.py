"""The decisions of a paused strategy.

It still hears of its orders and positions, so that its state stays correct. It may cancel orders, set timers,
and send orders that make its position smaller (a stop for an entry that filled in the meantime). These go out
as reduce-only orders. All its other decisions are refused. In hedging mode only its own reduce-only orders
make a position smaller.
"""

from collections.abc import MutableMapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from kernel.events import (
    DecisionRefused,
    Event,
    ExecutionRequested,
    Order,
    OrderIntent,
    ReplaceIntent,
    SignalRaised,
    TimerCancelled,
    TimerScheduled,
)
from kernel.identifiers import StrategyId, TimerName

ONLY_CLOSES = "the strategy is paused: only orders that close its position go out"
NO_SIGNALS = "the strategy is paused: it raises no signals"


class PausedView(Protocol):
    """The positions and orders of a paused strategy."""

    def closable(self, order: Order) -> Decimal: ...
    def open_orders(self, symbol: str | None) -> Sequence[Order]: ...


def narrowed(
    events: Sequence[Event],
    strategy: StrategyId,
    portfolio: PausedView,
    *,
    missed_timers: MutableMapping[TimerName, int],
) -> list[Event]:
    """The allowed events, and refusals of the others. A new or cancelled timer is no longer missed."""
    let_out: list[Event] = []
    for event in events:
        match event:
            case OrderIntent(order=order) if not order.parent_id and portfolio.closable(order) > 0:
                order = msgspec.structs.replace(order, reduce_only=True)
                let_out.append(msgspec.structs.replace(event, order=order))
            case ReplaceIntent() if _still_closes(event, portfolio):
                let_out.append(event)
            case OrderIntent(order=order) | ExecutionRequested(order=order):
                let_out.append(DecisionRefused(event.ts, strategy, order.symbol, ONLY_CLOSES))
            case ReplaceIntent(symbol=symbol):
                let_out.append(DecisionRefused(event.ts, strategy, symbol, ONLY_CLOSES))
            case SignalRaised(symbol=symbol):
                let_out.append(DecisionRefused(event.ts, strategy, symbol, NO_SIGNALS))
            case TimerScheduled(name=name) | TimerCancelled(name=name):
                missed_timers.pop(name, None)
                let_out.append(event)
            case _:
                let_out.append(event)
    return let_out


def _still_closes(intent: ReplaceIntent, portfolio: PausedView) -> bool:
    """Whether the order closes a position and, under its new terms, is not larger than it."""
    quantity = Decimal(0) if intent.quantity is None else intent.quantity
    return any(
        order.client_order_id == intent.client_order_id and 0 < portfolio.closable(order) >= quantity
        for order in portfolio.open_orders(intent.symbol)
    )
