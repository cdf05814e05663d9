"""What a timer of the core is for: a closed union, carried in ``TimerScheduled`` and again in ``TimerFired``.

A timer's name is the key by which its owner replaces and cancels it; nothing is read out of a name. Timers of
strategies have no purpose: their names are their own.
"""

from kernel.events.header import Record
from kernel.identifiers import ClientOrderId


class Purpose(Record, frozen=True):
    """What a timer is for; its kinds follow."""


class ComponentRestart(Purpose, frozen=True, tag="restart"):
    """The back-off of a failed component is over."""

    component: str


class AccountMark(Purpose, frozen=True, tag="mark"):
    """The account is to be marked."""


class InstrumentExpiry(Purpose, frozen=True, tag="instrument_expiry"):
    """An instrument has expired."""

    symbol: str


class AlgorithmStep(Purpose, frozen=True, tag="algorithm_step"):
    """The start, the next step or the end of an order that is worked in parts."""

    client_order_id: ClientOrderId


class SignalRound(Purpose, frozen=True, tag="signal_round"):
    """All signals of an instant were heard."""


class SignalExpiry(Purpose, frozen=True, tag="signal_expiry"):
    """The oldest signal for a symbol no longer counts."""

    symbol: str


class HeldOrderRelease(Purpose, frozen=True, tag="release"):
    """An emulated order that waited for a time of the day is to be sent."""

    client_order_id: ClientOrderId


class OrderExpiry(Purpose, frozen=True, tag="order_expiry"):
    """The time in force of an emulated order is over."""

    client_order_id: ClientOrderId


class DataSilence(Purpose, frozen=True, tag="silence"):
    """A symbol may have been silent for as long as a limit allows."""

    rule: str
    symbol: str


class LimitRearm(Purpose, frozen=True, tag="rearm"):
    """The delay after a breach is over: the limit watches again. Its owner keeps the breach by the timer."""

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
    """A dividend is paid. Its owner keeps the payments by the timer."""


class FundingDue(Purpose, frozen=True, tag="funding"):
    """Funding is paid. Its owner keeps the rate by the timer; ``symbol`` is that of when it was set."""

    symbol: str


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
)
