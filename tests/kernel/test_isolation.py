"""A component that raises is taken out of service as its policy says; the others never notice."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.bus import EventBus
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.events import (
    CashMoved,
    ComponentFailed,
    ComponentQuarantined,
    ComponentRestarted,
    Event,
    Quote,
    ReleaseComponent,
    SignalRaised,
    TimerScheduled,
    Trade,
)
from kernel.time_units import SECOND_NS as SECOND
from kernel.timers import NEVER
from tests.kernel.listeners import CARELESS, Listener, Watcher, quote, signal, silent


def fail(event: Event) -> None:
    raise ZeroDivisionError(f"at {event.ts}")


def failing_at(*times: int) -> Listener:
    """A listener that raises for quotes of these times; two failures put it into quarantine at the third."""

    def react(event: Event) -> None:
        if event.ts in times:
            fail(event)

    return Listener("failing", {Quote: react}, failure_policy=FailurePolicy(max_failures=3, back_off_s=10.0))


def derived_of(bus: EventBus, kind: type[Event]) -> list[Event]:
    return [event for event in bus.derived.events if type(event) is kind]


def test_a_failure_is_recorded_with_its_place_and_the_others_go_on() -> None:
    bus = EventBus()
    other = Listener("other", {Quote: silent})
    bus.register(Listener("failing", {Quote: fail}))
    bus.register(other)

    bus.dispatch([quote(1), quote(2)])

    assert other.heard == [quote(1), quote(2)]
    first, second = derived_of(bus, ComponentFailed)
    assert isinstance(first, ComponentFailed)
    assert isinstance(second, ComponentFailed)
    assert (first.ts, first.component, first.event_type) == (1, "failing", "Quote")
    assert (first.error, first.failures) == ("ZeroDivisionError: at 1", 1)
    assert first.where.startswith("fail:")
    assert second.failures == 2


def test_a_failure_over_a_consequence_is_recorded_too() -> None:
    bus = EventBus()
    other = Listener("other", {SignalRaised: silent})
    bus.register(Listener("asking", {Quote: lambda event: [signal(event.ts, "x")]}))
    bus.register(Listener("failing", {SignalRaised: fail}))
    bus.register(other)

    bus.dispatch([quote(1)])

    assert other.heard == [signal(1, "x")]
    assert [type(event) for event in bus.derived.events] == [SignalRaised, ComponentFailed]


def test_a_failure_over_a_derived_market_event_is_recorded_too() -> None:
    bus = EventBus()
    bus.register(Listener("quoting", {Trade: lambda event: [quote(event.ts)]}))
    bus.register(Listener("failing", {Quote: fail}))

    bus.dispatch([Trade(1, "A", 1.0, 1.0)])

    assert [type(event) for event in bus.derived.events] == [Quote, ComponentFailed]


class Speaking(Listener):
    """Answers in words that its converter must understand; it does not understand ``"?"``."""

    def subscriptions(self) -> Iterable[Subscription]:
        return [Subscription(kind, self.words, convert=self.convert) for kind in (Quote, CashMoved)]

    def words(self, event: Event) -> Iterator[str]:
        yield "fine"
        if event.ts == 2:
            fail(event)
        yield "?" if event.ts == 3 else "too"

    def convert(self, event: Event, words: Iterable[str]) -> Sequence[Event]:
        made: list[Event] = []
        for word in words:
            if word == "?":
                raise ValueError("what?")
            made.append(signal(event.ts, word))
        return made


@pytest.mark.parametrize("kind", ["routed by symbol", "by type alone"])
def test_a_generator_or_converter_that_raises_is_isolated_and_none_of_its_answer_taken(kind: str) -> None:
    bus = EventBus()
    bus.register(Speaking("speaking", {Quote: silent}))
    inputs: list[Event] = [
        quote(ts) if kind == "routed by symbol" else CashMoved(ts, amount=1)  # type: ignore[arg-type]  # not read
        for ts in (1, 2, 3, 4)
    ]

    bus.dispatch(inputs)

    happened = [
        event.error if isinstance(event, ComponentFailed) else getattr(event, "reason", "")
        for event in bus.derived.events
    ]
    assert happened == ["fine", "too", "ZeroDivisionError: at 2", "ValueError: what?", "fine", "too"]


def test_a_failed_component_hears_nothing_until_its_back_off_is_over() -> None:
    bus = EventBus()
    failing = failing_at(1)
    bus.register(failing)
    times = [1, 2, 1 + 10 * SECOND, 2 + 10 * SECOND]

    bus.dispatch([quote(ts) for ts in times])

    assert [event.ts for event in failing.heard] == [1, 2 + 10 * SECOND]
    assert derived_of(bus, ComponentRestarted) == [ComponentRestarted(1 + 10 * SECOND, "failing", 1)]


def test_the_back_off_doubles_with_each_failure() -> None:
    bus = EventBus()
    bus.register(failing_at(0, 11 * SECOND))

    bus.dispatch([quote(0), quote(11 * SECOND)])

    dues = [event.due_ts for event in bus.derived.events if isinstance(event, TimerScheduled)]
    assert dues == [10 * SECOND, 31 * SECOND]


def test_a_component_that_fails_too_often_is_quarantined_for_good() -> None:
    bus = EventBus()
    failing = failing_at(0, 11 * SECOND, 40 * SECOND)
    bus.register(failing)

    bus.dispatch([quote(s * SECOND) for s in (0, 11, 40, 10_000)])

    assert derived_of(bus, ComponentQuarantined) == [ComponentQuarantined(40 * SECOND, "failing", 3)]
    assert [event.ts // SECOND for event in failing.heard] == [0, 11, 40]


def test_an_operator_releases_from_quarantine_and_the_count_begins_anew() -> None:
    bus = EventBus()
    failing = failing_at(0, 11 * SECOND, 40 * SECOND, 60 * SECOND)
    bus.register(failing)
    bus.dispatch([quote(s * SECOND) for s in (0, 11, 40)])

    bus.dispatch([ReleaseComponent(50 * SECOND, "op", "failing"), quote(55 * SECOND), quote(60 * SECOND)])

    assert failing.heard[-2:] == [quote(55 * SECOND), quote(60 * SECOND)]
    last = derived_of(bus, ComponentFailed)[-1]
    assert isinstance(last, ComponentFailed)
    assert last.failures == 1


def test_a_release_during_back_off_is_not_repeated_by_the_timer() -> None:
    bus = EventBus()
    bus.register(failing_at(0))

    bus.dispatch([quote(0), ReleaseComponent(1, "op", "failing"), quote(2), quote(20 * SECOND)])

    assert derived_of(bus, ComponentRestarted) == [ComponentRestarted(1, "failing", 0)]


def test_releasing_who_is_in_service_or_unknown_does_nothing() -> None:
    bus = EventBus()
    bus.register(failing_at())

    bus.dispatch([ReleaseComponent(1, "op", "failing"), ReleaseComponent(2, "op", "nobody")])

    assert bus.derived.events == []


def test_without_back_off_the_next_event_is_heard_again() -> None:
    bus = EventBus()
    failing = Listener("failing", {Quote: fail}, failure_policy=STEADFAST)
    bus.register(failing)

    bus.dispatch([quote(1), quote(2)])

    assert failing.heard == [quote(1), quote(2)]


def test_who_failed_over_a_consequence_does_not_hear_the_input_itself_any_more() -> None:
    bus = EventBus()
    failing = Listener("failing", {SignalRaised: fail, Quote: silent}, failure_policy=FailurePolicy())
    bus.register(Listener("asking", {Quote: lambda event: [signal(event.ts, "x")]}))
    bus.register(failing)

    bus.dispatch([quote(1)])

    assert [type(event) for event in failing.heard] == [SignalRaised]


def test_a_failed_watcher_hears_its_symbols_again_after_its_back_off() -> None:
    def react(event: Event) -> None:
        if event.ts == 0:
            fail(event)

    bus = EventBus()
    watcher = Watcher("w", {}, on_quote=react, symbols=["A"], failure_policy=FailurePolicy())
    bus.register_watching(watcher)

    bus.dispatch([quote(0), quote(1), quote(2 * SECOND)])

    assert watcher.heard == [quote(0), quote(2 * SECOND)]


def test_the_words_of_an_error_are_the_same_in_every_replay_and_can_be_written() -> None:
    def complain(_: Event) -> None:
        raise ValueError(f"{object()!r} and \ud800 and {'x' * 10_000}")

    bus = EventBus()
    bus.register(Listener("failing", {Quote: complain}, failure_policy=CARELESS))

    bus.dispatch([quote(1)])

    failed = bus.derived.events[0]
    assert isinstance(failed, ComponentFailed)
    assert failed.error.startswith("ValueError: <object object at 0x..> and \\ud800 and xxx")
    assert len(failed.error.encode()) < 1_000


def kind_of(error: BaseException) -> str:
    """How a test is called."""
    return type(error).__name__


class Unspeakable(Exception):
    """Ends the process when it is asked what it says."""

    def __str__(self) -> str:
        raise SystemExit(0)


@pytest.mark.parametrize(
    "error",
    [SystemExit(0), GeneratorExit(), asyncio.CancelledError(), MemoryError(), Unspeakable()],
    ids=type,
)
@pytest.mark.parametrize(
    "caused", [Quote, SignalRaised, Trade], ids=["input", "consequence", "derived market"]
)
def test_whatever_a_component_raises_is_its_failure_alone(error: BaseException, caused: type[Event]) -> None:
    def give_up(_: Event) -> None:
        raise error

    bus = EventBus()
    made: list[Event] = [signal(1, "x"), Trade(1, "A", 1.0, 1.0)]
    bus.register(Listener("asking", {Quote: lambda event: made if event.ts == 1 else None}))
    other = Listener("other", {Quote: silent})
    bus.register(Listener("failing", {caused: give_up}, failure_policy=CARELESS))
    bus.register(other)

    bus.dispatch([quote(1), quote(2)])

    failed = derived_of(bus, ComponentFailed)[0]
    assert isinstance(failed, ComponentFailed)
    assert failed.error.startswith(f"{type(error).__name__}: ")
    assert failed.where.startswith("give_up:")
    assert other.heard == [quote(1), quote(2)]


def test_ctrl_c_in_a_component_is_not_its_failure() -> None:
    def interrupted(_: Event) -> None:
        raise KeyboardInterrupt

    bus = EventBus()
    bus.register(Listener("busy", {Quote: interrupted}))

    with pytest.raises(KeyboardInterrupt):
        bus.dispatch([quote(1)])


def test_a_back_off_beyond_all_time_is_for_ever() -> None:
    bus = EventBus()
    bus.register(
        Listener("failing", {Quote: fail}, failure_policy=FailurePolicy(max_failures=10_000, back_off_s=1e12))
    )

    bus.dispatch([quote(1)])

    assert bus.timers.next_due == NEVER


@given(st.sets(st.integers(0, 60)), st.integers(1, 10))
def test_the_others_derive_the_same_whatever_one_component_does(failures: set[int], batch_size: int) -> None:
    def answer(event: Event) -> list[Event]:
        return [signal(event.ts, "x")]

    def react(event: Event) -> None:
        if event.ts in failures:
            fail(event)

    inputs = [quote(ts) for ts in range(60)]
    without, with_failing = EventBus(), EventBus()
    policy = FailurePolicy(max_failures=4, back_off_s=3e-9)
    with_failing.register(Listener("failing", {Quote: react, SignalRaised: react}, failure_policy=policy))
    for bus in (without, with_failing):
        bus.register(Listener("answering", {Quote: answer}))
        for start in range(0, 60, batch_size):
            bus.dispatch(inputs[start : start + batch_size])

    assert derived_of(with_failing, SignalRaised) == derived_of(without, SignalRaised)
