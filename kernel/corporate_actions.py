"""What holds for corporate actions everywhere: which ones are void, and how units are rounded.

An action that cannot be meant stays on record, and changes nothing.
"""

from decimal import ROUND_DOWN, Decimal
from typing import assert_never

from kernel.events import CorporateAction, CorporateActionKind

RATIO_TOLERANCE = Decimal("1E-4")
"""Lots: a ratio such as 1/3 comes rounded, and 300 shares at 0.3333333333 are 100, not 99 and a rest."""

ZERO = Decimal(0)


def whole_lots(quantity: Decimal, lot_size: Decimal) -> Decimal:
    """The quantity in whole lots, towards zero; what is nearly a whole lot is one."""
    lots = quantity / lot_size
    nearest = lots.to_integral_value()
    if abs(lots - nearest) > RATIO_TOLERANCE:
        nearest = lots.to_integral_value(ROUND_DOWN)
    return nearest * lot_size if nearest else ZERO


def is_void(action: CorporateAction) -> bool:
    """Whether an action says nothing that could be done.

    A split into no shares, a new symbol that is none or the old one, a ratio below 0, a number that is none.
    Importing refuses them; a stream may hold them all the same.
    """
    ratio, new_symbol = action.ratio, action.new_symbol
    if not (ratio.is_finite() and action.amount.is_finite()):
        return True
    match action.kind:
        case CorporateActionKind.SPLIT:
            return ratio <= 0
        case CorporateActionKind.SYMBOL_CHANGE:
            return ratio <= 0 or new_symbol in ("", action.symbol)
        case CorporateActionKind.MERGER:
            return ratio < 0 or new_symbol == action.symbol
        case CorporateActionKind.DIVIDEND | CorporateActionKind.DELISTING:
            return False
        case _:
            assert_never(action.kind)
