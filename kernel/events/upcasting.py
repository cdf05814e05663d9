"""Converts events of an older format into events of today's format.

Each block of the store names the format that it was written in. A new field has a default, and needs no code
here. Format 1 had meaning inside ids, names and texts. Since format 2 it is in fields and types:

- An exit made by risk had ``-risk-`` in its client order id.
- A part of a worked order had the whole order's id, followed by a number.
- Emulation ended an order as an operator with the name ``emulation``.
- The purpose of a core timer was in its name.
- A worked order that ran out of time had that in its ``reason``, a limit that watches again in its
  ``action``.

Only this module reads meaning out of a text. A derived event of format 1 becomes, byte for byte, the event
that the core derives today from the same inputs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from kernel.events.accounts import RiskLimitBreached
from kernel.events.header import Event
from kernel.events.intents import (
    ExecutionFinished,
    ExecutionRequested,
    ExpireOrderIntent,
    OrderApproved,
    OrderDenied,
    OrderIntent,
    ReplaceApproved,
)
from kernel.events.order_terms import Order, OrderOrigin
from kernel.events.orders import (
    HeldOrderTriggered,
    OrderAdjusted,
    OrderHeld,
    OrderReplaced,
    OrderSubmitted,
    ReplaceSubmitted,
)
from kernel.events.system import CancelOrder
from kernel.events.time import TimerFired, TimerScheduled
from kernel.events.timer_purposes import (
    AccountMark,
    AlgorithmStep,
    ComponentRestart,
    DailyAccrual,
    DataSilence,
    FundingDue,
    HeldOrderRelease,
    InstrumentExpiry,
    LimitRearm,
    OrderExpiry,
    PaymentDue,
    RequestArrival,
    SignalExpiry,
    SignalRound,
    TimerPurpose,
    TradingDayEnd,
    VenueExpiry,
)
from kernel.identifiers import ClientOrderId

_EXIT = "-risk-"
_DASHES_IN_WHOLE = 2  # epoch-strategy-number
_EMULATION = "emulation"
_TIME_IS_OVER = "its time is over"
_REARMED = "rearmed"

_OrderT = TypeVar("_OrderT", bound=Order)
_WithOrder = (
    OrderIntent
    | ExecutionRequested
    | OrderApproved
    | OrderDenied
    | ReplaceApproved
    | OrderSubmitted
    | ReplaceSubmitted
    | OrderReplaced
    | OrderHeld
    | HeldOrderTriggered
    | OrderAdjusted
)


def from_format_1(events: Sequence[Event]) -> Sequence[Event]:
    """Convert events of format 1 into today's, in the same order."""
    return [upcast(event) if (upcast := _FORMAT_1.get(type(event))) else event for event in events]


def _order_event(event: Event) -> Event:
    assert isinstance(event, _WithOrder)
    order = _order(event.order)
    return event if order is event.order else msgspec.structs.replace(event, order=order)


def _order(order: _OrderT) -> _OrderT:
    key = order.client_order_id
    if _EXIT in key:
        return msgspec.structs.replace(order, origin=OrderOrigin.RISK)
    whole = key.rpartition("-")[0]
    if whole.count("-") == _DASHES_IN_WHOLE:
        return msgspec.structs.replace(order, whole_id=ClientOrderId(whole))
    return order


def _cancel_command(event: Event) -> Event:
    assert isinstance(event, CancelOrder)
    return ExpireOrderIntent(event.ts, event.client_order_id) if event.operator == _EMULATION else event


def _timer(event: Event) -> Event:
    assert isinstance(event, TimerScheduled | TimerFired)
    read = _PURPOSES.get(event.owner)
    return event if read is None else msgspec.structs.replace(event, purpose=read(event.name))


def _finished(event: Event) -> Event:
    assert isinstance(event, ExecutionFinished)
    return msgspec.structs.replace(event, is_out_of_time=event.reason == _TIME_IS_OVER)


def _breached(event: Event) -> Event:
    assert isinstance(event, RiskLimitBreached)
    return msgspec.structs.replace(event, is_rearmed=event.action == _REARMED)


def _allocation(name: str) -> TimerPurpose:
    return SignalRound() if name == "settle" else SignalExpiry(name.removeprefix("expiry "))


def _emulated(name: str) -> TimerPurpose:
    verb, _, key = name.partition(" ")
    return (OrderExpiry if verb == "expire" else HeldOrderRelease)(ClientOrderId(key))


def _monitor(name: str) -> TimerPurpose:
    verb, _, rest = name.partition("|")
    rule, _, others = rest.partition("|")  # no rule has a bar in its name; a symbol may
    match verb:
        case "silence":
            return DataSilence(rule, others)
        case "delay":
            return LimitRearm(rule)
        case _:
            return TradingDayEnd()


def _back_office(name: str) -> TimerPurpose:
    if name == "accrual":
        return DailyAccrual()
    verb, _, rest = name.partition(" ")
    return FundingDue(rest.rpartition(" ")[0]) if verb == "funding" else PaymentDue()


_PURPOSES: Mapping[str, Callable[[str], TimerPurpose]] = {
    "bus": lambda name: ComponentRestart(name.removeprefix("restart ")),
    "portfolio": lambda _: AccountMark(),
    "expiries": InstrumentExpiry,
    "execution": lambda name: AlgorithmStep(ClientOrderId(name)),
    "allocation": _allocation,
    "emulation": _emulated,
    "risk_monitor": _monitor,
    "simulated_broker": lambda name: VenueExpiry() if name == "expiry" else RequestArrival(),
    "back_office": _back_office,
}
"""By the component that owns a timer."""

_FORMAT_1: Mapping[type[Event], Callable[[Event], Event]] = {
    **dict.fromkeys(_WithOrder.__args__, _order_event),
    CancelOrder: _cancel_command,
    TimerScheduled: _timer,
    TimerFired: _timer,
    ExecutionFinished: _finished,
    RiskLimitBreached: _breached,
}

CHANGED_SINCE_1: frozenset[type[Event]] = frozenset(_FORMAT_1)
"""The events of format 1 that are converted."""

MADE_OF_1: Mapping[type[Event], type[Event]] = {CancelOrder: ExpireOrderIntent}
"""The events of format 1 that may become another type, and that type."""
