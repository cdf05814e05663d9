"""What a corporate action does to opinions and plans; orders and positions are others' to adjust."""

from decimal import Decimal
from typing import TypeVar

import msgspec

from components.allocation.plan import AllocationState
from kernel.corporate_actions import whole_lots
from kernel.events import CorporateAction, CorporateActionKind, InstrumentDefined

KeptT = TypeVar("KeptT")


def adjust(state: AllocationState, action: CorporateAction, instrument: InstrumentDefined) -> None:
    """Scale targets and prices by a split, follow a new symbol, drop what is gone; dividends do nothing."""
    match action.kind:
        case CorporateActionKind.SPLIT:
            _split(state, action, instrument)
        case CorporateActionKind.SYMBOL_CHANGE:
            if action.ratio != 1:
                _split(state, action, instrument)
            _rename(state.opinions, action.symbol, action.new_symbol)
            _rename(state.plans, action.symbol, action.new_symbol)
            state.due = [action.new_symbol if due == action.symbol else due for due in state.due]
        case CorporateActionKind.MERGER | CorporateActionKind.DELISTING:
            state.opinions.pop(action.symbol, None)
            state.plans.pop(action.symbol, None)
        case CorporateActionKind.DIVIDEND:
            pass


def _rename(by_symbol: dict[str, KeptT], old: str, new: str) -> None:
    if old in by_symbol:
        by_symbol[new] = by_symbol.pop(old)


def _split(state: AllocationState, action: CorporateAction, instrument: InstrumentDefined) -> None:
    ratio, tick = action.ratio, instrument.tick_size
    opinions = state.opinions.get(action.symbol, {})
    for strategy, opinion in opinions.items():
        opinions[strategy] = msgspec.structs.replace(
            opinion,
            stop_loss=_scaled(opinion.stop_loss, ratio, tick),
            take_profit=_scaled(opinion.take_profit, ratio, tick),
        )
    plan = state.plans.get(action.symbol)
    if plan is None:
        return
    lot_size = instrument.lot_size
    plan.stop_loss = _scaled(plan.stop_loss, ratio, tick)
    plan.take_profit = _scaled(plan.take_profit, ratio, tick)
    plan.target = whole_lots(plan.target * ratio, lot_size)
    plan.entry_target = whole_lots(plan.entry_target * ratio, lot_size)
    held = whole_lots(plan.exits_for[0] * ratio, lot_size)
    plan.exits_for = (held, plan.stop_loss, plan.take_profit)


def _scaled(price: Decimal | None, ratio: Decimal, tick: Decimal) -> Decimal | None:
    return None if price is None else ((price / ratio / tick).to_integral_value() * tick).quantize(tick)
