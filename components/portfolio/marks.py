"""Marks: the account at market prices, at regular times.

When the account is marked:

- At multiples of ``mark_every_s``, at the ends of sessions that go past midnight UTC, and when a session of
  the core stops.
- With ``mark_bars`` instead: at the end of each bar, after all bars that end at the same time. For bars of
  whole days, which end at midnight of their own zone.
- Just before a corporate action that takes effect at the very time of a mark, because prices fall later.

What never happens: a mark without new market data since the last one (a night, a weekend), or work per market
event, except with ``mark_bars``.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from components.portfolio.bookkeeping import PriceView
from components.portfolio.config import PortfolioConfig
from components.portfolio.position import ZERO
from components.portfolio.state import Ledger, PortfolioState
from components.portfolio.valuation import Valuation
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.events import (
    AccountMarked,
    Bar,
    CorporateAction,
    Event,
    ExposureShare,
    LedgerMarked,
    MarginMarked,
    SessionChanged,
    SessionStarted,
    SessionStopped,
    TimerFired,
    TimerScheduled,
    TradingSession,
)
from kernel.events.timer_purposes import AccountMark
from kernel.identifiers import StrategyId, TimerName
from kernel.rules import FIRST_RULES
from kernel.time_units import SECOND_NS
from kernel.trading_days import day_of_bar, holds_whole_days, utc_day

MARK = TimerName("mark")
CLOSE_MARK = TimerName("close mark")


class HoursView(Protocol):
    """Trading hours."""

    def session(self, symbol: str, ts: int) -> TradingSession | None:
        """The session that contains ``ts``, else the next one; ``None`` without a calendar."""
        ...

    def next_overnight_close(self, ts: int) -> int | None:
        """The first close after ``ts`` of a session that goes past midnight UTC; ``None`` without one."""
        ...


class NoHours:
    """No calendar."""

    def session(self, symbol: str, ts: int) -> TradingSession | None:  # noqa: ARG002  # the port's signature
        """No session is known."""
        return None

    def next_overnight_close(self, ts: int) -> int | None:  # noqa: ARG002  # the port's signature
        """No session is known."""
        return None


class MarkedAccount(Protocol):
    """The figures of the account that a mark of its margin has."""

    @property
    def initial_margin(self) -> Decimal: ...
    @property
    def maintenance_margin(self) -> Decimal: ...
    @property
    def buying_power(self) -> Decimal: ...
    @property
    def leverage(self) -> Decimal: ...
    def exposure_by_symbol(self) -> tuple[ExposureShare, ...]: ...
    def exposure_by_sector(self) -> tuple[ExposureShare, ...]: ...
    def exposure_by_currency(self) -> tuple[ExposureShare, ...]: ...


class Marks:
    """Decides when the account is marked, and makes the marks. ``owner``: the component of its timers."""

    def __init__(
        self,
        state: PortfolioState,
        config: PortfolioConfig,
        *,
        owner: str,
        prices: PriceView,
        hours: HoursView,
        account: MarkedAccount,
        valuation: Valuation,
        rules: int,
    ) -> None:
        self._state = state
        self._config = config
        self._owner = owner
        self._prices = prices
        self._hours = hours
        self._account = account
        self._valuation = valuation
        self._rules = rules
        self._every_ns = config.every_s * SECOND_NS

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(SessionStarted, self.on_session)
        yield Subscription(SessionChanged, self.on_session)
        yield Subscription(SessionStopped, self.on_session_stopped)
        yield Subscription(TimerFired, self.on_timer)
        if self._config.mark_bars:
            yield Subscription(Bar, self.on_bar)

    # --- when ---------------------------------------------------------------------------------

    def on_session(self, event: SessionStarted | SessionChanged) -> Sequence[Event]:
        if self._config.mark_bars:
            return ()
        due_ts = (event.ts // self._every_ns + 1) * self._every_ns
        timer = TimerScheduled(event.ts, self._owner, MARK, due_ts, self._every_ns, AccountMark())
        return (timer, *self._close_timer(event.ts))

    def on_bar(self, bar: Bar) -> Sequence[Event] | None:
        """Mark the account after the last bar that ends at this time."""
        if bar.ts <= self._state.mark_due_ts:
            return None
        self._state.mark_due_ts = bar.ts
        return (TimerScheduled(bar.ts, self._owner, MARK, bar.ts, purpose=AccountMark()),)

    def on_timer(self, timer: TimerFired) -> Sequence[Event] | None:
        """Mark the account, unless there was no market data since the last mark."""
        if timer.owner != self._owner:
            return None
        marks = self.marks(timer.ts) if self._has_news() else ()
        if timer.name == CLOSE_MARK:
            marks = (*marks, *self._close_timer(timer.ts))
        return marks or None

    def on_session_stopped(self, event: SessionStopped) -> Sequence[Event]:
        return self.marks(event.ts)

    def before_action(self, action: CorporateAction) -> Sequence[Event] | None:
        """Mark the account if a mark is due at this very time."""
        is_due = action.ts % self._every_ns == 0 and action.ts > self._state.marked_ts
        return self.marks(action.ts) if is_due and self._has_news() else None

    def _has_news(self) -> bool:
        return self._prices.last_ts() > self._state.marked_ts

    def _close_timer(self, ts: int) -> Sequence[TimerScheduled]:
        due_ts = None if self._rules == FIRST_RULES else self._hours.next_overnight_close(ts)
        if due_ts is None:
            return ()
        return (TimerScheduled(ts, self._owner, CLOSE_MARK, due_ts, purpose=AccountMark()),)

    # --- what ---------------------------------------------------------------------------------

    def marks(self, ts: int) -> Sequence[Event]:
        """The marks of the account, and those of its ledgers and margin if they are configured."""
        self._state.marked_ts = ts
        marks: list[Event] = [self._account_mark(ts)]
        if self._config.mark_ledgers:
            marks += self._ledger_marks(ts)
        if self._config.mark_margin:
            marks.append(self._margin_mark(ts))
        return marks

    def _account_mark(self, ts: int) -> AccountMarked:
        valuation = self._valuation
        cash, owed = valuation.cash, valuation.owed()
        value, exposure = valuation.assets()
        return AccountMarked(
            ts,
            cash,
            cash + owed + value,
            valuation.total(_realised),
            value - valuation.paid_cost(),
            valuation.total(_commissions),
            exposure,
            self._config.currency,
            0 if self._rules == FIRST_RULES else self._trading_day(ts),
            owed,
        )

    def _ledger_marks(self, ts: int) -> Iterable[LedgerMarked]:
        for strategy, ledgers in self._state.ledgers.items():
            for currency, ledger in ledgers.items():
                yield LedgerMarked(
                    ts,
                    strategy,
                    currency,
                    ledger.cash,
                    ledger.deposits,
                    ledger.realised_pnl,
                    self._valuation.ledger_unrealised(strategy, currency),
                    ledger.commissions,
                    ledger.income + ledger.converted,
                    self._valuation.ledger_owed(strategy, currency),
                )
        for strategy, currency in self._owed_without_ledger():
            owed = self._valuation.ledger_owed(strategy, currency)
            yield LedgerMarked(ts, strategy, currency, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, owed)

    def _owed_without_ledger(self) -> Iterable[tuple[StrategyId, str]]:
        """Strategies and currencies of dividends that are not paid yet, where there was no cash so far."""
        ledgers = self._state.ledgers
        return dict.fromkeys(
            (payment.strategy, payment.currency)
            for payment in self._valuation.receivables.owed()
            if payment.currency not in ledgers.get(payment.strategy, {})
        )

    def _margin_mark(self, ts: int) -> MarginMarked:
        account = self._account
        return MarginMarked(
            ts,
            account.initial_margin,
            account.maintenance_margin,
            account.buying_power,
            account.leverage,
            self._valuation.currency_balances(),
            account.exposure_by_symbol(),
            account.exposure_by_sector(),
            account.exposure_by_currency(),
        )

    def _trading_day(self, ts: int) -> int:
        """The trading day of the latest market data (see ``kernel.trading_days``).

        Of data that are no bars of whole days, it is the day of the session that contains them, if there is
        one.
        """
        latest = self._prices.latest()
        if latest is None:
            return utc_day(max(0, ts - 1))
        if isinstance(latest, Bar) and holds_whole_days(latest.timeframe):
            return day_of_bar(latest)
        last_ns = max(0, latest.ts - 1)
        session = self._hours.session(latest.symbol, last_ns)
        return utc_day(last_ns) if session is None or session.open_ts > last_ns else session.day


class NoState(msgspec.Struct):
    """A component that remembers nothing."""


class MarksBeforeActions:
    """The component that marks the account before a corporate action of the same time.

    It is registered before the venue, which pays dividends when it hears of them.
    """

    name = "marks_before_actions"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(self, marks: Marks) -> None:
        self.state = NoState()
        self._marks = marks

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(CorporateAction, self._marks.before_action)


def _realised(ledger: Ledger) -> Decimal:
    return ledger.realised_pnl


def _commissions(ledger: Ledger) -> Decimal:
    return ledger.commissions
