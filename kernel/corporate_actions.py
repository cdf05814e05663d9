"""The rules of corporate actions. Portfolio, orders, venue, allocator and journal apply them.

- Kinds of actions: ``is_void`` (makes no sense), ``changes_holdings``, ``ENDING`` (the instrument ends),
  ``RESTATING`` (the instrument goes on under new terms). A dividend or spin-off gives something to
  the holders and leaves the instrument as it is.
- Symbols: ``successor`` is the symbol of a holding after the action.
- Units: ``units_after`` are whole lots; ``fraction_after`` is paid out in cash. ``units_given`` is for the
  shares of a spin-off.
- Prices: ``price_after`` of an order, ``level_after`` of the market, ``successor_price`` of a share that has
  not traded yet, ``named_price`` of a delisting, ``value_given`` by a spin-off.

The functions are pure. ``lot_size`` and ``tick_size`` are those of the successor, because orders and
positions are in its units after the action.
"""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import assert_never

import msgspec

from kernel.events import CorporateAction, CorporateActionKind, InstrumentDefined

RATIO_TOLERANCE = Decimal("1E-4")
"""In lots. Data rounds a ratio such as 1/3: 300 shares at 0.3333333333 are 100, not 99 and a fraction."""

ENDING = frozenset({CorporateActionKind.MERGER, CorporateActionKind.DELISTING})
"""Actions after which the instrument does not trade: its orders and plans end."""

RESTATING = frozenset({CorporateActionKind.SPLIT, CorporateActionKind.SYMBOL_CHANGE})
"""Actions after which orders, plans and price levels go on under new terms."""

GIVING = frozenset({CorporateActionKind.DIVIDEND, CorporateActionKind.SPIN_OFF})
"""Actions that give holders cash or other shares, and change neither the instrument nor its orders."""

ONE = Decimal(1)
ZERO = Decimal(0)


def is_void(action: CorporateAction) -> bool:
    """Whether an action makes no sense. It stays in the log, and every component ignores it.

    - Its ratio or amount is not a finite number.
    - The ratio of a split or symbol change is not above 0, or that of a merger is below 0.
    - A symbol change has no new symbol.
    - The new symbol of a symbol change or merger is the old one.
    - A spin-off gives no shares, or has no other symbol for them, or moves less than none or more than all of
      the cost.

    Imports refuse such actions, but a stream may hold them.
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
        case CorporateActionKind.SPIN_OFF:
            has_symbol = new_symbol not in ("", action.symbol)
            return ratio <= 0 or not has_symbol or not 0 <= action.cost_fraction <= 1
        case CorporateActionKind.DIVIDEND | CorporateActionKind.DELISTING:
            return False
        case _:
            assert_never(action.kind)


def changes_holdings(action: CorporateAction) -> bool:
    """Whether an action changes units, symbols or orders of what is held.

    Orders and portfolio count these actions: a corrected fill has the number of actions that came after it.
    """
    return action.kind not in GIVING and not is_void(action)


# --- symbols ------------------------------------------------------------------------------------


def successor(action: CorporateAction) -> str:
    """The symbol of a holding after a valid action; empty if the position ends."""
    match action.kind:
        case CorporateActionKind.SPLIT | CorporateActionKind.DIVIDEND | CorporateActionKind.SPIN_OFF:
            return action.symbol
        case CorporateActionKind.SYMBOL_CHANGE:
            return action.new_symbol
        case CorporateActionKind.MERGER:
            return action.new_symbol if action.ratio > 0 else ""
        case CorporateActionKind.DELISTING:
            return ""
        case _:
            assert_never(action.kind)


def terms_under_new_symbol(
    action: CorporateAction, *, old: InstrumentDefined | None, new: InstrumentDefined | None
) -> InstrumentDefined | None:
    """The terms of a share after its symbol changed: those defined for the new symbol, else its own."""
    if new is not None or old is None:
        return new
    return msgspec.structs.replace(old, symbol=action.new_symbol)


# --- units --------------------------------------------------------------------------------------


def whole_lots(quantity: Decimal, lot_size: Decimal) -> Decimal:
    """The quantity in whole lots, rounded towards zero. Nearly a whole lot counts as one."""
    lots = quantity / lot_size
    nearest = lots.to_integral_value()
    if abs(lots - nearest) > RATIO_TOLERANCE:
        nearest = lots.to_integral_value(ROUND_DOWN)
    return nearest * lot_size if nearest else ZERO


def units_after(quantity: Decimal, ratio: Decimal, *, lot_size: Decimal) -> Decimal:
    """A signed quantity after an action with ``ratio`` new units per old one, in whole lots.

    A ratio of 1 changes no quantity: a fraction of a lot stays under a new symbol.
    """
    return quantity if ratio == ONE else whole_lots(quantity * ratio, lot_size)


def fraction_of(quantity: Decimal, lot_size: Decimal) -> Decimal:
    """The quantity beyond whole lots, signed; 0 if it is within the tolerance for rounded ratios."""
    fraction = quantity - whole_lots(quantity, lot_size)
    return fraction if abs(fraction) > RATIO_TOLERANCE * lot_size else ZERO


def fraction_after(quantity: Decimal, ratio: Decimal, *, lot_size: Decimal) -> Decimal:
    """The units beyond ``units_after``, signed. They are paid out in cash, and their cost is realised."""
    return ZERO if ratio == ONE else fraction_of(quantity * ratio, lot_size)


def units_given(quantity: Decimal, ratio: Decimal, *, lot_size: Decimal) -> Decimal:
    """The new units that a spin-off gives for a signed quantity, in whole lots."""
    return whole_lots(quantity * ratio, lot_size)


def fraction_given(quantity: Decimal, ratio: Decimal, *, lot_size: Decimal) -> Decimal:
    """The units beyond ``units_given``, signed. They are paid out in cash."""
    return fraction_of(quantity * ratio, lot_size)


# --- prices -------------------------------------------------------------------------------------


def price_after(price: Decimal, ratio: Decimal, *, tick_size: Decimal) -> Decimal:
    """The price of an order or plan, divided by the ratio, to the nearest tick; at least one tick."""
    if ratio == ONE:
        return price
    ticks = (price / ratio / tick_size).to_integral_value(ROUND_HALF_EVEN)
    return (max(ONE, ticks) * tick_size).quantize(tick_size)


def level_after(price: float, ratio: Decimal) -> float:
    """A market price, or a level that follows it, divided by the ratio."""
    return price / float(ratio)


def successor_price(action: CorporateAction, price: Decimal) -> Decimal:
    """The price of one new unit: the old price, less the cash per old unit, divided by the ratio."""
    return max(ZERO, (price - action.amount) / action.ratio)


def value_given(action: CorporateAction, *, price: Decimal | None, new_price: Decimal | None) -> Decimal:
    """The value that a spin-off takes out of one old share; 0 if it is not known.

    - Its cash, and its new shares at ``new_price``.
    - Without that price: ``cost_fraction`` of ``price``, the old share's. That is the part of its value that
      companies name for taxes.
    """
    if new_price is not None:
        return action.amount + action.ratio * new_price
    return action.amount if price is None else action.amount + action.cost_fraction * price


def as_dividend(
    action: CorporateAction, *, price: Decimal | None, new_price: Decimal | None
) -> CorporateAction:
    """The dividend that changes the price of the old share as this spin-off does."""
    return CorporateAction(
        action.ts,
        action.symbol,
        CorporateActionKind.DIVIDEND,
        amount=value_given(action, price=price, new_price=new_price),
        currency=action.currency,
    )


def named_price(action: CorporateAction) -> Decimal | None:
    """The price at which a delisting closes positions. ``None`` means the last price.

    An ``amount`` of 0 is a price only with a ``ratio`` of 0, as for an option that expires worthless.
    """
    return action.amount if action.amount or not action.ratio else None
