"""The base of all events, and of the values inside them.

Events are arrays on the wire: the order of fields is the format. A new field goes last in its own
struct, with a default; a tag is never reused; nothing is ever added to this header.
"""

import msgspec


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something that happened, or was decided, at one instant.

    ``ts`` is kernel time: ns since the epoch, UTC, never decreasing along a log. The store keeps an event's
    place in the log (``seq``) and its cause beside the event, not in it.
    """

    ts: int


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A value nested inside events, encoded as an array like them."""
