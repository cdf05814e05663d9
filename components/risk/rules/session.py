"""The rule on trading hours."""

from components.risk.look import Look
from components.risk.rules.denial import Denial
from kernel.events import OrderType

AT_OPEN = frozenset({OrderType.MARKET_ON_OPEN, OrderType.LIMIT_ON_OPEN})


class InSession:
    """No order while the instrument's market is closed or halted.

    Orders for its opening may go, and those that wait for another order: they leave when that fills.
    """

    def check(self, look: Look) -> Denial | None:
        order = look.order
        if order.order_type in AT_OPEN or order.parent_id or look.around.venue.is_open(order.symbol, look.ts):
            return None
        sentence = f"the market of {order.symbol} must be open; an on-open order could wait for it"
        return Denial("in_session_only", sentence, "open", "closed")
