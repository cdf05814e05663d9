"""A strategy that runs in a process of its own, as the core sees it.

That process (``captured`` there) follows the log with a core of its own and runs the hooks. Its decisions
come back as inputs, so a replay does not depend on when they came. Here they are checked and become the
events that the strategy's host would have returned.

What it remembers: the last input after which decisions were taken, and the order ids used so far.

What changes it: ``StrategyDecided`` and ``StrategyFailedApart``. Decisions that come twice count once. A
failure there is a failure of this component, so the bus isolates it by the policy of all strategies.

What never happens: an event of another strategy, an order id out of turn or a type that only the core may
make comes in this way. Risk checks orders after that, as all others.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from components.strategy_host.paused_decisions import PausedView, narrowed
from components.strategy_host.state import HostState
from components.strategy_host.translation import host_name
from kernel.component import FailurePolicy, Subscription
from kernel.errors import FailedApart
from kernel.events import (
    CancelExecutionIntent,
    CancelIntent,
    DecisionRefused,
    Event,
    ExecutionRequested,
    HistoryFellShort,
    OrderIntent,
    OrderOrigin,
    ReplaceIntent,
    SessionChanged,
    SessionStarted,
    SignalRaised,
    StrategyDecided,
    StrategyFailedApart,
    StrategyLogged,
    TimerCancelled,
    TimerScheduled,
    VersionRefused,
)
from kernel.identifiers import StrategyId
from strategies.sdk import Strategy

MOST_ANSWERS = 1_000
"""Decisions in a row that may each answer the one before: more are a loop of a strategy and its orders."""
MOST_IDS = 10_000
"""Order ids that one hook call may use."""

AnyStrategy = Strategy[Any, Any]  # as in ``host``

Decided = (
    OrderIntent
    | CancelIntent
    | ReplaceIntent
    | SignalRaised
    | DecisionRefused
    | ExecutionRequested
    | CancelExecutionIntent
    | StrategyLogged
    | HistoryFellShort
    | TimerScheduled
    | TimerCancelled
)
"""The events that a strategy's host may make."""

encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Decided]).decode


class ApartHost:
    """The component of one strategy whose hooks run elsewhere. ``slug``: its part of client order ids."""

    def __init__(
        self,
        strategy: AnyStrategy,
        *,
        strategy_id: StrategyId,
        slug: str,
        state: HostState,
        is_paused: Callable[[], bool],
        held: PausedView,
        failure_policy: FailurePolicy,
    ) -> None:
        self.name = host_name(strategy_id)
        self.strategy = strategy
        """Tells what the strategy needs; its hooks are not called here."""
        self.strategy_id = strategy_id
        self.failure_policy = failure_policy
        self._slug = slug
        self._state = state
        self._is_paused = is_paused
        self._held = held

    @property
    def state(self) -> HostState:
        """The counters. The strategy's own state is where its hooks run."""
        return self._state

    def subscriptions(self) -> Iterable[Subscription]:
        yield from self.of_inputs()
        yield Subscription(VersionRefused, self._on_refused)

    def of_inputs(self) -> Iterable[Subscription]:
        """The subscriptions to what comes from the other process, and to the number of the session."""
        yield Subscription(SessionStarted, self._on_session)
        yield Subscription(SessionChanged, self._on_session)
        yield Subscription(StrategyDecided, self._on_decided)
        yield Subscription(StrategyFailedApart, self._on_failed)

    def _on_session(self, event: SessionStarted | SessionChanged) -> None:
        self._state.epoch = event.epoch

    def _on_refused(self, event: VersionRefused) -> None:
        if event.strategy == self.strategy_id:
            self._state.refused[event.code_hash] = True

    def _on_failed(self, event: StrategyFailedApart) -> None:
        if event.strategy != self.strategy_id or event.after <= self._state.failed_after:
            return
        self._state.failed_after = event.after
        kind = f" (at {event.event_type})" if event.event_type else ""
        raise FailedApart(f"{event.error}{kind}", where=event.where)

    def _on_decided(self, event: StrategyDecided) -> Sequence[Event] | None:
        state = self._state
        if event.strategy != self.strategy_id or event.after <= state.decided_after:
            return None
        state.decided_after = event.after
        if event.answers > MOST_ANSWERS:
            raise FailedApart(f"over {MOST_ANSWERS} decisions in a row each answered the one before")
        new_ids = self._new_ids(event)
        try:
            decided = _decode(event.decisions)
        except msgspec.MsgspecError as error:
            raise FailedApart(f"its process sent decisions that cannot be read: {error}") from error
        made = [self._checked(one, event.ts, new_ids) for one in decided]
        return narrowed(made, self.strategy_id, self._held, missed_timers={}) if self._is_paused() else made

    def _new_ids(self, event: StrategyDecided) -> dict[str, None]:
        """The order ids that these decisions may use: the next ones."""
        state = self._state
        is_next = (
            state.taken_epoch <= event.epoch <= state.epoch
            and state.taken_count <= event.ids_before <= event.ids_after <= event.ids_before + MOST_IDS
        )
        if not is_next:
            raise FailedApart(
                f"its order ids are out of turn: session {event.epoch}, {event.ids_before} to "
                f"{event.ids_after} after session {state.taken_epoch}, {state.taken_count}"
            )
        state.taken_epoch, state.taken_count = event.epoch, event.ids_after
        numbers = range(event.ids_before + 1, event.ids_after + 1)
        return dict.fromkeys(f"{event.epoch}-{self._slug}-{number}" for number in numbers)

    def _checked(self, event: Decided, ts: int, new_ids: dict[str, None]) -> Event:
        """The event with the time of its input, or the refusal of one that the strategy may not make."""
        symbol = ""
        match event:
            case OrderIntent(order=order) | ExecutionRequested(order=order):
                symbol = order.symbol
                is_own = (
                    order.strategy == self.strategy_id
                    and order.origin is OrderOrigin.STRATEGY
                    and not order.whole_id
                    and new_ids.pop(order.client_order_id, new_ids) is None
                )
            case TimerScheduled(owner=owner, purpose=purpose):
                is_own = owner == self.name and purpose is None
            case TimerCancelled(owner=owner):
                is_own = owner == self.name
            case _:
                is_own = event.strategy == self.strategy_id
        if not is_own:
            reason = f"its process sent a {type(event).__name__} that is not its own"
            return DecisionRefused(ts, self.strategy_id, symbol, reason)
        return msgspec.structs.replace(event, ts=ts)
