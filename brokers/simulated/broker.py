"""A venue inside the core: it hears the market before anybody else and answers like a real one.

It is called for a symbol's market data only while an order in that symbol rests with it. What it does is
written down in ``docs/execution.md``.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from brokers.simulated.admission import (
    NEVER,
    missing,
    refusal,
    replacement_refusal,
    schedule,
    set_first_level,
)
from brokers.simulated.book_matching import BookMatching
from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.corporate_actions import ENDING, INSTRUMENT_EXPIRED, adjust, apply_action, has_expired
from brokers.simulated.execution import Execution, learn_return
from brokers.simulated.expiry import Expiry
from brokers.simulated.fills.book import BooksView, NoBooks
from brokers.simulated.hours import RoundTheClock, TradingHours, is_in_session
from brokers.simulated.matching import Matching
from brokers.simulated.models import VenueModels, build_models
from brokers.simulated.offers import Offers
from brokers.simulated.reports import cancelled, expired, rejected, report, restated
from brokers.simulated.requests import REQUEST, as_left, next_arrived, put_under_way
from brokers.simulated.resting import Resting, renew, rest
from brokers.simulated.settlement import ONE_CANCELS_OTHER, Settlement, sweep
from brokers.simulated.state import Request, SimulatedBrokerState
from kernel.bus import EventBus
from kernel.component import STEADFAST, FailurePolicy, Subscription, Watch
from kernel.corporate_actions import is_void
from kernel.errors import ComponentError
from kernel.events import (
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
    OrderSubmitted,
    OrderType,
    Quote,
    ReplaceSubmitted,
    TimeInForce,
    TimerFired,
    Trade,
    VenueFeature,
)
from kernel.identifiers import BrokerOrderId, ClientOrderId, StrategyId

# Read once: on 3.11 a member of an enum takes 0.1 us to look up, a global 0.02.
_ACCEPTED = ExecutionKind.ACCEPTED
_GTC = TimeInForce.GTC
_MARKET = OrderType.MARKET
_NO_HOURS = RoundTheClock()
_NO_BOOKS = NoBooks()


class AccountView(Protocol):
    """Where the venue reads what is held after a correction, which only the account can reckon."""

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
    ) -> None:
        self.state = SimulatedBrokerState()
        self._account = account
        self._bus = bus
        self._lacking = frozenset(config.lacks)
        self._hours = hours
        models = build_models(config, {}) if models is None else models
        self._latency = models.latency
        self._needs_volatility = models.slippage is not None and models.slippage.needs_volatility
        execution = Execution(
            bus, slippage=models.slippage, commission=models.commission, currency=config.currency
        )
        self._settlement = Settlement(
            execution,
            volume=models.volume,
            has_groups=VenueFeature.OCO.value not in self._lacking,
            keeps_arrival=models.keeps_arrival,
        )
        self._matching = Matching(bus, models, self._settlement, hours=hours, timing=config.bar_fill)
        book_matching = None
        if models.book is not None:
            book_matching = BookMatching(
                models.book, models.trades, self._settlement, books=books, hours=hours
            )
        self._has_books = book_matching is not None
        self._expiry = Expiry(bus, self._matching, self._settlement, owner=self.name)
        self._offers = Offers(self._matching, book_matching, books=books, expiry=self._expiry)
        self._watch: Watch | None = None

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(InstrumentDefined, self.on_instrument)
        yield Subscription(OrderSubmitted, self.on_submitted)
        yield Subscription(CancelSubmitted, self.on_cancel)
        yield Subscription(ReplaceSubmitted, self.on_replace)
        yield Subscription(TimerFired, self.on_timer)
        yield Subscription(OrderAdjusted, self.on_adjusted)
        yield Subscription(CorporateAction, self.on_corporate_action)
        yield Subscription(AdjustPosition, self.on_position)
        yield Subscription(FillCorrected, self.on_correction)
        if self._needs_volatility:
            yield Subscription(Bar, self.on_close)

    def watches(self) -> tuple[Iterable[Subscription], Iterable[str]]:
        handlers = [
            Subscription(Bar, self.on_bar),
            Subscription(Quote, self.on_quote),
            Subscription(Trade, self.on_trade),
        ]
        if self._has_books:
            handlers.append(Subscription(BookSnapshot, self.on_book))
            handlers.append(Subscription(BookDelta, self.on_book))
        return handlers, tuple(self.state.resting)

    def set_watch(self, watch: Watch) -> None:
        self._watch = watch

    def restore(self, state: msgspec.Struct) -> None:
        assert isinstance(state, SimulatedBrokerState)
        self.state = state

    # --- what is known of instruments and positions ---------------------------------------------

    def on_instrument(self, event: InstrumentDefined) -> None:
        self.state.instruments[event.symbol] = event

    def on_corporate_action(self, event: CorporateAction) -> Sequence[Event] | None:
        """What no longer exists is no longer traded: its orders end here and now, whatever is under way."""
        state, symbol = self.state, event.symbol
        if is_void(event):
            return None
        apply_action(state, event)
        if event.kind not in ENDING or symbol not in state.resting:
            return None
        if has_expired(state, symbol, event.ts):
            reports = [expired(event.ts, resting, INSTRUMENT_EXPIRED) for resting in state.resting[symbol]]
        else:
            reports = [cancelled(event.ts, resting, event.kind.value) for resting in state.resting[symbol]]
        for resting in state.resting[symbol]:
            self._settlement.end(state, resting)
        self._sweep(symbol)
        return reports

    def on_position(self, event: AdjustPosition) -> None:
        """An operator set a position right: the venue counts from there."""
        self.state.positions.setdefault(event.symbol, {})[event.strategy] = event.quantity

    def on_correction(self, event: FillCorrected) -> None:
        """A fill was not what it was; what is held then is known once the account has heard of it too."""
        self.state.corrected[event.strategy] = True

    def _recount(self) -> None:
        """Count again, from what the account holds after a correction."""
        positions, corrected = self.state.positions, self.state.corrected
        self.state.corrected = {}
        if self._account is None:
            return
        for strategy in corrected:
            for held in positions.values():
                held.pop(strategy, None)
            for symbol, quantity in self._account.strategy_positions(strategy).items():
                positions.setdefault(symbol, {})[strategy] = quantity

    def on_close(self, bar: Bar) -> None:
        """Only for a slippage model that needs to know how much prices vary."""
        learn_return(self.state, bar)

    def on_adjusted(self, event: OrderAdjusted) -> None:
        """A corporate action changed an order's terms, perhaps its symbol."""
        for symbol in adjust(self.state, event):
            if symbol in self.state.resting:
                self._watching.add(symbol)
            else:
                self._watching.discard(symbol)

    # --- requests -----------------------------------------------------------------------------

    def on_submitted(self, event: OrderSubmitted) -> Sequence[Event]:
        if self._latency is not None:
            return (put_under_way(self.state, event, self._latency, owner=self.name),)
        return self._submit(event.ts, event)

    def on_cancel(self, event: CancelSubmitted) -> Sequence[Event]:
        if self._latency is not None:
            return (put_under_way(self.state, event, self._latency, owner=self.name),)
        return self._cancel(event.ts, event)

    def on_replace(self, event: ReplaceSubmitted) -> Sequence[Event]:
        if self._latency is not None:
            return (put_under_way(self.state, event, self._latency, owner=self.name),)
        return self._replace(event.ts, event)

    def on_timer(self, timer: TimerFired) -> Sequence[Event] | None:
        """A request arrives, or orders expire."""
        if timer.owner != self.name:
            return None
        if not timer.name.startswith(REQUEST):
            reports = self._expiry.on_timer(self.state, timer)
            for symbol in tuple(self.state.resting):
                self._sweep(symbol)
            return reports
        return self._arrive(timer.ts, next_arrived(self.state))

    def _arrive(self, ts: int, request: Request) -> Sequence[Event]:
        """A request that was under way, for what happened to its order meanwhile."""
        order_count = self.state.order_count
        match as_left(request):
            case CancelSubmitted() as cancel:
                return self._cancel(ts, cancel)
            case ReplaceSubmitted() as replacement:
                if request.is_overtaken:
                    reason = "a corporate action restated the order first"
                    kind = ExecutionKind.REPLACE_REJECTED
                    return (report(ts, replacement.order, kind, reason=reason),)
                return self._replace(ts, replacement)
            case OrderSubmitted(order=order) as submitted:
                if order.quantity <= 0:
                    return (report(ts, order, ExecutionKind.CANCELLED, reason=ONE_CANCELS_OTHER),)
                if has_expired(self.state, order.symbol, ts):
                    return (rejected(ts, order, INSTRUMENT_EXPIRED),)
                first, *others = self._submit(ts, submitted)
                if not request.taken_off or self.state.order_count == order_count:
                    return (first, *others)
                return (first, restated(ts, order, reason=ONE_CANCELS_OTHER), *others)

    def _submit(self, ts: int, event: OrderSubmitted) -> Sequence[Event]:
        order = event.order
        state = self.state
        is_simple = order.order_type is _MARKET and order.time_in_force is _GTC and not order.post_only
        reason = "" if is_simple else refusal(order, ts)
        if self._lacking and not reason:
            lacking = missing(order, self._lacking)
            reason = lacking and f"{lacking} is not taken by this venue"
        if reason:
            return (rejected(ts, order, reason),)
        state.order_count += 1
        accepted = ExecutionReport(
            ts, _ACCEPTED, order.client_order_id, order.symbol, BrokerOrderId(f"sim-{state.order_count}")
        )
        resting = rest(order, ts)
        filled: list[ExecutionReport] = []
        if self._matching.fills_at_close and order.order_type is _MARKET:
            filled = self._at_this_close(ts, resting)
        timers: Sequence[Event] = ()
        if resting.leaves:
            if not is_simple:
                restated_ts = state.restated_ts.get(order.symbol, NEVER)
                set_first_level(resting, self._bus, restated_ts=restated_ts)
                schedule(resting, self._hours, self._bus)
                timers = self._expiry.arm(state, ts, resting.expire_ts)
            self._add(resting)
        if not filled:
            return (accepted, *timers)
        return (accepted, *(self._settled(order.symbol, filled) or ()), *timers)

    def _at_this_close(self, ts: int, resting: Resting) -> list[ExecutionReport]:
        """What a bar that ends at this moment fills of a market order."""
        bar = self._bus.last(Bar, resting.order.symbol)
        if bar is None or bar.ts != ts or not is_in_session(self._hours, bar):
            return []
        return self._matching.at_close(self.state, bar, (resting,))

    def _cancel(self, ts: int, event: CancelSubmitted) -> Sequence[Event]:
        resting = self._find(event.symbol, event.client_order_id)
        if resting is None:
            kind, reason = ExecutionKind.CANCEL_REJECTED, "no such order"
            return (ExecutionReport(ts, kind, event.client_order_id, event.symbol, reason=reason),)
        self._settlement.end(self.state, resting)
        self._sweep(event.symbol)
        return (cancelled(ts, resting, ""),)

    def _replace(self, ts: int, event: ReplaceSubmitted) -> Sequence[Event]:
        """New terms take the old order's place in the queue; a reached stop stays reached."""
        order = event.order
        resting = self._find(order.symbol, order.client_order_id)
        reason = replacement_refusal(resting, order, ts, lacking=self._lacking)
        if resting is None or reason:
            return (report(ts, order, ExecutionKind.REPLACE_REJECTED, reason=reason),)
        orders = self.state.resting[order.symbol]
        renewed = renew(resting, order, ts)
        orders[next(at for at, one in enumerate(orders) if one is resting)] = renewed
        if self._latency is None:
            return (report(ts, order, ExecutionKind.REPLACED),)
        renewed.placed_ts = resting.placed_ts or resting.since_ts
        return (restated(ts, order),)

    # --- the market ---------------------------------------------------------------------------

    def on_bar(self, bar: Bar) -> Sequence[Event] | None:
        if self.state.corrected:
            self._recount()
        return self._settled(bar.symbol, self._offers.on_bar(self.state, bar))

    def on_quote(self, quote: Quote) -> Sequence[Event] | None:
        if self.state.corrected:
            self._recount()
        return self._settled(quote.symbol, self._offers.on_quote(self.state, quote))

    def on_trade(self, trade: Trade) -> Sequence[Event] | None:
        if self.state.corrected:
            self._recount()
        return self._settled(trade.symbol, self._offers.on_trade(self.state, trade))

    def on_book(self, book: BookSnapshot | BookDelta) -> Sequence[Event] | None:
        if self.state.corrected:
            self._recount()
        return self._settled(book.symbol, self._offers.on_book(self.state, book))

    def _settled(self, symbol: str, reports: list[ExecutionReport]) -> Sequence[Event] | None:
        """Sweep out what is done; orders of other symbols can be, if one cancelled the other."""
        if not reports:
            return None
        self._sweep(symbol)
        if len(reports) > 1:
            for one in reports:
                if one.symbol != symbol:
                    self._sweep(one.symbol)
        return reports

    # --- bookkeeping --------------------------------------------------------------------------

    @property
    def _watching(self) -> Watch:
        if self._watch is None:
            raise ComponentError("the simulated broker was not registered with register_watching")
        return self._watch

    def _add(self, resting: Resting) -> None:
        symbol = resting.order.symbol
        orders = self.state.resting.get(symbol)
        if orders is None:
            self.state.resting[symbol] = [resting]
            self._watching.add(symbol)
        else:
            orders.append(resting)

    def _sweep(self, symbol: str) -> None:
        if sweep(self.state, symbol) or symbol not in self.state.resting:
            self._watching.discard(symbol)

    def _find(self, symbol: str, client_order_id: ClientOrderId) -> Resting | None:
        orders = self.state.resting.get(symbol, ())
        return next((one for one in orders if one.order.client_order_id == client_order_id), None)
