"""The twin of a daemon in mode ``shadow``: simulates the orders that went out, and reports the differences.

It reads the durable log, as an edge does, and never sees the core: the daemon trades exactly as in mode
``live``.

- What it remembers: the twin, the seq that it has read, and the orders under way with their seq in the log.
- What changes it: each second it reads what is new in the log. An order that has ended on both sides is
  reported as ``ShadowCompared``, an input of the log.
- What never happens: trading waits for it. It takes a few events at a time and lets others run between; if
  it falls behind, its reports are late. A twin that fails ends alone, with an ``EdgeStateChanged``.

A checkpoint of the log names the last record before which every order is on the log as compared. After a
restart the twin simulates the orders after it again, except those that are on the log already. So each order
is compared once. The state of commission tiers and of learned volatility begins anew then.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing, suppress
from math import fsum

import msgspec
import structlog

from eventstore import Batch, EventStore, Selection, StreamTape
from kernel.clock import Clock
from kernel.engine import CoreEngine
from kernel.errors import ComponentError, StreamMissing
from kernel.events import EdgeState, EdgeStateChanged, Event, OrderSubmitted
from kernel.events.shadow import ShadowCompared, ShadowOutcome
from kernel.identifiers import ClientOrderId
from kernel.loggable import words_of
from kernel.time_units import SECOND_NS
from replay.run_config import ShadowConfig
from replay.twin.comparison import OrderComparison
from replay.twin.reading import LOOK_BACK_NS, twin_batches
from replay.twin.twin import Twin

_log = structlog.get_logger()

EDGE = "shadow"
BEGINNING = 1
"""The first record of a log is no order. A checkpoint there says that a new log has a twin from its start."""
NOW = 0
"""The engine stamps what is reported."""
AT_ONCE = 256
"""Events that the twin takes before others run: less than a millisecond."""
SAVE_EVERY = 60
"""Looks at the log between two checkpoints: a restart reads a minute of market data more."""
LAST = 100
"""Compared orders that the average is made of."""
_COMPARED: frozenset[type[Event]] = frozenset({ShadowCompared})


class ShadowStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The twin, for people.

    - ``compared``, ``missed``, ``lucky``: orders since the start.
    - ``difference_bps``: of the last orders, on average; above 0 live was worse. ``None`` without orders.
    - ``waiting``: orders that have not ended on both sides.
    - ``seq``: the last record that it has read.
    - ``problem``: why it has ended; empty while it runs.
    """

    compared: int
    missed: int
    lucky: int
    difference_bps: float | None
    waiting: int
    seq: int
    problem: str = ""


class Shadow:
    """The twin of one session. ``run`` runs once."""

    def __init__(
        self, store: EventStore, log: str, engine: CoreEngine, *, config: ShadowConfig, wall: Clock
    ) -> None:
        """``wall``: for the pace of reading."""
        self._store = store
        self._stream = log
        self._tape = StreamTape(store, log)
        self._engine = engine
        self._wall = wall
        self._config = config
        self._every_ns = int(config.every_s * SECOND_NS)
        self._twin = Twin(wait_s=config.wait_s)
        self._seq = self._done_seq = self._saved_seq = 0
        self._under_way: dict[ClientOrderId, int] = {}
        """Orders that are not on the log as compared, with the seq of their submission."""
        self._compared = self._missed = self._lucky = 0
        self._bps = deque[float](maxlen=LAST)
        self._problem = ""

    @property
    def status(self) -> ShadowStatus:
        """The figures of now."""
        return ShadowStatus(
            compared=self._compared,
            missed=self._missed,
            lucky=self._lucky,
            difference_bps=fsum(self._bps) / len(self._bps) if self._bps else None,
            waiting=len(self._under_way),
            seq=self._seq,
            problem=self._problem,
        )

    async def begin(self) -> None:
        """Note where the log gets a twin: earlier orders have none. Before the engine runs."""
        self._saved_seq = await self._tape.checkpoint(EDGE)
        if not self._saved_seq:
            self._saved_seq = max(self._engine.last_seq, BEGINNING)
            await self._tape.save_checkpoint(EDGE, self._saved_seq)

    async def run(self) -> None:
        """Follow the log until cancelled. A failure of the twin ends it, and nothing else."""
        try:
            await self._follow()
        except Exception as error:  # isolation: whatever fails here, trading goes on
            self._problem = words_of(error)
            _log.error("shadow_failed", error=self._problem, seq=self._seq)
            failed = EdgeStateChanged(NOW, EDGE, EdgeState.FAILED, 1, 0, self._problem)
            with suppress(ComponentError):  # as by an engine that has stopped
                self._engine.report(failed)
            await asyncio.Event().wait()

    async def _follow(self) -> None:
        await self._until_it_has_begun()
        try:
            await self._catch_up()
        except StreamMissing as missing:  # market data of before were removed
            _log.warning("shadow_begins_anew", reason=words_of(missing))
            self._saved_seq = self._engine.last_seq
            await self._catch_up()
        looks = 0
        while True:
            await self._wait()
            await self._read_on()
            looks += 1
            if looks % SAVE_EVERY == 0:
                await self._save()

    async def _until_it_has_begun(self) -> None:
        """Wait until the opening of a new log is durable."""
        while not self._engine.last_seq:
            await self._wait()

    async def _catch_up(self) -> None:
        """Make the twin at the checkpoint, and read on to the end of the log."""
        after = self._saved_seq
        market_from_ts = max(0, await self._ts_of(after) - LOOK_BACK_NS)
        compared = await self._compared_after(after)
        self._twin = Twin(wait_s=self._config.wait_s, ignored=compared)
        self._under_way.clear()
        self._seq = 0
        batches = twin_batches(self._store, self._stream, market_from_ts=market_from_ts, also=_COMPARED)
        async with aclosing(batches):
            async for batch in batches:
                await self._take(batch, after=after, ignored=compared)

    async def _read_on(self) -> None:
        """Read what is new in the log."""
        last_seq = self._engine.last_seq
        batches = twin_batches(
            self._store, self._stream, market_from_ts=0, from_seq=self._seq + 1, also=_COMPARED
        )
        async with aclosing(batches):
            async for batch in batches:
                await self._take(batch, after=0, ignored=frozenset())
        self._seq = max(self._seq, last_seq)  # the last records may be of no interest here

    async def _take(self, batch: Batch, *, after: int, ignored: frozenset[ClientOrderId]) -> None:
        """Give the twin a batch, a few events at a time. Orders up to the seq ``after`` are not simulated."""
        seqs, events = batch.seqs, batch.events
        for start in range(0, len(events), AT_ONCE):
            part = events[start : start + AT_ONCE]
            numbers = seqs[start : start + AT_ONCE]
            old = sum(seq <= after for seq in numbers)
            for seq, event in zip(numbers[old:], part[old:], strict=True):
                self._note(seq, event, ignored)
            ended = self._twin.take(part[:old], follows=False) if old else []
            for one in (*ended, *self._twin.take(part[old:])):
                self._report(one)
            self._seq = numbers[-1]
            await asyncio.sleep(0)

    def _note(self, seq: int, event: Event, ignored: frozenset[ClientOrderId]) -> None:
        """Keep the orders under way: from their submission to their comparison, both on the log."""
        if isinstance(event, OrderSubmitted):
            key = event.order.client_order_id
            if key not in ignored:
                self._under_way[key] = seq
        elif isinstance(event, ShadowCompared):
            self._under_way.pop(event.client_order_id, None)

    def _report(self, found: OrderComparison) -> None:
        event = found.event(NOW)
        self._compared += 1
        self._missed += event.outcome is ShadowOutcome.MISSED
        self._lucky += event.outcome is ShadowOutcome.LUCKY
        if event.difference_bps is not None:
            self._bps.append(event.difference_bps)
        with suppress(ComponentError):  # the engine has stopped: it is compared again after the next start
            self._engine.report(event)

    async def _save(self) -> None:
        """Save the checkpoint: the last record before the first order that is under way."""
        done = min(self._under_way.values(), default=self._seq + 1) - 1
        if done > self._saved_seq:
            self._saved_seq = done
            await self._tape.save_checkpoint(EDGE, done)

    async def _wait(self) -> None:
        await self._wall.wait(asyncio.Event(), until_ts=self._wall.now() + self._every_ns)

    async def _ts_of(self, seq: int) -> int:
        """The time of a record; 0 if it is not there."""
        if not seq:
            return 0
        async with aclosing(self._store.read(self._stream, Selection(from_seq=seq, to_seq=seq))) as batches:
            async for batch in batches:
                return batch.events[0].ts
        return 0

    async def _compared_after(self, seq: int) -> frozenset[ClientOrderId]:
        """The orders that are on the log as compared, after a record."""
        found: list[ClientOrderId] = []
        wanted = Selection(from_seq=seq + 1, types=_COMPARED)
        async with aclosing(self._store.read(self._stream, wanted)) as batches:
            async for batch in batches:
                events: Sequence[Event] = batch.events
                found += [event.client_order_id for event in events if isinstance(event, ShadowCompared)]
        return frozenset(found)


async def shadow_of(
    store: EventStore, log: str, engine: CoreEngine, *, config: ShadowConfig, wall: Clock
) -> Shadow:
    """The twin of a session that does not run yet."""
    shadow = Shadow(store, log, engine, config=config, wall=wall)
    await shadow.begin()
    return shadow
