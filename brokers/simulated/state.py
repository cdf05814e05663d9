"""The state of the simulated venue, and how an order leaves it."""

from decimal import Decimal

import msgspec

from brokers.simulated.charges import Charges, forget
from brokers.simulated.fills.book import Consumed
from brokers.simulated.requests import Requests
from brokers.simulated.resting import Resting
from brokers.simulated.volatility import Volatility
from kernel.events import InstrumentDefined
from kernel.identifiers import StrategyId

ZERO = Decimal(0)
DEFAULT_TERMS = InstrumentDefined(0, "")
"""The terms of a symbol that the log never defined."""


class SharedBar(msgspec.Struct):
    """How much of a bar's volume our orders have taken.

    The bar is known by its timeframe and its end, ``ts``.
    """

    ts: int
    timeframe: str
    taken: dict[str, float] = {}


class SimulatedBrokerState(msgspec.Struct):
    """Orders at the venue, and what is needed to fill them. Dictionaries are by symbol.

    - ``resting``: the orders, in order of arrival.
    - ``order_count``: orders accepted so far.
    - ``positions``: the position of each strategy, counted by the venue from its own fills.
    - ``requests``: requests in flight.
    - ``expiry_due_ts``: when the pending expiry timer fires; 0 without one.
    - ``overdue``: symbols with expired orders that still wait for a bar (see ``expiry``).
    - ``charges``: commission charged so far.
    - ``spreads``: how much prices vary, for slippage models that need it.
    - ``consumed``: the levels of order books that our orders took.
    - ``opened``: when the latest bar opened that orders were matched with.
    - ``shared``: the last bar whose volume our orders shared.
    - ``restated_ts``: when prices were last restated, by a split or because another share got the symbol.
    - ``corrected``: strategies with a corrected fill since the last count of positions. Not by symbol.
    """

    resting: dict[str, list[Resting]] = {}
    instruments: dict[str, InstrumentDefined] = {}
    order_count: int = 0
    positions: dict[str, dict[str, Decimal]] = {}
    requests: Requests = msgspec.field(default_factory=Requests)
    expiry_due_ts: int = 0
    overdue: dict[str, bool] = {}
    charges: Charges = msgspec.field(default_factory=Charges)
    spreads: dict[str, Volatility] = {}
    consumed: dict[str, Consumed] = {}
    opened: dict[str, int] = {}
    shared: dict[str, SharedBar] = {}
    restated_ts: dict[str, int] = {}
    corrected: dict[StrategyId, bool] = {}

    def end(self, resting: Resting) -> None:
        """End an order: nothing of it fills any more. ``remove_done`` removes it from the list."""
        resting.leaves = ZERO
        if self.charges.orders:
            forget(self.charges, resting.order.client_order_id)

    def remove_done(self, symbol: str) -> bool:
        """Remove the orders of a symbol that are done; ``True`` if these were the last ones."""
        orders = self.resting.get(symbol)
        if orders is None:
            return False
        if len(orders) == 1:
            if orders[0].leaves:
                return False
            del self.resting[symbol]
            return True
        left = [resting for resting in orders if resting.leaves]
        if left:
            if len(left) != len(orders):
                self.resting[symbol] = left
            return False
        del self.resting[symbol]
        return True
