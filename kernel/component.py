"""The contract of a core component: a name, one state struct, and subscriptions.

A component is plain synchronous code. A handler gets one event, changes the component's state and
returns the events it caused, or ``None``. It reads no clock, does no I/O and knows no other
component. Events are its only source of information, and their ``ts`` is its time.

A component makes its state once and keeps that object for life: a restore sets the fields. Its parts take
the state, or a struct that is a field of it, once, in their constructor. They never keep a dict or a list of
the state, because a restore replaces those (see ``kernel.state``).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from kernel.events import Event

Emitted = Sequence[Event] | None
"""The return value of a handler: the events it caused, in order, or ``None``."""

# A handler takes exactly the event type that it subscribed to, and the type of a table cannot say so. A
# handler with a converter may return anything that the converter understands.
Handler = Callable[[Any], Any]
Converter = Callable[[Event, Any], Sequence[Event]]


class Subscription(msgspec.Struct, frozen=True):
    """Call ``handler`` with every event of exactly ``event_type``.

    Market events can be limited to ``symbols``. ``convert`` turns the handler's return value into events,
    for handlers that return something else (a strategy's hooks return decisions).
    """

    event_type: type[Event]
    handler: Handler
    symbols: frozenset[str] | None = None
    convert: Converter | None = None


class FailurePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How the bus treats a component that raises.

    After each failure it gets no events for ``back_off_s`` of kernel time, doubled each time. After
    ``max_failures`` it is quarantined until an operator releases it. With ``back_off_s=0`` it gets the next
    event.
    """

    max_failures: int = 3
    back_off_s: float = 1.0


STEADFAST = FailurePolicy(max_failures=1_000_000, back_off_s=0.0)
"""For order state, portfolio and others that must go on: it is better to skip one event than to stop them."""


class Watch(Protocol):
    """The symbols whose market events a component gets.

    It may change only while the component handles an event for which it emits something, or a derived event.
    Any other change raises ``ComponentError``.
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
        """All of its mutable state, always the same object. The kernel writes, restores and compares it."""
        ...

    @property
    def failure_policy(self) -> FailurePolicy: ...

    def subscriptions(self) -> Iterable[Subscription]:
        """The events it wants; called once, at registration."""
        ...


@runtime_checkable
class Rebuilding(Protocol):
    """A component that keeps something computed from its state, such as a cache or an index."""

    def restored(self) -> None:
        """Compute it again: the fields of all states were replaced. May read its own state only."""
        ...


class WatchingComponent(Component, Protocol):
    """A component that gets market events only for the symbols that it watches."""

    def watches(self) -> tuple[Iterable[Subscription], Iterable[str]]:
        """The handlers for watched symbols, and the symbols that its state needs now."""
        ...

    def set_watch(self, watch: Watch) -> None:
        """Take the object that changes the watched symbols."""
        ...
