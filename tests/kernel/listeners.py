"""Small components for tests of the kernel: they note what they hear and do what a test tells them."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from kernel.component import FailurePolicy, Subscription, Watch
from kernel.events import Bar, Event, Quote, SignalDirection, SignalRaised, TimerScheduled
from kernel.identifiers import StrategyId, TimerName

Reaction = Callable[[Event], Sequence[Event] | None]
Note = tuple[str, Event]
"""Who heard what."""

CARELESS = FailurePolicy(max_failures=1_000_000, back_off_s=0.0)


class Count(msgspec.Struct):
    """How many events were heard."""

    heard: int = 0


def silent(event: Event) -> None:
    """The reaction of one who only listens."""


class Listener:
    """Notes every event that it asked for, and answers with what the reaction to its type returns."""

    def __init__(
        self,
        name: str,
        reactions: Mapping[type[Event], Reaction],
        *,
        notes: list[Note] | None = None,
        symbols: frozenset[str] | None = None,
        failure_policy: FailurePolicy = CARELESS,
    ) -> None:
        self.name = name
        self.state = Count()
        self.failure_policy = failure_policy
        self.notes: list[Note] = [] if notes is None else notes
        self._reactions = reactions
        self._symbols = symbols

    @property
    def heard(self) -> list[Event]:
        """What this listener heard, in order."""
        return [event for name, event in self.notes if name == self.name]

    def subscriptions(self) -> Iterable[Subscription]:
        return [
            Subscription(event_type, self.hear, symbols=self._symbols if event_type in (Bar, Quote) else None)
            for event_type in self._reactions
        ]

    def hear(self, event: Event) -> Sequence[Event] | None:
        self.notes.append((self.name, event))
        self.state.heard += 1
        return self._reactions[type(event)](event)


class Watched(msgspec.Struct):
    """The symbols that a watcher wants."""

    symbols: list[str] = []


class Watcher(Listener):
    """A listener that also hears the quotes of the symbols in its state."""

    def __init__(
        self,
        name: str,
        reactions: Mapping[type[Event], Reaction],
        *,
        on_quote: Reaction = silent,
        symbols: Iterable[str] = (),
        notes: list[Note] | None = None,
        failure_policy: FailurePolicy = CARELESS,
    ) -> None:
        super().__init__(name, reactions, notes=notes, failure_policy=failure_policy)
        self.wanted = Watched(list(symbols))
        self.watch: Watch | None = None
        self._on_quote = on_quote

    def watches(self) -> tuple[Iterable[Subscription], Iterable[str]]:
        return (Subscription(Quote, self.hear_quote),), tuple(self.wanted.symbols)

    def set_watch(self, watch: Watch) -> None:
        self.watch = watch

    def want(self, symbol: str) -> None:
        """Watch a symbol from the next event on."""
        assert self.watch is not None
        self.wanted.symbols.append(symbol)
        self.watch.add(symbol)

    def unwant(self, symbol: str) -> None:
        """Watch a symbol no longer."""
        assert self.watch is not None
        self.wanted.symbols.remove(symbol)
        self.watch.discard(symbol)

    def hear_quote(self, quote: Quote) -> Sequence[Event] | None:
        self.notes.append((self.name, quote))
        return self._on_quote(quote)


def quote(ts: int, symbol: str = "A", price: float = 100.0) -> Quote:
    """A quote without a spread."""
    return Quote(ts, symbol, price, price)


def bar(ts: int, symbol: str = "A", price: float = 100.0) -> Bar:
    """A bar in which nothing moved."""
    return Bar(ts, symbol, "1m", price, price, price, price, 1.0)


def signal(ts: int, reason: str) -> SignalRaised:
    """A derived event that carries a word."""
    return SignalRaised(ts, StrategyId("s"), "A", SignalDirection.LONG, 1.0, reason)


def timer(
    ts: int, due_ts: int, *, name: str = "t", every_ns: int = 0, owner: str = "owner"
) -> TimerScheduled:
    """A request for a timer."""
    return TimerScheduled(ts, owner, TimerName(name), due_ts, every_ns)
