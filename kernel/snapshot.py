"""Snapshots: every component's state in one value, taken and put back between two inputs.

A snapshot is disposable: it only saves the time of replaying the log from its beginning.
"""

import msgspec

from kernel.bus import EventBus
from kernel.component import Component
from kernel.decimals import exact
from kernel.errors import ComponentError
from kernel.events import AnyEvent

_encode = msgspec.msgpack.Encoder().encode
"""Dicts in their own order, which is part of the state."""


class Snapshot(msgspec.Struct, frozen=True):
    """The core's state after ``input_count`` inputs; states are msgpack, by component name."""

    input_count: int
    now: int
    states: dict[str, bytes]
    current: AnyEvent
    retained: tuple[AnyEvent, ...]


@exact
def take(bus: EventBus) -> Snapshot:
    """The state of every component of ``bus``; raises ``ComponentError`` for one that cannot be written."""
    return Snapshot(
        input_count=bus.state.input_count,
        now=bus.state.now,
        states={name: _written(component) for name, component in bus.components.items()},
        current=bus.current,  # type: ignore[arg-type]  # every Event is of the closed union
        retained=tuple(event for by_symbol in bus.retained.values() for event in by_symbol.values()),  # type: ignore[misc]  # as above
    )


@exact
def put_back(bus: EventBus, snapshot: Snapshot) -> None:
    """Set every component of ``bus`` to the snapshot's state.

    Raises ``ComponentError``, with nothing changed, if the components are not the ones it was taken of;
    and if a strategy's own state no longer fits its code, after which the core must be thrown away.
    """
    if list(snapshot.states) != list(bus.components):
        raise ComponentError(
            f"the snapshot holds components {list(snapshot.states)}, the engine has {list(bus.components)}"
        )
    try:
        states = {
            name: msgspec.msgpack.decode(snapshot.states[name], type=type(component.state))
            for name, component in bus.components.items()
        }
    except msgspec.ValidationError as error:
        raise ComponentError(f"the snapshot does not fit the components: {error}") from error
    for by_symbol in bus.retained.values():
        by_symbol.clear()
    for event in snapshot.retained:
        bus.retained[type(event)][event.symbol] = event  # type: ignore[union-attr]  # market events only
    bus.current = snapshot.current
    for name in reversed(states):
        bus.components[name].restore(states[name])


def _written(component: Component) -> bytes:
    try:
        return _encode(component.state)
    except (TypeError, ValueError, OverflowError) as error:
        raise ComponentError(f"{component.name}: its state cannot be written: {error}") from error
