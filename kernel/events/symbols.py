"""The symbol of an event, by type. All events of one order have the same symbol, so they share a lane."""

from collections.abc import Callable
from operator import attrgetter

from kernel.events.header import Event


def symbol_getter(event_type: type[Event]) -> Callable[[Event], str]:
    """A function that reads an event's symbol, or that of its order. It returns ``""`` if there is none."""
    fields = event_type.__struct_fields__
    if "symbol" in fields:
        return attrgetter("symbol")
    if "order" in fields:
        return attrgetter("order.symbol")
    return lambda _event: ""
