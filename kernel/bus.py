"""The event bus: inputs in, derived events out, in one deterministic order.

- An input goes to its subscribers one after another, in order of registration. The events that one of them
  returns, and all that follow from these, are processed first in, first out, before the next subscriber gets
  the input. So when a simulated venue gets a bar first, its fills change the position before the strategy
  gets that bar, as live fills would.
- Due timers fire before the first input with a later ``ts``.
- A component that raises is isolated, and the others go on. It gets no events until its back-off is over, or
  until an operator releases it.

The bus remembers counts, failures and isolated components (``BusState``), the last market event of each type
and symbol, and the last quote of each symbol that had both sides. Only inputs and timers change that. It
never reads a clock and never waits.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import localcontext
from functools import partial
from itertools import repeat
from math import inf, isfinite
from operator import attrgetter, length_hint
from typing import TypeVar

import msgspec

from kernel.component import STEADFAST, Component, FailurePolicy, Handler, Subscription, WatchingComponent
from kernel.decimals import EXACT
from kernel.errors import ComponentError
from kernel.events import (
    Bar,
    BookDelta,
    BookSnapshot,
    ComponentFailed,
    ComponentQuarantined,
    ComponentRestarted,
    Event,
    MarketEvent,
    Quote,
    ReleaseComponent,
    SessionStarted,
    TimerFired,
    TimerScheduled,
    Trade,
)
from kernel.events.timer_purposes import ComponentRestart
from kernel.identifiers import TimerName
from kernel.loggable import place_of, words_of
from kernel.records import Records
from kernel.router import Router
from kernel.time_units import SECOND_NS
from kernel.timers import NEVER, Timers

CASCADE_LIMIT = 100_000
"""Derived events that one input may cause. Beyond it, components (or a strategy and its own orders) answer
each other without end, and all of them are quarantined except those with the policy ``STEADFAST``."""

TIMER_LIMIT = 100_000
"""Timers that may fire at one instant. Beyond it, the owner of the last one is quarantined: it sets a new
timer each time one fires."""

AT_ONCE = FailurePolicy(max_failures=1)

MarketT = TypeVar("MarketT", Bar, Quote, Trade, BookSnapshot, BookDelta)

_NOTHING: Iterator[Event] = iter(())
_ts_of = attrgetter("ts")


class BusState(msgspec.Struct):
    """The bus's own state."""

    input_count: int = 0
    now: int = 0
    failures: dict[str, int] = {}
    quarantined: dict[str, bool] = {}
    """Components that get no events: ``True`` quarantined, ``False`` backing off."""
    fired_at_once: int = 0
    """Timers fired at the current ``ts``, not counting the first."""
    two_sided: dict[str, Quote | None] = {}
    """The last quote with both sides by symbol, after the last list of inputs."""


class EventBus:
    """Dispatches the inputs of one log to components."""

    name = "bus"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(self) -> None:
        self.state = BusState()
        self.derived = Records()
        self.timers = Timers()
        self.current: Event = SessionStarted(0, 0, "", "", "")
        """The input or timer being handled."""
        self.retained: dict[type[Event], dict[str, Event]] = {kind: {} for kind in MarketEvent.__args__}
        """The last market event by type and symbol, before ``current`` (see ``last``). The dicts stay."""
        self._bars, self._trades, self._quotes = (self.retained[kind] for kind in (Bar, Trade, Quote))
        self.first_error: BaseException | None = None
        """The exception of the first failure, with its traceback: for people, never recorded or restored."""
        self._part: Sequence[Event] = ()
        self._remaining: Iterator[Event] = _NOTHING
        """The inputs that are being dispatched, and those of them that are still to come."""
        self._router = Router()
        self._router.register(self.timers)
        self._router.register(self)

    # --- registration -------------------------------------------------------------------------

    @property
    def components(self) -> Mapping[str, Component]:
        """Registered components by name, in order of registration."""
        return self._router.components

    def register(self, component: Component) -> None:
        """Add a component after those already registered; raises ``ComponentError``."""
        self._router.register(component)

    def register_watching(self, component: WatchingComponent) -> None:
        """Add a component that changes the symbols it watches while it runs."""
        self._router.register_watching(component)

    def unregister(self, name: str) -> None:
        """Remove a component between two events."""
        self._router.unregister(name)

    def forget_missing(self) -> None:
        """Drop the timers and failures of components that are not registered."""
        known, state = self.components, self.state
        self.timers.forget(owner for owner, _ in self.timers.state.live if owner not in known)
        state.failures = {name: count for name, count in state.failures.items() if name in known}
        state.quarantined = {name: value for name, value in state.quarantined.items() if name in known}

    def watched(self, name: str) -> frozenset[str]:
        """The symbols that a watching component gets now."""
        return self._router.watched(name)

    # --- the current time and market ----------------------------------------------------------

    @property
    def now(self) -> int:
        """Kernel time: the ``ts`` of the event being handled."""
        return self.current.ts

    def last(self, event_type: type[MarketT], symbol: str) -> MarketT | None:
        """The latest market event of a type and symbol; the event being handled counts."""
        current = self.current
        if type(current) is event_type and current.symbol == symbol:
            return current
        retained = self.retained[event_type].get(symbol)
        assert retained is None or isinstance(retained, event_type)
        return retained

    def last_prices(self, symbol: str) -> tuple[Bar | None, Trade | None, Quote | None]:
        """``last`` of the three types that have prices, in one call."""
        current = self.current
        bar, trade, quote = self._bars.get(symbol), self._trades.get(symbol), self._quotes.get(symbol)
        if isinstance(current, Quote):
            if current.symbol == symbol:
                quote = current
        elif isinstance(current, Bar):
            if current.symbol == symbol:
                bar = current
        elif isinstance(current, Trade) and current.symbol == symbol:
            trade = current
        return bar, trade, quote  # type: ignore[return-value]  # each is of its own type

    def last_two_sided(self, symbol: str) -> Quote | None:
        """The latest quote that had both a bid and an ask.

        Nothing is done per quote: quotes with one side are rare, so the present inputs are searched here.
        """
        quote = self.last(Quote, symbol)
        if quote is None or is_two_sided(quote):
            return quote
        part = self._part
        return _last_two_sided(part, len(part) - length_hint(self._remaining), symbol) or (
            self.state.two_sided.get(symbol)
        )

    # --- dispatch -----------------------------------------------------------------------------

    def dispatch(self, inputs: Sequence[Event]) -> None:
        """Run inputs through the components and add derived events to ``derived``.

        Inputs must be in order of ``ts``, and not before the last one dispatched.
        """
        with localcontext(EXACT):
            self._dispatch(inputs)

    def advance(self, ts: int) -> None:
        """Fire the timers due at or before ``ts``, as an input just after ``ts`` would."""
        with localcontext(EXACT):
            while self.timers.next_due <= ts:
                self._fire_timer()

    def take_derived(self) -> Records:
        """Return the derived events collected so far, and start a new collection."""
        derived, self.derived = self.derived, Records()
        return derived

    def _dispatch(self, inputs: Sequence[Event]) -> None:
        position, end = 0, len(inputs)
        if end and inputs[0].ts < self.state.now:
            ordinal = self.state.input_count + 1
            raise ComponentError(
                f"input {ordinal}: ts {inputs[0].ts} is before kernel time, {self.state.now}"
            )
        while position < end:
            due = self.timers.next_due
            stop = end if inputs[-1].ts <= due else bisect_right(inputs, due, lo=position, key=_ts_of)
            if stop > position:
                position = self._dispatch_until(inputs, position, stop=stop)
            else:
                self._fire_timer()

    def _dispatch_until(self, inputs: Sequence[Event], start: int, *, stop: int) -> int:
        """Dispatch ``inputs[start:stop]``, or fewer if a new timer is due before. Returns the next index.

        The hot loop. Measured per event on 1 M quotes and one strategy: 0.03 us here, 0.10 us with two
        dictionary look-ups each. So handlers are looked up only where symbol or type changes, the last of
        consecutive events of a symbol is retained, and the ordinal is computed only for what was emitted.
        """
        part = inputs if start == 0 and stop == len(inputs) else inputs[start:stop]
        router, retained, timers = self._router, self.retained, self.timers
        ordinal_at_end = self.state.input_count + len(part)
        event_type: type[Event] | None = None
        symbol = ""
        handlers: tuple[Handler, ...] = ()
        routes: dict[str, tuple[Handler, ...]] = {}
        kept: dict[str, Event] = {}
        left = 0
        remaining = iter(part)
        self._part, self._remaining = part, remaining
        router.is_changed = False
        for event in remaining:
            if event.__class__ is not event_type:
                if event_type is not None:
                    kept[symbol] = self.current
                event_type = event.__class__
                if event_type not in router.market:
                    event_type = None
                    handlers = router.by_type.get(event.__class__, ())
                else:
                    routes = router.market[event_type]
                    kept = retained[event_type]
                    symbol = event.symbol  # type: ignore[attr-defined]  # market type
                    handlers = routes[symbol]
            elif event.symbol != symbol:  # type: ignore[attr-defined]  # market type
                kept[symbol] = self.current
                symbol = event.symbol  # type: ignore[attr-defined]  # market type
                handlers = routes[symbol]
            self.current = event
            for handler in handlers:
                try:
                    emitted = handler(event)
                except KeyboardInterrupt:
                    raise
                except BaseException as error:
                    emitted = _Raised(error)
                if emitted is not None:
                    break
            else:
                continue
            left = length_hint(remaining)
            self._complete(event, handlers, handler=handler, emitted=emitted, cause=ordinal_at_end - left)
            if router.is_changed:
                router.is_changed = False
                if event_type is not None:
                    kept[symbol] = event
                    event_type = None
            if timers.next_due < part[-1].ts:
                break
            left = 0
        if event_type is not None:
            kept[symbol] = self.current
        if retained[Quote]:
            self._retain_two_sided(part, len(part) - left)
        self._part, self._remaining = (), _NOTHING
        if router.is_changed:
            raise ComponentError(
                "a component changed its watches while handling an event for which it emitted nothing"
            )
        self.state.input_count = ordinal_at_end - left
        self.state.now = self.current.ts
        return stop - left

    def _retain_two_sided(self, part: Sequence[Event], end: int) -> None:
        """Remember the last quote with both sides of each symbol, once for each list of inputs."""
        quotes, two_sided = self.retained[Quote], self.state.two_sided
        if end < len(quotes):
            quotes = {event.symbol: quotes[event.symbol] for event in part[:end] if isinstance(event, Quote)}
        for symbol, quote in quotes.items():
            assert isinstance(quote, Quote)
            if 0.0 < quote.bid <= quote.ask < inf or is_two_sided(quote):  # nearly all: no call is needed
                two_sided[symbol] = quote
            else:  # a symbol without one has an entry too: the order of entries is part of the state
                two_sided[symbol] = _last_two_sided(part, end, symbol) or two_sided.get(symbol)

    def _fire_timer(self) -> None:
        state = self.state
        fired = self.current = self.timers.fire(now=state.now)
        state.fired_at_once = state.fired_at_once + 1 if fired.ts == state.now else 0
        state.now = fired.ts
        emitted: Sequence[Event] = (fired,)
        owner = self.components.get(fired.owner)
        if state.fired_at_once > TIMER_LIMIT and owner is not None:
            error = ComponentError(f"timer {fired.name!r} fired over {TIMER_LIMIT} times at one instant")
            emitted = (fired, *self._isolate(owner, fired, error=error, policy=AT_ONCE))
        self._cascade(emitted, cause=state.input_count)
        self._router.is_changed = False

    def _complete(
        self, event: Event, handlers: tuple[Handler, ...], *, handler: Handler, emitted: object, cause: int
    ) -> None:
        """Process the events that ``handler`` emitted, then call the input's other handlers."""
        self._cascade(self._events_from(handler, event, emitted), cause=cause)
        out = self.state.quarantined
        for follower in handlers[handlers.index(handler) + 1 :]:
            if out and self._router.owners[follower].name in out:
                continue  # it failed on an event that others derived from this input
            more = self._call(follower, event)
            if more is not None:
                self._cascade(more, cause=cause)

    def _cascade(self, emitted: Sequence[Event], *, cause: int) -> None:
        """Append derived events and all that follow from them, first in, first out."""
        events, by_type = self.derived.events, self._router.by_type
        cursor = first = len(events)
        events.extend(emitted)
        while cursor < len(events):
            event = events[cursor]
            cursor += 1
            handlers = by_type.get(event.__class__)
            if handlers is None:
                handlers = self._market_handlers(event)
            for handler in handlers:
                try:
                    more = handler(event)
                except KeyboardInterrupt:
                    raise
                except BaseException as error:
                    more = self._isolate(self._router.owners[handler], event, error=error)
                if more is not None:
                    events.extend(more)
            if cursor - first > CASCADE_LIMIT:
                self._end_cascade(cursor, cause=cause)
                break
        causes = self.derived.causes
        causes.extend(repeat(cause, len(events) - len(causes)))

    def _end_cascade(self, cursor: int, *, cause: int) -> None:
        """Process the rest of an endless cascade: each component that still answers is quarantined.

        ``STEADFAST`` components are not. Raises ``ComponentError`` if these answer each other without end.
        """
        events, end = self.derived.events, cursor + CASCADE_LIMIT
        last = type(events[cursor - 1]).__name__
        error = ComponentError(f"input {cause} caused over {CASCADE_LIMIT} events; the last is {last}")
        while cursor < len(events):
            if cursor > end:
                raise error
            event = events[cursor]
            cursor += 1
            for handler in self._router.by_type.get(event.__class__) or self._market_handlers(event):
                more = self._call(handler, event)
                owner = self._router.owners.get(handler)
                if more is not None and owner is not None and owner.failure_policy is not STEADFAST:
                    more = self._isolate(owner, event, error=error, policy=AT_ONCE)
                events.extend(more or ())

    def _market_handlers(self, event: Event) -> tuple[Handler, ...]:
        """The handlers of a derived market event, such as a bar built from trades. Retains the event too."""
        routes = self._router.market.get(event.__class__)
        if routes is None:
            return ()
        symbol: str = event.symbol  # type: ignore[attr-defined]  # market type
        self.retained[event.__class__][symbol] = event
        if isinstance(event, Quote) and is_two_sided(event):
            self.state.two_sided[symbol] = event
        return tuple(partial(self._call, handler) for handler in routes[symbol])

    # --- isolation ----------------------------------------------------------------------------
    # Every exception of a handler is its component's failure, `SystemExit`, `GeneratorExit` and
    # `CancelledError` too: while an event is handled, nothing outside can raise these here. Only Ctrl-C
    # comes from outside.

    def subscriptions(self) -> Iterable[Subscription]:
        """Timers and operators' commands that put components back into service."""
        return (
            Subscription(TimerFired, self._on_timer),
            Subscription(ReleaseComponent, self._on_release),
        )

    def restored(self) -> None:
        self._router.mute_only(self.state.quarantined)
        self._router.rewatch()
        self._router.is_changed = False

    def _call(self, handler: Handler, event: Event) -> Sequence[Event] | None:
        try:
            emitted = handler(event)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            emitted = _Raised(error)
        return None if emitted is None else self._events_from(handler, event, emitted)

    def _events_from(self, handler: Handler, event: Event, emitted: object) -> Sequence[Event]:
        """Convert the return value of a handler into events. A failure becomes events too."""
        if type(emitted) is _Raised:
            return self._isolate(self._router.owners[handler], event, error=emitted.error)
        convert = self._router.converters.get(handler)
        if convert is None:
            return emitted  # type: ignore[return-value]  # the handler's contract
        try:
            return convert(event, emitted)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return self._isolate(self._router.owners[handler], event, error=error)

    def _isolate(
        self, component: Component, event: Event, *, error: BaseException, policy: FailurePolicy | None = None
    ) -> Sequence[Event]:
        """Record a failure and take the component out of service by ``policy``, else by its own."""
        self.first_error = self.first_error or error
        name, policy = component.name, policy or component.failure_policy
        failures = self.state.failures[name] = self.state.failures.get(name, 0) + 1
        failed = ComponentFailed(
            self.now, name, type(event).__name__, words_of(error), failures, place_of(error)
        )
        if failures >= policy.max_failures:
            self._take_out(name, is_quarantined=True)
            return (failed, ComponentQuarantined(self.now, name, failures))
        if policy.back_off_s <= 0:
            return (failed,)
        self._take_out(name, is_quarantined=False)
        due = min(NEVER, self.now + int(policy.back_off_s * 2.0 ** min(failures - 1, 62) * SECOND_NS))
        timer = TimerName(f"restart {name}")
        return (failed, TimerScheduled(self.now, self.name, timer, due, purpose=ComponentRestart(name)))

    def _take_out(self, name: str, *, is_quarantined: bool) -> None:
        self.state.quarantined[name] = is_quarantined
        self._router.mute(name)

    def _on_timer(self, timer: TimerFired) -> Sequence[Event] | None:
        if timer.owner != self.name or not isinstance(timer.purpose, ComponentRestart):
            return None
        return self._put_back(timer.purpose.component, is_released=False)

    def _on_release(self, command: ReleaseComponent) -> Sequence[Event] | None:
        return self._put_back(command.component, is_released=True)

    def _put_back(self, name: str, *, is_released: bool) -> Sequence[Event] | None:
        is_quarantined = self.state.quarantined.get(name)
        if is_quarantined is None or (is_quarantined and not is_released):
            return None
        del self.state.quarantined[name]
        if is_released:
            self.state.failures.pop(name, None)
        self._router.unmute(name)
        return (ComponentRestarted(self.now, name, self.state.failures.get(name, 0)),)


def is_price(price: float) -> bool:
    """Whether a number of a quote is a price: 0 and NaN stand for a missing side."""
    return bool(price) and isfinite(price)


def is_two_sided(quote: Quote) -> bool:
    """Whether a quote has both a bid and an ask."""
    return is_price(quote.bid) and is_price(quote.ask)


def _last_two_sided(part: Sequence[Event], end: int, symbol: str) -> Quote | None:
    """The last quote with both sides among the first ``end`` inputs."""
    for place in range(end - 1, -1, -1):
        event = part[place]
        if isinstance(event, Quote) and event.symbol == symbol and is_two_sided(event):
            return event
    return None


class _Raised:
    """A handler's exception on its way to ``_isolate``."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error
