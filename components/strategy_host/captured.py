"""A strategy whose hooks run here, in a process of its own, for a core in another process.

The core here follows the log of the other one. Events of this core call the hooks, as in process, and what
the strategy's host makes of their decisions is kept for the other core (``take``). From there it comes back
through the log, and ``ApartHost`` makes the events of it, here as there. So both cores stay equal.

What it remembers: what was decided since the last ``take``, and whether the strategy rests.

What changes it: hooks and their decisions. A hook that raises is a failure, kept like the decisions. The
strategy then rests until the failure is on the log, where the bus of both cores isolates it.

What never happens: the strategy changes this core by itself, or an exception of it becomes an event of this
core alone.
"""

from collections.abc import Iterable, Sequence

import msgspec

from components.strategy_host.apart import AnyStrategy, ApartHost
from components.strategy_host.host import StrategyHost
from components.strategy_host.state import HostState
from kernel.component import FailurePolicy, Subscription, Watch
from kernel.events import Event
from kernel.identifiers import StrategyId
from kernel.loggable import place_of, words_of


class Failure(msgspec.Struct, frozen=True):
    """An exception of a hook, in words; see ``StrategyFailedApart``."""

    event_type: str
    error: str
    where: str


class CapturedHost:
    """The component of one strategy: ``host`` runs its hooks, ``accepting`` takes what comes from the log."""

    def __init__(self, host: StrategyHost, accepting: ApartHost) -> None:
        self.name = host.name
        self.strategy: AnyStrategy = host.strategy
        self.strategy_id: StrategyId = host.strategy_id
        self.failure_policy: FailurePolicy = host.failure_policy
        self.rests = False
        """While this is set, no hook is called."""
        self.failure: Failure | None = None
        """The failure since the last ``take``."""
        self._host = host
        self._accepting = accepting
        self._decided: list[Event] = []

    @property
    def state(self) -> HostState:
        """The counters, and the present state of the strategy."""
        return self._host.state

    @property
    def counters(self) -> HostState:
        """The same state without the strategy's own, which ``state`` writes each time."""
        return self._accepting.state

    def restored(self) -> None:
        self._host.restored()

    def take(self) -> Sequence[Event]:
        """What was decided since the last call."""
        decided, self._decided = self._decided, []
        self.failure = None
        return decided

    def subscriptions(self) -> Iterable[Subscription]:
        yield from self._accepting.of_inputs()
        yield from map(self._captured, self._host.subscriptions())

    def watches(self) -> tuple[Iterable[Subscription], Iterable[str]]:
        """The strategy's market hooks and its symbols, as those of its host."""
        handlers, symbols = self._host.watches()
        return [self._captured(each) for each in handlers], symbols

    def set_watch(self, watch: Watch) -> None:
        self._host.set_watch(watch)

    def _captured(self, one: Subscription) -> Subscription:
        """The subscription with a handler that keeps the events of the host's handler, and returns none."""
        handler, convert = one.handler, one.convert

        def handle(event: Event) -> None:
            if self.rests:
                return
            try:
                made = handler(event)
                if made is not None and convert is not None:
                    made = convert(event, made)
                self._decided += made or ()
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self.failure = Failure(type(event).__name__, words_of(error), place_of(error))
                self.rests = True

        return Subscription(one.event_type, handle, one.symbols)
