"""All that the simulated venue remembers."""

from decimal import Decimal

import msgspec

from brokers.simulated.charges import Charges
from brokers.simulated.fills.book import Consumed
from brokers.simulated.resting import Resting
from kernel.events import CancelSubmitted, InstrumentDefined, OrderSubmitted, ReplaceSubmitted
from kernel.identifiers import StrategyId

ZERO = Decimal(0)


class Request(msgspec.Struct, frozen=True):
    """A request on its way, and when it arrives.

    ``taken_off`` is what the order's group filled meanwhile. ``is_overtaken``: new terms for an order that a
    corporate action restated meanwhile.
    """

    due_ts: int
    event: OrderSubmitted | CancelSubmitted | ReplaceSubmitted
    taken_off: Decimal = ZERO
    is_overtaken: bool = False


class ReturnSpread(msgspec.Struct):
    """How much a symbol's closes vary: the last one, and the mean square of returns, weighted to the last."""

    close: float
    mean_square: float = 0.0
    count: int = 0


class SharedBar(msgspec.Struct):
    """What our orders had of the volume of the bar of this timeframe that ended at ``ts``."""

    ts: int
    timeframe: str
    taken: dict[str, float] = {}


class SimulatedBrokerState(msgspec.Struct):
    """Orders at the venue by symbol, in order of arrival, and what is needed to fill them.

    ``positions`` is the venue's own count of what each strategy holds, by symbol. ``requests`` are under
    way, in order of arrival. ``expiry_due_ts`` is the time of the pending expiry timer, 0 without one.
    ``overdue`` names symbols with orders past their time that wait for the bar that was open then.
    ``consumed`` is what our orders took of the order books. ``opened`` is when the latest bar of a symbol
    began that orders were offered. ``shared`` are the bars of which orders had a part last, by symbol, where
    a model limits that. ``restated_ts`` is when a symbol's prices were last restated, by a split or because
    another share got the symbol. ``corrected`` are strategies of which a fill was corrected since the last
    count.
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
    opened: dict[str, int] = {}
    shared: dict[str, SharedBar] = {}
    restated_ts: dict[str, int] = {}
    corrected: dict[StrategyId, bool] = {}
