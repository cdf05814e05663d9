"""The block codec: every event survives it, and every flipped byte is seen."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.block import GENESIS_HASH, Block, check_chain, seal, unseal
from eventstore.encoding import BLOCK_BYTES, BLOCK_EVENTS, encode_runs
from kernel.errors import StoreDamaged, StoreError
from kernel.events import EVENT_TYPES, Event, MessageQuarantined
from tests.eventstore.generated import INT64, events, events_of, ordered
from tests.eventstore.samples import intent, quote, quotes, timer, trade


def sealed(*appended: list[Event], causes: list[int] | None = None) -> Block:
    """One block of these appends, after a block with hash ``b"before"``."""
    runs = [run for each in appended for run in encode_runs("s", each, causes=causes)]
    return seal("s", 11, runs=runs, previous_hash=b"before")


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.__name__)
@given(data=st.data())
def test_every_event_type_survives_a_block(event_type: type[Event], data: st.DataObject) -> None:
    event = data.draw(events_of(event_type))

    block = sealed([event])

    assert list(unseal(block)[0]) == [event]


@given(st.lists(st.lists(events(), min_size=1, max_size=6), min_size=1, max_size=5))
def test_appends_sealed_together_read_back_in_order(drawn: list[list[Event]]) -> None:
    appends = [ordered(each, first_ts=10 * place) for place, each in enumerate(drawn)]

    block = sealed(*appends)

    together = [event for each in appends for event in each]
    assert list(unseal(block)[0]) == together
    assert (block.header.first_seq, block.header.last_seq) == (11, 10 + len(together))
    assert (block.header.first_ts, block.header.last_ts) == (together[0].ts, together[-1].ts)


@pytest.mark.parametrize("counts", [(15, 1), (16, 70_000), (1, 65_535), (3, 4)])
def test_runs_of_any_length_join(counts: tuple[int, int]) -> None:
    runs = [run for count in counts for run in encode_runs("s", quotes(count))]

    block = seal("s", 1, runs=runs, previous_hash=GENESIS_HASH)

    assert list(unseal(block)[0]) == [*quotes(counts[0]), *quotes(counts[1])]


@given(st.lists(INT64, min_size=1, max_size=20))
def test_causes_survive_a_block(causes: list[int]) -> None:
    block = sealed(quotes(len(causes)), causes=causes)

    read = unseal(block)[1]

    assert read == (causes if any(causes) else None)


def test_inputs_and_derived_events_sealed_together_keep_their_causes() -> None:
    inputs = encode_runs("s", quotes(2))
    derived = encode_runs("s", quotes(2), causes=[1, 2])

    block = seal("s", 1, runs=[*inputs, *derived], previous_hash=GENESIS_HASH)

    assert unseal(block)[1] == [0, 0, 1, 2]


@given(column=st.sampled_from(["first_ts", "last_ts", "last_seq", "codec"]), by=st.integers(1, 1 << 40))
def test_a_changed_number_in_a_header_breaks_the_chain(column: str, by: int) -> None:
    header = sealed(quotes(3)).header
    changed = msgspec.structs.replace(header, **{column: getattr(header, column) + by})

    with pytest.raises(StoreDamaged) as caught:
        check_chain(changed, b"before")

    assert caught.value.first_bad_seq == 11


@pytest.mark.parametrize("column", ["types", "symbols", "payload_hash", "hash"])
@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_flipped_bit_in_a_header_breaks_the_chain(column: str, place: int, bit: int) -> None:
    header = sealed(quotes(3)).header
    changed = msgspec.structs.replace(header, **{column: flipped(getattr(header, column), place, bit=bit)})

    with pytest.raises(StoreDamaged):
        check_chain(changed, b"before")


def test_a_block_moved_to_another_stream_or_place_breaks_the_chain() -> None:
    header = sealed(quotes(3)).header

    for moved in ({"stream": "t"}, {"first_seq": 12}):
        with pytest.raises(StoreDamaged):
            check_chain(msgspec.structs.replace(header, **moved), b"before")


def test_a_block_after_another_hash_breaks_the_chain() -> None:
    header = sealed(quotes(3)).header

    with pytest.raises(StoreDamaged):
        check_chain(header, b"other")


@pytest.mark.parametrize("column", ["causes", "payload"])
@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_flipped_bit_in_the_contents_is_seen_before_decoding(column: str, place: int, bit: int) -> None:
    block = sealed(quotes(3), causes=[1, 2, 3])
    changed = msgspec.structs.replace(block, **{column: flipped(getattr(block, column), place, bit=bit)})

    with pytest.raises(StoreDamaged, match="hash"):
        unseal(changed)


def test_an_event_that_cannot_be_read_is_named_by_its_seq() -> None:
    runs = encode_runs("s", quotes(3))
    events = [*quotes(1), mistyped(bid="dear")]
    written_blindly = msgspec.structs.replace(runs[0], count=2, payload=msgspec.msgpack.encode(events))
    block = seal("s", 11, runs=[written_blindly], previous_hash=b"before")

    with pytest.raises(StoreDamaged, match="cannot be decoded") as caught:
        unseal(block)

    assert caught.value.first_bad_seq == 12


def test_an_unknown_codec_is_refused_and_not_called_damage() -> None:
    block = sealed(quotes(3))
    newer = msgspec.structs.replace(block, header=msgspec.structs.replace(block.header, codec=99))

    with pytest.raises(StoreError, match="codec 99") as caught:
        unseal(newer)

    assert not isinstance(caught.value, StoreDamaged)


def test_runs_stay_within_a_block() -> None:
    by_count = encode_runs("s", quotes(2 * BLOCK_EVENTS + 1))
    large: list[Event] = [
        MessageQuarantined(ts=place, source="x", reason="", raw="x" * (BLOCK_BYTES // 3))
        for place in range(7)
    ]
    by_size = encode_runs("s", large)

    assert [run.count for run in by_count] == [BLOCK_EVENTS, BLOCK_EVENTS, 1]
    assert all(len(run.payload) <= BLOCK_BYTES for run in by_size)
    assert sum(run.count for run in by_size) == 7


def mistyped(**fields: object) -> Event:
    """A quote with fields of the wrong type: construction does not check."""
    return msgspec.structs.replace(quote(1), **fields)


class Stranger(Event, frozen=True, tag=9999):
    """Not of the vocabulary."""


@pytest.mark.parametrize(
    ("events", "match"),
    [
        ([Stranger(ts=1)], "Stranger is not an event of the vocabulary"),
        (["text"], "str is not an event"),
        ([quote(2), quote(1)], "ts decreases from 2 to 1 at event 2"),
        ([quote(1 << 64)], "64 bits"),
        ([mistyped(ts=1.5)], "ts must be a whole number"),
        ([mistyped(ts=float("nan"))], "ts must be a whole number"),
        ([mistyped(bid=None)], "Expected `float`"),
        ([quote(1), mistyped(bid=Decimal("nan"))], "Expected `float`"),
        ([mistyped(symbol="\ud800")], "nothing was appended"),
        ([mistyped(ask=object())], "nothing was appended"),
    ],
)
def test_what_could_not_be_read_back_is_refused(events: list[Event], match: str) -> None:
    with pytest.raises(StoreError, match=match):
        encode_runs("s", events)


def test_a_wrong_type_at_the_head_of_a_large_append_is_refused() -> None:
    with pytest.raises(StoreError, match="Expected `float`"):
        encode_runs("s", [mistyped(bid="1"), *quotes(5000)])


@pytest.mark.parametrize("causes", [[1], [1, float("nan")], [1, 1.0], [1, True], [1, None], [1, 1 << 63]])
def test_causes_that_are_not_one_whole_number_each_are_refused(causes: list[int]) -> None:
    with pytest.raises(StoreError, match="cause"):
        encode_runs("s", quotes(2), causes=causes)


@pytest.mark.parametrize("name", ["", "a\nb", "\ud800", "x" * 256])
def test_a_stream_name_nobody_could_type_is_refused(name: str) -> None:
    with pytest.raises(StoreError, match="name"):
        encode_runs(name, quotes(1))


def test_a_header_lists_types_and_symbols_those_of_orders_included() -> None:
    block = sealed([quote(1, "A"), trade(2, "B"), intent(3, "C"), timer(4)])

    assert msgspec.msgpack.decode(block.header.types) == [2, 3, 22, 30]
    assert msgspec.msgpack.decode(block.header.symbols or b"") == ["", "A", "B", "C"]


def test_a_block_of_many_symbols_does_not_list_them() -> None:
    assert sealed([quote(1, f"S{place}") for place in range(65)]).header.symbols is None


def flipped(column: bytes, place: int, *, bit: int) -> bytes:
    changed = bytearray(column)
    changed[place % len(changed)] ^= 1 << bit
    return bytes(changed)
