"""Corporate actions that cannot be meant: they stay on record, and every component leaves them at that."""

from typing import assert_never

from kernel.events import CorporateAction, CorporateActionKind


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
