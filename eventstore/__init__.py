"""The event store: append-only streams of events, chained by hash, in memory or in SQLite.

May import ``kernel`` only. Users of the store depend on ``EventStore`` (``port.py``) and get an
implementation from ``ops`` or ``replay``.

``SqliteEventStore`` is a store in one file, ``SegmentedEventStore`` one in a folder of such files, and
``open_store`` opens either.

To add a store:

1. Offer its blocks as a ``BlockSource`` (``scan.py``). Reading, following, verifying and merging then work.
2. Write the blocks that ``plan_appends`` (``planning.py``) returns. The write must be atomic, and must fail
   if the stream's head has moved.
3. Add it to the stores in ``tests/eventstore/conftest.py``, so that the conformance suite tests it.

To add a codec, give it the next number in ``block.py`` and decode it in ``unseal_as_written``.
"""

from onetape_packages import require_ours

require_ours("eventstore")

from eventstore.block import EncodedEvents
from eventstore.disk_space import DiskConfig, DiskSpace
from eventstore.durability import Durability
from eventstore.encoding import encode_events
from eventstore.memory import MemoryEventStore
from eventstore.merge import StreamSlice, merge
from eventstore.port import Batch, Damage, EventStore, Selection, StreamHead, StreamInfo
from eventstore.segment_settings import RetentionConfig, SegmentsConfig
from eventstore.segmented import SegmentedEventStore
from eventstore.snapshot_files import SnapshotFiles, SnapshotsConfig
from eventstore.sqlite import SqliteEventStore
from eventstore.store_opening import StoreOnDisk, open_store
from eventstore.story import count_inputs, read_story
from eventstore.tape import StreamTape

__all__ = [
    "Batch",
    "Damage",
    "DiskConfig",
    "DiskSpace",
    "Durability",
    "EncodedEvents",
    "EventStore",
    "MemoryEventStore",
    "RetentionConfig",
    "SegmentedEventStore",
    "SegmentsConfig",
    "Selection",
    "SnapshotFiles",
    "SnapshotsConfig",
    "SqliteEventStore",
    "StoreOnDisk",
    "StreamHead",
    "StreamInfo",
    "StreamSlice",
    "StreamTape",
    "count_inputs",
    "encode_events",
    "merge",
    "open_store",
    "read_story",
]
