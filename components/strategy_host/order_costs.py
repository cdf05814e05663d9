"""The estimated costs of an order that is being sized, so that a size by worth leaves room for them."""

from collections.abc import Callable
from decimal import Decimal

from kernel.cost_view import CostView
from kernel.events import BUY, LIMIT, MARKET, SELL, InstrumentDefined, Order, Quote
from kernel.identifiers import ClientOrderId, StrategyId

ZERO = Decimal(0)
ONE = Decimal(1)
_NOT_SENT = ClientOrderId("")


class OrderCosts:
    """The estimated costs of one strategy's orders, in the account's currency."""

    def __init__(
        self,
        strategy: StrategyId,
        costs: CostView,
        *,
        rate: Callable[[str], Decimal | None],
        last_quote: Callable[[str], Quote | None],
    ) -> None:
        self._strategy = strategy
        self._costs = costs
        self._rate = rate
        self._last_quote = last_quote

    def of(
        self, instrument: InstrumentDefined, signed: Decimal, *, price: Decimal, is_limit: bool
    ) -> Decimal:
        """The costs of buying (or selling, below 0) a quantity at about ``price``."""
        order = Order(
            _NOT_SENT,
            self._strategy,
            instrument.symbol,
            BUY if signed > 0 else SELL,
            LIMIT if is_limit else MARKET,
            abs(signed),
            price if is_limit else None,
        )
        parts = self._costs.estimate(
            order,
            quantity=order.quantity,
            price=price,
            quote=None if is_limit else self._last_quote(instrument.symbol),
            instrument=instrument,
        )
        total = ZERO
        for amount, currency in parts:
            if amount:
                total += amount * (self._rate(currency) or ONE)
        return max(ZERO, total)
