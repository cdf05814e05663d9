"""A core put back to a snapshot goes on exactly as the one that it was taken of."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel import snapshot
from kernel.bus import EventBus
from kernel.errors import ComponentError
from kernel.events import OrderSubmitted, Quote
from kernel.snapshot import Snapshot
from kernel.state import WrittenState
from strategies.sdk import Strategy, StrategyParams
from tests.components.random_runs import Happening, Setting, happenings, inputs_of, settings_of_cores
from tests.components.sample_core import Memory, begin, core_with, hear, of_type, scripted
from tests.kernel.listeners import Listener, quote, silent


@given(settings_of_cores, happenings, st.integers(0, 34))
def test_a_restored_core_goes_on_as_if_nothing_had_been(
    setting: Setting, happenings: list[Happening], position: int
) -> None:
    inputs = inputs_of(happenings)
    position = min(position, len(inputs))
    steady, fresh = setting.core(), setting.core()
    steady.bus.dispatch(inputs[:position])
    steady.bus.take_derived()
    written = msgspec.msgpack.encode(snapshot.take(steady.bus))

    snapshot.put_back(fresh.bus, msgspec.msgpack.decode(written, type=Snapshot))
    for core in (steady, fresh):
        core.bus.dispatch(inputs[position:])

    assert fresh.bus.derived == steady.bus.derived
    assert snapshot.take(fresh.bus) == snapshot.take(steady.bus)


@given(settings_of_cores, happenings, st.integers(0, 34))
def test_a_used_core_can_be_put_back(setting: Setting, happenings: list[Happening], position: int) -> None:
    """Time travel: forget what came after the snapshot, then play it again."""
    inputs = inputs_of(happenings)
    position = min(position, len(inputs))
    core = setting.core()
    core.bus.dispatch(inputs[:position])
    core.bus.take_derived()
    taken = snapshot.take(core.bus)
    core.bus.dispatch(inputs[position:])
    first_time = core.bus.take_derived()

    snapshot.put_back(core.bus, taken)
    core.bus.dispatch(inputs[position:])

    assert core.bus.take_derived() == first_time


def test_open_orders_keep_their_order_through_a_snapshot() -> None:
    """Ids as text sort otherwise than by age: 10 before 9."""
    script = [("limit", "A", 1, -5)] * 12
    core, fresh = core_with({"x": scripted(script)}), core_with({"x": scripted(script)})
    begin(core)
    hear(core, quote(1))

    snapshot.put_back(fresh.bus, snapshot.take(core.bus))

    assert list(fresh.orders.state.open) == list(core.orders.state.open)


def test_a_snapshot_says_where_it_was_taken() -> None:
    core = core_with({"x": scripted()})
    begin(core)
    hear(core, quote(7))

    taken = snapshot.take(core.bus)

    assert (taken.input_count, taken.now, taken.current) == (3, 7, quote(7))


def test_order_ids_go_on_after_a_snapshot() -> None:
    script = [("market", "A", 1, 0)]
    core, fresh = core_with({"x": scripted(script, script)}), core_with({"x": scripted(script, script)})
    begin(core)
    hear(core, quote(1))
    snapshot.put_back(fresh.bus, snapshot.take(core.bus))

    made = hear(fresh, quote(2))

    assert [event.order.client_order_id for event in of_type(made, OrderSubmitted)] == ["1-x-2"]


def test_a_snapshot_of_other_components_is_refused_and_changes_nothing() -> None:
    bus, other = EventBus(), EventBus()
    bus.register(Listener("a", {Quote: silent}))
    other.register(Listener("b", {Quote: silent}))
    bus.dispatch([quote(5)])
    before = snapshot.take(bus)

    with pytest.raises(ComponentError, match=r"holds components .*'b'.*, the engine has .*'a'"):
        snapshot.put_back(bus, snapshot.take(other))

    assert snapshot.take(bus) == before


def test_a_snapshot_whose_states_do_not_fit_is_refused_and_changes_nothing() -> None:
    bus = EventBus()
    bus.register(Listener("a", {Quote: silent}))
    bus.dispatch([quote(5)])
    before = snapshot.take(bus)
    broken = msgspec.structs.replace(
        before, states={**before.states, "a": WrittenState(1, msgspec.msgpack.encode({"heard": "often"}))}
    )

    with pytest.raises(ComponentError, match="does not fit the components: a: Expected `int`, got `str`"):
        snapshot.put_back(bus, broken)

    assert snapshot.take(bus) == before


def test_a_strategy_state_that_fits_no_more_is_refused() -> None:
    class Later(Memory):
        calls: str = ""  # type: ignore[assignment]  # the point

    class Changed(Strategy[StrategyParams, Later]):
        pass

    core = core_with({"x": scripted()})

    with pytest.raises(ComponentError, match=r"strategy:x: its state of version '0.1.0' does not fit"):
        snapshot.put_back(core_with({"x": Changed()}).bus, snapshot.take(core.bus))
