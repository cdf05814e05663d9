"""Watches: a component hears the symbols it is busy with, and only those."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.bus import EventBus
from kernel.component import Subscription
from kernel.errors import ComponentError
from kernel.events import CashMoved, Event, Quote, SignalRaised, TimerFired
from tests.kernel.listeners import Listener, Note, Watcher, quote, signal, silent, timer


def test_the_symbols_of_the_state_are_watched_from_registration() -> None:
    bus = EventBus()
    watcher = Watcher("w", {}, symbols=["B"])

    bus.register_watching(watcher)
    bus.dispatch([quote(1, "A"), quote(2, "B")])

    assert watcher.heard == [quote(2, "B")]


def test_a_watch_begun_in_a_consequence_hears_the_next_event() -> None:
    bus = EventBus()
    watcher = Watcher("w", {SignalRaised: lambda _: watcher.want("A")})
    bus.register_watching(watcher)
    bus.register(Listener("l", {Quote: lambda event: [signal(2, "go")] if event.ts == 2 else None}))

    bus.dispatch([quote(1), quote(2), quote(3), quote(4)])

    assert watcher.heard == [signal(2, "go"), quote(3), quote(4)]


def test_a_watch_ended_while_answering_is_not_called_again() -> None:
    def leave(event: Event) -> list[Event]:
        watcher.unwant("A")
        return [signal(event.ts, "done")]

    bus = EventBus()
    watcher = Watcher("w", {}, on_quote=leave, symbols=["A"])
    bus.register_watching(watcher)

    bus.dispatch([quote(1), quote(2), quote(3)])

    assert watcher.heard == [quote(1)]


def test_a_watch_is_heard_in_the_order_of_registration() -> None:
    bus, notes = EventBus(), list[Note]()
    bus.register(Listener("first", {Quote: silent}, notes=notes))
    bus.register_watching(Watcher("second", {}, symbols=["A"], notes=notes))
    bus.register(Listener("third", {Quote: silent}, notes=notes))

    bus.dispatch([quote(1)])

    assert [name for name, _ in notes] == ["first", "second", "third"]


def test_a_watch_changed_without_an_answer_is_refused() -> None:
    def stray(_: Event) -> None:
        watcher.want("B")

    bus = EventBus()
    watcher = Watcher("w", {}, on_quote=stray, symbols=["A"])
    bus.register_watching(watcher)

    with pytest.raises(ComponentError, match="changed its watches while handling an event for which"):
        bus.dispatch([quote(1)])


def test_a_watch_changed_by_a_timer_holds_from_the_next_input() -> None:
    bus = EventBus()
    watcher = Watcher("w", {TimerFired: lambda _: watcher.want("A")})
    bus.register_watching(watcher)
    bus.register(Listener("l", {CashMoved: lambda event: [timer(event.ts, 5)]}))
    moved = CashMoved(1, amount=1)  # type: ignore[arg-type]  # not read

    bus.dispatch([moved, quote(2), quote(6), quote(7)])

    assert [event.ts for event in watcher.heard if isinstance(event, Quote)] == [6, 7]


def test_a_watch_of_what_has_no_symbol_is_refused_and_leaves_nothing_behind() -> None:
    class Wrong(Watcher):
        def watches(self) -> tuple[list[Subscription], list[str]]:
            return [Subscription(CashMoved, self.hear)], ["A"]

    bus = EventBus()

    with pytest.raises(ComponentError, match="CashMoved is not routed by symbol"):
        bus.register_watching(Wrong("wrong", {Quote: silent}))

    assert "wrong" not in bus.components


@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), st.sampled_from(["hear", "begin", "end"]), st.sampled_from("ABC")),
        max_size=40,
    ),
    st.integers(1, 7),
)
def test_a_watcher_hears_exactly_what_it_watched_at_the_time(
    steps: list[tuple[str, str, str]], batch_size: int
) -> None:
    def on_signal(event: Event) -> None:
        assert isinstance(event, SignalRaised)
        verb, symbol = event.reason.split()
        if (verb == "begin") is not (symbol in watcher.wanted.symbols):
            (watcher.want if verb == "begin" else watcher.unwant)(symbol)

    def director(event: Event) -> list[Event] | None:
        _, verb, symbol = steps[event.ts]
        return None if verb == "hear" else [signal(event.ts, f"{verb} {symbol}")]

    bus = EventBus()
    watcher = Watcher("w", {SignalRaised: on_signal})
    bus.register_watching(watcher)
    bus.register(Listener("director", {Quote: director}))
    inputs = [quote(ts, symbol) for ts, (symbol, _, _) in enumerate(steps)]

    for start in range(0, len(inputs), batch_size):
        bus.dispatch(inputs[start : start + batch_size])

    watched: set[str] = set()
    expected: list[Event] = []
    for event, (symbol, verb, other) in zip(inputs, steps, strict=True):
        expected += [event] if symbol in watched else []
        watched = watched | {other} if verb == "begin" else watched - {other} if verb == "end" else watched
    assert [event for event in watcher.heard if isinstance(event, Quote)] == expected
    assert bus.watched("w") == watched
