"""The views that a strategy has. All are read-only, and all are functions of the log."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Protocol

import msgspec

from kernel.events import (
    Bar,
    DataIssueFound,
    InstrumentDefined,
    Order,
    PositionSide,
    Quote,
    Trade,
    TradingSession,
)
from strategies.sdk.adjustment import Adjustment
from strategies.sdk.limits import RiskLimits as RiskLimits  # exported with the context
from strategies.sdk.order_book import OrderBook
from strategies.sdk.strategy_limits import StrategyLimits

ZERO = Decimal(0)

Figure = int | float | str | bool | Decimal | None
"""A figure for ``Context.log``; ``None`` stands for an unknown figure."""


class PositionLeg(msgspec.Struct, frozen=True):
    """One leg of a strategy's positions in a symbol, in hedging mode (``portfolio.position_mode``).

    ``quantity`` is below 0 for an open short leg, and 0 for a flat one. The figures are those of
    ``PortfolioView`` with these names, for this leg alone.
    """

    side: PositionSide
    quantity: Decimal = ZERO
    average_price: Decimal | None = None
    market_value: Decimal | None = ZERO
    unrealised_pnl: Decimal | None = ZERO
    realised_pnl: Decimal | None = ZERO


class PortfolioView(Protocol):
    """One strategy's positions, working orders and P&L, and the account that all strategies share.

    ``cash``, ``equity`` and ``buying_power`` are the account's; all other figures are of this strategy's
    ledger.

    - Amounts are exact, and in the account's currency unless stated otherwise. Foreign amounts are converted
      at the last logged rate.
    - A figure is ``None`` while a needed price or rate is not known.
    - Prices are those of ``Context.last_price``.
    - Without ``symbol``, a figure is for all symbols of the strategy.
    """

    @property
    def currency(self) -> str:
        """The account's currency."""
        ...

    @property
    def cash(self) -> Decimal:
        """The account's cash in all currencies. An amount without a rate counts at par."""
        ...

    @property
    def equity(self) -> Decimal:
        """The account's cash and positions at last prices.

        A position without a price counts at cost, an amount without a rate at par.
        """
        ...

    @property
    def capital(self) -> Decimal | None:
        """The strategy's capital from the configuration, else the account's equity.

        Weights and percentages of orders (``target_weight``, ``EquityPercent``) refer to it.
        """
        ...

    @property
    def buying_power(self) -> Decimal | None:
        """The account's equity less the initial margin of all positions; below 0 is a margin call.

        For a strategy with capital of its own, it is at most that capital less the initial margin of the
        strategy's positions. A new position uses its notional times its margin rate; in a cash account, the
        whole notional. Working orders are not subtracted.
        """
        ...

    def position(self, symbol: str) -> Decimal:
        """Signed quantity held by this strategy; 0 without a position.

        In hedging mode, the net of both legs.
        """
        ...

    def long(self, symbol: str) -> PositionLeg:
        """The long leg in hedging mode; ``ComponentError`` in netting mode."""
        ...

    def short(self, symbol: str) -> PositionLeg:
        """The short leg in hedging mode; ``ComponentError`` in netting mode."""
        ...

    def positions(self) -> Mapping[str, Decimal]:
        """This strategy's open positions by symbol. In hedging mode, the nets of symbols with an open leg."""
        ...

    def open_orders(self, symbol: str | None = None) -> Sequence[Order]:
        """This strategy's orders that are not finished, oldest first."""
        ...

    def average_price(self, symbol: str) -> Decimal | None:
        """Average cost of a unit of the open position, in the instrument's currency, before commissions.

        Rounded to ten decimal places; ``None`` without a position, and in hedging mode if both legs are open.
        """
        ...

    def market_value(self, symbol: str | None = None) -> Decimal | None:
        """The value of open positions at last prices, negative if short; for a future, its notional."""
        ...

    def unrealised_pnl(self, symbol: str | None = None) -> Decimal | None:
        """P&L of open positions: value less cost, before commissions."""
        ...

    def realised_pnl(self, symbol: str | None = None) -> Decimal | None:
        """P&L of closed positions since the start of the run, before commissions and income."""
        ...

    def day_pnl(self, symbol: str | None = None) -> Decimal | None:
        """P&L of this strategy since the account's trading day began.

        - With ``symbol``: realised and unrealised P&L, before commissions and income.
        - Without: after commissions, with income.

        Only for strategies whose metadata has the feature ``"day_pnl"``; otherwise a call raises
        ``ComponentError``.
        """
        ...

    def commissions(self) -> Decimal | None:
        """All commissions of this strategy since the start of the run."""
        ...

    def income(self) -> Decimal | None:
        """Dividends, interest, fees and funding since the start of the run: received less paid."""
        ...


class CalendarView(Protocol):
    """The trading sessions of symbols, as of now.

    They come from the calendar that ``instruments:`` names for a symbol, and are known in advance. Times are
    ns since the epoch, UTC.

    - The present session has ``open_ts <= now < close_ts``. So the last bar of a session arrives after it.
    - In a market that never closes, one session ends where the next begins.
    - A symbol without a calendar is always open, has no sessions (``None``), and has UTC trading days.
    """

    def is_open(self, symbol: str) -> bool:
        """Whether its market trades now: in a session, and neither halted nor closed by its status."""
        ...

    def session(self, symbol: str) -> TradingSession | None:
        """The present session, else the next one."""
        ...

    def next_open(self, symbol: str) -> int | None:
        """The time at which the first session after now opens."""
        ...

    def next_close(self, symbol: str) -> int | None:
        """The time at which the present session closes, else the next one."""
        ...

    def trading_day(self, symbol: str) -> int:
        """The day, as YYYYMMDD, of the present session, else of the next one."""
        ...


class Context(Protocol):
    """Everything that a strategy can see besides the event of the present hook call."""

    @property
    def now(self) -> int:
        """Kernel time: ns since the epoch, UTC; the ``ts`` of the event being handled."""
        ...

    @property
    def strategy(self) -> str:
        """The strategy's id."""
        ...

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of this strategy that are known by now, sorted.

        The symbols that the configuration names for it (``symbols:``) are known from the start. Without such
        a list, every symbol of the run is known from its first market event on; in ``on_start`` the tuple is
        empty.
        """
        ...

    @property
    def portfolio(self) -> PortfolioView: ...

    @property
    def calendar(self) -> CalendarView: ...

    @property
    def risk_limits(self) -> RiskLimits:
        """The account's limits."""
        ...

    @property
    def own_limits(self) -> StrategyLimits:
        """The limits of this strategy, in addition to the account's."""
        ...

    @property
    def random(self) -> Random:
        """A generator seeded by the strategy's id and the number of calls: replays repeat it."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """Settings from the configuration, the same in every replay of this log."""
        ...

    def instrument(self, symbol: str) -> InstrumentDefined:
        """The instrument's terms (tick, lot, multiplier, currency); default terms for an unknown symbol."""
        ...

    def history(
        self, symbol: str, count: int, *, timeframe: str = "", adjustment: Adjustment = Adjustment.SPLITS
    ) -> Sequence[Bar]:
        """The last ``count`` bars, oldest first, with the current one; fewer at the start of a run.

        - As many as asked for. Raises ``ComponentError`` for a symbol that the strategy never gets, and for
          bars that are no longer kept because nobody had asked for so many (``Strategy.bars_needed``).
        - All of one timeframe: ``timeframe``, else the only one in the strategy's metadata, else the first
          one seen.
        - Prices are adjusted for later splits, and on request for dividends too. ``on_bar`` gets unadjusted
          bars.
        """
        ...

    def last_price(self, symbol: str) -> float | None:
        """The latest of bar close, trade price and mid quote; ``None`` before the first."""
        ...

    def last_quote(self, symbol: str) -> Quote | None: ...

    def last_trade(self, symbol: str) -> Trade | None: ...

    def book(self, symbol: str) -> OrderBook | None:
        """The present order book; ``None`` before its first snapshot, after a gap, and while crossed.

        Only for strategies that have ``on_book``, or whose metadata has the feature ``"book"``.
        """
        ...

    def data_quality(self, symbol: str) -> Sequence[DataIssueFound]:
        """What was found odd in the symbol's data and was knowable by now, oldest first.

        Jumps, likely splits, gaps and runs without volume, found when the data were imported. A strategy that
        calls it only from other modules needs the feature ``"data_quality"`` in its metadata.
        """
        ...

    def log(self, words: str, /, **figures: Figure) -> None:
        """Record words and figures of the strategy's own, as a ``StrategyLogged``.

            self.ctx.log("crossed", fast=fast, slow=slow, held=self.ctx.portfolio.position(bar.symbol))

        The log has them in the order of the code: before the decisions that are yielded after them. A hook
        that raises leaves neither decisions nor words. A float that is not finite is recorded as text.

        Bounds: 1,000 characters of words or text, 100 of a name, 50 figures per call, 100 calls per hook
        call. Beyond them, and for figures of other types, a ``DecisionRefused`` with the reason is recorded
        instead.
        """
        ...
