"""A live engine in a world from a seed: careless producers, edges that fail, and a clock that steps.

What each producer was told is noted, and compared with what the tape says: see ``Session.check``.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random

import msgspec

from components.assembly.core import Core
from kernel.admission import admitted
from kernel.clock import VirtualClock
from kernel.edge import Delivery, Overflow
from kernel.engine import CoreEngine, EngineConfig
from kernel.errors import ComponentError, InputError
from kernel.events import (
    CashMoved,
    ClockJumped,
    ClockTicked,
    ComponentFailed,
    Event,
    EventsConflated,
    FeedStatusChanged,
    InboxOverloaded,
    MessageQuarantined,
    OrderFilled,
    OrderSubmitted,
    Quote,
    TimerFired,
    Trade,
)
from kernel.events.symbols import symbol_getter
from kernel.inbox import TAKEN_FIRST
from kernel.snapshot import take
from kernel.tape import Tape
from kernel.time_units import SECOND_NS as SECOND
from tests.core.happenings import SYMBOLS
from tests.core.worlds import world
from tests.kernel.live import Row, Time, memory_tape, rows_of
from tests.kernel.strange_inputs import CASH, MALFORMED

PATIENCE_S = 60.0
MARK = 10**9
"""The ``exchange_ts`` of a producer's quotes: the producer times this, and a number."""

WRONG = tuple(given for name, (given, _) in MALFORMED.items() if name != "far too large")
HEARD: tuple[type[Event], ...] = (Quote, Trade, OrderSubmitted, OrderFilled, TimerFired, ComponentFailed)
ENGINES_OWN = (
    *(ClockTicked, ClockJumped, MessageQuarantined, ComponentFailed),
    *(EventsConflated, InboxOverloaded),
)


class DeadEdge(Exception):
    """What an edge raises that has lost its connection."""


class WildEdge:
    """Dawdles, raises, hangs and reports, as the dice of each seq say."""

    def __init__(self, name: str, *, dice: Random, session: "Session") -> None:
        self.name = name
        self.event_types = frozenset(dice.sample(HEARD, dice.randint(1, len(HEARD))))
        self.overflow = dice.choice(tuple(Overflow))
        self.lane_capacity = dice.choice((1, 4, 1_000))
        self.begun: list[tuple[int, Event]] = []
        self.handled: list[tuple[int, Event]] = []
        self.failed: set[int] = set()
        self._seed = dice.random()
        self._hangs = dice.random() < 0.15
        self._session = session

    async def handle(self, seq: int, event: Event) -> None:
        self.begun.append((seq, event))
        dice = Random(f"{self._seed} {seq}")
        for _ in range(dice.choice((0, 0, 1, 3))):
            await asyncio.sleep(0)
        fate = dice.random()
        if fate < 0.02:
            self.failed.add(seq)
            raise DeadEdge(f"lost \ud800 at {seq}")
        if fate < 0.04 and self._hangs:
            await asyncio.Event().wait()
        if fate < 0.08:
            try:
                self._session.report(
                    dice.choice(WRONG) if fate < 0.06 else FeedStatusChanged(0, self.name, True)
                )
            except InputError:
                self.failed.add(seq)
                raise
        self.handled.append((seq, event))


class Session:
    """One life of an engine over the tape, and all that came of it."""

    def __init__(self, core: Core, *, tape: Tape, time: Time, dice: Random) -> None:
        self.core = core
        self.accepted: dict[int, list[Event]] = defaultdict(list)
        self.reported = self.told = 0
        self.is_crash = dice.random() < 0.4
        self.error: BaseException | None = None
        self.edges = [
            WildEdge(f"edge{number}", dice=dice, session=self) for number in range(dice.randint(1, 3))
        ]
        self._begun: dict[str, int] = {}
        self._tape, self._time, self._dice = tape, time, dice
        delivery = Delivery(attempts=2, back_off_s=0.0, checkpoint_every=dice.choice((1, 16)))
        self.engine = CoreEngine(
            core.bus,
            tape=tape,
            clock=time.clock(),
            config=EngineConfig(
                inbox_capacity=dice.choice((8, 64, 16_384)),
                batch_limit=dice.choice((1, 7, 4_096)),
                drain_timeout_s=1.0,
                delivery=delivery,
            ),
        )
        for edge in self.edges:
            self.engine.subscribe(edge)

    async def play(self, streams: Mapping[int, Sequence[Event]]) -> None:
        """Let every producer post its stream until the engine is ended, at a moment of the dice."""
        self._begun = {edge.name: await self._tape.checkpoint(edge.name) for edge in self.edges}
        if self._dice.random() < 0.3:
            await self.engine.recover()
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            run = group.create_task(self._run(), name="run")
            group.create_task(self._pass_time(run), name="time")
            group.create_task(self._end(run, self._dice.randint(5, 400)), name="end")
            for number, stream in streams.items():
                group.create_task(self._produce(number, stream), name=f"producer {number}")

    def report(self, event: Event) -> None:
        """What an edge reports, noted."""
        try:
            self.engine.report(event)
        except InputError:
            self.told += 1
            raise
        self.reported += 1

    async def _run(self) -> None:
        try:
            await self.engine.run()
        except asyncio.CancelledError:
            if not self.is_crash:
                raise
        except Exception as error:
            self.error = error

    async def _end(self, run: asyncio.Task[None], turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        if self.is_crash:
            run.cancel()
        else:
            self.engine.stop()

    async def _pass_time(self, run: asyncio.Task[None]) -> None:
        dice = self._dice
        while not run.done():
            self._time.go_on(dice.randint(2, SECOND // 50))
            if dice.random() < 0.02:
                self._time.step(dice.choice((-1, 1)) * dice.choice((SECOND, 3_600 * SECOND)))
            await asyncio.sleep(0)

    async def _produce(self, number: int, stream: Sequence[Event]) -> None:
        dice = self._dice
        for event in stream:
            try:
                if dice.random() < 0.1:
                    await self._post_wrong(dice.choice(WRONG))
                await self.engine.post(event)
            except ComponentError:
                return
            self.accepted[number].append(event)
            for _ in range(dice.choice((0, 0, 0, 0, 1, 2))):
                await asyncio.sleep(0)

    async def _post_wrong(self, event: Event) -> None:
        try:
            await self.engine.post(event)
        except InputError:
            self.told += 1
        else:
            raise AssertionError(f"{event} was taken")

    async def check(self, rows: Sequence[Row], first: int) -> None:
        """Compare the tape, of which this session wrote what follows ``first`` rows, with what was told."""
        assert self.error is None
        assert [seq for seq, _, _ in rows] == list(range(1, len(rows) + 1))
        stamps = [event.ts for _, _, event in rows]
        assert stamps == sorted(stamps)
        inputs = [event for _, cause, event in rows[first:] if cause < 0]
        on_tape: dict[int, list[Event]] = defaultdict(list)
        for event in inputs:
            on_tape[producer_of(event)].append(event)
        for number, events in self.accepted.items():
            for is_first in (True, False):
                accepted = [
                    said(admitted(event)) for event in events if (type(event) in TAKEN_FIRST) is is_first
                ]
                found = [said(event) for event in on_tape[number] if (type(event) in TAKEN_FIRST) is is_first]
                assert found == (accepted[: len(found)] if self.is_crash else accepted)
        assert set(on_tape) <= {*self.accepted, *(EDGE, ENGINE)}
        assert self.engine.refused == self.told
        if not self.is_crash:
            assert len(on_tape[EDGE]) == self.reported
            assert sum(map(refusals_in, inputs)) == self.told
        for edge in self.edges:
            await self._check_edge(edge, rows)

    async def _check_edge(self, edge: WildEdge, rows: Sequence[Row]) -> None:
        """It saw what is on the tape, in order within a symbol, and its checkpoint passed nothing."""
        seqs: dict[str, list[int]] = defaultdict(list)
        for seq, event in edge.begun:
            assert msgspec.msgpack.encode(rows[seq - 1][2]) == msgspec.msgpack.encode(event)
            seqs[symbol_getter(type(event))(event)].append(seq)
        for in_turn in seqs.values():
            assert in_turn == sorted(in_turn)
        done = {seq for seq, _ in edge.handled} | edge.failed
        for seq, _, event in rows[self._begun[edge.name] : await self._tape.checkpoint(edge.name)]:
            may_skip = edge.overflow is Overflow.CONFLATE and isinstance(event, Quote)
            assert seq in done or may_skip or type(event) not in edge.event_types


ENGINE, EDGE, SEEDED = -2, -1, 0


def producer_of(event: Event) -> int:
    """Who posted an input."""
    match event:
        case Quote(exchange_ts=mark) if MARK <= mark < 100 * MARK:
            return mark // MARK
        case CashMoved(reason=reason) if reason.startswith("producer "):
            return int(reason.split()[1])
        case FeedStatusChanged(feed=feed) if feed.startswith("edge"):
            return EDGE
        case _ if isinstance(event, ENGINES_OWN):
            return ENGINE
        case _:
            return SEEDED


def is_taken_first(event: Event) -> bool:
    """Whether it is of the class that passes by market data."""
    return type(event) in TAKEN_FIRST


def said(event: Event) -> bytes:
    """An event as the tape says it, but for its time."""
    return msgspec.msgpack.encode(msgspec.structs.replace(event, ts=0))


def refusals_in(event: Event) -> int:
    """How many refusals an input tells of."""
    if not isinstance(event, MessageQuarantined):
        return 0
    first, rest = event.reason.split(" ", 1)
    return int(first) if rest.startswith("more inputs refused") else 1


def stream_of(number: int, dice: Random) -> list[Event]:
    """Quotes, and cash in every form that a careless producer gives it, marked as this producer's."""
    events: list[Event] = []
    for place in range(dice.choice((20, 100, 600))):
        price = round(dice.uniform(90, 110), 2)
        if dice.random() < 0.02:
            amount = dice.choice((price, str(price), int(price), Decimal(str(price))))
            events.append(CASH(0, amount, reason=f"producer {number} {place}"))
        else:
            mark = number * MARK + place
            events.append(Quote(0, dice.choice(SYMBOLS), price, price + 0.01, 10.0, 10.0, exchange_ts=mark))
    return events


async def play(seed: int) -> None:
    """Play a world's sessions over one tape, checking each; what they left is recovered into a new core."""
    dice = Random(f"live world {seed}")
    seeded = world(seed, length=40)
    tape, time = memory_tape(), Time(seeded.inputs[0].ts)
    left, number = list(seeded.inputs), 0
    while True:
        first = await tape.last_seq()
        session = Session(seeded.core(), tape=tape, time=time, dice=dice)
        producers = range(3 * number + 1, 3 * number + 1 + dice.randint(0, 3))
        await session.play({SEEDED: left, **{each: stream_of(each, dice) for each in producers}})
        await session.check(await rows_of(tape), first)
        del left[: len(session.accepted[SEEDED])]
        number += 1
        if not session.is_crash and dice.random() < 0.7:
            break
    recovered = seeded.core()
    await CoreEngine(recovered.bus, tape=tape, clock=VirtualClock()).recover()
    assert take(recovered.bus) == take(session.core.bus)
