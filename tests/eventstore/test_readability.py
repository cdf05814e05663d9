"""The quick check of a payload and a full decode always agree on whether it can be read back."""

import sys
from collections.abc import Callable
from decimal import Decimal
from types import FrameType

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore.readability import ALIKE_EVENTS, check_readable
from kernel.events import (
    EVENT_TYPES,
    AggressorSide,
    AnyEvent,
    BookDelta,
    Event,
    FundingRateSet,
    OrderRejected,
    PriceLevel,
    Trade,
)
from kernel.identifiers import ClientOrderId, StrategyId
from tests.eventstore.generated import events_of
from tests.eventstore.samples import quote, quotes

COUNT = 2 * ALIKE_EVENTS + 40
"""A run, another one, and too few for a third."""

decode = msgspec.msgpack.Decoder(list[AnyEvent]).decode
encode = msgspec.msgpack.Encoder().encode

ODD_VALUES = st.sampled_from(
    [
        *(None, True, False, 0, 1, 7, 127, 128, -1, -32, -33, 1 << 16, 1 << 40, (1 << 64) - 1, -(1 << 63)),
        *(0.0, 1.5, float("nan"), float("inf"), Decimal("1.5"), Decimal("-1.25"), b"1234", ()),
        *("", "x", "buyer", "seller", "101.5", "0.0001", "12345678", "x" * 40, AggressorSide.BUYER),
        *((1.0,), (1.0, 2.0), (PriceLevel(1.0, 2.0),), ((1.0, "x"),), [None], {"a": 1}),
    ]
)


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.__name__)
@settings(max_examples=5)
@given(data=st.data())
def test_odd_values_in_any_field_at_any_place_are_judged_as_by_a_decoder(
    event_type: type[Event], data: st.DataObject
) -> None:
    event = data.draw(events_of(event_type))
    events: list[object] = [event] * COUNT
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, COUNT - 1))
        end = data.draw(st.sampled_from([start + 1, start + 2, COUNT]))
        changed = corrupted(event, data)
        events[start:end] = [changed] * (min(end, COUNT) - start)

    payload = encoded(events)

    assert payload is None or quick_verdict(payload, COUNT) == full_verdict(payload)


@settings(max_examples=20)
@given(data=st.data())
def test_events_of_several_types_are_judged_as_by_a_decoder(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(EVENT_TYPES).flatmap(events_of), min_size=2, max_size=4))
    events: list[object] = []
    for kind in kinds:
        events += [kind] * data.draw(st.sampled_from([1, 2, ALIKE_EVENTS - 1, ALIKE_EVENTS, COUNT]))
    place = data.draw(st.integers(0, len(events) - 1))
    events[place] = corrupted(data.draw(st.sampled_from(kinds)), data)

    payload = encoded(events)

    assert payload is None or quick_verdict(payload, len(events)) == full_verdict(payload)


def trades(count: int) -> list[Event]:
    sides = [AggressorSide.BUYER, AggressorSide.SELLER, AggressorSide.UNKNOWN]
    return [Trade(1 << 40, "AB", float(n), 1.0, sides[n % 3], str(n), n) for n in range(count)]


def deltas(count: int) -> list[Event]:
    return [
        BookDelta(1 << 40, "AB", (PriceLevel(float(n), 1.0),) * (n % 4), (), n, n - 1) for n in range(count)
    ]


def rates(count: int) -> list[Event]:
    return [FundingRateSet(n, "AB", Decimal(n) / 1000, n) for n in range(count)]


@pytest.mark.parametrize("made", [quotes, trades, deltas, rates], ids=lambda made: made.__name__)
@pytest.mark.parametrize("place", [0, 1, ALIKE_EVENTS, 1999, 2000, 4999])
def test_one_field_of_a_wrong_type_among_thousands_is_found(
    made: Callable[[int], list[Event]], place: int
) -> None:
    events = made(5000)
    events[place] = msgspec.structs.replace(events[place], symbol=None)

    with pytest.raises(msgspec.ValidationError, match=rf"Expected `str`, got `None` - at `\$\[{place}\]"):
        check_readable(encode(events), len(events))


@pytest.mark.parametrize("made", [quotes, trades, deltas, rates], ids=lambda made: made.__name__)
def test_sound_events_of_any_lengths_pass(made: Callable[[int], list[Event]]) -> None:
    events = made(5000)

    check_readable(encode(events), len(events))


def test_a_text_that_is_no_member_of_an_enum_is_found_where_only_its_letters_differ() -> None:
    events = [Trade(1 << 40, "AB", 1.0, 1.0, AggressorSide.BUYER) for _ in range(COUNT)]
    events[300] = msgspec.structs.replace(events[300], aggressor="bayer")

    assert not quick_verdict(encode(events), COUNT)


def test_another_type_of_event_with_fields_alike_ends_a_run() -> None:
    """Its tag is a small whole number that may be decoded in place of the first one's."""
    order, strategy = ClientOrderId("o"), StrategyId("s")
    rejected: list[object] = [OrderRejected(1 << 40, order, strategy, "A", "far") for _ in range(COUNT)]
    other = [70, 1 << 40, "o", "s", "A", "far"]  # CancelRejected
    wrong = [73, 1 << 40, "o", "s", "A", "far"]  # TransitionRefused: the fourth and fifth are enums

    assert quick_verdict(encode([*rejected, other, *rejected]), 2 * COUNT + 1)
    assert not quick_verdict(encode([*rejected, wrong, *rejected]), 2 * COUNT + 1)


def test_another_kind_of_nested_record_with_a_tag_as_long_ends_a_run() -> None:
    release = [22, 1 << 40, "emulation", "send k", 1 << 40, ["release", "k"]]
    other = [22, 1 << 40, "emulation", "send k", 1 << 40, ["funding", "k"]]
    wrong = [22, 1 << 40, "emulation", "send k", 1 << 40, ["silence", "k"]]  # which has two fields

    assert quick_verdict(encode([*[release] * COUNT, other, *[release] * COUNT]), 2 * COUNT + 1)
    assert not quick_verdict(encode([*[release] * COUNT, wrong, *[release] * COUNT]), 2 * COUNT + 1)


def test_events_alike_are_not_decoded_one_by_one() -> None:
    assert calls_in_check(quotes(1000)) == calls_in_check(quotes(16_000))


def calls_in_check(events: list[Event]) -> int:
    """How many calls of functions, built-in ones included, the check of these events takes."""
    aligned = [msgspec.structs.replace(event, ts=event.ts + (1 << 40)) for event in events]
    payload = encode(aligned)
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        check_readable(payload, len(events))
    finally:
        sys.setprofile(None)
    return calls


def corrupted(event: Event, data: st.DataObject) -> object:
    """The event as an array, or with a field, an event's or a nested record's, replaced by an odd value."""
    target: msgspec.Struct = event
    values = ((name, getattr(event, name)) for name in event.__struct_fields__)
    records = [
        name for name, value in values if isinstance(value, msgspec.Struct) and value.__struct_fields__
    ]
    inside = data.draw(st.sampled_from([*records, None]))
    if inside is not None:
        target = getattr(event, inside)
    field = data.draw(st.sampled_from(target.__struct_fields__))
    changed = msgspec.structs.replace(target, **{field: data.draw(ODD_VALUES)})
    if inside is None:
        return changed
    return msgspec.structs.replace(event, **{inside: changed})


def encoded(events: list[object]) -> bytes | None:
    """``None`` where the encoder refuses already."""
    try:
        return encode(events)
    except (TypeError, OverflowError, ValueError):
        return None


def quick_verdict(payload: bytes, count: int) -> bool:
    try:
        check_readable(payload, count)
    except msgspec.DecodeError:
        return False
    return True


def full_verdict(payload: bytes) -> bool:
    try:
        decode(payload)
    except msgspec.DecodeError:
        return False
    return True


def test_a_quote_with_a_price_as_text_is_told_by_its_place() -> None:
    events = [quote((1 << 40) + place) for place in range(COUNT)]
    events[301] = msgspec.structs.replace(events[301], bid="101.5")

    with pytest.raises(msgspec.ValidationError, match=r"Expected `float`, got `str` - at `\$\[301\]"):
        check_readable(encode(events), COUNT)
