"""Records each strategy's P&L at the start of the trading day. The day's P&L is measured from it.

The account has one trading day: that of ``day_symbol`` by its calendar, or UTC days if it has none. Without
``day_symbol`` the first symbol traded is used. At the end of each day a timer records the P&L of every
strategy, by symbol and by currency. On the first day, the day's P&L counts from the start of the run.

The component is registered only if a strategy or a limit needs it, because its timer is in the log.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from components.portfolio.position import ZERO
from components.portfolio.state import PortfolioState, Position
from components.portfolio.strategy_figures import StrategyFigures
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.corporate_actions import is_void
from kernel.events import (
    CorporateAction,
    CorporateActionKind,
    Event,
    PositionChanged,
    TimerFired,
    TimerScheduled,
)
from kernel.identifiers import StrategyId, TimerName

DAY = TimerName("day")
_BECOME_ANOTHER = (CorporateActionKind.SYMBOL_CHANGE, CorporateActionKind.MERGER)


class HoursView(Protocol):
    """Trading days."""

    def day_end(self, symbol: str, ts: int) -> int:
        """The end of the trading day that ``ts`` is in, or that follows it; ns UTC."""
        ...


Positions = Mapping[StrategyId, Mapping[str, Position]]
Starts = dict[StrategyId, dict[str, "Gained"]]


class BookkeepingView(Protocol):
    """The bookings."""

    @property
    def state(self) -> PortfolioState: ...


class Gained(msgspec.Struct):
    """P&L in one currency.

    - ``closed``: realised, with all other bookings.
    - ``open``: of open positions; ``None`` without a price.
    """

    closed: Decimal = ZERO
    open: Decimal | None = ZERO


NOTHING = Gained()


class DayStartState(msgspec.Struct):
    """P&L at the start of the trading day.

    - ``positions``: by strategy and symbol.
    - ``ledgers``: by strategy and currency.
    - ``shorts``: as ``positions``, of the short legs of hedging mode.
    """

    day_symbol: str = ""
    positions: dict[StrategyId, dict[str, Gained]] = {}
    ledgers: dict[StrategyId, dict[str, Gained]] = {}
    shorts: dict[StrategyId, dict[str, Gained]] = {}


class DayStart:
    """The component that records P&L at the end of each trading day."""

    name = "day_start"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(
        self, bookkeeping: BookkeepingView, figures: StrategyFigures, *, hours: HoursView, day_symbol: str
    ) -> None:
        self.state = DayStartState()
        self._bookkeeping = bookkeeping
        self._figures = figures
        self._hours = hours
        self._day_symbol = day_symbol

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(PositionChanged, self.on_position)
        yield Subscription(TimerFired, self.on_timer)
        yield Subscription(CorporateAction, self.on_action)

    def on_position(self, event: PositionChanged) -> Sequence[Event] | None:
        """Set the first timer when the first position changes."""
        if self.state.day_symbol:
            return None
        self.state.day_symbol = self._day_symbol or event.symbol
        return (self._timer(event.ts, after=max(0, event.ts - 1)),)

    def on_timer(self, timer: TimerFired) -> Sequence[Event] | None:
        """Record the P&L of all strategies at the end of the day."""
        if timer.owner != self.name:
            return None
        state, booked = self.state, self._bookkeeping.state
        state.positions = self._gained_by_symbol(booked.positions)
        state.shorts = self._gained_by_symbol(booked.shorts.positions)
        state.ledgers = {
            strategy: {currency: self._gained(strategy, currency) for currency in ledgers}
            for strategy, ledgers in self._bookkeeping.state.ledgers.items()
        }
        return (self._timer(timer.ts, after=timer.ts),)

    def on_action(self, action: CorporateAction) -> None:
        """Move the start of the day of a position to the position's new symbol."""
        if action.kind not in _BECOME_ANOTHER or is_void(action) or not action.new_symbol:
            return
        old, new = action.symbol, action.new_symbol
        for by_strategy, positions in self._books():
            for strategy, starts in by_strategy.items():
                start, held = starts.get(old), positions.get(strategy, {})
                if start is None:
                    continue
                if old not in held:
                    starts[new] = starts.pop(old)
                elif new in held and start.open is not None:
                    self._move_open(start, starts.setdefault(new, Gained()), old=old, new=new)

    def _books(self) -> Iterable[tuple[Starts, Positions]]:
        """The positions at the start of the day and now: the long or net ones, then the short legs."""
        state, booked = self.state, self._bookkeeping.state
        return (state.positions, booked.positions), (state.shorts, booked.shorts.positions)

    def _gained_by_symbol(self, positions: Positions) -> Starts:
        return {
            strategy: {
                symbol: Gained(position.realised_pnl, self._figures.gain(symbol, position))
                for symbol, position in held.items()
            }
            for strategy, held in positions.items()
        }

    def _move_open(self, start: Gained, target: Gained, *, old: str, new: str) -> None:
        """Move the open P&L of a position to the position it was merged into."""
        figures, moved = self._figures, start.open
        if moved and figures.currency_of(old) != figures.currency_of(new):
            rate = figures.rate_between(figures.currency_of(old), figures.currency_of(new))
            moved = moved if rate is None else moved * rate
        start.open = ZERO
        target.open = None if target.open is None or moved is None else target.open + moved

    def _timer(self, ts: int, *, after: int) -> TimerScheduled:
        return TimerScheduled(ts, self.name, DAY, self._hours.day_end(self.state.day_symbol, after))

    # --- the view -----------------------------------------------------------------------------------

    def day_pnl(self, strategy: StrategyId, symbol: str | None) -> Decimal | None:
        """A strategy's P&L since the trading day began, in the account's currency at present rates.

        - For one symbol: before commissions and income, because a ledger has them without a symbol.
        - For all symbols: after commissions, with income.

        ``None`` while a price or rate is missing, or if one was missing at the start of the day.
        """
        return self._net(strategy) if symbol is None else self._of_symbol(strategy, symbol)

    def _of_symbol(self, strategy: StrategyId, symbol: str) -> Decimal | None:
        gained = None
        for starts, positions in self._books():
            position = positions.get(strategy, {}).get(symbol)
            if position is None:
                continue
            start = starts.get(strategy, {}).get(symbol, NOTHING)
            opened = self._figures.gain(symbol, position)
            if opened is None or start.open is None:
                return None
            gained = (gained or ZERO) + position.realised_pnl + opened - start.closed - start.open
        if gained is None:
            return ZERO  # it never traded the symbol, or holds it under another one
        return self._figures.in_own_currency(gained, self._figures.currency_of(symbol))

    def day_loss(self, strategy: StrategyId) -> Decimal:
        """A strategy's loss since the trading day began, for limits; a gain is below 0.

        After commissions, with income. A position without a price counts at cost, an amount without a rate
        at par.
        """
        loss, starts = ZERO, self.state.ledgers.get(strategy, {})
        for currency in self._figures.currencies(strategy):
            now, start = self._gained(strategy, currency), starts.get(currency, NOTHING)
            gained = now.closed + (now.open or ZERO) - start.closed - (start.open or ZERO)
            loss -= self._figures.at_par(gained, currency)
        return loss

    def _net(self, strategy: StrategyId) -> Decimal | None:
        total, starts = ZERO, self.state.ledgers.get(strategy, {})
        for currency in self._figures.currencies(strategy):
            now, start = self._gained(strategy, currency), starts.get(currency, NOTHING)
            if now.open is None or start.open is None:
                return None
            gained = now.closed + now.open - start.closed - start.open
            converted = self._figures.in_own_currency(gained, currency)
            if converted is None:
                return None
            total += converted
        return total

    def _gained(self, strategy: StrategyId, currency: str) -> Gained:
        figures = self._figures
        return Gained(figures.booked_pnl(strategy, currency), figures.open_pnl(strategy, currency))
