"""What a strategy may know, all of it read-only and all of it a function of the log."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Protocol

from kernel.events import Bar, InstrumentDefined, Order, Quote, Trade, TradingSession
from strategies.sdk.adjustment import Adjustment
from strategies.sdk.limits import RiskLimits as RiskLimits  # read from here by who reads the context
from strategies.sdk.order_book import OrderBook
from strategies.sdk.strategy_limits import StrategyLimits

Figure = int | float | str | bool | Decimal | None
"""A figure that ``Context.log`` records; ``None`` is one that is not known."""


class PortfolioView(Protocol):
    """One strategy's positions, working orders and P&L, and the account that it shares with others.

    ``cash``, ``equity`` and ``buying_power`` are the account's. All else is of this strategy's own ledger.

    Amounts are exact, and in the account's currency unless said otherwise. A foreign amount is converted at
    the last rate on record. A figure is ``None`` while a price or a rate that it needs is not known. Prices
    are as ``Context.last_price`` gives them. A ``symbol`` that is left out means all symbols of the
    strategy.
    """

    @property
    def currency(self) -> str:
        """The account's currency."""
        ...

    @property
    def cash(self) -> Decimal:
        """The account's cash, in all currencies. Money without a rate counts at par."""
        ...

    @property
    def equity(self) -> Decimal:
        """The account's cash and positions at last prices.

        A position without a price counts at cost, money without a rate at par.
        """
        ...

    @property
    def capital(self) -> Decimal | None:
        """What this strategy may use: the capital that the configuration gives it, else the account's equity.

        Weights and percentages of orders (``target_weight``, ``EquityPercent``) are parts of it.
        """
        ...

    @property
    def buying_power(self) -> Decimal | None:
        """The account's equity less the initial margin of all positions; below 0 is a margin call.

        Where the strategy has capital of its own, at most that less the initial margin of its own
        positions. A new position takes its notional times its margin rate: all of the notional in a cash
        account. Working orders are not taken off.
        """
        ...

    def position(self, symbol: str) -> Decimal:
        """Signed quantity held by this strategy; 0 where it has none."""
        ...

    def positions(self) -> Mapping[str, Decimal]:
        """This strategy's open positions by symbol."""
        ...

    def open_orders(self, symbol: str | None = None) -> Sequence[Order]:
        """This strategy's orders that are not finished, oldest first."""
        ...

    def average_price(self, symbol: str) -> Decimal | None:
        """What a unit of the open position cost, in the instrument's currency, before commissions.

        To ten decimal places; ``None`` where nothing is held.
        """
        ...

    def market_value(self, symbol: str | None = None) -> Decimal | None:
        """The value of open positions at last prices, negative when short; of a future, its notional."""
        ...

    def unrealised_pnl(self, symbol: str | None = None) -> Decimal | None:
        """What open positions gained on what they cost, before commissions."""
        ...

    def realised_pnl(self, symbol: str | None = None) -> Decimal | None:
        """What closed positions gained since the beginning, before commissions and income."""
        ...

    def day_pnl(self, symbol: str | None = None) -> Decimal | None:
        """What this strategy gained since the account's trading day began.

        Of one symbol: realised and unrealised P&L, before commissions and income. In all: after commissions,
        with income. Kept for strategies with ``"day_pnl"`` among their metadata's features; a call by any
        other raises ``ComponentError``.
        """
        ...

    def commissions(self) -> Decimal | None:
        """All commissions that this strategy paid since the beginning."""
        ...

    def income(self) -> Decimal | None:
        """Dividends, interest, fees and funding since the beginning; below 0 if more was paid than
        received.
        """
        ...


class CalendarView(Protocol):
    """The trading sessions of symbols, as of now.

    They come from the calendar that ``instruments:`` names for a symbol, and are known ahead. A moment
    belongs to the session with ``open_ts <= now < close_ts``: a bar that ends with a session is known when
    the session is over. Where trading goes on round the clock, one session ends where the next begins. A
    symbol without a calendar is always open, has no sessions (``None``), and its trading days are those of
    UTC.

    Times are ns since the epoch, UTC.
    """

    def is_open(self, symbol: str) -> bool:
        """Whether its market trades now: within a session, and neither halted nor closed by its status."""
        ...

    def session(self, symbol: str) -> TradingSession | None:
        """The session that now belongs to, else the next one: its day, its ``open_ts``, its ``close_ts``."""
        ...

    def next_open(self, symbol: str) -> int | None:
        """When the first session after now opens."""
        ...

    def next_close(self, symbol: str) -> int | None:
        """When the session that now belongs to ends, else the next one."""
        ...

    def trading_day(self, symbol: str) -> int:
        """The day, as YYYYMMDD, of the session that now belongs to, else of the next one."""
        ...


class Context(Protocol):
    """Everything a strategy can see besides the event it is called with."""

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

        Those that the configuration names for it (``symbols:``) are known from the start. Without such a list
        they are all of the run's, each from its first market event on: in ``on_start`` there are none.
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
        """The limits of this strategy alone, which hold beside the account's."""
        ...

    @property
    def random(self) -> Random:
        """A generator seeded by the strategy's id and the place in the log: replays repeat it."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """Settings from the configuration, the same in every replay of this log."""
        ...

    def instrument(self, symbol: str) -> InstrumentDefined:
        """The instrument's terms (tick, lot, multiplier, currency); plain ones of a symbol not yet known."""
        ...

    def history(
        self, symbol: str, count: int, *, timeframe: str = "", adjustment: Adjustment = Adjustment.SPLITS
    ) -> Sequence[Bar]:
        """The last ``count`` bars, oldest first, the current one included; fewer at the start.

        Never more than ``Strategy.bars_needed`` asked for, and all of one timeframe: the one named, else
        the strategy's own if its metadata has exactly one, else the first that was seen. Prices are on
        today's terms: adjusted for splits since, and on request for dividends too. ``on_bar`` is given bars
        as they came; where nothing was split the two are the same.
        """
        ...

    def last_price(self, symbol: str) -> float | None:
        """The latest of bar close, trade price and mid quote; ``None`` before the first."""
        ...

    def last_quote(self, symbol: str) -> Quote | None: ...

    def last_trade(self, symbol: str) -> Trade | None: ...

    def book(self, symbol: str) -> OrderBook | None:
        """The order book as of now; ``None`` before its first snapshot, after a gap and while crossed.

        Books are kept for strategies that have ``on_book``, or ``"book"`` among their metadata's features.
        """
        ...

    def log(self, words: str, /, **figures: Figure) -> None:
        """Record words and figures of the strategy's own, as a ``StrategyLogged``.

            self.ctx.log("crossed", fast=fast, slow=slow, held=self.ctx.portfolio.position(bar.symbol))

        They come into the log in the order of the code: before the decisions that are yielded after them. A
        hook that raises leaves neither decisions nor words. Bounds: words and texts of 1,000 characters,
        names of 100, 50 figures a call, 100 calls from one hook call. What is beyond them, or no such
        figure, is not recorded: a ``DecisionRefused`` says why. A float that is not finite is recorded as
        text.
        """
        ...
