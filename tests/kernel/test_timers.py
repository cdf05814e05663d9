"""Timers fire once each, in order of due time, after all that is stamped up to it and before all later."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.bus import TIMER_LIMIT, EventBus
from kernel.component import STEADFAST
from kernel.events import (
    ComponentFailed,
    ComponentQuarantined,
    Event,
    Quote,
    TimerCancelled,
    TimerFired,
    TimerScheduled,
)
from kernel.identifiers import TimerName
from kernel.timers import DEAD_KEPT, NEVER
from tests.kernel.listeners import Listener, Note, Reaction, quote, silent, timer


class Asking(Listener):
    """Asks for what the test's table says at each quote, and hears its own timers."""

    def __init__(self, requests: Mapping[int, Sequence[Event]], *, on_timer: Reaction = silent) -> None:
        super().__init__(
            "owner", {Quote: lambda event: requests.get(event.ts), TimerFired: on_timer}, notes=list[Note]()
        )

    @property
    def story(self) -> list[tuple[str, int, str]]:
        """Quotes and timers in the order in which they were heard, with their ``ts``."""
        return [
            ("timer", event.ts, event.name) if isinstance(event, TimerFired) else ("quote", event.ts, "")
            for event in self.heard
        ]


def play(asking: Asking, times: Sequence[int], *, batch_size: int = 1_000) -> EventBus:
    bus = EventBus()
    bus.register(asking)
    inputs = [quote(ts) for ts in times]
    for start in range(0, len(inputs), batch_size):
        bus.dispatch(inputs[start : start + batch_size])
    return bus


def fired(bus: EventBus) -> list[TimerFired]:
    return [event for event in bus.derived.events if isinstance(event, TimerFired)]


def test_a_timer_fires_between_what_is_stamped_up_to_it_and_what_is_later() -> None:
    asking = Asking({1: [timer(1, 3)]})

    play(asking, [1, 3, 3, 4])

    assert asking.story == [
        ("quote", 1, ""),
        ("quote", 3, ""),
        ("quote", 3, ""),
        ("timer", 3, "t"),
        ("quote", 4, ""),
    ]


def test_a_timer_that_nothing_has_passed_waits() -> None:
    bus = play(Asking({1: [timer(1, 3)]}), [1, 2, 3])

    assert fired(bus) == []
    assert bus.timers.next_due == 3


def test_advancing_fires_what_is_due_without_an_input() -> None:
    bus = play(Asking({1: [timer(1, 3), timer(1, 5, name="u")]}), [1])

    bus.advance(3)

    assert fired(bus) == [TimerFired(3, "owner", TimerName("t"), 3)]
    assert bus.now == 3


def test_a_timer_due_inside_the_batch_that_set_it_fires_inside_it() -> None:
    asking = Asking({1: [timer(1, 2)]})

    play(asking, [1, 2, 5, 6], batch_size=4)

    assert asking.story[2:3] == [("timer", 2, "t")]


def test_timers_due_together_fire_in_the_order_of_their_scheduling() -> None:
    requests = {
        1: [timer(1, 5, name="b"), timer(1, 5, name="a")],
        2: [timer(2, 5, name="c"), timer(2, 4, name="d")],
    }

    bus = play(Asking(requests), [1, 2, 9])

    assert [event.name for event in fired(bus)] == ["d", "b", "a", "c"]


def test_a_timer_already_past_fires_at_once_and_not_in_the_past() -> None:
    bus = play(Asking({5: [timer(5, 2)]}), [5, 6])

    assert fired(bus) == [TimerFired(5, "owner", TimerName("t"), 2)]


def test_a_periodic_timer_fires_at_each_multiple_until_it_is_cancelled() -> None:
    cancel = TimerCancelled(16, "owner", TimerName("t"))

    bus = play(Asking({1: [timer(1, 4, every_ns=5)], 16: [cancel]}), [1, 16, 100])

    assert [event.due_ts for event in fired(bus)] == [4, 9, 14]


def test_a_periodic_timer_can_be_cancelled_by_what_it_calls() -> None:
    asking = Asking(
        {1: [timer(1, 4, every_ns=5)]},
        on_timer=lambda event: [TimerCancelled(event.ts, "owner", TimerName("t"))],
    )

    bus = play(asking, [1, 100])

    assert [event.due_ts for event in fired(bus)] == [4]


def test_a_cancelled_timer_does_not_fire() -> None:
    requests: dict[int, list[Event]] = {
        1: [timer(1, 4)],
        2: [TimerCancelled(2, "owner", TimerName("t"))],
    }

    bus = play(Asking(requests), [1, 2, 9])

    assert fired(bus) == []
    assert bus.timers.next_due == NEVER


def test_cancelling_what_is_not_there_does_nothing() -> None:
    bus = play(Asking({1: [TimerCancelled(1, "owner", TimerName("t"))]}), [1, 2])

    assert fired(bus) == []


def test_scheduling_a_name_again_replaces_the_timer_later_or_earlier() -> None:
    later = play(Asking({1: [timer(1, 4)], 2: [timer(2, 7)]}), [1, 2, 9])
    earlier = play(Asking({1: [timer(1, 8)], 2: [timer(2, 5)]}), [1, 2, 9])

    assert [event.due_ts for event in fired(later)] == [7]
    assert [event.due_ts for event in fired(earlier)] == [5]


def test_names_of_different_owners_are_different_timers() -> None:
    requests = {1: [timer(1, 4, owner="a", name="b/c"), timer(1, 5, owner="a/b", name="c")]}

    bus = play(Asking(requests), [1, 9])

    assert [(event.owner, event.name) for event in fired(bus)] == [("a", "b/c"), ("a/b", "c")]


def test_timers_set_by_timers_fire_in_their_turn() -> None:
    asking = Asking(
        {1: [timer(1, 4)]}, on_timer=lambda event: [timer(event.ts, event.ts + 2)] if event.ts < 8 else None
    )

    bus = play(asking, [1, 7, 100])

    assert [event.ts for event in fired(bus)] == [4, 6, 8]


def test_a_timer_names_the_last_input_before_it_as_its_cause() -> None:
    bus = play(Asking({1: [timer(1, 4)]}), [1, 2, 9])

    derived = bus.take_derived()

    assert [(type(event), cause) for event, cause in zip(derived.events, derived.causes, strict=True)] == [
        (TimerScheduled, 1),
        (TimerFired, 2),
    ]


def test_the_owner_of_a_timer_that_never_lets_time_pass_is_quarantined_whatever_its_policy() -> None:
    bus = EventBus()
    zeno = Listener(
        "owner",
        {
            Quote: lambda event: [timer(event.ts, event.ts)],
            TimerFired: lambda event: [timer(event.ts, event.ts)],
        },
        failure_policy=STEADFAST,
    )
    other = Listener("other", {Quote: silent})
    bus.register(zeno)
    bus.register(other)

    bus.dispatch([quote(1), quote(2)])

    assert other.heard == [quote(1), quote(2)]
    (failed,) = [event for event in bus.derived.events if isinstance(event, ComponentFailed)]
    assert failed.error == f"ComponentError: timer 't' fired over {TIMER_LIMIT} times at one instant"
    assert ComponentQuarantined(1, "owner", 1) in bus.derived.events


def test_a_timer_moved_with_every_event_takes_no_more_room() -> None:
    bus = play(Asking({ts: [timer(ts, 1_000_000 + ts)] for ts in range(5_000)}), range(5_000))

    assert len(bus.timers.state.heap) <= 2 + DEAD_KEPT + 1


Request = tuple[str, str, int, int]
"""What is asked for: verb, name, delay from now (which may be negative), period."""

requests = st.tuples(
    st.sampled_from(["set", "set", "set", "cancel"]),
    st.sampled_from("pqr"),
    st.integers(-3, 12),
    st.sampled_from([0, 0, 0, 3, 7]),
)
times = st.lists(st.integers(0, 40), min_size=1, max_size=25).map(sorted)


def requested(ts: int, request: Request) -> Event:
    verb, name, delay, period = request
    if verb == "cancel":
        return TimerCancelled(ts, "owner", TimerName(name))
    return timer(ts, ts + delay, name=name, every_ns=period)


def expected_story(times: Sequence[int], plan: dict[int, list[Request]]) -> list[tuple[str, int, str]]:
    """What a plain list of timers says should be heard; ``plan`` is by position of the input."""
    waiting: list[tuple[int, int, str, int]] = []
    story: list[tuple[str, int, str]] = []
    number, now = 0, 0
    for position, ts in enumerate(times):
        while waiting and min(waiting)[0] < ts:
            due, _, name, period = first = min(waiting)
            waiting.remove(first)
            now = max(now, due)
            story.append(("timer", now, name))
            if period:
                number += 1
                waiting.append((due + period, number, name, period))
        now = ts
        story.append(("quote", ts, ""))
        for verb, name, delay, period in plan.get(position, []):
            waiting = [one for one in waiting if one[2] != name]
            if verb == "set":
                number += 1
                waiting.append((ts + delay, number, name, period))
    return story


@given(
    times,
    st.dictionaries(st.integers(0, 24), st.lists(requests, max_size=4), max_size=12),
    st.integers(1, 30),
)
def test_timers_do_what_a_plain_list_of_timers_does(
    times: list[int], plan: dict[int, list[Request]], batch_size: int
) -> None:
    position = iter(range(len(times)))

    def ask(event: Event) -> list[Event]:
        return [requested(event.ts, request) for request in plan.get(next(position), [])]

    asking = Asking({})
    bus = EventBus()
    bus.register(asking)
    bus.register(Listener("asker", {Quote: ask}))
    inputs = [quote(ts) for ts in times]
    for start in range(0, len(inputs), batch_size):
        bus.dispatch(inputs[start : start + batch_size])

    assert asking.story == expected_story(times, plan)


@given(times, st.dictionaries(st.integers(0, 40), st.lists(requests, max_size=4), max_size=12))
def test_ts_never_decreases_along_inputs_and_derived_events(
    times: list[int], plan: dict[int, list[Request]]
) -> None:
    table = {ts: [requested(ts, request) for request in asked] for ts, asked in plan.items()}

    def ask_again(event: Event) -> list[Event]:
        """What the table says, but for timers that would let no time pass."""
        return [
            request
            for request in table.get(event.ts, [])
            if not isinstance(request, TimerScheduled) or request.due_ts > event.ts
        ]

    answered = Asking(table, on_timer=ask_again)
    bus = EventBus()
    bus.register(answered)
    log: list[int] = []
    for ts in times:
        bus.dispatch([quote(ts)])
        derived = bus.take_derived()
        before = [
            e.ts for e, c in zip(derived.events, derived.causes, strict=True) if c < bus.state.input_count
        ]
        after = [
            e.ts for e, c in zip(derived.events, derived.causes, strict=True) if c == bus.state.input_count
        ]
        log += [*before, ts, *after]

    assert all(earlier <= later for earlier, later in pairwise(log))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_a_timer_set_by_the_last_event_of_a_batch_fires_before_the_next_batch(batch_size: int) -> None:
    asking = Asking({2: [timer(2, 2)]})

    play(asking, [1, 2, 2, 3], batch_size=batch_size)

    assert asking.story == [
        ("quote", 1, ""),
        ("quote", 2, ""),
        ("quote", 2, ""),
        ("timer", 2, "t"),
        ("quote", 3, ""),
    ]
