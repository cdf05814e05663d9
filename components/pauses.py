"""Pauses of strategies: an operator's ``PauseStrategy`` holds until ``ResumeStrategy``.

This component remembers which strategies are paused, and emits an event when that changes. Each strategy's
host stops and starts delivery itself. A host that was out of service asks here whether its strategy is
paused.
"""

from collections.abc import Iterable, Sequence

import msgspec

from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.events import Event, PauseStrategy, ResumeStrategy, StrategyPaused, StrategyResumed
from kernel.identifiers import StrategyId


class PausesState(msgspec.Struct):
    """``paused_ts``: by paused strategy, the time of its pause."""

    paused_ts: dict[StrategyId, int] = {}


class Pauses:
    """The component that knows which strategies are paused. Commands for unknown strategies are ignored."""

    name = "pauses"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(self, strategies: Iterable[StrategyId]) -> None:
        self.state = PausesState()
        self._strategies = frozenset(strategies)

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(PauseStrategy, self.on_pause)
        yield Subscription(ResumeStrategy, self.on_resume)

    def on_pause(self, command: PauseStrategy) -> Sequence[Event] | None:
        if command.strategy not in self._strategies or self.is_paused(command.strategy):
            return None
        self.state.paused_ts[command.strategy] = command.ts
        return (StrategyPaused(command.ts, command.strategy, command.reason),)

    def on_resume(self, command: ResumeStrategy) -> Sequence[Event] | None:
        if self.state.paused_ts.pop(command.strategy, None) is None:
            return None
        return (StrategyResumed(command.ts, command.strategy, command.reason),)

    # --- the view -----------------------------------------------------------------------------

    def is_paused(self, strategy: StrategyId) -> bool:
        """Whether an operator paused the strategy and has not resumed it."""
        return strategy in self.state.paused_ts
