"""Snapshots: the states of all components in one value, taken and put back between two inputs.

A snapshot may be deleted at any time: it only saves a replay of the log from its beginning.
"""

import msgspec

from kernel.bus import EventBus
from kernel.component import Component, Rebuilding
from kernel.decimals import exact
from kernel.errors import ComponentError
from kernel.events import AnyEvent
from kernel.state import WrittenState, put_fields, read, written


class Snapshot(msgspec.Struct, frozen=True):
    """The state of the core after ``input_count`` inputs. ``states`` is by component name."""

    input_count: int
    now: int
    states: dict[str, WrittenState]
    current: AnyEvent
    retained: tuple[AnyEvent, ...]


@exact
def take(bus: EventBus) -> Snapshot:
    """The states of all components of ``bus``; raises ``ComponentError`` for one that cannot be written."""
    return Snapshot(
        input_count=bus.state.input_count,
        now=bus.state.now,
        states={name: _written(component) for name, component in bus.components.items()},
        current=bus.current,  # type: ignore[arg-type]  # every Event is of the closed union
        retained=tuple(event for by_symbol in bus.retained.values() for event in by_symbol.values()),  # type: ignore[misc]  # as above
    )


@exact
def take_over(bus: EventBus, states: Snapshot) -> None:
    """Give a new ``bus`` the states of another core, of which components may be missing or new.

    A component of the same name takes the state; a new one keeps its initial state. The state and the timers
    of a component that is missing now are dropped. Raises ``ComponentError`` as ``put_back`` does; the bus
    must not be used then.
    """
    fresh, old = take(bus), states.states
    known = {name: old.get(name, state) for name, state in fresh.states.items()}
    put_back(bus, msgspec.structs.replace(states, states=known))
    bus.forget_missing()


@exact
def put_back(bus: EventBus, snapshot: Snapshot) -> None:
    """Set every component of ``bus`` to the snapshot's state.

    Raises ``ComponentError``, with nothing changed, if the snapshot is of other components, or if a state
    does not fit or has an unknown version. Raises it too if a strategy's own state no longer fits its code;
    the core must not be used then.
    """
    if list(snapshot.states) != list(bus.components):
        raise ComponentError(
            f"the snapshot holds components {list(snapshot.states)}, the engine has {list(bus.components)}"
        )
    states = {
        name: read(type(component.state), snapshot.states[name], owner=name)
        for name, component in bus.components.items()
    }
    for by_symbol in bus.retained.values():
        by_symbol.clear()
    for event in snapshot.retained:
        bus.retained[type(event)][event.symbol] = event  # type: ignore[union-attr]  # market events only
    bus.current = snapshot.current
    for name, component in bus.components.items():
        put_fields(component.state, states[name])
    # In reverse order: the bus was registered first, and asks the others which symbols they watch.
    for component in reversed([*bus.components.values()]):
        if isinstance(component, Rebuilding):
            component.restored()


def _written(component: Component) -> WrittenState:
    try:
        return written(component.state)
    except (TypeError, ValueError, OverflowError) as error:
        raise ComponentError(f"{component.name}: its state cannot be written: {error}") from error
