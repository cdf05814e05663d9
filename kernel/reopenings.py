"""Where a log goes on with another configuration or other code.

There it has an *opening*: ``ConfigLoaded``, the code, and all else that determines a core. It ends with
``SessionStarted`` at the start of a later session, or with ``SessionChanged`` inside of one. They are inputs
of the core that is made from them, and which takes over the states of the core before. A session without
changes begins with ``SessionStarted`` alone, and has no opening.

``Reopenings`` remembers whether the first session of the log has begun, and the inputs of an opening that is
not complete. An opening is never split.
"""

from collections.abc import Iterator, Sequence

from kernel.errors import ReplayDiverged
from kernel.events import ConfigLoaded, Event, SessionChanged, SessionStarted

ENDS: frozenset[type[Event]] = frozenset({SessionStarted, SessionChanged})
"""The last input of an opening."""


class Reopenings:
    """Finds the openings after the first one among the inputs of a log.

    ``has_begun``: the first session has begun.
    """

    def __init__(self, *, has_begun: bool = False) -> None:
        self._has_begun = has_begun
        self._opening: list[Event] = []

    def parts(self, inputs: Sequence[Event]) -> Iterator[tuple[Sequence[Event], bool]]:
        """The inputs in parts, each with the answer whether it is an opening."""
        if not self._opening and self._has_begun and ConfigLoaded not in map(type, inputs):
            yield inputs, False
            return
        part: list[Event] = []
        for event in inputs:
            if self._opening or (self._has_begun and type(event) is ConfigLoaded):
                if part:
                    yield part, False
                    part = []
                self._opening.append(event)
                if type(event) in ENDS:
                    opening, self._opening = self._opening, []
                    yield opening, True
                continue
            self._has_begun = self._has_begun or type(event) is SessionStarted
            part.append(event)
        if part:
            yield part, False

    def finish(self) -> None:
        """Raise ``ReplayDiverged`` if the log ends inside an opening."""
        if self._opening:
            raise ReplayDiverged(f"the log ends inside an opening, after {len(self._opening)} of its inputs")
