"""Puts on record that the engine was too slow: for its edges, or for those who give it inputs.

- What it remembers: what happened since the last record: events that lanes dropped by conflation, by edge,
  and how long producers waited for room in the inbox.
- What changes it: producers that wait, and the lanes' own counts.
- What never happens: more than one record of a kind (and edge) in an interval; their counts hold the rest. A
  short wait is no record: batches make producers wait for milliseconds all the time.

The records are inputs. They depend on the speed of the machine, and a replay cannot find out about that.
"""

from collections.abc import Mapping

from kernel.events import Event, EventsConflated, InboxOverloaded
from kernel.lanes import Lanes
from kernel.time_units import MS_NS, SECOND_NS
from kernel.timers import NEVER


class Backpressure:
    """The records of one engine."""

    def __init__(self, lanes: Mapping[str, Lanes], *, every_s: float, overload_ms: float) -> None:
        """Make it.

        - ``every_s``: the interval.
        - ``overload_ms``: how long producers must have waited in it, all together.
        """
        self._lanes = lanes
        self._every_ns = int(every_s * SECOND_NS)
        self._overload_ns = int(overload_ms * MS_NS)
        self._next_ts = 0
        self._told: dict[str, int] = {}
        self._waits = 0
        self._waited_ns = 0
        self._longest_ns = 0

    def waited(self, ns: int) -> None:
        """A producer has waited so long for room."""
        self._waits += 1
        self._waited_ns += ns
        self._longest_ns = max(self._longest_ns, ns)

    @property
    def due_ts(self) -> int:
        """When the next record is due; ``NEVER`` if there is nothing to say."""
        return self._next_ts if self._has_news else NEVER

    def records(self, now: int) -> list[Event]:
        """What happened since the last records."""
        records: list[Event] = []
        for name, lanes in self._lanes.items():
            count = lanes.conflated - self._told.get(name, 0)
            if count:
                self._told[name] = lanes.conflated
                records.append(EventsConflated(now, name, count))
        if self._waited_ns > self._overload_ns:
            records.append(InboxOverloaded(now, self._waits, self._waited_ns, self._longest_ns))
        if records:
            self._waits = self._waited_ns = self._longest_ns = 0
            self._next_ts = now + self._every_ns
        return records

    @property
    def _has_news(self) -> bool:
        if self._waited_ns > self._overload_ns:
            return True
        return any(lanes.conflated != self._told.get(name, 0) for name, lanes in self._lanes.items())
