"""The estimated costs of an order that is not sent yet.

Commission is the model's, as if the order filled at once, taking liquidity, with no earlier fills in the
month. Slippage is the model's too; a model that needs the fill's volume or volatility gives its fallback.
The venue charges the real costs when the order fills, and checks them again (``funds``).
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from brokers.simulated.commission import (
    ZERO,
    CommissionModel,
    FillTerms,
    in_steps_of_coins,
    inverse_fill,
)
from brokers.simulated.slippage import SlippageModel, Taken
from kernel.events import BUY, TAKER, InstrumentDefined, Order, Quote
from kernel.fees import is_taken_in_units


class CostEstimate(msgspec.Struct, frozen=True):
    """Implements ``kernel.cost_view.CostView``.

    - ``currency``: of commissions; empty: the instrument's.
    - A model that is ``None``: no commission, or no slippage.
    """

    commission: CommissionModel | None
    slippage: SlippageModel | None
    currency: str = ""

    def estimate(
        self,
        order: Order,
        *,
        quantity: Decimal,
        price: Decimal,
        quote: Quote | None,
        instrument: InstrumentDefined,
    ) -> Iterable[tuple[Decimal, str]]:
        """Commission and slippage if ``quantity`` fills around ``price``: amounts with their currencies.

        A user's model that raises costs nothing here: its failure is recorded when the order fills.
        """
        if self.commission is None and self.slippage is None:
            return ()
        try:
            slipped = self._slipped(order, quantity=quantity, price=price, quote=quote)
            commission = self._charged(order, quantity=quantity, price=price, instrument=instrument)
        except Exception:  # isolation: a user's model may raise anything
            return ()
        slippage = abs(slipped) * quantity * _per_price(instrument, price)
        return ((commission, self.currency or instrument.currency), (slippage, instrument.currency))

    def _slipped(self, order: Order, *, quantity: Decimal, price: Decimal, quote: Quote | None) -> Decimal:
        """The worsening of the price; 0 for an order with a limit, which trades no worse."""
        if self.slippage is None or order.limit_price is not None:
            return ZERO
        spread = quote.ask - quote.bid if quote is not None and quote.bid and quote.ask else 0.0
        taken = Taken(order.side, float(price), float(quantity), max(spread, 0.0), 0.0, 0.0)
        worse = Decimal(repr(self.slippage.price(taken))) - Decimal(repr(taken.price))
        return max(ZERO, worse if order.side is BUY else -worse)

    def _charged(
        self, order: Order, *, quantity: Decimal, price: Decimal, instrument: InstrumentDefined
    ) -> Decimal:
        if self.commission is None or is_taken_in_units(order.side, instrument):
            return ZERO  # a fee that is taken in units takes no money
        none_before = (ZERO,) * 7
        fill = FillTerms(order, quantity, price, TAKER, instrument.multiplier, *none_before)
        if instrument.is_inverse:
            return in_steps_of_coins(self.commission).commission(inverse_fill(fill))
        return self.commission.commission(fill)


def _per_price(instrument: InstrumentDefined, price: Decimal) -> Decimal:
    """The change of a unit's notional when the price changes by 1."""
    if not instrument.is_inverse or not price:
        return instrument.multiplier
    return instrument.unit_notional(price) / price
