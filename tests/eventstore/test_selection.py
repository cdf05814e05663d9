"""Skipping blocks and filtering them: never more or less than asking each event."""

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from eventstore import Selection
from eventstore.block import Block, seal
from eventstore.encoding import encode_runs
from eventstore.selection import matches, select
from kernel.errors import StoreDamaged
from kernel.events import EVENT_TYPES, CancelOrder, Event
from kernel.identifiers import ClientOrderId
from replay.past.states import Plain
from tests.eventstore.generated import events, ordered
from tests.eventstore.test_store_model import is_selected

symbols = st.text(max_size=2)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Event], Selection]:
    drawn = ordered(draw(st.lists(events(), min_size=1, max_size=12)))
    bound = st.none() | st.integers(-2, 14)
    present = st.sampled_from([type(event) for event in drawn]) | st.sampled_from(EVENT_TYPES)
    selection = Selection(
        from_seq=draw(st.integers(1, 14)),
        to_seq=draw(bound),
        from_ts=draw(bound),
        to_ts=draw(bound),
        symbols=draw(st.none() | st.frozensets(symbols.filter(bool))),
        types=draw(st.none() | st.frozensets(present)),
    )
    return drawn, selection


@given(cases())
def test_a_selection_of_a_block_is_that_of_its_events(case: tuple[list[Event], Selection]) -> None:
    drawn, selection = case
    block = seal("s", 1, runs=list(encode_runs("s", drawn)), previous_hash=b"")
    wanted = [
        (seq, event) for seq, event in enumerate(drawn, start=1) if is_selected((seq, 0, event), selection)
    ]

    batch = select(block, selection)

    found = [] if batch is None else list(zip(batch.seqs, batch.events, strict=True))
    assert found == wanted
    assert matches(block.header, selection) or not wanted


@given(cases(), st.data())
def test_a_text_skips_no_block_that_has_it_in_a_field(
    case: tuple[list[Event], Selection], data: st.DataObject
) -> None:
    drawn, selection = case
    block = seal("s", 1, runs=list(encode_runs("s", drawn)), previous_hash=b"")
    texts = [text for event in drawn for text in _texts_in(msgspec.to_builtins(event))]
    assume(texts)
    text = data.draw(st.sampled_from(texts))

    batch = select(block, msgspec.structs.replace(selection, text=text))

    plain = select(block, selection)
    assert (batch and list(batch.seqs)) == (plain and list(plain.seqs))


def test_a_text_that_only_begins_or_ends_another_one_skips_the_block() -> None:
    block = _block_of_order("1-cross-10")

    assert select(block, Selection(text="1-cross-10")) is not None
    assert select(block, Selection(text="1-cross-1")) is None
    assert select(block, Selection(text="cross-10")) is None


def test_a_text_that_no_event_can_have_skips_the_block() -> None:
    """Such a text comes from a command line that is no UTF-8."""
    assert select(_block_of_order("1-cross-10"), Selection(text="1-cross-10\udcff")) is None


def test_a_changed_block_is_not_skipped_as_one_without_the_text() -> None:
    block = _block_of_order("1-cross-10")
    changed = msgspec.structs.replace(block, payload=block.payload.replace(b"cross", b"Cross"))

    with pytest.raises(StoreDamaged, match="does not match its hash"):
        select(changed, Selection(text="1-cross-10"))


def _block_of_order(order_id: str) -> Block:
    cancel = CancelOrder(1, "operator", ClientOrderId(order_id), "")
    return seal("s", 1, runs=list(encode_runs("s", [cancel])), previous_hash=b"")


def _texts_in(value: Plain) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts_in(each)
