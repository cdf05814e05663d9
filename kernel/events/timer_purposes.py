"""The purposes of the core's timers: a closed union, a field of ``TimerScheduled`` and of ``TimerFired``.

A timer's name is only the key by which its owner replaces and cancels it. No meaning is read from a name.
Timers of strategies have no purpose: a strategy chooses their names freely.
"""

from kernel.events.header import Record
from kernel.identifiers import ClientOrderId


class Purpose(Record, frozen=True):
    """The purpose of a timer; its kinds follow."""


class ComponentRestart(Purpose, frozen=True, tag="restart"):
    """The back-off of a failed component is over."""

    component: str


class AccountMark(Purpose, frozen=True, tag="mark"):
    """The account is marked at market prices."""


class InstrumentExpiry(Purpose, frozen=True, tag="instrument_expiry"):
    """An instrument has expired."""

    symbol: str


class AlgorithmStep(Purpose, frozen=True, tag="algorithm_step"):
    """The start, the next step or the end of an order that is worked in parts."""

    client_order_id: ClientOrderId


class SignalRound(Purpose, frozen=True, tag="signal_round"):
    """All signals of one instant have come."""


class SignalExpiry(Purpose, frozen=True, tag="signal_expiry"):
    """The oldest signal for a symbol no longer counts."""

    symbol: str


class HeldOrderRelease(Purpose, frozen=True, tag="release"):
    """An emulated order that waited for a time of the day is sent."""

    client_order_id: ClientOrderId


class OrderExpiry(Purpose, frozen=True, tag="order_expiry"):
    """The time in force of an emulated order is over."""

    client_order_id: ClientOrderId


class DataSilence(Purpose, frozen=True, tag="silence"):
    """A symbol may have been silent for as long as a limit allows."""

    rule: str
    symbol: str


class LimitRearm(Purpose, frozen=True, tag="rearm"):
    """The delay after a breach is over: the limit watches again. The owner keeps the breach by timer name."""

    rule: str


class TradingDayEnd(Purpose, frozen=True, tag="day_end"):
    """The account's trading day is over."""


class RequestArrival(Purpose, frozen=True, tag="request"):
    """The oldest request in flight arrives at the simulated venue."""


class VenueExpiry(Purpose, frozen=True, tag="venue_expiry"):
    """Orders at the simulated venue expire."""


class DailyAccrual(Purpose, frozen=True, tag="accrual"):
    """Fees and interest of the days since the last accrual are due."""


class PaymentDue(Purpose, frozen=True, tag="payment"):
    """A dividend is paid. The owner keeps the payments by timer name."""


class FundingDue(Purpose, frozen=True, tag="funding"):
    """Funding is paid. The owner keeps the rate by timer name; ``symbol`` is the one when it was set."""

    symbol: str


class DisconnectionLimit(Purpose, frozen=True, tag="disconnection"):
    """The venue may have been away for as long as is allowed."""


TimerPurpose = (
    ComponentRestart
    | AccountMark
    | InstrumentExpiry
    | AlgorithmStep
    | SignalRound
    | SignalExpiry
    | HeldOrderRelease
    | OrderExpiry
    | DataSilence
    | LimitRearm
    | TradingDayEnd
    | RequestArrival
    | VenueExpiry
    | DailyAccrual
    | PaymentDue
    | FundingDue
    | DisconnectionLimit
)
