"""Fills and their commission, charged through the venue's own count of charges."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from brokers.simulated.charges import Charges, fill_terms, note_charge
from brokers.simulated.commission import CommissionModel
from brokers.simulated.fee_schedules import COMMISSION_MODELS
from kernel.events import BUY, TAKER, Liquidity, Order, OrderType, Side
from kernel.identifiers import ClientOrderId, StrategyId

JANUARY = 1_736_899_200_000_000_000
"""2025-01-15, 00:00 UTC."""
FEBRUARY = JANUARY + 31 * 86_400_000_000_000

Part = tuple[Decimal | int | str, Decimal | int | str]
"""Quantity and price of a fill."""


def model(name: str, **params: object) -> CommissionModel:
    """A model as the configuration makes one."""
    return msgspec.convert(params, COMMISSION_MODELS[name], strict=False)


class Account:
    """Charges for one order after the other."""

    def __init__(self, commission: CommissionModel) -> None:
        self.charges = Charges()
        self._model = commission
        self._orders = 0

    def trade(
        self,
        *parts: Part,
        side: Side = BUY,
        liquidity: Sequence[Liquidity] = (TAKER,),
        ts: int = JANUARY,
        multiplier: str = "1",
    ) -> list[Decimal]:
        """The charge for each part of an order. ``liquidity``: by part; the last is for all later parts."""
        self._orders += 1
        whole = sum((Decimal(quantity) for quantity, _ in parts), Decimal(0))
        key = ClientOrderId(f"o{self._orders}")
        order = Order(key, StrategyId("s"), "A", side, OrderType.MARKET, whole)
        charged: list[Decimal] = []
        for place, (quantity, price) in enumerate(parts):
            fill = fill_terms(
                self.charges,
                self._model,
                ts=ts,
                order=order,
                quantity=Decimal(quantity),
                price=Decimal(price),
                liquidity=liquidity[min(place, len(liquidity) - 1)],
                multiplier=Decimal(multiplier),
            )
            charged.append(self._model.commission(fill))
            note_charge(self.charges, self._model, fill, charged[-1])
        return charged

    def cost(self, *parts: Part, side: Side = BUY, ts: int = JANUARY) -> Decimal:
        """The whole cost of an order."""
        return sum(self.trade(*parts, side=side, ts=ts), Decimal(0))


def cost(commission: CommissionModel, *parts: Part, side: Side = BUY) -> Decimal:
    """The cost of an order in an account that has not traded before."""
    return Account(commission).cost(*parts, side=side)
