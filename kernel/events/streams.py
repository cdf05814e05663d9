"""Changes of whole streams of a store, and facts about the quality of their data.

They are inputs of people, kept in streams of their own: changes in the store's catalogue, facts beside the
data.
"""

from kernel.events.header import Event, Record
from kernel.events.system import StreamRange


class StreamVersion(Record, frozen=True):
    """The events that a stream had. ``head_hash`` is the hash of its last block, in hex.

    ``number`` is the number under which they are put aside; 0: they are not kept, or are the stream's present
    events.
    """

    stream: str
    last_seq: int
    first_ts: int
    last_ts: int
    head_hash: str
    number: int = 0


class StreamDeleted(Event, frozen=True, tag=140):
    """Input: an operator deleted streams. Their events are gone."""

    versions: tuple[StreamVersion, ...]
    reason: str = ""


class StreamSetAside(Event, frozen=True, tag=141):
    """Input: an operator put streams aside. Their events are kept, and no longer under their names."""

    versions: tuple[StreamVersion, ...]
    reason: str = ""


class StreamRestored(Event, frozen=True, tag=142):
    """Input: an operator gave streams their events back that had been put aside."""

    versions: tuple[StreamVersion, ...]
    reason: str = ""


class StreamReplaced(Event, frozen=True, tag=143):
    """Input: an operator replaced the events of streams: ``versions`` are the old ones, ``by`` the new
    ones."""

    versions: tuple[StreamVersion, ...]
    by: tuple[StreamVersion, ...]
    reason: str = ""


class StreamDerived(Event, frozen=True, tag=154):
    """Input: a data stream was built from another one, or goes on as it was built.

    - ``last_seq``, ``head_hash``: the end of what was built, and the hash of its last block in hex.
    - ``source``: the events that it was built from.
    - ``definition``: how: ``--to 1d --tz America/New_York --session 09:30-16:00``.
    """

    stream: str
    last_seq: int
    head_hash: str
    source: StreamRange
    definition: str
