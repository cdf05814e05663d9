"""The rule on trading hours."""

from components.risk.order_check import OrderCheck
from kernel.events import OrderType
from strategies.sdk.risk_rules import Denial

AT_OPEN = frozenset({OrderType.MARKET_ON_OPEN, OrderType.LIMIT_ON_OPEN})


class InSession:
    """No order while the instrument's market is closed or halted.

    Orders for its opening may go. So may orders that wait for a parent: they go out when the parent fills.
    """

    def check(self, order_check: OrderCheck) -> Denial | None:
        order = order_check.order
        if (
            order.order_type in AT_OPEN
            or order.parent_id
            or order_check.context.venue.is_open(order.symbol, order_check.ts)
        ):
            return None
        sentence = f"the market of {order.symbol} must be open; an on-open order could wait for it"
        return Denial("in_session_only", sentence, "open", "closed")
