"""Watches the account between orders: losses, positions, volatility, stale data.

What it remembers: the account's figures at the last prices, the equity from which each loss is measured, the
breaches that are not re-armed, and samples of volatility.

What changes it:

- A market event of a held symbol updates the figures; limits on losses and positions are checked.
- A fill, payment, rate or corporate action sets the figures to the account's exact ones.
- ``AccountMarked`` takes a sample of volatility.
- Timers end the trading day, find stale data and re-arm limits.

What never happens: a deposit counts as a gain or a withdrawal as a loss, or the monitor acts on a breach
itself (the risk component does). It gets market events only of held symbols, and is registered only if a
limit needs it.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite

from components.risk_monitor.breaches import NOBODY, Breaches
from components.risk_monitor.figures import Figures
from components.risk_monitor.losses import measures_of
from components.risk_monitor.price_following import PriceFollowing
from components.risk_monitor.state import Entry, MonitorState
from components.risk_monitor.views import AccountView, HoursView, MarketView
from components.risk_monitor.volatility import Sample, realised_volatility
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.corporate_actions import is_void
from kernel.events import (
    AccountMarked,
    AdjustPosition,
    CashFlowKind,
    CashMoved,
    CorporateAction,
    Event,
    FxRateSet,
    PositionChanged,
    ResumeTrading,
    SessionChanged,
    SessionStarted,
    TimerFired,
    TimerScheduled,
)
from kernel.events.timer_purposes import DataSilence, LimitRearm, TradingDayEnd
from kernel.identifiers import TimerName
from kernel.time_units import SECOND_NS
from strategies.sdk.limits import (
    BreachKey,
    ContinuousLimit,
    LimitKind,
    Rearm,
    RiskLimits,
    named_limits,
)

_DAY = TimerName("day")


class RiskMonitor(PriceFollowing):
    """The component that watches continuous limits and the losses of the account."""

    name = "risk_monitor"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(
        self,
        limits: RiskLimits,
        *,
        account: AccountView,
        market: MarketView,
        hours: HoursView,
        figures: type[Figures] = Figures,
    ) -> None:
        super().__init__()
        self.state = MonitorState()
        self._rules = named_limits(limits.continuous)
        self._measures = tuple(measures_of(limits, self._rules))
        self.figures = figures(self.state, self._measures, account=account, market=market)
        self._position_rules = self._of_kind(LimitKind.STOP_LOSS, LimitKind.TAKE_PROFIT)
        self._volatility_rules = self._of_kind(LimitKind.VOLATILITY)
        self._silence_rules = self._of_kind(LimitKind.STALE_DATA)
        self._breaches = Breaches(self.state, self._rules, owner=self.name)
        self._is_asked = limits.follows_prices
        self._day_symbol = limits.day_symbol
        self._account = account
        self._market = market
        self._hours = hours

    @property
    def is_needed(self) -> bool:
        """Whether any limit has to be watched."""
        return bool(self._measures or self._rules) or self._is_asked

    def subscriptions(self) -> Iterable[Subscription]:
        return (
            Subscription(SessionStarted, self.on_session),
            Subscription(SessionChanged, self.on_session),
            Subscription(PositionChanged, self.on_position),
            Subscription(CashMoved, self.on_cash),
            Subscription(AdjustPosition, self.on_adjustment),
            Subscription(FxRateSet, self.on_rate),
            Subscription(AccountMarked, self.on_marked),
            Subscription(CorporateAction, self.on_action),
            Subscription(TimerFired, self.on_timer),
            Subscription(ResumeTrading, self.on_resume),
        )

    def watches(self) -> tuple[Iterable[Subscription], Iterable[str]]:
        return self.price_handlers(), tuple(self.state.marks)

    # --- the market ---------------------------------------------------------------------------

    def _on_price(self, symbol: str, price: float, ts: int) -> Sequence[Event] | None:
        """Update one symbol and check limits.

        Called for every event of a held symbol, nearly always without a breach.
        """
        state = self.state
        if symbol not in state.marks:
            return None  # an earlier subscriber closed the position on this same event
        found: list[Event] = []
        if self._silence_rules:
            state.heard[symbol] = ts
            if state.breaches:
                found += self._data_again(symbol, ts)
        if isfinite(price):
            if not self.figures.move(symbol, price):
                self._match_account()  # its first price
            if self._measures:
                found += self._losses(ts)
            if self._position_rules:
                found += self._positions(symbol, price, ts)
        return found or None

    # --- the account --------------------------------------------------------------------------

    def on_session(self, event: SessionStarted | SessionChanged) -> None:  # noqa: ARG002  # a handler's signature
        """Measure losses from the start of the first session. Later sessions continue them."""
        self._match_account()
        if not self.state.is_started:
            self.state.is_started = True
            self.state.origins = {measure.rule: self.state.equity for measure in self._measures}

    def on_position(self, event: PositionChanged) -> Sequence[Event] | None:
        """Check losses after a fill.

        Changes by operators and corporate actions are kept until their own event arrives.
        """
        found, state, before = list(self._follow(event)), self.state, self.state.equity
        self._match_account()
        if event.fill_id:
            found += self._losses(event.ts)
        else:
            state.unjudged += state.equity - before
        return found or None

    def on_cash(self, event: CashMoved) -> None:
        """Keep losses the same after a deposit or a withdrawal."""
        self._match_account()
        if event.kind is not CashFlowKind.DEPOSIT:
            return
        rate = self._account.rate(event.currency)
        if rate is None:
            self.state.unrated[event.currency] = True
        self.figures.note_paid_in(float(event.amount if rate is None else event.amount * rate))

    def on_adjustment(self, event: AdjustPosition) -> None:  # noqa: ARG002  # a handler's signature
        """Treat an operator's change of a position as a payment of its value, in or out."""
        self.figures.note_paid_in(self.state.unjudged)
        self.state.unjudged = 0.0

    def on_rate(self, event: FxRateSet) -> Sequence[Event] | None:
        """Count a change of a rate as a gain or loss, except a currency's first rate (before it, par)."""
        state, before = self.state, self.state.equity
        self._match_account()
        rated = [name for name in state.unrated if self._account.rate(name) is not None]
        for name in rated:
            del state.unrated[name]
        if rated:
            self.figures.note_paid_in(state.equity - before)
        return list(self._losses(event.ts)) or None

    def on_action(self, event: CorporateAction) -> Sequence[Event] | None:
        """Drop samples of the symbol: prices before a split cannot be compared with those after it."""
        if is_void(event):
            return None
        self.state.samples.pop(event.symbol, None)
        self.state.unjudged = 0.0
        self._match_account()
        return list(self._losses(event.ts)) or None

    def on_marked(self, event: AccountMarked) -> Sequence[Event] | None:
        """Take the samples of volatility, and set the figures to the exact ones."""
        self._match_account()
        state, found = self.state, list[Event]()
        sampled: set[str] = set()
        for rule, limit in self._volatility_rules.items():
            for symbol in limit.symbols or ("",):
                if symbol not in sampled:
                    sampled.add(symbol)
                    self._sample(symbol, event)
                found += self._volatility(rule, limit, symbol=symbol, ts=event.ts)
        state.paid_in = 0.0
        return found or None

    def on_resume(self, event: ResumeTrading) -> Sequence[Event] | None:
        """Re-arm every limit for the operator. Losses beyond their limit are measured from now on."""
        state = self.state
        for measure in self._measures:
            if measure.rule not in self._rules and self.figures.loss(measure.rule) >= measure.limit:
                state.origins[measure.rule] = state.equity
        return list(self._breaches.rearm_all(event.ts)) or None

    def _match_account(self) -> None:
        """Set the figures to the account's exact ones, and watch the market of the held symbols."""
        opened, closed = self.figures.match_account()
        for symbol in opened:
            self._watching.add(symbol)
        for symbol in closed:
            self._watching.discard(symbol)
            self.state.heard.pop(symbol, None)

    def _follow(self, event: PositionChanged) -> Iterator[Event]:
        """Remember the cost of one strategy's position. When the position ends, its limits re-arm."""
        state, symbol, strategy = self.state, event.symbol, event.strategy
        entries = state.entries.setdefault(symbol, {})
        before = entries.pop(strategy, None)
        units = float(event.quantity * self._market.instrument(symbol).multiplier)
        if units:
            entries[strategy] = Entry(units, float(event.cost))
        if before is not None and before.units * units <= 0:
            for rule in self._position_rules:
                key = BreachKey(rule, symbol, strategy)
                if key in state.breaches:
                    yield from self._breaches.rearm(key, event.ts)
        if not entries:
            del state.entries[symbol]
        if not units:
            return
        if not state.day_symbol and self._measures:
            state.day_symbol = self._day_symbol or symbol
            yield self._day_timer(event.ts, after=event.ts - 1)
        if symbol not in state.heard and self._silence_rules:
            state.heard[symbol] = event.ts
            for rule, limit in self._silence_rules.items():
                if not limit.symbols or symbol in limit.symbols:
                    yield self._breaches.silence_timer(rule, symbol, event.ts, since=event.ts)

    # --- limits -------------------------------------------------------------------------------

    def _losses(self, ts: int) -> Iterator[Event]:
        state = self.state
        equity = state.equity
        for measure in self._measures:
            rule = measure.rule
            origin = state.origins.get(rule)
            if origin is None:
                continue
            if measure.from_peak and equity > origin:
                origin = state.origins[rule] = equity
            loss = measure.loss(origin, equity)
            if rule in self._rules and (loss >= measure.limit or state.breaches):
                yield from self._breaches.judge(rule, loss, is_beyond=loss >= measure.limit, ts=ts)

    def _positions(self, symbol: str, price: float, ts: int) -> Iterator[Event]:
        entries = self.state.entries.get(symbol, {})
        if entries and self._position_rules and self._market.instrument(symbol).is_inverse:
            if price <= 0.0:
                return
            price = -1.0 / price  # the scale on which its cost is booked
        for rule, limit in self._position_rules.items():
            if limit.symbols and symbol not in limit.symbols:
                continue
            sign, bound = -1 if limit.kind is LimitKind.STOP_LOSS else 1, self._breaches.bound(rule)
            for strategy, entry in entries.items():
                if entry.cost:
                    gain = sign * (entry.units * price - entry.cost) / abs(entry.cost)
                    if gain >= bound or self.state.breaches:
                        is_beyond = gain >= bound
                        yield from self._breaches.judge(
                            rule, gain, is_beyond=is_beyond, ts=ts, symbol=symbol, strategy=strategy
                        )

    def _sample(self, symbol: str, event: AccountMarked) -> None:
        paid_in = self.state.paid_in if not symbol else 0.0
        value = self._market.last_price(symbol) if symbol else float(event.equity)
        samples = self.state.samples.setdefault(symbol, [])
        if value is not None and (not samples or event.ts > samples[-1].ts):
            samples.append(Sample(event.ts, value, paid_in))
        longest = max(limit.window for limit in self._volatility_rules.values())
        if len(samples) > longest + 1:
            del samples[0]

    def _volatility(self, rule: str, limit: ContinuousLimit, *, symbol: str, ts: int) -> Iterator[Event]:
        samples = self.state.samples.get(symbol, [])
        if len(samples) <= limit.window:
            return
        volatility = realised_volatility(samples[-limit.window - 1 :])
        if volatility is not None:
            is_beyond = volatility > self._breaches.bound(rule)
            yield from self._breaches.judge(rule, volatility, is_beyond=is_beyond, ts=ts, symbol=symbol)

    def _silence(self, rule: str, symbol: str, ts: int) -> Iterator[Event]:
        """Check a symbol for stale data when its timer is due.

        If it had data since, or its market is closed, a new timer is set instead.
        """
        heard = self.state.heard.get(symbol)
        if heard is None:
            return
        bound_s = self._breaches.bound(rule)
        session = self._hours.session(symbol, ts)
        since = heard if session is None else max(heard, session.open_ts)
        silent_s = (ts - since) / SECOND_NS
        if silent_s < bound_s or not self._hours.is_open(symbol, ts):
            since = max(since, ts) if silent_s >= bound_s else since
            yield self._breaches.silence_timer(rule, symbol, ts, since=since)
            return
        yield from self._breaches.judge(rule, silent_s, is_beyond=True, ts=ts, symbol=symbol)

    def _data_again(self, symbol: str, ts: int) -> Iterator[Event]:
        for rule, limit in self._silence_rules.items():
            key = BreachKey(rule, symbol, NOBODY)
            if key in self.state.breaches and limit.rearms is Rearm.RECOVERY:
                yield from self._breaches.rearm(key, ts)

    # --- time ---------------------------------------------------------------------------------

    def on_timer(self, timer: TimerFired) -> Sequence[Event] | None:
        if timer.owner != self.name:
            return None
        match timer.purpose:
            case TradingDayEnd():
                return [*self._new_day(timer.ts), self._day_timer(timer.ts, after=timer.ts)]
            case DataSilence(rule, symbol):
                return list(self._silence(rule, symbol, timer.ts)) or None
            case LimitRearm():
                return list(self._breaches.rearm_delayed(timer.name, timer.ts)) or None
            case _:
                return None

    def _new_day(self, ts: int) -> Iterator[Event]:
        state = self.state
        for measure in self._measures:
            if measure.is_daily:
                state.origins[measure.rule] = state.equity
        yield from self._breaches.rearm_on(Rearm.NEW_DAY, ts)

    def _day_timer(self, ts: int, *, after: int) -> TimerScheduled:
        due_ts = self._hours.day_end(self.state.day_symbol, max(0, after))
        return TimerScheduled(ts, self.name, _DAY, due_ts, purpose=TradingDayEnd())

    # --- bookkeeping --------------------------------------------------------------------------

    def _of_kind(self, *kinds: LimitKind) -> dict[str, ContinuousLimit]:
        return {rule: limit for rule, limit in self._rules.items() if limit.kind in kinds}
