"""Fees that a venue takes out of the coin that was bought.

Such a fill buys ``quantity`` and delivers ``quantity`` less its commission, which is in units of the coin
(``InstrumentDefined.fee_currency``). It costs what its whole quantity costs. So for every account it equals
a fill of the delivered units with the fee paid in money, at the price of the fill: ``paid_in_money``.
Portfolio, venue and the figures of a run use that form; the record of the fill has the fee as charged.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from kernel.events import BUY, InstrumentDefined, OrderFilled, Side

UNIT_STEP = Decimal("1E-8")
"""The fee is rounded to the smallest part of a coin that venues book."""


def is_taken_in_units(side: Side, terms: InstrumentDefined) -> bool:
    """Whether the venue takes its commission on this side out of what is bought."""
    return bool(terms.fee_currency) and side is BUY


def fee_in_units(cost: Decimal, price: Decimal, quantity: Decimal) -> Decimal:
    """The units that are worth ``cost`` at ``price``, at most the whole ``quantity``."""
    if not cost or price <= 0:
        return Decimal(0)
    return min((cost / price).quantize(UNIT_STEP, ROUND_HALF_EVEN), quantity)


def paid_by_terms(fill: OrderFilled, instruments: Mapping[str, InstrumentDefined]) -> OrderFilled:
    """``paid_in_money`` with the terms of the fill's symbol; a symbol without terms has no such fee."""
    terms = instruments.get(fill.symbol)
    if terms is None:
        return fill
    return paid_in_money(fill, fee_currency=terms.fee_currency, currency=terms.currency)


def paid_in_money(fill: OrderFilled, *, fee_currency: str, currency: str) -> OrderFilled:
    """The fill of the units that were delivered, with its fee in ``currency``.

    A fill with any other fee is returned as it is. ``fee_currency`` and ``currency``: the instrument's.
    """
    if not fee_currency or fill.currency != fee_currency or fill.side is not BUY:
        return fill
    return msgspec.structs.replace(
        fill,
        quantity=fill.quantity - fill.commission,
        commission=fill.commission * fill.price,
        currency=currency,
    )
