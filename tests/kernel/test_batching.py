"""A whole core derives the same from the same inputs, however they are cut into batches."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from components.assembly.core import Core
from kernel import snapshot
from kernel.events import Event, OrderDenied, OrderSubmitted
from tests.components.random_runs import Happening, Setting, happenings, inputs_of, settings_of_cores
from tests.components.sample_core import broker_of


def run(core: Core, inputs: list[Event], cuts: set[int]) -> tuple[list[Event], list[int]]:
    """Derived events and causes of a run whose batches begin at the cuts."""
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(inputs)), len(inputs)]
    for start, end in pairwise(edges):
        core.bus.dispatch(inputs[start:end])
    derived = core.bus.take_derived()
    return derived.events, derived.causes


@given(settings_of_cores, happenings, st.sets(st.integers(1, 35)))
def test_batches_do_not_matter(setting: Setting, happenings: list[Happening], cuts: set[int]) -> None:
    inputs = inputs_of(happenings)
    whole, cut, single = setting.core(), setting.core(), setting.core()

    in_one = run(whole, inputs, set())
    in_some = run(cut, inputs, cuts)
    one_by_one = run(single, inputs, set(range(len(inputs))))

    assert in_some == in_one
    assert one_by_one == in_one
    assert snapshot.take(cut.bus) == snapshot.take(whole.bus) == snapshot.take(single.bus)


@given(settings_of_cores, happenings)
def test_ts_never_decreases_along_the_log(setting: Setting, happenings: list[Happening]) -> None:
    inputs = inputs_of(happenings)
    derived, causes = run(setting.core(), inputs, set())

    log: list[int] = []
    for ordinal, event in enumerate(inputs, 1):
        log.append(event.ts)
        log += [each.ts for each, cause in zip(derived, causes, strict=True) if cause == ordinal]

    assert all(earlier <= later for earlier, later in pairwise(log))
    assert causes == sorted(causes)


@given(settings_of_cores, happenings)
def test_the_venue_is_called_for_exactly_the_symbols_in_which_orders_rest(
    setting: Setting, happenings: list[Happening]
) -> None:
    core = setting.core()

    for event in inputs_of(happenings):
        core.bus.dispatch([event])

        resting = broker_of(core).state.resting
        assert core.bus.watched(broker_of(core).name) == resting.keys()
        assert all(resting.values())


@given(settings_of_cores, happenings)
def test_what_the_components_know_of_open_orders_agrees(
    setting: Setting, happenings: list[Happening]
) -> None:
    core = setting.core()

    for event in inputs_of(happenings):
        core.bus.dispatch([event])

        at_venue = {
            one.order.client_order_id for orders in broker_of(core).state.resting.values() for one in orders
        }
        assert core.orders.state.open.keys() == at_venue
        assert core.risk.state.working.orders.keys() == at_venue


@given(settings_of_cores, happenings)
def test_an_order_that_risk_denied_never_reaches_the_venue(
    setting: Setting, happenings: list[Happening]
) -> None:
    core = setting.core()

    derived, _ = run(core, inputs_of(happenings), set())

    denied = {event.order.client_order_id for event in derived if isinstance(event, OrderDenied)}
    submitted = {event.order.client_order_id for event in derived if isinstance(event, OrderSubmitted)}
    assert not denied & submitted
    assert not denied & (core.orders.state.open.keys() | core.orders.state.closed.keys())
