"""The edge that traces the orders of one daemon (``traces:`` in the configuration).

- What it remembers: the traces of orders without an answer, and spans that wait to be sent.
- What changes it: events of orders, once they are durable. For each decision it reads the few records before
  it from the log, where its cause is. Spans leave once a second.
- What never happens: the core waits for it, or knows of it. A collector that is away loses spans, which are
  counted, and nothing else.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Protocol

import structlog

from eventstore import EventStore, Selection, StreamTape
from kernel.clock import Clock
from kernel.edge import Overflow
from kernel.engine import CoreEngine
from kernel.events import Event, OrderIntent
from kernel.time_units import SECOND_NS
from ops.traces.order_traces import TRACED, OrderTraces, Span, Tick, tick_of

_log = structlog.get_logger()

EDGE = "traces"
MOST_SPANS = 4_096
"""Spans that wait for the collector; beyond it the oldest ones are dropped."""
LOOK_BACK = 256
"""Records before a decision among which its input is: a step derives few before it."""
SEND_EVERY_NS = SECOND_NS


class Exporter(Protocol):
    """A way to send spans. ``send`` waits, and tells whether they were taken."""

    def send(self, spans: Sequence[Span]) -> bool: ...
    def close(self) -> None: ...


class Tracing:
    """An ``EdgeSubscriber``."""

    name = EDGE
    event_types = TRACED
    overflow = Overflow.CATCH_UP
    lane_capacity = 1_024
    """A burst of orders; a longer one is read from the log."""

    def __init__(
        self,
        store: EventStore,
        log: str,
        traces: OrderTraces,
        exporter: Exporter,
        *,
        clock: Clock,
        wall: Clock,
    ) -> None:
        """``clock``: of the engine, for the times of spans. ``wall``: for the pace of sending."""
        self._store = store
        self._stream = log
        self._traces = traces
        self._exporter = exporter
        self._clock = clock
        self._wall = wall
        self._waiting: list[Span] = []
        self._dropped = 0
        self._has_failed = False

    async def begin(self, engine: CoreEngine) -> None:
        """Subscribe, from the present end of the log on. Before the engine runs."""
        tape = StreamTape(self._store, self._stream)
        await tape.save_checkpoint(EDGE, await tape.last_seq())
        engine.subscribe(self)

    async def handle(self, seq: int, event: Event) -> None:
        """Take a durable event of an order; see ``EdgeSubscriber``."""
        if not self._traces.is_chosen(event):
            return
        durable_ts = self._clock.now()
        if isinstance(event, OrderIntent):
            tick = await self._tick_before(seq)
            if tick is not None:
                self._waiting += self._traces.decided(seq, event, tick, durable_ts=durable_ts)
        else:
            self._waiting += self._traces.hear(seq, event, durable_ts=durable_ts)
        excess = len(self._waiting) - MOST_SPANS
        if excess > 0:
            del self._waiting[:excess]
            self._dropped += excess

    async def run(self) -> None:
        """Send spans until cancelled."""
        try:
            while True:
                await self._wall.wait(asyncio.Event(), until_ts=self._wall.now() + SEND_EVERY_NS)
                await self._send()
        finally:
            self._exporter.close()

    async def _send(self) -> None:
        spans, self._waiting = self._waiting, []
        if not spans:
            return
        is_taken = await asyncio.to_thread(self._exporter.send, spans)
        if is_taken:
            self._has_failed = False
            return
        self._dropped += len(spans)
        if not self._has_failed:
            self._has_failed = True
            _log.warning("traces_not_delivered", dropped=self._dropped)

    async def _tick_before(self, seq: int) -> Tick | None:
        """The input that caused the event with this seq."""
        inputs: dict[int, tuple[int, Event]] = {}
        chosen = Selection(from_seq=max(1, seq - LOOK_BACK), to_seq=seq)
        ordinal = 0
        async with aclosing(self._store.read(self._stream, chosen)) as batches:
            async for batch in batches:
                for at, event, cause in zip(batch.seqs, batch.events, batch.causes or (), strict=True):
                    if cause < 0:
                        inputs[-cause] = (at, event)
                    elif at == seq:
                        ordinal = cause
        if not ordinal:
            return None
        return tick_of(ordinal, *inputs.get(ordinal, (0, None)))
