"""What is on record about the market data of a stream, in ``<stream>.facts``: see ``data_measure``."""

from contextlib import aclosing

from eventstore.port import EventStore, Selection
from kernel.events import DataDescribed, DataType

FACTS_SUFFIX = ".facts"


def is_facts(stream: str) -> bool:
    """Whether a stream holds facts about another."""
    return stream.endswith(FACTS_SUFFIX)


async def read_facts(store: EventStore, stream: str) -> tuple[DataDescribed, ...]:
    """The facts on record about a data stream, the newest of each symbol, data type and timeframe.

    Empty if there is no record, as for streams imported by older versions.
    """
    name = stream + FACTS_SUFFIX
    if not await store.streams((name,)):
        return ()
    newest: dict[tuple[str, DataType, str], DataDescribed] = {}
    async with aclosing(store.read(name, Selection(types=frozenset({DataDescribed})))) as batches:
        async for batch in batches:
            for event in batch.events:
                if isinstance(event, DataDescribed):
                    newest[event.symbol, event.data_type, event.timeframe] = event
    return tuple(newest.values())
