"""The state of the simulated venue."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

import msgspec

from brokers.simulated.charges import Charges, forget
from brokers.simulated.fills.book import Consumed
from brokers.simulated.funds import FundsState
from brokers.simulated.requests import Requests
from brokers.simulated.resting import Resting
from brokers.simulated.volatility import Volatility
from kernel.events import InstrumentDefined
from kernel.identifiers import StrategyId

ZERO = Decimal(0)
DEFAULT_TERMS = InstrumentDefined(0, "")
"""The terms of a symbol that the log never defined."""
Counted = dict[str, dict[str, Decimal]]
"""Positions by symbol and strategy."""
NO_POSITIONS: Mapping[str, Decimal] = MappingProxyType({})


class SharedBar(msgspec.Struct):
    """The volume that our orders have taken from one bar.

    The bar is identified by its timeframe and its end, ``ts``. ``taken``: by
    the name of a shared volume; a bar has one volume, with the empty name.
    """

    ts: int
    timeframe: str
    taken: dict[str, float] = {}


class SimulatedBrokerState(msgspec.Struct):
    """The whole state of the venue. Dictionaries are by symbol.

    - ``resting``: the orders, in order of arrival.
    - ``order_count``: orders accepted so far.
    - ``positions``: the position of each strategy, counted by the venue from its own fills. In hedging mode
      its long legs.
    - ``requests``: requests in flight.
    - ``expiry_due_ts``: the due time of the pending expiry timer; 0 without one.
    - ``overdue``: symbols with expired orders that still wait for a bar (see ``expiry``).
    - ``charges``: commission charged so far.
    - ``spreads``: the volatility of prices, for slippage models that need it.
    - ``consumed``: the sizes that our orders took from order books.
    - ``opened``: the opening time of the latest matched bar.
    - ``shared``: the last bar whose volume our orders shared.
    - ``restated_ts``: the time of the last split, or of another share getting the symbol.
    - ``ended``: the end of the last bar without ``open_ts``, by timeframe.
    - ``corrected``: strategies with a corrected fill since the last count of positions. Not by symbol.
    - ``funds``: the fills that the account has not booked.
    - ``shorts``: the short legs of hedging mode.
    """

    resting: dict[str, list[Resting]] = {}
    instruments: dict[str, InstrumentDefined] = {}
    order_count: int = 0
    positions: Counted = {}
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
    ended: dict[str, dict[str, int]] = {}
    funds: FundsState = msgspec.field(default_factory=FundsState)
    shorts: Counted = {}

    def end(self, resting: Resting) -> None:
        """End an order: it cannot fill any more. ``remove_done`` removes it from the list later."""
        resting.leaves = ZERO
        if self.charges.orders:
            forget(self.charges, resting.order.client_order_id)

    def remove_done(self, symbol: str) -> bool:
        """Remove the finished orders of a symbol. Returns ``True`` if no order is left."""
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
