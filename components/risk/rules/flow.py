"""Rules on the flow of orders: their rate, their number, duplicates."""

from components.risk.flow import Ring
from components.risk.order_check import OrderCheck
from kernel.time_units import SECOND_NS
from strategies.sdk.risk_rules import Denial


class OrderRate:
    """Allows at most ``limit`` approved orders and replacements in any ``span_s`` seconds."""

    def __init__(self, rule: str, limit: int, *, span_s: int) -> None:
        self.rule = rule
        self.limit = limit
        self.span_s = span_s
        self._span_ns = span_s * SECOND_NS

    def check(self, order_check: OrderCheck) -> Denial | None:
        if not self.limit:
            return Denial(self.rule, "no order may be sent", 0, 1)
        ring = order_check.context.state.flow.rings.get(self.rule)
        oldest = None if ring is None else ring.oldest()
        if oldest is None or order_check.ts - oldest >= self._span_ns:
            return None
        sentence = f"no more than {self.limit} orders may go in {self.span_s} s"
        return Denial(self.rule, sentence, self.limit, self.limit + 1)

    def note(self, order_check: OrderCheck) -> None:
        rings = order_check.context.state.flow.rings
        ring = rings.get(self.rule)
        if ring is None or ring.size != self.limit:
            ring = rings[self.rule] = Ring(self.limit)
        ring.add(order_check.ts)


class MaxOpenOrders:
    """Allows at most ``limit`` unfinished orders at the same time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def check(self, order_check: OrderCheck) -> Denial | None:
        count = order_check.working.open_count + 1
        if order_check.replaced is not None or count <= self.limit:
            return None
        sentence = "an order must be finished before another one may be sent"
        return Denial("max_open_orders", sentence, self.limit, count)


class MaxOpenOrdersPerSymbol:
    """Allows at most ``limit`` unfinished orders of one symbol at the same time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def check(self, order_check: OrderCheck) -> Denial | None:
        count = order_check.working.count(order_check.order.symbol) + 1
        if order_check.replaced is not None or count <= self.limit:
            return None
        sentence = f"an order in {order_check.order.symbol} must be finished before another one may be sent"
        return Denial("max_open_orders_per_symbol", sentence, self.limit, count)


class DuplicateOrder:
    """Denies orders that repeat an order of the same strategy within ``window_s`` seconds."""

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self._window_ns = round(window_s * SECOND_NS)

    def check(self, order_check: OrderCheck) -> Denial | None:
        last = (
            None
            if order_check.replaced is not None
            else order_check.context.state.flow.last_like(order_check.duplicate_key)
        )
        if last is None or order_check.ts - last >= self._window_ns:
            return None
        ago_s = (order_check.ts - last) / SECOND_NS
        sentence = "the same order was sent a moment ago; seconds since then must not be below the limit"
        return Denial("duplicate_window_s", sentence, str(self.window_s), str(ago_s))

    def note(self, order_check: OrderCheck) -> None:
        order_check.context.state.flow.note(
            order_check.duplicate_key, order_check.ts, window_ns=self._window_ns
        )
