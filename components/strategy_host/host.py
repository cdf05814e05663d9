"""Runs one strategy inside the core: delivers its events and turns its decisions into events.

What it remembers: the strategy's state, the counters for ids and seeds, session timers, and the timers missed
during a pause.

What changes it: hooks and their decisions. The bus calls the strategy's hooks directly, unless the strategy
logs (see ``words``). A pause stops market data and timers; updates of orders and positions continue, and
``paused_decisions`` limits the decisions. A missed timer fires on resumption, unless it repeats.

What never happens: a hook that the strategy does not override is called, or a hook changes another component
except by its decisions.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from components.strategy_host.context import StrategyContext
from components.strategy_host.history_view import HistoryView
from components.strategy_host.paused_decisions import PausedView, narrowed
from components.strategy_host.session_timers import SessionTimers
from components.strategy_host.state import HostState
from components.strategy_host.translation import Translator, host_name
from components.strategy_host.words import Words
from kernel.component import FailurePolicy, Handler, Subscription, Watch
from kernel.errors import ComponentError
from kernel.events import (
    Bar,
    BookDelta,
    BookSnapshot,
    CalendarDefined,
    ComponentRestarted,
    DecisionRefused,
    Event,
    ExecutionRequested,
    FeedStatusChanged,
    HistoryLoaded,
    OrderDenied,
    OrderReplaced,
    PositionChanged,
    Quote,
    SessionChanged,
    SessionStarted,
    SessionStopped,
    SignalPosted,
    StrategyPaused,
    StrategyResumed,
    TimerFired,
    TimerScheduled,
    Trade,
    VersionRefused,
)
from kernel.identifiers import StrategyId, TimerName
from kernel.loggable import words_of
from strategies.sdk import Decisions, Strategy, StrategyState
from strategies.sdk.strategy import OrderUpdate

MAX_REFUSALS_HEARD = 16
"""Refusals per instant that a strategy hears of: this ends a loop of invalid answers to refusals."""

# The host does not know its strategy's parameter and state types, only that they fit each other.
AnyStrategy = Strategy[Any, Any]

_MARKET_HOOKS: tuple[tuple[type[Event], str], ...] = (
    (Bar, "on_bar"),
    (Quote, "on_quote"),
    (Trade, "on_trade"),
    (BookSnapshot, "on_book"),
    (BookDelta, "on_book"),
)


class StrategyHost:
    """The component of one strategy."""

    def __init__(
        self,
        strategy: AnyStrategy,
        *,
        strategy_id: StrategyId,
        symbols: frozenset[str],
        context: StrategyContext,
        history: HistoryView,
        translator: Translator,
        session_timers: SessionTimers,
        words: Words,
        state: HostState,
        is_paused: Callable[[], bool],
        held: PausedView,
        repeats: Callable[[str, TimerName], bool],
        failure_policy: FailurePolicy,
    ) -> None:
        """Make the component.

        - ``held``: what it holds and has working, for the time when it is paused.
        - ``repeats`` tells, by owner and name, whether a timer that has just fired will fire again.
        """
        self.name = host_name(strategy_id)
        self.strategy = strategy
        self.failure_policy = failure_policy
        self.strategy_id = strategy_id
        self._state = state
        self._context = context
        self._history = history
        self._symbols = symbols
        self._translate = translator
        self._session_timers = session_timers
        self._listening = words.listening
        self._is_paused = is_paused
        self._held = held
        self._repeats = repeats
        self._watch: Watch | None = None
        state.version = strategy.metadata.version
        strategy.ctx = context

    @property
    def state(self) -> HostState:
        """The host's counters, and the present state of the strategy."""
        self._state.strategy = msgspec.msgpack.encode(self.strategy.state)
        return self._state

    def restored(self) -> None:
        self.strategy.state = self._strategy_state()
        self._state.version = self.strategy.metadata.version
        self._context.forget()

    def _strategy_state(self) -> StrategyState:
        """The strategy's own state, decoded; migrated if another version of the strategy left it."""
        strategy, data = self.strategy, self._state.strategy
        if self._state.version != strategy.metadata.version and self.strategy.has_hook("migrate"):
            data = self._migrated(data)
        try:
            return msgspec.msgpack.decode(data, type=strategy.state_type)
        except msgspec.ValidationError as error:
            raise ComponentError(
                f"{self.name}: its state of version {self._state.version!r} does not fit version "
                f"{strategy.metadata.version!r}: {error}. Give the new version a number of its own "
                "(metadata.version) and a `migrate` that converts the state"
            ) from error

    def _migrated(self, data: bytes) -> bytes:
        try:
            plain = msgspec.msgpack.decode(data, type=dict[str, Any])
            return msgspec.msgpack.encode(self.strategy.migrate(plain, self._state.version))
        except Exception as error:  # of the user's code, whatever it is
            raise ComponentError(
                f"{self.name}: `migrate` failed on the state of version {self._state.version!r}: "
                f"{words_of(error)}"
            ) from error

    def watches(self) -> tuple[Iterable[Subscription], Iterable[str]]:
        """The strategy's market hooks and its symbols; no symbols while it is paused."""
        handlers = [
            Subscription(event_type, self._listening(getattr(self.strategy, hook)), convert=self._translate)
            for event_type, hook in _MARKET_HOOKS
            if self.strategy.has_hook(hook)
        ]
        return handlers, () if self._is_paused() or not handlers else sorted(self._symbols)

    def set_watch(self, watch: Watch) -> None:
        self._watch = watch

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(StrategyPaused, self._on_pause_changed)
        yield Subscription(StrategyResumed, self._on_pause_changed)
        yield Subscription(ComponentRestarted, self._on_restarted)
        yield Subscription(VersionRefused, self._on_refused)
        yield self._subscription(SessionStarted, self._on_session)
        yield self._subscription(SessionChanged, self._on_change)
        yield self._subscription(SessionStopped, self._on_session_stopped)
        yield Subscription(SessionStopped, self._on_end)
        if self.strategy.has_hook("on_warm_up"):
            yield Subscription(HistoryLoaded, self._on_history)
        if self.strategy.has_hook("on_timer"):
            timers = self._session_timers  # subscribed first: a hook may cancel a timer that they set again
            yield Subscription(TimerFired, timers.on_timer)
            yield Subscription(CalendarDefined, timers.on_calendar)
            yield Subscription(ComponentRestarted, timers.on_restarted)
            yield self._subscription(TimerFired, self._on_timer)
        if self.strategy.has_hook("on_position_update"):
            yield self._subscription(PositionChanged, self._on_position)
        if self.strategy.has_hook("on_signal"):
            yield self._subscription(SignalPosted, self._on_signal)
        if self.strategy.has_hook("on_feed_status"):
            yield self._subscription(FeedStatusChanged, self._on_feed_status)
        if self.strategy.has_hook("on_order_update"):
            for update_type in OrderUpdate.__args__:
                yield self._subscription(update_type, self._on_order_update)

    def _subscription(self, event_type: type[Event], handler: Handler) -> Subscription:
        return Subscription(event_type, self._listening(handler), convert=self._converted)

    def _converted(self, event: Event, returned: object) -> Sequence[Event]:
        """Events for the decisions of a hook that is also called during a pause."""
        events = self._translate(event, returned)
        if not self._is_paused():
            return events
        missed_timers = self._state.missed_timers
        self._state.has_closers = True
        return narrowed(events, self.strategy_id, self._held, missed_timers=missed_timers)

    def _on_pause_changed(self, event: StrategyPaused | StrategyResumed) -> Sequence[Event] | None:
        return self._follow_pause(event.ts) if event.strategy == self.strategy_id else None

    def _on_restarted(self, event: ComponentRestarted) -> Sequence[Event] | None:
        """Apply a pause or resumption from the time when the strategy was out of service."""
        return self._follow_pause(event.ts) if event.component == self.name else None

    def _follow_pause(self, ts: int) -> Sequence[Event] | None:
        """Stop or start market data. On a resumption the missed timers fire at once."""
        if self._is_paused():
            for symbol in sorted(self._symbols):
                self._watching.discard(symbol)
            return None
        for symbol in self.watches()[1]:
            self._watching.add(symbol)
        missed, self._state.missed_timers = self._state.missed_timers, {}
        return [TimerScheduled(ts, self.name, name, due_ts) for name, due_ts in missed.items()]

    @property
    def _watching(self) -> Watch:
        if self._watch is None:
            raise ComponentError(f"{self.name} was not registered with register_watching")
        return self._watch

    def _on_session(self, event: SessionStarted) -> Decisions:
        self._state.epoch = event.epoch
        return self.strategy.on_start()

    def _on_change(self, event: SessionChanged) -> Decisions:
        self._state.epoch = event.epoch
        return self.strategy.on_start() if self.strategy_id in event.strategies else None

    def _on_refused(self, event: VersionRefused) -> None:
        if event.strategy == self.strategy_id:
            self._state.refused[event.code_hash] = True

    def _on_session_stopped(self, event: SessionStopped) -> Decisions:  # noqa: ARG002  # a handler's signature
        return self.strategy.on_stop()

    def _on_end(self, event: SessionStopped) -> Sequence[Event]:
        self._history.check_answered()
        return self._history.shortfalls(event.ts)

    def _on_history(self, event: HistoryLoaded) -> None:
        if event.symbol in self._symbols:
            for bar in event.as_bars():
                self.strategy.on_warm_up(bar)

    def _on_timer(self, timer: TimerFired) -> Decisions:
        if timer.owner != self.name:
            return None
        if not self._is_paused():
            return self.strategy.on_timer(timer)
        if not (self._repeats(timer.owner, timer.name) or self._session_timers.repeats(timer.name)):
            self._state.missed_timers[timer.name] = timer.due_ts
        return None

    def _on_position(self, position: PositionChanged) -> Decisions:
        return self.strategy.on_position_update(position) if position.strategy == self.strategy_id else None

    def _on_signal(self, signal: SignalPosted) -> Decisions:
        if signal.strategy not in ("", self.strategy_id) or signal.is_expired(signal.ts):
            return None
        if self._is_paused() or (signal.symbol and signal.symbol not in self._symbols):
            return None
        return self.strategy.on_signal(signal)

    def _on_feed_status(self, status: FeedStatusChanged) -> Decisions:
        if status.symbols and self._symbols.isdisjoint(status.symbols):
            return None
        return self.strategy.on_feed_status(status)

    def _on_order_update(self, update: OrderUpdate) -> Decisions:
        if isinstance(update, OrderDenied | OrderReplaced | ExecutionRequested):
            owner = update.order.strategy
        else:
            owner = update.strategy
        if owner != self.strategy_id:
            return None
        if isinstance(update, DecisionRefused) and not self._hears_refusal(update.ts):
            return None
        return self.strategy.on_order_update(update)

    def _hears_refusal(self, ts: int) -> bool:
        """Whether the strategy hears of one more refusal at this instant."""
        state = self._state
        state.refusal_count = state.refusal_count + 1 if state.refusal_ts == ts else 1
        state.refusal_ts = ts
        return state.refusal_count <= MAX_REFUSALS_HEARD
