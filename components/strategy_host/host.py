"""Runs one strategy inside the core: delivers its events, turns its decisions into events.

The strategy's own hooks are the bus's handlers: between an event and a hook stands nothing. A hook
that the strategy did not override is never called.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from components.strategy_host.context import StrategyContext
from components.strategy_host.state import HostState
from components.strategy_host.translation import Translator, host_name
from kernel.component import FailurePolicy, Handler, Subscription
from kernel.errors import ComponentError
from kernel.events import (
    Bar,
    BookDelta,
    BookSnapshot,
    DecisionRefused,
    Event,
    ExecutionRequested,
    OrderDenied,
    OrderReplaced,
    PositionChanged,
    Quote,
    SessionStarted,
    SessionStopped,
    TimerFired,
    Trade,
)
from kernel.identifiers import StrategyId
from strategies.sdk import Decisions, Strategy, StrategyState
from strategies.sdk.strategy import OrderUpdate

MAX_REFUSALS_HEARD = 16
"""Refusals at one instant that a strategy is told of: one that answers each with nonsense ends there."""

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
    """The component that is one strategy."""

    def __init__(
        self,
        strategy: AnyStrategy,
        *,
        strategy_id: StrategyId,
        symbols: frozenset[str],
        context: StrategyContext,
        translator: Translator,
        state: HostState,
        failure_policy: FailurePolicy,
    ) -> None:
        self.name = host_name(strategy_id)
        self.strategy = strategy
        self.failure_policy = failure_policy
        self._id = strategy_id
        self._state = state
        self._context = context
        self._symbols = symbols
        self._translate = translator
        strategy.ctx = context

    @property
    def state(self) -> HostState:
        """The host's counters, and the strategy's state as it is when this is read."""
        self._state.strategy = msgspec.msgpack.encode(self.strategy.state)
        return self._state

    def restored(self) -> None:
        self.strategy.state = self._strategy_state()
        self._context.forget()

    def _strategy_state(self) -> StrategyState:
        """The strategy's own state out of the host's; here a version of it would be migrated."""
        try:
            return msgspec.msgpack.decode(self._state.strategy, type=self.strategy.state_type)
        except msgspec.ValidationError as error:
            raise ComponentError(f"{self.name}: its state does not fit its type: {error}") from error

    def subscriptions(self) -> Iterable[Subscription]:
        for event_type, hook in _MARKET_HOOKS:
            if self._overrides(hook):
                handler: Handler = getattr(self.strategy, hook)
                yield Subscription(event_type, handler, self._symbols, self._translate)
        yield self._subscription(SessionStarted, self._on_session)
        yield self._subscription(SessionStopped, self._on_session_stopped)
        if self._overrides("on_timer"):
            yield self._subscription(TimerFired, self._on_timer)
        if self._overrides("on_position_update"):
            yield self._subscription(PositionChanged, self._on_position)
        if self._overrides("on_order_update"):
            for update_type in OrderUpdate.__args__:
                yield self._subscription(update_type, self._on_order_update)

    def _overrides(self, hook: str) -> bool:
        return getattr(type(self.strategy), hook) is not getattr(Strategy, hook)

    def _subscription(self, event_type: type[Event], handler: Handler) -> Subscription:
        return Subscription(event_type, handler, convert=self._translate)

    def _on_session(self, event: SessionStarted) -> Decisions:
        self._state.epoch = event.epoch
        return self.strategy.on_start()

    def _on_session_stopped(self, event: SessionStopped) -> Decisions:  # noqa: ARG002  # a handler's signature
        return self.strategy.on_stop()

    def _on_timer(self, timer: TimerFired) -> Decisions:
        return self.strategy.on_timer(timer) if timer.owner == self.name else None

    def _on_position(self, position: PositionChanged) -> Decisions:
        return self.strategy.on_position_update(position) if position.strategy == self._id else None

    def _on_order_update(self, update: OrderUpdate) -> Decisions:
        if isinstance(update, OrderDenied | OrderReplaced | ExecutionRequested):
            owner = update.order.strategy
        else:
            owner = update.strategy
        if owner != self._id or (isinstance(update, DecisionRefused) and not self._hears_refusal(update.ts)):
            return None
        return self.strategy.on_order_update(update)

    def _hears_refusal(self, ts: int) -> bool:
        """Whether the strategy is told of one more refusal at this instant."""
        state = self._state
        state.refusal_count = state.refusal_count + 1 if state.refusal_ts == ts else 1
        state.refusal_ts = ts
        return state.refusal_count <= MAX_REFUSALS_HEARD
