"""The contract of a core component: a name, one state struct, and what it wants to hear.

A component is plain synchronous code. A handler gets one event, changes the component's state and
returns the events it caused, or ``None``. It reads no clock, does no I/O and knows no other
component; it learns of the world through events and of the time through their ``ts``.

Its state is made with it and stays the same object for life: a restore puts fields into it. Its parts take
the state, or a struct that is a field of it, once, in their constructor. They never hold a dict or a list out
of it, because a restore replaces those (see ``kernel.state``).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from kernel.events import Event

Emitted = Sequence[Event] | None
"""What a handler returns: the events it caused, in order, or nothing."""

# A handler takes exactly the event type that it subscribed to, which a table of handlers cannot
# express; and a converted handler may return anything its converter understands.
Handler = Callable[[Any], Any]
Converter = Callable[[Event, Any], Sequence[Event]]


class Subscription(msgspec.Struct, frozen=True):
    """Call ``handler`` with every event of exactly ``event_type``.

    Market events can be limited to ``symbols``. ``convert`` turns what the handler returned into
    events, for handlers that speak another language than events (a strategy's hooks).
    """

    event_type: type[Event]
    handler: Handler
    symbols: frozenset[str] | None = None
    convert: Converter | None = None


class FailurePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to a component that raises.

    After each failure it gets no events for ``back_off_s`` of kernel time, doubled each time; after
    ``max_failures`` it is quarantined until an operator releases it. ``back_off_s=0`` carries on with
    the next event.
    """

    max_failures: int = 3
    back_off_s: float = 1.0


STEADFAST = FailurePolicy(max_failures=1_000_000, back_off_s=0.0)
"""For components whose absence is worse than a skipped event (order state, portfolio)."""


class Watch(Protocol):
    """A component's changing interest in the market events of single symbols.

    May change only while the component handles an event for which it emits something, or a
    derived event; anything else is a ``ComponentError``.
    """

    def add(self, symbol: str) -> None:
        """Deliver this symbol's events from the next event on."""
        ...

    def discard(self, symbol: str) -> None:
        """Stop delivering this symbol's events."""
        ...


class Component(Protocol):
    """A subscriber inside the core."""

    @property
    def name(self) -> str:
        """Unique within an engine."""
        ...

    @property
    def state(self) -> msgspec.Struct:
        """All of its mutable state, always the same object; written, restored and compared by the kernel."""
        ...

    @property
    def failure_policy(self) -> FailurePolicy: ...

    def subscriptions(self) -> Iterable[Subscription]:
        """What it wants to hear, called once at registration."""
        ...


@runtime_checkable
class Rebuilding(Protocol):
    """A component that keeps something beside its state that follows from it: a cache, an index."""

    def restored(self) -> None:
        """Rebuild it: the fields of every component's state were replaced. May read its own state alone."""
        ...


class WatchingComponent(Component, Protocol):
    """A component that hears market events only of the symbols it is busy with."""

    def watches(self) -> tuple[Iterable[Subscription], Iterable[str]]:
        """The handlers for watched symbols, and the symbols its present state needs."""
        ...

    def set_watch(self, watch: Watch) -> None:
        """Receive the handle to change the watched symbols with."""
        ...
