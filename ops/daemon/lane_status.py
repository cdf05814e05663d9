"""The lanes of a running daemon's edges: how far each subscriber is behind the log."""

import msgspec

from kernel.engine import CoreEngine


class LaneStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The lanes of one edge.

    - ``depth``: events that wait now; ``peak``: the most that ever waited in one lane.
    - ``handled_seq``: each event up to this seq was handled or is recorded as failed.
    - ``conflated``: events that a later one replaced; ``failures``: events that it could not handle.
    - ``is_behind``: it reads from the log, because its lanes were full.
    """

    edge: str
    depth: int
    peak: int
    handled_seq: int
    conflated: int
    failures: int
    is_behind: bool


def lanes_of(engine: CoreEngine) -> tuple[LaneStatus, ...]:
    """The lanes of all edges, in order of subscription; none before the engine runs."""
    return tuple(
        LaneStatus(
            edge=name,
            depth=lanes.depth,
            peak=lanes.peak,
            handled_seq=lanes.handled_seq,
            conflated=lanes.conflated,
            failures=lanes.failures,
            is_behind=lanes.is_behind,
        )
        for name, lanes in engine.lanes.items()
    )
