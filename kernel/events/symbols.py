"""Which symbol an event is about: an order's events and its cancellation belong together."""

from collections.abc import Callable
from operator import attrgetter

from kernel.events.header import Event


def symbol_getter(event_type: type[Event]) -> Callable[[Event], str]:
    """Reads the symbol of events of a type, that of the order they carry included; ``""`` for none."""
    fields = event_type.__struct_fields__
    if "symbol" in fields:
        return attrgetter("symbol")
    if "order" in fields:
        return attrgetter("order.symbol")
    return lambda _event: ""
