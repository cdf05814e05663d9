"""What a run's recorder promises of events that cannot be read back."""

import msgspec
import pytest

from eventstore import EventStore, MemoryEventStore
from kernel.errors import StoreError
from kernel.events import Event
from replay.recording import RunRecorder
from tests.eventstore.samples import intent

RUN = "run.x.1"


def derived(count: int, *, malformed_at: int) -> list[Event]:
    """Intents, one of which asks for a quantity that is no number."""
    events: list[Event] = [intent(ts) for ts in range(count)]
    order = msgspec.structs.replace(intent(malformed_at).order, quantity="ten")
    events[malformed_at] = msgspec.structs.replace(intent(malformed_at), order=order)
    return events


async def record(store: EventStore, events: list[Event]) -> None:
    recorder = RunRecorder(store, RUN)
    await recorder.record(events, [1] * len(events))
    await recorder.finish(input_count=1, ts=len(events))


@pytest.mark.parametrize(("count", "malformed_at"), [(500, 300), (5000, 0)])
async def test_a_malformed_event_of_a_short_run_or_first_of_its_type_ends_the_run(
    count: int, malformed_at: int
) -> None:
    with pytest.raises(StoreError, match="nothing was appended: Invalid decimal"):
        await record(MemoryEventStore(), derived(count, malformed_at=malformed_at))


async def test_a_malformed_event_amid_a_long_run_is_named_by_verify() -> None:
    """Decoding all that is derived would make a run with many orders a tenth slower."""
    store = MemoryEventStore()

    await record(store, derived(5000, malformed_at=2000))
    damage = await store.verify(RUN)

    assert damage is not None
    assert damage.first_bad_seq == 2001
    assert "Invalid decimal" in damage.reason
