"""The event store: append-only streams of events, chained by hash, in memory or in SQLite.

May import ``kernel`` only. Whoever uses the store knows ``EventStore`` (``port.py``) and gets an
implementation from ``ops`` or ``replay``.

To add a store: keep blocks somewhere, offer them as a ``BlockSource`` (``scan.py``), and reading,
following, verifying and merging are there; write what ``plan_appends`` decides (``planning.py``),
atomically against the head; add it to the stores that ``tests/eventstore/conftest.py`` lists, and the
conformance suite runs on it.

To add a codec: give it the next number in ``block.py``, and decode it in ``unseal``.
"""

from eventstore.block import EncodedEvents
from eventstore.durability import Durability
from eventstore.encoding import encode_events
from eventstore.memory import MemoryEventStore
from eventstore.merge import StreamSlice, merge
from eventstore.port import Batch, Damage, EventStore, Selection, StreamHead, StreamInfo
from eventstore.sqlite import SqliteEventStore
from eventstore.story import count_inputs, read_story
from eventstore.tape import StreamTape

__all__ = [
    "Batch",
    "Damage",
    "Durability",
    "EncodedEvents",
    "EventStore",
    "MemoryEventStore",
    "Selection",
    "SqliteEventStore",
    "StreamHead",
    "StreamInfo",
    "StreamSlice",
    "StreamTape",
    "count_inputs",
    "encode_events",
    "merge",
    "read_story",
]
