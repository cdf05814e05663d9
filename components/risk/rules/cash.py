"""Rules on cash: the present one, and the one by which older runs were recorded."""

from decimal import Decimal

from components.risk.order_check import OrderCheck
from kernel.events import SELL, InstrumentDefined
from kernel.shortages import plain, shortage
from strategies.sdk.risk_rules import Denial

ZERO = Decimal(0)


class RequireCash:
    """Denies buys that cost more, with commission and slippage, than the cash that working orders leave.

    The part of a buy that the account is short of needs no cash: it makes the position smaller.

    ``is_for_futures``: whether futures and perpetuals count with their notional; otherwise they need margin.
    """

    def __init__(self, *, is_for_futures: bool) -> None:
        self.is_for_futures = is_for_futures

    def concerns(self, instrument: InstrumentDefined) -> bool:
        return self.is_for_futures or not instrument.is_margined

    def check(self, order_check: OrderCheck) -> Denial | None:
        if order_check.order.side is SELL or not order_check.takes_cash:
            return None
        context, working = order_check.context, order_check.working
        available = context.account.cash - working.reserved_cash()
        if context.costs is not None:
            available -= order_check.working_costs
        if order_check.price is None:
            return Denial("require_cash", "there is no price to value the order at", plain(available), ZERO)
        needed = working.added_reserve(
            order_check.order,
            quantity=order_check.added_quantity,
            value=order_check.added_cost,
            held=order_check.held,
        )
        if context.costs is not None:
            needed += order_check.cost
        if needed <= available:
            return None
        currency = context.currency
        amounts = shortage("the order", needed=needed, available=available, currency=currency)
        sentence = f"there is not enough cash: {amounts}"
        if order_check.cost:
            sentence += f" (with estimated costs of {plain(order_check.cost)} {currency})"
        return Denial("require_cash", sentence, plain(available), plain(needed))


class RequireWholeCash:
    """Denies buys whose value is more than the cash less the value of working buys: the first rule."""

    def check(self, order_check: OrderCheck) -> Denial | None:
        if order_check.order.side is SELL:
            return None
        cash, unit_value = order_check.context.account.cash, order_check.unit_value
        if not unit_value and order_check.price is None:
            available = cash - order_check.working.reserved_as_written()
            return Denial("require_cash", "there is no price to value the order at", available, ZERO)
        needed = order_check.added_cost
        if needed <= cash - order_check.working.state.reserved:
            return None
        available = cash - order_check.working.reserved_as_written()
        return Denial("require_cash", "there is not enough cash", available, needed)
