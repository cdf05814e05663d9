"""The simulated venue: a component of the core that fills orders against the market data of the log.

What it remembers: resting orders, requests in flight, the terms of instruments, and positions: its own count
of fills, with what operators and corrections changed. It watches market data only of symbols with resting
orders; only a slippage model that needs volatility gets all bars.

What changes it:

- A request arrives, at once or after its latency. ``acceptance`` checks an order, and it becomes ``Resting``.
- A market event of a symbol with resting orders. ``matching`` or ``book_matching`` asks the fill model about
  each order, ``fill_sharing`` decides the quantity, and ``execution`` makes the fill.
- A timer expires orders.
- ``InstrumentDefined`` brings an instrument's terms.
- A corporate action changes positions and trailing levels, and can end orders. ``OrderAdjusted`` then brings
  the new terms of each order.
- ``AdjustPosition`` sets a position. After ``FillCorrected``, positions are copied from the account.

What never happens: a strategy sees a market event before the venue has filled orders on it.

``docs/execution.md`` says when and at what price orders fill.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from brokers.simulated.acceptance import NEVER, refusal, replacement_refusal, start
from brokers.simulated.book_matching import BookMatching
from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.corporate_actions import INSTRUMENT_EXPIRED, LESS_THAN_A_LOT, CorporateActions
from brokers.simulated.execution import Execution
from brokers.simulated.expiry import Expiry
from brokers.simulated.fill_sharing import FillSharing
from brokers.simulated.fills.book import BooksView, NoBooks
from brokers.simulated.funds import Funds, FundsRules, FundsView, MarginView
from brokers.simulated.hours import RoundTheClock, TradingHours, is_in_session
from brokers.simulated.matching import Matching
from brokers.simulated.models import VenueModels, build_models
from brokers.simulated.positions import LegCount, LegsView, NetCount, PositionCount
from brokers.simulated.reports import (
    ONE_CANCELS_OTHER,
    RESTATED_FIRST,
    cancelled,
    expired,
    rejected,
    report,
    restated,
)
from brokers.simulated.requests import AnyRequest, Request
from brokers.simulated.resting import Resting, renew, rest
from brokers.simulated.state import SimulatedBrokerState
from brokers.simulated.volatility import add_close
from kernel.bar_times import note_last_end
from kernel.bus import EventBus
from kernel.component import STEADFAST, FailurePolicy, Subscription, Watch
from kernel.corporate_actions import ENDING, is_void
from kernel.errors import ComponentError
from kernel.events import (
    GTC,
    MARKET,
    AdjustPosition,
    Bar,
    BookDelta,
    BookSnapshot,
    CancelSubmitted,
    CorporateAction,
    Event,
    ExecutionKind,
    ExecutionReport,
    FillCorrected,
    InstrumentDefined,
    OrderAdjusted,
    OrderFilled,
    OrderSubmitted,
    Quote,
    ReplaceSubmitted,
    TimerFired,
    Trade,
    VenueFeature,
)
from kernel.events.timer_purposes import RequestArrival
from kernel.identifiers import BrokerOrderId, ClientOrderId, StrategyId
from kernel.rules import FIRST_RULES, RULES

# This member is read once: on 3.11 a member of an enum takes 0.1 us to look up, a global 0.02.
_ACCEPTED = ExecutionKind.ACCEPTED
_NO_HOURS = RoundTheClock()
_NO_BOOKS = NoBooks()


class NotWatching:
    """The watch of a venue that is not registered: an order without market data would never fill."""

    def add(self, symbol: str) -> None:
        raise ComponentError(f"{symbol}: the simulated broker was not registered with register_watching")

    discard = add


_NOT_WATCHING = NotWatching()


class AccountView(FundsView, Protocol):
    """The account: its funds, and positions after a correction, which only the account can compute."""

    def strategy_positions(self, strategy: StrategyId) -> Mapping[str, Decimal]: ...


class SimulatedBroker:
    """Fills orders against the market data of the log."""

    name = "simulated_broker"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(
        self,
        bus: EventBus,
        config: SimulatedBrokerConfig,
        *,
        models: VenueModels | None = None,
        hours: TradingHours = _NO_HOURS,
        books: BooksView = _NO_BOOKS,
        account: AccountView | None = None,
        funds_rules: FundsRules | None = None,
        margin: MarginView | None = None,
        legs: LegsView | None = None,
        rules: int = RULES,
    ) -> None:
        """Make the component.

        - ``funds_rules``: what the account must pay for; ``None``: fills are not checked.
        - ``legs``: the legs of the account in hedging mode; ``None`` in netting mode.
        """
        self._rules = rules
        self._bus = bus
        self._lacking = frozenset(config.lacks)
        self._hours = hours
        models = build_models(config, {}) if models is None else models
        self._latency = models.latency
        self._needs_volatility = models.slippage is not None and models.slippage.needs_volatility
        state = self.state = SimulatedBrokerState()
        self._positions = _count_of(state, account, legs)
        self._actions = CorporateActions(self.state)
        self._funds: Funds | None = None
        if account is not None and funds_rules is not None:
            self._funds = Funds(state.funds, account, self._positions, rules=funds_rules, margin=margin)
        sharing = self._sharing = self._make_sharing(config, models)
        self._ends_closers = rules > FIRST_RULES
        self._matching = Matching(
            state,
            bus,
            models,
            sharing,
            hours=hours,
            timing=config.bar_fill,
            rules=rules,
        )
        self._book_matching: BookMatching | None = None
        if models.book is not None:
            self._book_matching = BookMatching(
                state,
                models.book,
                models.trades,
                sharing,
                books=books,
                hours=hours,
                without_book=self._matching,
            )
        matching = self._book_matching or self._matching
        self._match_bar = matching.on_bar
        self._match_quote = matching.on_quote
        self._match_trade = matching.on_trade
        self._expiry = Expiry(state, bus, self._matching, owner=self.name, rules=rules)
        self._watching: Watch = _NOT_WATCHING

    def _make_sharing(self, config: SimulatedBrokerConfig, models: VenueModels) -> FillSharing:
        """The part that fills orders."""
        execution = Execution(
            self.state,
            self._bus,
            slippage=models.slippage,
            commission=models.commission,
            currency=config.currency,
            positions=self._positions,
            funds=self._funds,
        )
        return FillSharing(
            self.state,
            execution,
            volume=models.volume,
            positions=self._positions,
            has_groups=VenueFeature.OCO.value not in self._lacking,
            keeps_arrival=models.keeps_arrival,
        )

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(InstrumentDefined, self.on_instrument)
        if self._latency is None:
            yield Subscription(OrderSubmitted, self.on_submitted)
            yield Subscription(CancelSubmitted, self.on_cancel)
            yield Subscription(ReplaceSubmitted, self.on_replace)
        else:
            yield Subscription(OrderSubmitted, self.on_request)
            yield Subscription(CancelSubmitted, self.on_request)
            yield Subscription(ReplaceSubmitted, self.on_request)
        yield Subscription(TimerFired, self.on_timer)
        yield Subscription(OrderAdjusted, self.on_adjusted)
        yield Subscription(CorporateAction, self.on_corporate_action)
        yield Subscription(AdjustPosition, self._positions.on_adjustment)
        yield Subscription(FillCorrected, self.on_correction)
        if self._needs_volatility:
            yield Subscription(Bar, self.on_close)
        if self._funds is not None:
            yield Subscription(OrderFilled, self._funds.on_booked)

    def watches(self) -> tuple[Iterable[Subscription], Iterable[str]]:
        handlers = [
            Subscription(Bar, self.on_bar),
            Subscription(Quote, self.on_quote),
            Subscription(Trade, self.on_trade),
        ]
        if self._book_matching is not None:
            handlers.append(Subscription(BookSnapshot, self.on_book))
            handlers.append(Subscription(BookDelta, self.on_book))
        return handlers, tuple(self.state.resting)

    def set_watch(self, watch: Watch) -> None:
        self._watching = watch

    # --- instruments and positions ---------------------------------------------------------------

    def on_instrument(self, event: InstrumentDefined) -> None:
        self.state.instruments[event.symbol] = event

    def on_corporate_action(self, event: CorporateAction) -> Sequence[Event] | None:
        """Apply a corporate action. If it ends the instrument, all its resting orders end at once."""
        state, symbol = self.state, event.symbol
        if is_void(event):
            return None
        self._actions.apply(event)
        ending, reason = self._ended_by(event)
        if not ending:
            return None
        if event.kind in ENDING and self._actions.is_expired(symbol, event.ts):
            reports = [expired(event.ts, resting, INSTRUMENT_EXPIRED) for resting in ending]
        else:
            reports = [cancelled(event.ts, resting, reason) for resting in ending]
        for resting in ending:
            state.end(resting)
        self._remove_done(symbol)
        return reports

    def _ended_by(self, action: CorporateAction) -> tuple[Sequence[Resting], str]:
        """The resting orders that an action ends, and the reason.

        With latency, the venue itself ends orders of which a split leaves less than a lot, because the orders
        component's cancel would arrive late. Meanwhile they could still trade their old quantity.
        """
        resting = self.state.resting.get(action.symbol, ())
        if action.kind in ENDING:
            return tuple(resting), action.kind.value
        if self._latency is None:
            return (), ""
        return self._actions.leaving_nothing(resting, action), LESS_THAN_A_LOT

    def on_correction(self, event: FillCorrected) -> None:
        """Remember the strategy. Its positions are read before the next fill, after the account's update."""
        self.state.corrected[event.strategy] = True

    def _recount(self) -> None:
        """Copy the positions that the account has after corrections."""
        corrected, self.state.corrected = self.state.corrected, {}
        for strategy in corrected:
            self._positions.recount(strategy)

    def on_close(self, bar: Bar) -> None:
        """Measure volatility. Subscribed only if the slippage model needs it."""
        add_close(self.state.spreads, bar)

    def on_adjusted(self, event: OrderAdjusted) -> Sequence[Event]:
        """Apply an order's new terms after a corporate action. Its symbol can change too.

        The answer is never ``None``: in a twin this is an input, and then only a component that answers may
        change its watches.
        """
        for symbol in self._actions.adjust(event):
            if symbol in self.state.resting:
                self._watching.add(symbol)
            else:
                self._watching.discard(symbol)
        return ()

    # --- requests -----------------------------------------------------------------------------

    def on_submitted(self, event: OrderSubmitted) -> Sequence[Event]:
        return self._submit(event.ts, event)

    def on_cancel(self, event: CancelSubmitted) -> Sequence[Event]:
        return self._cancel(event.ts, event)

    def on_replace(self, event: ReplaceSubmitted) -> Sequence[Event]:
        return self._replace(event.ts, event)

    def on_request(self, event: AnyRequest) -> Sequence[Event]:
        """Put a request in flight. Subscribed only with a latency model."""
        assert self._latency is not None
        return (self.state.requests.send(event, self._latency, owner=self.name),)

    def on_timer(self, timer: TimerFired) -> Sequence[Event] | None:
        """Process a request that arrives, or expire orders."""
        if timer.owner != self.name:
            return None
        if isinstance(timer.purpose, RequestArrival):
            return self._arrive(timer.ts, self.state.requests.next_arrived())
        if self.state.corrected:
            self._recount()
        reports = self._expiry.on_timer(timer)
        for symbol in tuple(self.state.resting):
            self._remove_done(symbol)
        return reports

    def _arrive(self, ts: int, request: Request) -> Sequence[Event]:
        """Process a request on arrival, as reduced by fills of its group and changed by splits on the way."""
        match request.as_left():
            case CancelSubmitted() as cancel:
                return self._cancel(ts, cancel)
            case ReplaceSubmitted(order=order) as replacement:
                if request.is_overtaken:
                    return (report(ts, order, ExecutionKind.REPLACE_REJECTED, reason=RESTATED_FIRST),)
                return self._replace(ts, replacement)
            case OrderSubmitted(order=order) as submitted:
                if order.quantity <= 0:
                    return (report(ts, order, ExecutionKind.CANCELLED, reason=ONE_CANCELS_OTHER),)
                if request.is_overtaken:
                    return (rejected(ts, order, LESS_THAN_A_LOT),)
                if self._actions.is_expired(order.symbol, ts):
                    return (rejected(ts, order, INSTRUMENT_EXPIRED),)
                order_count = self.state.order_count
                first, *others = self._submit(ts, submitted)
                is_accepted = self.state.order_count > order_count
                if request.group_filled and is_accepted:
                    return (first, restated(ts, order, reason=ONE_CANCELS_OTHER), *others)
                return (first, *others)

    def _submit(self, ts: int, event: OrderSubmitted) -> Sequence[Event]:
        """Accept or reject an order. Fills it at once only with ``bar_fill: this_close``."""
        order, state = event.order, self.state
        is_simple = order.order_type is MARKET and order.time_in_force is GTC and not order.post_only
        if self._lacking or not is_simple:
            reason = refusal(order, ts, lacking=self._lacking)
            if reason:
                return (rejected(ts, order, reason),)
        state.order_count += 1
        broker_order_id = BrokerOrderId(f"sim-{state.order_count}")
        accepted = ExecutionReport(ts, _ACCEPTED, order.client_order_id, order.symbol, broker_order_id)
        resting = rest(order, ts)
        filled: list[ExecutionReport] = []
        if self._matching.fills_at_close and order.order_type is MARKET:
            filled = self._at_this_close(ts, resting)
        timers: Sequence[Event] = ()
        if resting.leaves:
            if self._rules > FIRST_RULES:
                note_last_end(self._bus, order.symbol, state.ended)
            if not is_simple:
                restated_ts = state.restated_ts.get(order.symbol, NEVER)
                start(resting, self._hours, self._bus, restated_ts=restated_ts, rules=self._rules)
                timers = self._expiry.arm(ts, resting.expire_ts)
            self._add(resting)
        if not filled:
            return (accepted, *timers) if timers else (accepted,)
        self._remove_all_done(order.symbol, filled)
        return (accepted, *filled, *timers)

    def _at_this_close(self, ts: int, resting: Resting) -> list[ExecutionReport]:
        """Fill a market order at the close of a bar that ends at this moment."""
        bar = self._bus.last(Bar, resting.order.symbol)
        if bar is None or bar.ts != ts or not is_in_session(self._hours, bar):
            return []
        if self.state.corrected:
            self._recount()
        return self._matching.at_close(bar, (resting,))

    def _cancel(self, ts: int, event: CancelSubmitted) -> Sequence[Event]:
        resting = self._find(event.symbol, event.client_order_id)
        if resting is None:
            kind, reason = ExecutionKind.CANCEL_REJECTED, "no such order"
            return (ExecutionReport(ts, kind, event.client_order_id, event.symbol, reason=reason),)
        self.state.end(resting)
        self._remove_done(event.symbol)
        return (cancelled(ts, resting, ""),)

    def _replace(self, ts: int, event: ReplaceSubmitted) -> Sequence[Event]:
        """Give an order new terms.

        It keeps its place in the venue's list; for its place in the price queue see ``renew``.
        """
        order = event.order
        resting = self._find(order.symbol, order.client_order_id)
        reason = replacement_refusal(resting, order, ts, lacking=self._lacking)
        if resting is None or reason:
            return (report(ts, order, ExecutionKind.REPLACE_REJECTED, reason=reason),)
        orders = self.state.resting[order.symbol]
        renewed = renew(resting, order, ts)
        orders[next(place for place, one in enumerate(orders) if one is resting)] = renewed
        if self._latency is None:
            return (report(ts, order, ExecutionKind.REPLACED),)
        renewed.placed_ts = resting.placed_ts or resting.since_ts
        return (restated(ts, order),)

    # --- the market ---------------------------------------------------------------------------

    def on_bar(self, bar: Bar) -> Sequence[Event] | None:
        state = self.state
        if state.corrected:
            self._recount()
        if bar.symbol in state.overdue:
            reports = self._expiry.match_overdue(bar, self._match_bar)
        else:
            reports = self._match_bar(bar)
        return self._remove_all_done(bar.symbol, reports) if reports else None

    def on_quote(self, quote: Quote) -> Sequence[Event] | None:
        state = self.state
        if state.corrected:
            self._recount()
        if quote.symbol in state.overdue:
            reports = self._expiry.match_after_overdue(quote, self._match_quote)
        else:
            reports = self._match_quote(quote)
        return self._remove_all_done(quote.symbol, reports) if reports else None

    def on_trade(self, trade: Trade) -> Sequence[Event] | None:
        state = self.state
        if state.corrected:
            self._recount()
        if trade.symbol in state.overdue:
            reports = self._expiry.match_after_overdue(trade, self._match_trade)
        else:
            reports = self._match_trade(trade)
        return self._remove_all_done(trade.symbol, reports) if reports else None

    def on_book(self, book: BookSnapshot | BookDelta) -> Sequence[Event] | None:
        assert self._book_matching is not None
        state, match_book = self.state, self._book_matching.on_book
        if state.corrected:
            self._recount()
        if book.symbol in state.overdue:
            reports = self._expiry.match_after_overdue(book, match_book)
        else:
            reports = match_book(book)
        return self._remove_all_done(book.symbol, reports) if reports else None

    # --- the orders at the venue ----------------------------------------------------------------

    def _add(self, resting: Resting) -> None:
        symbol = resting.order.symbol
        orders = self.state.resting.get(symbol)
        if orders is None:
            self.state.resting[symbol] = [resting]
            self._watching.add(symbol)
        else:
            orders.append(resting)

    def _find(self, symbol: str, client_order_id: ClientOrderId) -> Resting | None:
        orders = self.state.resting.get(symbol, ())
        return next((one for one in orders if one.order.client_order_id == client_order_id), None)

    def _remove_done(self, symbol: str) -> None:
        """Remove a symbol's finished orders. After the last one, its market data is not watched any more."""
        if self.state.remove_done(symbol) or symbol not in self.state.resting:
            self._watching.discard(symbol)

    def _remove_all_done(self, symbol: str, reports: list[ExecutionReport]) -> list[ExecutionReport]:
        """Remove the orders that these reports end. A group can have an order of another symbol.

        Reduce-only orders end with the position that they could reduce, so that none acts on the next one.
        """
        orders = self.state.resting.get(symbol)
        if orders is not None and self._ends_closers:
            for resting in orders:
                if resting.order.reduce_only and resting.leaves and not self._sharing.reducible(resting):
                    reports.append(self._sharing.cancel_nothing_to_reduce(self._bus.now, resting))
        self._remove_done(symbol)
        if len(reports) > 1:
            for one in reports:
                if one.symbol != symbol:
                    self._remove_done(one.symbol)
        return reports


def _count_of(
    state: SimulatedBrokerState, account: AccountView | None, legs: LegsView | None
) -> PositionCount:
    """The count of positions for the mode of the account."""
    if legs is not None:
        return LegCount(state, legs)
    return NetCount(state, None if account is None else account.strategy_positions)
