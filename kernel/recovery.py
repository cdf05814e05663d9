"""The recovery of an engine: its tape is played into the core, without effects, and compared with itself.

A recovery remembers its stage, and where it is on the tape. It is done once: afterwards it only gives its
results again. After one that failed, the bus is in no known state, and nothing may run on it.
"""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from enum import Enum, auto

from kernel.bus import EventBus
from kernel.comparison import Comparison
from kernel.errors import ComponentError
from kernel.events import Event, SessionStarted
from kernel.records import InputNumbers, Records, interleaved
from kernel.reopenings import Reopenings
from kernel.tape import Tape

Reopen = Callable[[EventBus, Sequence[Event]], EventBus]
"""Makes the bus that goes on after an opening (``kernel.reopenings``), from the bus before it and the
opening. Raises ``ComponentError`` if the states do not fit; the bus before it is not changed then."""


class _Stage(Enum):
    DUE = auto()
    RUNNING = auto()
    DONE = auto()
    FAILED = auto()


class Recovery:
    """Sets the core of one engine to the end of its tape.

    - ``bus``: of the session that the tape has reached.
    - ``seq``: the last record of the tape that the core has.
    - ``epoch``: of the tape's last session; 0 for an empty tape.
    """

    def __init__(self, bus: EventBus, *, tape: Tape, reopen: Reopen) -> None:
        self.bus = bus
        self.seq = 0
        self.epoch = 0
        self._tape = tape
        self._reopen = reopen
        self._stage = _Stage.DUE

    @property
    def is_done(self) -> bool:
        """Whether the core is at the end of the tape."""
        return self._stage is _Stage.DONE

    def refuse_another(self) -> None:
        """Raise ``ComponentError`` if a recovery runs or has failed."""
        if self._stage is _Stage.RUNNING:
            raise ComponentError("the engine is recovering already: wait until that is done")
        if self._stage is _Stage.FAILED:
            raise ComponentError("the engine's recovery failed: make another engine with a new bus")

    async def run(self, *, after_seq: int, epoch: int) -> None:
        """Play the tape after ``after_seq``, at which the bus is; see ``CoreEngine.recover``."""
        self.refuse_another()
        if self.bus.state.input_count and not after_seq:
            raise ComponentError(
                f"the bus has taken {self.bus.state.input_count} inputs; recover with a new one"
            )
        self._stage = _Stage.RUNNING
        self.seq, self.epoch = after_seq, epoch
        try:
            await self._play()
        except BaseException:
            self._stage = _Stage.FAILED
            raise
        self._stage = _Stage.DONE

    async def _play(self) -> None:
        comparison, numbers = Comparison(), InputNumbers()
        reopenings = Reopenings(has_begun=self.epoch > 0)
        async with aclosing(self._tape.read(self.seq + 1)) as pages:
            async for page in pages:
                causes = numbers.of(page.seqs, page.causes)
                inputs = page.events
                if max(causes) > 0:
                    inputs = [event for event, cause in zip(inputs, causes, strict=True) if cause < 0]
                if SessionStarted in map(type, inputs):
                    epochs = [event.epoch for event in inputs if isinstance(event, SessionStarted)]
                    self.epoch = max(self.epoch, *epochs)
                comparison.add_recorded(page.seqs, page.events, causes)
                for part, is_opening in reopenings.parts(inputs):
                    if is_opening:
                        self.bus = self._reopen(self.bus, part)
                    replayed = step(self.bus, part)
                    self.seq += len(replayed.events)
                    comparison.add_replayed(replayed.events, replayed.causes)
                comparison.check()
        reopenings.finish()
        comparison.finish()


def step(bus: EventBus, inputs: Sequence[Event]) -> Records:
    """Run inputs through the core; returns them and the events they caused. Synchronous; no effects."""
    first_ordinal = bus.state.input_count + 1
    bus.dispatch(inputs)
    return interleaved(inputs, bus.take_derived(), first_ordinal=first_ordinal)
