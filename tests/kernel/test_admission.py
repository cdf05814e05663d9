"""Admission: an input is dispatched as the tape will say it, or refused alone, told and counted."""

from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.admission import MAX_INPUT_BYTES, RECORDS_PER_SECOND, admitted
from kernel.bus import EventBus
from kernel.clock import NANOSECONDS, VirtualClock
from kernel.errors import ComponentError, InputError, StoreError
from kernel.events import (
    DERIVED_TYPES,
    EVENT_TYPES,
    AnyEvent,
    ApprovedOrder,
    AssetClass,
    BookSnapshot,
    CashMoved,
    ComponentFailed,
    Event,
    InstrumentDefined,
    MessageQuarantined,
    OrderSubmitted,
    OrderType,
    PriceLevel,
    Quote,
    Side,
    TimerScheduled,
)
from kernel.identifiers import ClientOrderId, StrategyId, TimerName
from tests.kernel.listeners import Listener, quote, signal, silent
from tests.kernel.live import (
    Edge,
    UnreliableTape,
    engine_over,
    idle,
    memory_tape,
    rows_of,
    run_until_stopped,
    running,
)


def loose(event_type: type[Event]) -> Any:
    """An event type as a producer without a type checker calls it."""
    return event_type


A_QUOTE, CASH, INSTRUMENT, BOOK = map(loose, (Quote, CashMoved, InstrumentDefined, BookSnapshot))

read_back = msgspec.msgpack.Decoder(AnyEvent).decode


class Shout(str):
    """Text of a class of its own."""


class Unspeakable:
    """A value whose class raises whatever it is asked."""

    def __repr__(self) -> str:
        raise RuntimeError

    def __index__(self) -> int:
        raise OSError(self)


class WideQuote(Quote, frozen=True):
    """A quote with a field that no tape knows."""

    spread: float = 0.0


ALMOST: dict[str, tuple[Event, Event]] = {
    "int for float": (A_QUOTE(1, "A", 101, 102), Quote(1, "A", 101.0, 102.0)),
    "float64 for float": (A_QUOTE(1, "A", np.float64(1.25), 2.0), Quote(1, "A", 1.25, 2.0)),
    "int64 for ts": (A_QUOTE(np.int64(1), "A", 1.25, 2.0), Quote(1, "A", 1.25, 2.0)),
    "int32 for float": (A_QUOTE(1, "A", np.int32(3), 4.0), Quote(1, "A", 3.0, 4.0)),
    "numpy text for str": (A_QUOTE(1, np.str_("A"), 1.25, 2.0), Quote(1, "A", 1.25, 2.0)),
    "subclass of str": (A_QUOTE(1, Shout("A"), 1.25, 2.0), Quote(1, "A", 1.25, 2.0)),
    "float for Decimal": (CASH(1, 1000.0), CashMoved(1, Decimal("1000.0"))),
    "float64 for Decimal": (CASH(1, np.float64(0.1)), CashMoved(1, Decimal("0.1"))),
    "int for Decimal": (CASH(1, 1000), CashMoved(1, Decimal(1000))),
    "text for Decimal": (CASH(1, "1000.50"), CashMoved(1, Decimal("1000.50"))),
    "text for enum": (
        INSTRUMENT(1, "A", "future", tick_size=0.01),
        InstrumentDefined(1, "A", AssetClass.FUTURE, tick_size=Decimal("0.01")),
    ),
    "lists for tuples": (
        BOOK(1, "A", [PriceLevel(1.0, 2.0)], [(3, 4)]),
        BookSnapshot(1, "A", (PriceLevel(1.0, 2.0),), (PriceLevel(3.0, 4.0),)),
    ),
}

MALFORMED: dict[str, tuple[Any, str]] = {
    "text for float": (A_QUOTE(1, "A", "101.5", 2.0), r"Quote\.bid is '101\.5', a str; expected float"),
    "None for float": (A_QUOTE(1, "A", 1.0, None), r"Quote\.ask is None, a NoneType; expected float"),
    "Decimal for float": (
        A_QUOTE(1, "A", Decimal("1.5"), 2.0),
        r"Quote\.bid is Decimal\('1\.5'\), a Decimal",
    ),
    "float32 for float": (A_QUOTE(1, "A", np.float32(0.1), 2.0), r"Quote\.bid is .*, a float32; expected"),
    "bool for float": (A_QUOTE(1, "A", True, 2.0), r"Quote\.bid is True, a bool; expected float"),
    "bytes for str": (A_QUOTE(1, b"A", 1.0, 2.0), r"Quote\.symbol is b'A', a bytes; expected str"),
    "lone surrogate": (A_QUOTE(1, "\ud800", 1.0, 2.0), r"Quote\.symbol is '\\ud800', a str; expected str"),
    "float for ts": (A_QUOTE(1.5, "A", 1.0, 2.0), r"Quote\.ts is 1\.5, a float; expected int"),
    "ts beyond 64 bits": (A_QUOTE(2**64, "A", 1.0, 2.0), r"Quote\.ts is 18446744073709551616, a int"),
    "an unspeakable value": (A_QUOTE(1, "A", Unspeakable(), 2.0), r"Quote\.bid is <a Unspeakable that"),
    "no number at all": (CASH(1, "much"), r"CashMoved\.amount is 'much', a str; expected Decimal"),
    "no such choice": (INSTRUMENT(1, "A", "cheese"), r"asset_class is 'cheese', a str; expected AssetClass"),
    "deep inside": (BOOK(1, "A", ((1.0, "2"),), ()), r"BookSnapshot\.bids .* `\$\[0\]\[1\]`"),
    "a subclass": (WideQuote(1, "A", 1.0, 2.0), "WideQuote is no event that a tape knows"),
    "no event": ({"symbol": "A"}, "dict is no event that a tape knows"),
    "an event type": (Quote, "StructMeta is no event that a tape knows"),
    "nothing": (None, "NoneType is no event that a tape knows"),
    "far too large": (
        A_QUOTE(1, "A" * MAX_INPUT_BYTES, 1.0, 2.0),
        r"Quote of \d+ bytes; an input has \d+ at most",
    ),
}


def malformed(number: int = 0) -> Quote:
    """A quote with a price that is text; the number tells it from others."""
    quoted: Quote = A_QUOTE(1, f"S{number}", "1", 2.0)
    return quoted


def refusals(rows: list[tuple[int, int, Event]]) -> list[MessageQuarantined]:
    return [event for _, cause, event in rows if isinstance(event, MessageQuarantined) and not cause]


# --- one input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "expected"), ALMOST.values(), ids=ALMOST)
def test_a_value_of_almost_the_right_type_becomes_what_the_tape_will_say(
    given: Event, expected: Event
) -> None:
    event = admitted(given)

    assert event == expected
    assert repr(event) == repr(expected)
    assert read_back(msgspec.msgpack.encode(event)) == event


@pytest.mark.parametrize(("given", "sentence"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_input_is_refused_with_field_value_and_what_was_expected(
    given: Any, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence) as refused:
        admitted(given)

    assert len(str(refused.value)) <= 500


@given(price=st.floats())
def test_whatever_a_float_is_a_price_is_admitted_unchanged(price: float) -> None:
    event = admitted(A_QUOTE(1, "A", np.float64(price), price))

    assert isinstance(event, Quote)
    assert type(event.bid) is float
    assert msgspec.msgpack.encode((event.bid, event.ask)) == msgspec.msgpack.encode((price, price))


@given(value=st.floats(allow_nan=False) | st.integers(-(2**63), 2**64 - 1) | st.decimals(allow_nan=False))
def test_whatever_stands_for_a_decimal_is_on_the_tape_what_it_was_in_the_core(value: Any) -> None:
    event = admitted(CASH(1, value))

    assert read_back(msgspec.msgpack.encode(event)) == event


def test_what_only_the_core_can_say_is_no_input() -> None:
    order = ApprovedOrder(ClientOrderId("1"), StrategyId("s"), "A", Side.BUY, OrderType.MARKET, Decimal(1))

    with pytest.raises(InputError, match="OrderSubmitted is derived by the core and cannot be an input"):
        admitted(OrderSubmitted(1, order))
    with pytest.raises(InputError, match="TimerScheduled is derived"):
        admitted(TimerScheduled(1, "me", TimerName("now"), 1, 1))


def test_what_only_the_core_can_say_is_of_the_vocabulary() -> None:
    assert set(EVENT_TYPES) > DERIVED_TYPES


# --- in an engine ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "sentence"), MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_input_takes_nothing_else_with_it(given: Any, sentence: str) -> None:
    tape, edge, posted = memory_tape(), Edge(), [quote(1_000), quote(1_001)]
    engine = engine_over(tape, edge, clock=VirtualClock(1_001))
    async with running(engine):
        await engine.post(posted[0])
        with pytest.raises(InputError, match=sentence):
            await engine.post(given)
        with pytest.raises(InputError, match=sentence):
            engine.report(given)
        await engine.post(posted[1])

    rows = await rows_of(tape)
    assert [event for _, _, event in rows if isinstance(event, Quote)] == posted
    assert [event for _, event in edge.handled] == posted
    assert engine.refused == 2


async def test_a_refusal_is_on_the_tape_in_its_place_with_the_words_that_were_refused() -> None:
    tape = memory_tape()
    engine = engine_over(tape)
    async with running(engine):
        await engine.post(quote(1_000))
        with pytest.raises(InputError):
            await engine.post(malformed())
        await engine.post(quote(1_000))

    first, record, last = (event for _, _, event in await rows_of(tape))
    assert (first, last) == (quote(1_000), quote(1_000))
    assert isinstance(record, MessageQuarantined)
    assert record.ts == 1_000
    assert record.source == "engine"
    assert record.reason.startswith("Quote.bid is '1', a str; expected float")
    assert record.raw.startswith("Quote(ts=1, symbol='S0', bid='1', ask=2.0")


async def test_a_burst_with_one_malformed_input_is_taken_without_it() -> None:
    tape = memory_tape()
    engine = engine_over(tape)
    for number in range(1, 601):
        if number == 301:
            with pytest.raises(InputError):
                await engine.post(malformed())
        else:
            await engine.post(quote(number))

    await run_until_stopped(engine)
    recovered = await engine_over(tape).recover()

    assert recovered == 600
    assert engine.refused == len(refusals(await rows_of(tape))) == 1


async def test_a_producer_that_is_refused_cannot_change_what_it_gave_before() -> None:
    tape = memory_tape()
    engine = engine_over(tape)
    levels = [PriceLevel(1.0, 1.0)]
    await engine.post(BOOK(1, "A", levels, ()))
    levels[0] = PriceLevel(2.0, 2.0)

    await run_until_stopped(engine)

    ((_, _, book),) = await rows_of(tape)
    assert isinstance(book, BookSnapshot)
    assert book.bids == (PriceLevel(1.0, 1.0),)


async def test_an_engine_that_has_stopped_says_so_before_it_looks_at_an_input() -> None:
    engine = engine_over(memory_tape())
    await run_until_stopped(engine)

    with pytest.raises(ComponentError, match="no more inputs"):
        await engine.post(malformed())

    assert engine.refused == 0


async def test_an_edge_that_reports_something_malformed_fails_and_the_engine_goes_on() -> None:
    tape = memory_tape()

    async def report(_seq: int, _event: Event) -> None:
        engine.report(malformed())

    engine = engine_over(tape, Edge(act=report))
    await run_until_stopped(engine, [quote(1)])

    failed = [event for _, _, event in await rows_of(tape) if isinstance(event, ComponentFailed)]
    assert [event.error.split(":")[0] for event in failed] == ["InputError"]
    assert engine.refused == 3


# --- very many ------------------------------------------------------------------------------------


async def refuse(engine: Any, count: int) -> None:
    for number in range(count):
        with pytest.raises(InputError):
            await engine.post(malformed(number))


async def test_of_a_flood_the_first_are_recorded_and_the_others_counted_when_the_second_is_over() -> None:
    tape, clock = memory_tape(), VirtualClock(1_000)
    engine = engine_over(tape, clock=clock)
    async with running(engine):
        await refuse(engine, 5_000)
        await idle()
        at_once = len(await rows_of(tape))
        clock.advance(to_ts=1_000 + NANOSECONDS)
        await idle()

        records = refusals(await rows_of(tape))
        assert at_once == RECORDS_PER_SECOND
        assert len(records) == RECORDS_PER_SECOND + 1
        assert records[-1].reason.startswith(
            f"{5_000 - RECORDS_PER_SECOND} more inputs refused; the last: Quote.bid"
        )
        assert records[-1].ts == 1_000 + NANOSECONDS
    assert engine.refused == 5_000


async def test_a_flood_that_goes_on_is_bounded_in_every_second_and_counted_whole() -> None:
    tape, clock = memory_tape(), VirtualClock(1_000)
    engine = engine_over(tape, clock=clock)
    async with running(engine):
        for second in range(1, 6):
            await refuse(engine, 300)
            clock.advance(to_ts=second * NANOSECONDS + 1_000)
            await idle()

    assert len(await rows_of(tape)) == 5 * (RECORDS_PER_SECOND + 1)


async def test_what_was_only_counted_is_told_of_before_the_engine_ends() -> None:
    tape = memory_tape()
    engine = engine_over(tape)
    async with running(engine):
        await refuse(engine, RECORDS_PER_SECOND + 5)

    records = refusals(await rows_of(tape))
    assert records[-1].reason.startswith("5 more inputs refused")


async def test_a_session_that_refused_inputs_recovers() -> None:
    tape = memory_tape()
    engine = engine_over(tape)
    async with running(engine):
        await engine.post(quote(1))
        await refuse(engine, 100)

    assert await engine_over(tape).recover() == len(await rows_of(tape))


# --- what a component derives ---------------------------------------------------------------------


async def test_a_malformed_derived_event_ends_the_engine_by_name_and_nothing_of_its_step_is_released() -> (
    None
):
    """A component's bug: its state is beyond what the tape can say."""
    tape, edge = UnreliableTape(), Edge()
    bus = EventBus()
    price: Any = np.float64(1.0)
    bus.register(Listener("well", {Quote: silent}))
    bus.register(
        Listener(
            "wrong", {Quote: lambda event: [msgspec.structs.replace(signal(event.ts, "x"), strength=price)]}
        )
    )
    engine = engine_over(tape, edge, bus=bus)
    await engine.post(quote(1))

    with pytest.raises(StoreError, match=r"^seq 2 cannot be put on the tape: SignalRaised\.strength is np\."):
        await engine.run()

    assert edge.begun == []
    assert await rows_of(tape) == []
