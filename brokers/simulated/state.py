"""All that the simulated venue remembers."""

from decimal import Decimal

import msgspec

from brokers.simulated.charges import Charges
from brokers.simulated.fills.book import Consumed
from brokers.simulated.resting import Resting
from kernel.events import CancelSubmitted, InstrumentDefined, OrderSubmitted, ReplaceSubmitted


class Request(msgspec.Struct, frozen=True):
    """A request on its way, and when it arrives."""

    due_ts: int
    event: OrderSubmitted | CancelSubmitted | ReplaceSubmitted


class ReturnSpread(msgspec.Struct):
    """How much a symbol's closes vary: the last one, and the mean square of returns, weighted to the last."""

    close: float
    mean_square: float = 0.0
    count: int = 0


class SimulatedBrokerState(msgspec.Struct):
    """Orders at the venue by symbol, in order of arrival, and what is needed to fill them.

    ``positions`` is the venue's own count of what each strategy holds, by symbol. ``requests`` are under
    way, in order of arrival. ``expiry_due_ts`` is the time of the pending expiry timer, 0 without one.
    ``overdue`` names symbols with orders past their time that wait for the bar that was open then.
    ``consumed`` is what our orders took of the order books.
    """

    resting: dict[str, list[Resting]] = {}
    instruments: dict[str, InstrumentDefined] = {}
    order_count: int = 0
    positions: dict[str, dict[str, Decimal]] = {}
    requests: list[Request] = []
    request_count: int = 0
    expiry_due_ts: int = 0
    overdue: dict[str, bool] = {}
    charges: Charges = msgspec.field(default_factory=Charges)
    spreads: dict[str, ReturnSpread] = {}
    consumed: dict[str, Consumed] = {}
