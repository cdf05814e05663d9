"""Admission: an input is dispatched as the tape will say it, or refused alone, told and counted."""

from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.admission import RECORDS_PER_SECOND, admitted
from kernel.bus import EventBus
from kernel.clock import VirtualClock
from kernel.errors import ComponentError, InputError, StoreError
from kernel.events import (
    DERIVED_TYPES,
    EVENT_TYPES,
    AnyEvent,
    ApprovedOrder,
    BookSnapshot,
    ComponentFailed,
    Event,
    MessageQuarantined,
    OrderSubmitted,
    OrderType,
    PriceLevel,
    Quote,
    Side,
    TimerScheduled,
)
from kernel.identifiers import ClientOrderId, StrategyId, TimerName
from kernel.time_units import SECOND_NS
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
from tests.kernel.strange_inputs import A_QUOTE, ALMOST, BOOK, CASH, MALFORMED, malformed

read_back = msgspec.msgpack.Decoder(AnyEvent).decode


def refusals(rows: list[tuple[int, int, Event]]) -> list[MessageQuarantined]:
    return [event for _, cause, event in rows if isinstance(event, MessageQuarantined) and cause < 0]


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
        clock.advance(to_ts=1_000 + SECOND_NS)
        await idle()

        records = refusals(await rows_of(tape))
        assert at_once == RECORDS_PER_SECOND
        assert len(records) == RECORDS_PER_SECOND + 1
        assert records[-1].reason.startswith(
            f"{5_000 - RECORDS_PER_SECOND} more inputs refused; the last: Quote.bid"
        )
        assert records[-1].ts == 1_000 + SECOND_NS
    assert engine.refused == 5_000


async def test_a_flood_that_goes_on_is_bounded_in_every_second_and_counted_whole() -> None:
    tape, clock = memory_tape(), VirtualClock(1_000)
    engine = engine_over(tape, clock=clock)
    async with running(engine):
        for second in range(1, 6):
            await refuse(engine, 300)
            clock.advance(to_ts=second * SECOND_NS + 1_000)
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
