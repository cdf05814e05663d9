"""A restored core is the one that the snapshot was taken of: it remembers the same, at the same places."""

from collections.abc import Iterable, Sequence
from random import Random

import msgspec

from kernel import snapshot
from kernel.bus import EventBus
from kernel.component import STEADFAST, Subscription
from kernel.events import Quote
from kernel.snapshot import Snapshot
from tests.core.conftest import QUICK
from tests.core.digests import encoded
from tests.core.object_graph import differences, mutables_in, reachable
from tests.core.tape import Tape, derived_of
from tests.core.worlds import world

CACHES = {
    ("Router", "converters"),
    ("Router", "is_changed"),
    ("Router", "market"),
    ("Router", "owners"),
    ("Router", "routed"),
    ("Router", "watching"),
    ("MarginWatch", "_units"),
    ("Risk", "_checks"),
}
"""What follows from registration or from the states, and is worked out when it is first asked for."""


def states_of(bus: EventBus) -> list[msgspec.Struct]:
    """The state of every component."""
    return [component.state for component in bus.components.values()]


def held_parts(bus: EventBus, replaced: Sequence[object]) -> list[str]:
    """Where ``replaced`` parts of states are held, though the states do not hold them any more."""
    kept = {id(part) for state in states_of(bus) for part in mutables_in(state)}
    gone = {id(part) for part in replaced} - kept
    return [path for path, value in reachable(bus) if id(value) in gone]


def test_a_core_restored_at_any_input_goes_on_as_if_it_had_always_been_there(tape: Tape) -> None:
    """Restored from bytes, in one half of the worlds into a core that has played to another place already."""
    inputs, dice = tape.world.inputs, Random(tape.world.seed)
    cut, played = dice.randrange(len(inputs)), dice.randrange(len(inputs)) * (tape.world.seed % 2)
    first, second = tape.world.core(), tape.world.core()
    derived = derived_of(first, inputs[:cut])
    derived_of(second, inputs[:played])
    states = states_of(second.bus)
    replaced = [part for state in states for part in mutables_in(state)]

    taken = msgspec.msgpack.encode(snapshot.take(first.bus))
    snapshot.put_back(second.bus, msgspec.msgpack.decode(taken, type=Snapshot))

    assert all(one is other for one, other in zip(states_of(second.bus), states, strict=True))
    assert held_parts(second.bus, replaced) == []
    assert differences(first.bus, second.bus, caches=CACHES) == []
    derived += derived_of(second, inputs[cut:])
    assert msgspec.msgpack.encode(derived) == encoded(tape), cut
    assert snapshot.take(second.bus) == snapshot.take(tape.core.bus), cut


def test_a_restore_of_every_component_is_tested() -> None:
    tested = {name for seed in QUICK for name in world(seed).core().bus.components}

    assert tested == {
        *("timers", "bus", "market_data", "venue", "pauses", "expiries", "order_books", "simulated_broker"),
        *("back_office", "orders", "emulation", "portfolio", "risk", "risk_monitor", "learned_volume"),
        *("execution", "allocation", "marks_before_actions", "strategy:x", "strategy:y", "strategy:fool"),
        "margin_watch",
    }


class Notes(msgspec.Struct):
    """Symbols that were heard."""

    symbols: list[str] = []


class Keeper:
    """A component that can forget: it counts beside its state, and a part of it may hold a list out of it."""

    name = "keeper"
    failure_policy = STEADFAST

    def __init__(self, *, counts: bool = False, holds: bool = False) -> None:
        self.state = Notes()
        self.count = 0
        self.part = self.state.symbols if holds else []
        self._counts = counts

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(Quote, self.hear)

    def hear(self, event: Quote) -> None:
        self.state.symbols.append(event.symbol)
        self.count += self._counts


def keeping(**faults: bool) -> EventBus:
    bus = EventBus()
    bus.register(Keeper(**faults))
    return bus


def test_a_count_beside_the_state_is_found_out() -> None:
    first, second = keeping(counts=True), keeping(counts=True)
    first.dispatch([Quote(1, "A", 1.0, 2.0)])

    snapshot.put_back(second, snapshot.take(first))

    found = differences(first, second, caches=CACHES)
    assert len(found) == 1
    assert found[0].endswith(".count: 1 and 0")


def test_a_part_that_holds_a_list_out_of_the_state_is_found_out() -> None:
    first, second = keeping(holds=True), keeping(holds=True)
    replaced = [part for state in states_of(second) for part in mutables_in(state)]

    snapshot.put_back(second, snapshot.take(first))

    assert [path.endswith(".part") for path in held_parts(second, replaced)] == [True]


def test_a_component_without_faults_passes_both() -> None:
    first, second = keeping(), keeping()
    first.dispatch([Quote(1, "A", 1.0, 2.0)])
    replaced = [part for state in states_of(second) for part in mutables_in(state)]

    snapshot.put_back(second, snapshot.take(first))

    assert differences(first, second, caches=CACHES) == []
    assert held_parts(second, replaced) == []
