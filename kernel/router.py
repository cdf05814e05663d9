"""Who gets which event: tables from event type, and from symbol for market events, to handlers.

- What it remembers: the components in order of registration, their subscriptions, the symbols they watch, and
  which ones are muted. The handlers of a symbol are looked up at its first event and kept, so the hot path
  is two dictionary look-ups and a loop over a tuple.
- What changes it: registering renews the tables of what the component subscribed to, unregistering and muting
  renew all; a watch changes the handlers of one symbol.
- What never happens: handlers never change their order, which is that of registration. The table objects are
  never replaced. A component is never called for an event that it did not subscribe to.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from kernel.component import Component, Converter, Handler, Subscription, WatchingComponent
from kernel.errors import ComponentError
from kernel.events import EVENT_TYPES, MARKET_TYPES, Event


class _Entry:
    """One subscription of one component. A watch changes its ``symbols``.

    A handler of market events is kept as it is: the bus converts its return value, unless it is ``None``. Any
    other handler with a converter is wrapped, and returns events.
    """

    __slots__ = ("component", "convert", "event_type", "handler", "symbols")

    def __init__(self, component: Component, subscription: Subscription, symbols: set[str] | None) -> None:
        convert = subscription.convert
        is_raw = convert is None or subscription.event_type in MARKET_TYPES
        self.component = component
        self.event_type = subscription.event_type
        self.handler = subscription.handler if is_raw else _converted(subscription.handler, convert)
        self.convert = convert if is_raw else None
        self.symbols = symbols


class SymbolRoutes(dict[str, tuple[Handler, ...]]):
    """The handlers of one market event type by symbol, added as symbols appear."""

    def __init__(self, router: "Router", event_type: type[Event]) -> None:
        super().__init__()
        self._router = router
        self._event_type = event_type
        self.known: dict[tuple[str, int], tuple[Handler, ...]] = {}

    def __missing__(self, symbol: str) -> tuple[Handler, ...]:
        """Add the handlers of a symbol at its first event."""
        self._router.routed.setdefault(symbol, []).append(self)
        return self.route(symbol, self._router.watching.get(symbol, 0))

    def route(self, symbol: str, watchers: int) -> tuple[Handler, ...]:
        """Set the handlers of a symbol. They are made once for each set of watching components."""
        key = (symbol, watchers)
        handlers = self.known.get(key)
        if handlers is None:
            handlers = self.known[key] = self._router.handlers_for(self._event_type, symbol)
        self[symbol] = handlers
        return handlers

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self.known.clear()


class Router:
    """Registered components, in order, and the tables made from their subscriptions."""

    def __init__(self) -> None:
        self.components: dict[str, Component] = {}
        self.owners: dict[Handler, Component] = {}
        self.converters: dict[Handler, Converter] = {}
        self.market: dict[type[Event], SymbolRoutes] = {
            event_type: SymbolRoutes(self, event_type) for event_type in MARKET_TYPES
        }
        self.by_type: dict[type[Event], tuple[Handler, ...]] = {
            event_type: () for event_type in EVENT_TYPES if event_type not in MARKET_TYPES
        }
        self.routed: dict[str, list[SymbolRoutes]] = {}
        """The tables that have handlers for a symbol, by symbol."""
        self.is_changed = False
        """Set when handlers changed. The dispatch loop then looks them up again, and clears it."""
        self.watching: dict[str, int] = {}
        """One bit for each component that watches a symbol, by symbol. Its handlers depend on them."""
        self._entries: dict[type[Event], list[_Entry]] = {}
        self._muted: set[str] = set()
        self._watches: dict[str, _RouterWatch] = {}
        self._watch_count = 0

    def register(self, component: Component) -> None:
        """Add a component after those already registered. Changes nothing if it raises."""
        self._admit(component, _entries(component))

    def register_watching(self, component: WatchingComponent) -> None:
        """Add a component that changes the symbols it watches while it runs."""
        subscriptions, symbols = component.watches()
        watched = set(symbols)
        entries = [*_entries(component), *(_Entry(component, s, watched) for s in subscriptions)]
        self._admit(component, entries)
        watch = self._watches[component.name] = _RouterWatch(self, watched, number=self._watch_count)
        self._watch_count += 1
        component.set_watch(watch)

    def unregister(self, name: str) -> None:
        """Remove a component and everything it subscribed to."""
        component = self.components.pop(name)
        for event_type, entries in self._entries.items():
            self._entries[event_type] = [entry for entry in entries if entry.component is not component]
        for handler in [h for h, owner in self.owners.items() if owner is component]:
            del self.owners[handler]
            self.converters.pop(handler, None)
        self._watches.pop(name, None)
        self.rebuild()

    def mute(self, name: str) -> None:
        """Deliver nothing to a component until ``unmute``."""
        self._muted.add(name)
        self.rebuild()

    def mute_only(self, names: Iterable[str]) -> None:
        """Deliver nothing to these components, and deliver to all others again."""
        self._muted = set(names)
        self.rebuild()

    def unmute(self, name: str) -> None:
        """Deliver to a component again."""
        self._muted.discard(name)
        self.rebuild()

    def rewatch(self) -> None:
        """Ask each watching component for its symbols again, after a restore."""
        for name, watch in self._watches.items():
            component: Any = self.components[name]  # registered through register_watching
            watch.replace(component.watches()[1])
        self.rebuild()

    def watched(self, name: str) -> frozenset[str]:
        """The symbols that a watching component gets now."""
        return frozenset(self._watches[name].symbols)

    def handlers_for(self, event_type: type[Event], symbol: str | None) -> tuple[Handler, ...]:
        """The handlers of an event, in order of registration."""
        muted = self._muted
        return tuple(
            [
                entry.handler
                for entry in self._entries.get(event_type, ())
                if (entry.symbols is None or symbol in entry.symbols)
                and not (muted and entry.component.name in muted)
            ]
        )

    def rebuild(self, event_types: Iterable[type[Event]] = EVENT_TYPES) -> None:
        """Renew the tables of these types, those of market types all together; the table objects stay."""
        for event_type in event_types:
            if event_type in MARKET_TYPES:
                self._forget_routes()
            else:
                self.by_type[event_type] = self.handlers_for(event_type, None)
        self.is_changed = True

    def set_watching(self, symbol: str, watchers: int) -> None:
        """Set who watches a symbol, and replace its handlers."""
        self.watching[symbol] = watchers
        for routes in self.routed.get(symbol, ()):
            known = routes.known.get((symbol, watchers))  # as ``route`` does: a venue watches for each order
            if known is None:
                routes.route(symbol, watchers)
            else:
                routes[symbol] = known
        self.is_changed = True

    def _admit(self, component: Component, entries: Sequence[_Entry]) -> None:
        if component.name in self.components:
            raise ComponentError(f"component {component.name!r} is registered twice")
        for entry in entries:
            if entry.symbols is not None and entry.event_type not in MARKET_TYPES:
                raise ComponentError(
                    f"component {component.name!r}: {entry.event_type.__name__} is not routed by symbol"
                )
        self.components[component.name] = component
        for entry in entries:
            self.owners[entry.handler] = component
            if entry.convert is not None:
                self.converters[entry.handler] = entry.convert
            self._entries.setdefault(entry.event_type, []).append(entry)
        self.rebuild(dict.fromkeys(entry.event_type for entry in entries))

    def _forget_routes(self) -> None:
        self.routed.clear()
        for routes in self.market.values():
            routes.clear()


def _entries(component: Component) -> list[_Entry]:
    """A component's subscriptions that are not watches."""
    return [
        _Entry(component, subscription, None if subscription.symbols is None else set(subscription.symbols))
        for subscription in component.subscriptions()
    ]


def _converted(handler: Handler, convert: Converter | None) -> Handler:
    """Wrap a handler and its converter into one handler that returns events."""
    assert convert is not None

    def handle(event: Event) -> Sequence[Event] | None:
        returned = handler(event)
        return None if returned is None else convert(event, returned)

    return handle


class _RouterWatch:
    """The ``Watch`` of one component."""

    def __init__(self, router: Router, symbols: set[str], *, number: int) -> None:
        self.symbols = symbols
        self._router = router
        self._bit = 1 << number
        for symbol in sorted(symbols):
            router.set_watching(symbol, router.watching.get(symbol, 0) | self._bit)

    def add(self, symbol: str) -> None:
        if symbol not in self.symbols:
            self.symbols.add(symbol)
            self._router.set_watching(symbol, self._router.watching.get(symbol, 0) | self._bit)

    def discard(self, symbol: str) -> None:
        if symbol in self.symbols:
            self.symbols.discard(symbol)
            self._router.set_watching(symbol, self._router.watching[symbol] & ~self._bit)

    def replace(self, symbols: Iterable[str]) -> None:
        for symbol in sorted(self.symbols):
            self.discard(symbol)
        for symbol in symbols:
            self.add(symbol)
