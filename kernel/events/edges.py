"""The edges of the system: tasks that act on the world, and are supervised."""

from enum import StrEnum

from kernel.events.header import Event


class EdgeState(StrEnum):
    """The state of a supervised edge: a feed, a broker, a server."""

    RUNNING = "running"
    WAITING = "waiting"
    """It failed and will be started again."""
    ENDED = "ended"
    """Its work is done."""
    FAILED = "failed"
    """It failed, and is not started again."""


class EdgeStateChanged(Event, frozen=True, tag=25):
    """A supervised edge started, failed or ended.

    - ``failures``: failures since it last ran well.
    - ``retry_ts``: when it starts again; 0 if it does not wait.
    """

    edge: str
    state: EdgeState
    failures: int = 0
    retry_ts: int = 0
    reason: str = ""


class EventsConflated(Event, frozen=True, tag=26):
    """Input: quotes or books did not reach an edge, because later ones of their symbols replaced them.

    ``count``: how many, since the last such event of the edge.
    """

    edge: str
    count: int


class InboxOverloaded(Event, frozen=True, tag=27):
    """Input: the engine was slower than those who give it inputs, who had to wait.

    - ``waits``: how often one of them waited since the last such event.
    - ``waited_ns``: how long all of them waited together.
    - ``longest_ns``: the longest wait.
    """

    waits: int
    waited_ns: int
    longest_ns: int


class PlaybackAdvanced(Event, frozen=True, tag=28):
    """Input: a feed that plays recorded events has posted those up to ``place``, counted from 1.

    ``source``: what it plays. The next session goes on from here if it plays the same.
    """

    feed: str
    source: str
    place: int
