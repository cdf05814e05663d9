"""The keys of streams: under which name a store finds their blocks.

A stream's key is its name. The events of a stream that was put aside, deleted or is being written anew lie
under a key that is the name and a mark. Names have printable characters alone, so no name is ever a key of
this kind. The hashes of blocks cover the name and never the mark: events that are put aside keep their
hashes.

- ``aside_key``: put aside, and can be restored. No event is appended.
- ``removed_key``: the row of a deleted stream, without blocks. Ids of streams have no gaps, so rows stay.
- ``new_key``: events that will replace those of a stream.
- ``CATALOGUE``: the store's record of all such changes (``catalogue``).
- ``SEGMENTS``: the record of what was done to a store and to its segments (``segment_records``).
"""

QUARANTINE_SUFFIX = ".quarantine"
"""After a stream's name, in that of the stream with its bad rows."""

FACTS_SUFFIX = ".facts"
"""After a stream's name, in that of the stream with facts about its data."""

CLOSED_MARK = "\x1f"
"""After the name, in keys to which no event is appended."""

OPEN_MARK = "\x1e"
"""After the name, in keys to which events may be appended."""

CATALOGUE = f"catalogue{OPEN_MARK}"
"""The key of the catalogue. A stream of a user may have this name."""

SEGMENTS = f"segments{OPEN_MARK}"
"""The key of the record of segments and restores."""

_REMOVED = f"{CLOSED_MARK}removed "


def aside_key(stream: str, number: int) -> str:
    """The key of events that were put aside under a number."""
    return f"{stream}{CLOSED_MARK}{number}"


def removed_key(stream: str, stream_id: int) -> str:
    """The key of a row whose blocks were removed."""
    return f"{stream}{_REMOVED}{stream_id}"


def new_key(stream: str) -> str:
    """The key of events that will replace those of a stream."""
    return f"{stream}{OPEN_MARK}new"


def name_in(key: str) -> str:
    """The name in a key, which the hashes of its blocks cover."""
    return key.partition(CLOSED_MARK)[0].partition(OPEN_MARK)[0]


def is_name(key: str) -> bool:
    """Whether a key is a name, so that people see its stream."""
    return CLOSED_MARK not in key and OPEN_MARK not in key


def is_removed(key: object) -> bool:
    """Whether the blocks under a key were removed."""
    return isinstance(key, str) and _REMOVED in key
