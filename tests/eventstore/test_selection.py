"""Skipping blocks and filtering them: never more or less than asking each event."""

from hypothesis import given
from hypothesis import strategies as st

from eventstore import Selection
from eventstore.block import seal
from eventstore.encoding import encode_runs
from eventstore.selection import matches, select
from kernel.events import EVENT_TYPES, Event
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
