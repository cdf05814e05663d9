"""Corporate actions: how they change opinions and plans. Other components adjust orders and positions."""

from decimal import Decimal

import msgspec

from components.allocation.plan import AllocationState
from kernel.corporate_actions import ONE, price_after, units_after
from kernel.events import CorporateAction, CorporateActionKind, InstrumentDefined


class CorporateActions:
    """Changes opinions and plans by corporate actions."""

    def __init__(self, state: AllocationState) -> None:
        self._state = state

    def adjust(self, action: CorporateAction, instrument: InstrumentDefined) -> None:
        """Adjust opinions and plans to a corporate action.

        A split scales targets and prices. A symbol change moves them. A merger or delisting drops them. A
        dividend or spin-off changes nothing. ``instrument``: the terms after the action, under the new symbol
        if there is one.
        """
        match action.kind:
            case CorporateActionKind.SPLIT:
                self._split(action, instrument)
            case CorporateActionKind.SYMBOL_CHANGE:
                if action.ratio != ONE:
                    self._split(action, instrument)
                self._rename(action.symbol, action.new_symbol)
                self._state.due = [
                    action.new_symbol if due == action.symbol else due for due in self._state.due
                ]
            case CorporateActionKind.MERGER | CorporateActionKind.DELISTING:
                self._state.opinions.pop(action.symbol, None)
                self._state.plans.pop(action.symbol, None)
            case CorporateActionKind.DIVIDEND | CorporateActionKind.SPIN_OFF:
                pass

    def _rename(self, old: str, new: str) -> None:
        """Move opinions and plan to the new symbol.

        If the new symbol has a plan already, the two are joined: targets are added, and all orders belong to
        the joint plan. The exits of each were made for a part of the position, so the allocator renews them.
        """
        if old in self._state.opinions:
            self._state.opinions[new] = self._state.opinions.pop(old)
        plan, there = self._state.plans.pop(old, None), self._state.plans.get(new)
        if plan is None:
            return
        if there is not None:
            plan.target += there.target
            plan.entry_target += there.entry_target
            plan.working = {**there.working, **plan.working}
            plan.exits_for = plan.exits_for if plan.exits_for[0] else there.exits_for
            if plan.target * there.target < 0:
                plan.stop_loss = plan.take_profit = None
        self._state.plans[new] = plan

    def _split(self, action: CorporateAction, instrument: InstrumentDefined) -> None:
        ratio, tick = action.ratio, instrument.tick_size
        opinions = self._state.opinions.get(action.symbol, {})
        for strategy, opinion in opinions.items():
            opinions[strategy] = msgspec.structs.replace(
                opinion,
                stop_loss=_scaled(opinion.stop_loss, ratio, tick),
                take_profit=_scaled(opinion.take_profit, ratio, tick),
            )
        plan = self._state.plans.get(action.symbol)
        if plan is None:
            return
        lot_size = instrument.lot_size
        plan.stop_loss = _scaled(plan.stop_loss, ratio, tick)
        plan.take_profit = _scaled(plan.take_profit, ratio, tick)
        plan.target = units_after(plan.target, ratio, lot_size=lot_size)
        plan.entry_target = units_after(plan.entry_target, ratio, lot_size=lot_size)
        held, stop_loss, take_profit = plan.exits_for  # the plan's own prices may have changed since
        plan.exits_for = (
            units_after(held, ratio, lot_size=lot_size),
            _scaled(stop_loss, ratio, tick),
            _scaled(take_profit, ratio, tick),
        )


def _scaled(price: Decimal | None, ratio: Decimal, tick: Decimal) -> Decimal | None:
    return None if price is None else price_after(price, ratio, tick_size=tick)
