"""Tells each decision of a daemon in mode ``advisory`` to people, as soon as it is durable.

An edge: one line of the text log for each advice, and a message to the channels that ``alerts.advice``
names. Whether a channel took it is on the tape (``AlertDelivered`` with the advice's own key).
"""

from collections.abc import Callable, Sequence

import structlog

from eventstore import EventStore, StreamTape
from kernel.clock import Clock
from kernel.edge import Overflow
from kernel.engine import CoreEngine
from kernel.events import AlertNotice, Event, Severity
from kernel.time_units import SECOND_NS
from ops.alerts.notices import Message
from replay.advice import ADVISED, advice_of, words_of_advice

_log = structlog.get_logger()

EDGE = "advice"
LATE_NS = 600 * SECOND_NS
"""Older advice is not told any more: after a long stop, or from a time in another mode."""


class Advising:
    """An ``EdgeSubscriber``."""

    name = EDGE
    event_types = ADVISED
    overflow = Overflow.CATCH_UP
    lane_capacity = 1_024
    """A burst of decisions; a longer one is read from the log."""

    def __init__(
        self, log: str, *, channels: Sequence[str], put: Callable[[str, Message], None], clock: Clock
    ) -> None:
        """``put`` gives a message to a channel, by its name. ``clock``: of the engine."""
        self._source = log
        self._channels = channels
        self._put = put
        self._clock = clock

    async def begin(self, store: EventStore, engine: CoreEngine) -> None:
        """Subscribe. Before the engine runs."""
        tape = StreamTape(store, self._source)
        if not await tape.checkpoint(EDGE):  # the first time: what was decided before is no advice now
            await tape.save_checkpoint(EDGE, await tape.last_seq())
        engine.subscribe(self)

    async def handle(self, seq: int, event: Event) -> None:
        """Tell one advice; see ``EdgeSubscriber``."""
        advice = advice_of(seq, event)
        if advice is None or self._clock.now() - event.ts > LATE_NS:
            return
        words = words_of_advice(advice)
        _log.info(
            "advice",
            seq=seq,
            strategy=advice.strategy,
            symbol=advice.symbol,
            kind=advice.kind.value,
            what=words,
            order=advice.client_order_id,
        )
        if self._channels:
            message = Message(
                Severity.INFO,
                f"onetape {self._source}: advice of {advice.strategy}",
                f"{words}\nNo order was sent.",
                ((advice.key, AlertNotice.RAISED),),
            )
            for channel in self._channels:
                self._put(channel, message)
