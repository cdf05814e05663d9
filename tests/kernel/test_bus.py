"""The bus: who hears what, in which order, and what is known while it is heard."""

from collections.abc import Sequence

import pytest

from kernel.bus import CASCADE_LIMIT, EventBus
from kernel.component import STEADFAST, Subscription
from kernel.errors import ComponentError
from kernel.events import (
    Bar,
    CashMoved,
    ComponentFailed,
    ComponentQuarantined,
    Event,
    Quote,
    SignalRaised,
    TimerScheduled,
    Trade,
)
from tests.kernel.listeners import Listener, Note, bar, quote, signal, silent, timer


def words(notes: list[Note]) -> list[str]:
    """Who heard what, in short: ``a:Quote`` or ``a:<the signal's word>``."""
    return [
        f"{name}:{event.reason if isinstance(event, SignalRaised) else type(event).__name__}"
        for name, event in notes
    ]


def answering(*reasons: str) -> Listener:
    return Listener("answering", {Quote: lambda event: [signal(event.ts, reason) for reason in reasons]})


def test_an_input_is_heard_in_order_of_registration() -> None:
    bus, notes = EventBus(), list[Note]()
    for name in ("c", "a", "b"):
        bus.register(Listener(name, {Quote: silent}, notes=notes))

    bus.dispatch([quote(1)])

    assert words(notes) == ["c:Quote", "a:Quote", "b:Quote"]


def test_consequences_are_complete_before_the_next_subscriber_hears_the_input() -> None:
    bus, notes = EventBus(), list[Note]()

    def follow_up(event: Event) -> Sequence[Event] | None:
        assert isinstance(event, SignalRaised)
        return [signal(event.ts, event.reason + "'")] if len(event.reason) < 3 else None

    bus.register(Listener("first", {Quote: lambda event: [signal(event.ts, "x")]}, notes=notes))
    bus.register(Listener("second", {SignalRaised: follow_up, Quote: silent}, notes=notes))

    bus.dispatch([quote(1)])

    assert words(notes) == ["first:Quote", "second:x", "second:x'", "second:x''", "second:Quote"]


def test_consequences_run_first_in_first_out() -> None:
    bus, notes = EventBus(), list[Note]()

    def twice(event: Event) -> Sequence[Event] | None:
        assert isinstance(event, SignalRaised)
        return [signal(event.ts, event.reason + end) for end in "12"] if len(event.reason) == 1 else None

    bus.register(answering("a", "b"))
    bus.register(Listener("l", {SignalRaised: twice}, notes=notes))

    bus.dispatch([quote(1)])

    assert words(notes) == ["l:a", "l:b", "l:a1", "l:a2", "l:b1", "l:b2"]


def test_derived_events_are_kept_in_the_order_in_which_they_were_made() -> None:
    bus = EventBus()
    bus.register(answering("a", "b"))
    bus.register(Listener("late", {Quote: lambda event: [signal(event.ts, "c")]}))

    bus.dispatch([quote(1)])

    assert bus.take_derived().events == [signal(1, "a"), signal(1, "b"), signal(1, "c")]


def test_each_derived_event_names_the_ordinal_of_its_input() -> None:
    bus = EventBus()
    bus.register(
        Listener("odd", {Quote: lambda event: [signal(event.ts, "x")] * 2 if event.ts % 2 else None})
    )

    bus.dispatch([quote(1), quote(2), quote(3)])
    bus.dispatch([quote(4), quote(5)])

    assert bus.take_derived().causes == [1, 1, 3, 3, 5, 5]


def test_taking_the_derived_events_begins_anew() -> None:
    bus = EventBus()
    bus.register(answering("a"))
    bus.dispatch([quote(1)])

    taken = bus.take_derived()

    assert len(taken.events) == 1
    assert bus.take_derived().events == []


def test_market_events_are_routed_by_symbol() -> None:
    bus = EventBus()
    listener = Listener("a", {Quote: silent}, symbols=frozenset({"A"}))
    bus.register(listener)

    bus.dispatch([quote(1, "A"), quote(2, "B"), quote(3, "A"), quote(4, "C")])

    assert listener.heard == [quote(1, "A"), quote(3, "A")]


def test_nobody_hears_an_event_that_was_not_asked_for() -> None:
    bus = EventBus()
    listener = Listener("a", {Bar: silent})
    bus.register(listener)

    bus.dispatch([quote(1), Trade(2, "A", 1.0, 1.0), CashMoved(3, amount=1), bar(4)])  # type: ignore[arg-type]  # not read

    assert listener.heard == [bar(4)]


def test_an_event_between_two_of_one_symbol_does_not_disturb_their_routing() -> None:
    bus = EventBus()
    quotes, bars = Listener("q", {Quote: silent}), Listener("b", {Bar: silent})
    cash = Listener("c", {CashMoved: silent})
    for listener in (quotes, bars, cash):
        bus.register(listener)
    moved = CashMoved(2, amount=1)  # type: ignore[arg-type]  # not read

    bus.dispatch([quote(1), moved, quote(3), bar(4), quote(5)])

    assert quotes.heard == [quote(1), quote(3), quote(5)]
    assert bars.heard == [bar(4)]
    assert cash.heard == [moved]


def test_derived_market_events_reach_their_subscribers() -> None:
    bus = EventBus()
    bars = Listener("bars", {Bar: lambda event: [signal(event.ts, "seen")]}, symbols=frozenset({"A"}))
    bus.register(Listener("builder", {Trade: lambda event: [bar(event.ts, "A"), bar(event.ts, "B")]}))
    bus.register(bars)

    bus.dispatch([Trade(1, "A", 1.0, 1.0)])

    assert bars.heard == [bar(1, "A")]
    assert bus.take_derived().events == [bar(1, "A"), bar(1, "B"), signal(1, "seen")]


def test_derived_market_events_are_the_latest_of_their_kind() -> None:
    bus = EventBus()
    bus.register(Listener("builder", {Trade: lambda event: [bar(event.ts, "A", 7.0)]}))

    bus.dispatch([bar(1, "A", 5.0), Trade(2, "A", 1.0, 1.0)])

    assert bus.last(Bar, "A") == bar(2, "A", 7.0)


def test_last_is_the_event_being_handled_and_for_other_symbols_the_one_before() -> None:
    bus = EventBus()
    seen: list[tuple[Quote | None, Quote | None]] = []

    def look(_: Event) -> None:
        seen.append((bus.last(Quote, "A"), bus.last(Quote, "B")))

    bus.register(Listener("looking", {Quote: look}))

    bus.dispatch([quote(1, "A"), quote(2, "A"), quote(3, "B"), quote(4, "A")])

    assert seen == [
        (quote(1, "A"), None),
        (quote(2, "A"), None),
        (quote(2, "A"), quote(3, "B")),
        (quote(4, "A"), quote(3, "B")),
    ]


def test_last_is_remembered_from_batch_to_batch_for_every_symbol_heard_or_not() -> None:
    bus = EventBus()

    bus.dispatch([quote(1, "A"), bar(1, "A"), quote(2, "B")])
    bus.dispatch([quote(3, "C")])

    assert [bus.last(Quote, symbol) for symbol in "ABCD"] == [
        quote(1, "A"),
        quote(2, "B"),
        quote(3, "C"),
        None,
    ]
    assert bus.last(Bar, "A") == bar(1, "A")


def test_now_is_the_ts_of_what_is_handled() -> None:
    bus = EventBus()
    times: list[int] = []
    bus.register(Listener("l", {Quote: lambda _: times.append(bus.now)}))

    bus.dispatch([quote(5), quote(9)])

    assert [*times, bus.now] == [5, 9, 9]


def test_inputs_from_the_past_are_refused_and_change_nothing() -> None:
    bus = EventBus()
    listener = Listener("l", {Quote: silent})
    bus.register(listener)
    bus.dispatch([quote(5)])

    with pytest.raises(ComponentError, match="input 2: ts 4 is before kernel time, 5"):
        bus.dispatch([quote(4)])

    assert listener.heard == [quote(5)]
    assert bus.state.input_count == 1


def test_an_empty_batch_is_nothing() -> None:
    bus = EventBus()

    bus.dispatch([])

    assert bus.state.input_count == 0


def test_a_component_that_feeds_itself_is_quarantined_and_the_others_go_on() -> None:
    bus = EventBus()
    bus.register(answering("x"))
    bus.register(Listener("loop", {SignalRaised: lambda event: [event]}))
    bus.register(quiet := Listener("quiet", {Quote: silent}))

    bus.dispatch([quote(1), quote(2)])

    failed, quarantined = (
        event for event in bus.derived.events if isinstance(event, ComponentFailed | ComponentQuarantined)
    )
    assert isinstance(failed, ComponentFailed)
    assert failed.error.endswith(f"input 1 caused over {CASCADE_LIMIT} events; the last is SignalRaised")
    assert quarantined == ComponentQuarantined(1, "loop", 1)
    assert quiet.heard == [quote(1), quote(2)]


def test_steadfast_components_that_feed_each_other_are_stopped() -> None:
    bus = EventBus()
    bus.register(answering("x"))
    bus.register(Listener("loop", {SignalRaised: lambda event: [event]}, failure_policy=STEADFAST))

    with pytest.raises(ComponentError, match=f"input 1 caused over {CASCADE_LIMIT} events.*SignalRaised"):
        bus.dispatch([quote(1)])


def test_a_component_cannot_be_registered_twice() -> None:
    bus = EventBus()
    bus.register(Listener("a", {Quote: silent}))

    with pytest.raises(ComponentError, match="'a' is registered twice"):
        bus.register(Listener("a", {Bar: silent}))


def test_a_refused_registration_leaves_nothing_behind() -> None:
    class Wrong(Listener):
        def subscriptions(self) -> list[Subscription]:
            by_symbol = Subscription(TimerScheduled, self.hear, symbols=frozenset({"A"}))
            return [Subscription(Quote, self.hear), by_symbol]

    bus = EventBus()
    wrong = Wrong("wrong", {Quote: silent})

    with pytest.raises(ComponentError, match="TimerScheduled is not routed by symbol"):
        bus.register(wrong)
    bus.dispatch([quote(1)])

    assert wrong.heard == []
    assert "wrong" not in bus.components


def test_an_unregistered_component_hears_nothing_more() -> None:
    bus = EventBus()
    going, staying = Listener("going", {Quote: silent}), Listener("staying", {Quote: silent})
    bus.register(going)
    bus.register(staying)
    bus.dispatch([quote(1)])

    bus.unregister("going")
    bus.dispatch([quote(2)])

    assert going.heard == [quote(1)]
    assert staying.heard == [quote(1), quote(2)]


def test_a_component_registered_between_two_events_hears_the_next_one() -> None:
    bus = EventBus()
    late = Listener("late", {Quote: silent})
    bus.dispatch([quote(1)])

    bus.register(late)
    bus.dispatch([quote(2)])

    assert late.heard == [quote(2)]


def test_an_answer_that_sets_a_timer_is_heard_by_the_timers() -> None:
    bus = EventBus()
    bus.register(Listener("l", {Quote: lambda event: [timer(event.ts, event.ts + 5)]}))

    bus.dispatch([quote(1)])

    assert bus.timers.next_due == 6
