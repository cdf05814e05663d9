"""The two books of hedging mode: one of the long legs, one of the short legs.

Each leg is a position of its own, with its cost, lots, history and realised P&L. A book is a ``Bookkeeping``
over its own positions; ledgers, cash, terms and rates are shared. So a leg is booked, corrected and restated
by the same code as the net position of netting mode. An event names the leg that it changes
(``position_side``); ``Books`` gives it to the right book.

What never happens: a fill changes two legs. A leg changes its sign only if a venue busts a fill that opened
it after it was closed; the next order that opens it makes up for that.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from components.portfolio.bookkeeping import Bookkeeping, PriceView
from components.portfolio.config import PortfolioConfig
from components.portfolio.corrections import Corrections
from components.portfolio.state import Ledger, PortfolioState, Position, Restatement, Terms
from kernel.events import (
    AdjustPosition,
    CashMoved,
    Event,
    FillCorrected,
    OrderFilled,
    PositionChanged,
    PositionSide,
)
from kernel.identifiers import StrategyId
from kernel.position_sides import LONG_LEG, SHORT_LEG, sides_set_by


class ShortState:
    """The bookings as the book of short legs sees them: its own positions, all else shared."""

    def __init__(self, state: PortfolioState) -> None:
        self._state = state

    @property
    def cash(self) -> Decimal:
        """Cash in the account's currency."""
        return self._state.cash

    @cash.setter
    def cash(self, amount: Decimal) -> None:
        self._state.cash = amount

    @property
    def positions(self) -> dict[StrategyId, dict[str, Position]]:
        """The short legs."""
        return self._state.shorts.positions

    @property
    def holders(self) -> dict[str, dict[StrategyId, Decimal]]:
        """The open short legs."""
        return self._state.shorts.holders

    @property
    def restated(self) -> dict[StrategyId, list[Restatement]]:
        """The corporate actions of short legs."""
        return self._state.shorts.restated

    @property
    def foreign(self) -> dict[str, Decimal]:
        """Shared, as all that follow."""
        return self._state.foreign

    @property
    def ledgers(self) -> dict[StrategyId, dict[str, Ledger]]:
        return self._state.ledgers

    @property
    def net(self) -> dict[str, Decimal]:
        return self._state.net

    @property
    def terms(self) -> dict[str, Terms]:
        return self._state.terms

    @property
    def redefined(self) -> dict[str, bool]:
        return self._state.redefined

    @property
    def expected_prices(self) -> dict[str, Decimal]:
        return self._state.expected_prices

    @property
    def rates(self) -> dict[str, dict[str, Decimal]]:
        return self._state.rates

    @property
    def action_count(self) -> int:
        return self._state.action_count


class LegBook(Bookkeeping):
    """The book of one side. A symbol's terms are those of both legs, so they end with the last leg."""

    def __init__(
        self,
        state: PortfolioState,
        prices: PriceView,
        config: PortfolioConfig,
        *,
        side: PositionSide,
        rules: int,
    ) -> None:
        own = state if side is LONG_LEG else ShortState(state)
        super().__init__(own, prices, config, rules=rules)
        self.side = side
        self._whole = state

    def is_held(self, symbol: str) -> bool:
        return symbol in self._whole.holders or symbol in self._whole.shorts.holders

    def forget_histories(self, symbol: str) -> None:
        for book in (self._whole, self._whole.shorts):
            for positions in book.positions.values():
                if symbol in positions:
                    positions[symbol].history = None


class Books:
    """Gives each event to the book of the leg that it names."""

    def __init__(
        self, state: PortfolioState, prices: PriceView, config: PortfolioConfig, *, rules: int
    ) -> None:
        self.long = LegBook(state, prices, config, side=LONG_LEG, rules=rules)
        self.short = LegBook(state, prices, config, side=SHORT_LEG, rules=rules)
        self._correct_long = Corrections(self.long).on_correction
        self._correct_short = Corrections(self.short).on_correction

    @property
    def both(self) -> Sequence[LegBook]:
        """The long book, then the short one."""
        return self.long, self.short

    def of(self, side: PositionSide | None) -> LegBook:
        """The book of a leg."""
        return self.short if side is SHORT_LEG else self.long

    def on_fill(self, fill: OrderFilled) -> Sequence[Event]:
        side = fill.position_side
        assert side is not None, f"fill {fill.fill_id} names no leg: it was made in netting mode"
        return [_of_leg(event, side) for event in self.of(side).on_fill(fill)]

    def on_correction(self, event: FillCorrected) -> Sequence[Event]:
        return (self._correct_short if event.position_side is SHORT_LEG else self._correct_long)(event)

    def on_cash(self, event: CashMoved) -> None:
        """Book a payment: cash for a fraction of a leg is realised P&L of that leg."""
        self.of(event.position_side).on_cash(event)

    def on_adjustment(self, event: AdjustPosition) -> Sequence[Event]:
        """Set one leg to an operator's values, or close both."""
        return [changed for side in sides_set_by(event) for changed in self.of(side).on_adjustment(event)]


def _of_leg(event: Event, side: PositionSide) -> Event:
    return msgspec.structs.replace(event, position_side=side) if isinstance(event, PositionChanged) else event
