"""Lanes against a plain model: what each symbol must have been handed, however slow, late or cut off."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kernel.edge import Delivery, Overflow
from kernel.events import Event, Quote, Trade
from tests.kernel.listeners import bar, quote
from tests.kernel.live import Delivered, Edge, lanes_of, memory_tape, trade, until

T = TypeVar("T")

CAPACITY = 2
SYMBOLS = ("A", "B", "C")
KINDS: dict[str, Callable[[int, str], Event]] = {"quote": quote, "trade": trade, "bar": bar}
BURSTS = st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from(SYMBOLS)), max_size=12)
Numbered = tuple[int, Event]


def events_of(burst: Sequence[tuple[str, str]]) -> list[Event]:
    return [KINDS[kind](1, symbol) for kind, symbol in burst]


def asked_for(rows: Sequence[Numbered], symbol: str) -> list[Numbered]:
    """What an edge for quotes and trades must be handed of a symbol, in order."""
    return [
        (seq, event) for seq, event in rows if isinstance(event, Quote | Trade) and event.symbol == symbol
    ]


def is_ordered_subsequence(handled: Sequence[int], whole: Sequence[int]) -> bool:
    remaining = iter(whole)
    return all(seq in remaining for seq in handled)


class LanesModel(RuleBasedStateMachine):
    """A subscriber for quotes and trades; what it does is let through event by event.

    Appends are released in order by a task of their own, as late as the lanes make it. A crash takes
    the lanes and what was not released; the next session begins at the checkpoint.
    """

    overflow = Overflow.BLOCK

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.tape = memory_tape()
        self.rows: list[Numbered] = []
        self.handled_ever: set[int] = set()
        self.last_checkpoint = 0
        self.run(self.begin())

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.runner.run(work)

    async def begin(self) -> None:
        self.permits: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(0))
        self.edge = Edge(
            event_types=(Quote, Trade), act=self.act, overflow=self.overflow, lane_capacity=CAPACITY
        )
        self.first_seq = await self.tape.checkpoint("edge") + 1
        self.waiting = asyncio.Queue[tuple[int, list[Event]]]()
        self.unreleased = 0
        started: asyncio.Future[Delivered] = asyncio.get_running_loop().create_future()
        self.session = asyncio.create_task(self.release_all(started))
        self.delivered = await started

    async def release_all(self, started: "asyncio.Future[Delivered]") -> None:
        async with lanes_of(self.edge, tape=self.tape, delivery=Delivery(checkpoint_every=2)) as delivered:
            started.set_result(delivered)
            while True:
                first_seq, events = await self.waiting.get()
                await delivered.lanes.release(first_seq, events, types=frozenset(map(type, events)))
                self.unreleased -= 1

    async def act(self, _seq: int, event: Event) -> None:
        assert isinstance(event, Quote | Trade)
        await self.permits[event.symbol].acquire()

    @rule(bursts=st.lists(BURSTS.filter(bool), min_size=1, max_size=3))
    def append(self, bursts: list[list[tuple[str, str]]]) -> None:
        async def work() -> None:
            for burst in bursts:
                events = events_of(burst)
                first_seq = await self.delivered.append(events)
                self.rows += enumerate(events, first_seq)
                self.unreleased += 1
                self.waiting.put_nowait((first_seq, events))

        self.run(work())

    @rule(symbol=st.sampled_from(SYMBOLS), count=st.integers(1, 6))
    def let_handle(self, symbol: str, count: int) -> None:
        async def work() -> None:
            for _ in range(count):
                self.permits[symbol].release()

        self.run(work())

    @rule(turns=st.integers(1, 30))
    def go_on(self, turns: int) -> None:
        async def work() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.run(work())

    @rule()
    def crash(self) -> None:
        async def work() -> None:
            await self.end_session()
            self.handled_ever.update(self.edge.seqs)
            await self.begin()

        self.run(work())

    @rule()
    def catch_up(self) -> None:
        self.run(self.finish())
        for symbol in SYMBOLS:
            self.check_complete(symbol)

    async def end_session(self) -> None:
        self.session.cancel()
        with suppress(asyncio.CancelledError):
            await self.session

    async def finish(self) -> None:
        for symbol in SYMBOLS:
            for _ in range(len(self.rows)):
                self.permits[symbol].release()
        await until(lambda: not self.unreleased)
        await self.delivered.lanes.drain()
        await until(lambda: not self.delivered.lanes.lane_count)

    def seqs_of(self, symbol: str) -> tuple[list[int], list[int]]:
        """What was handled in this session, and what there was to handle."""
        due = [seq for seq, _ in asked_for(self.rows, symbol) if seq >= self.first_seq]
        return [seq for seq, _ in asked_for(self.edge.handled, symbol)], due

    def check_complete(self, symbol: str) -> None:
        handled, due = self.seqs_of(symbol)
        assert handled == due

    def may_be_skipped(self, _row: Numbered, /) -> bool:
        """Whether an event need not be handled."""
        return False

    @invariant()
    def each_symbol_is_handled_in_order_without_gap_or_repeat(self) -> None:
        for symbol in SYMBOLS:
            handled, due = self.seqs_of(symbol)
            assert handled == due[: len(handled)]

    @invariant()
    def lanes_are_bounded(self) -> None:
        assert self.delivered.lanes.peak <= CAPACITY

    @invariant()
    def lanes_and_tasks_come_and_go_with_the_symbols_in_hand(self) -> None:
        """One worker for each, one that was called in advance, and one reading from the tape."""
        assert self.delivered.lanes.lane_count <= len(SYMBOLS)
        assert self.delivered.lanes.task_count <= len(SYMBOLS) + 2

    @invariant()
    def the_checkpoint_never_steps_back_nor_passes_what_was_not_handled(self) -> None:
        checkpoint = self.run(self.tape.checkpoint("edge"))
        self.handled_ever.update(self.edge.seqs)
        assert checkpoint >= self.last_checkpoint
        self.last_checkpoint = checkpoint
        for place in (checkpoint, self.delivered.lanes.handled_seq):
            assert [
                seq
                for seq, event in self.rows[:place]
                if isinstance(event, Quote | Trade)
                and seq not in self.handled_ever
                and not self.may_be_skipped((seq, event))
            ] == []

    def teardown(self) -> None:
        try:
            self.catch_up()
        finally:
            self.run(self.end_session())
            self.runner.close()


class CatchUpModel(LanesModel):
    overflow = Overflow.CATCH_UP


class ConflateModel(LanesModel):
    overflow = Overflow.CONFLATE

    @invariant()
    def each_symbol_is_handled_in_order_without_gap_or_repeat(self) -> None:
        for symbol in SYMBOLS:
            assert is_ordered_subsequence(*self.seqs_of(symbol))

    def check_complete(self, symbol: str) -> None:
        handled, due = self.seqs_of(symbol)
        assert handled[-1:] == due[-1:]
        assert [seq for seq in due if seq not in handled and isinstance(self.rows[seq - 1][1], Trade)] == []

    def may_be_skipped(self, row: Numbered, /) -> bool:
        seq, event = row
        return isinstance(event, Quote) and any(
            isinstance(later, Quote) and later.symbol == event.symbol for _, later in self.rows[seq:]
        )


TestBlockingLanes = LanesModel.TestCase
TestCatchUpLanes = CatchUpModel.TestCase
TestConflatingLanes = ConflateModel.TestCase

TestBlockingLanes.settings = settings(stateful_step_count=25)
TestCatchUpLanes.settings = settings(stateful_step_count=25)
TestConflatingLanes.settings = settings(stateful_step_count=25)


@pytest.mark.parametrize("overflow", Overflow)
@given(
    bursts=st.lists(BURSTS, max_size=10),
    slowness=st.lists(st.integers(0, 6), min_size=1, max_size=7),
    lane_capacity=st.integers(1, 5),
    already_on_tape=st.integers(0, 3),
)
async def test_each_subscriber_sees_its_events_in_order_whatever_the_speeds(
    overflow: Overflow,
    bursts: list[list[tuple[str, str]]],
    slowness: list[int],
    lane_capacity: int,
    already_on_tape: int,
) -> None:
    async def dawdle(seq: int, _event: Event) -> None:
        for _ in range(slowness[seq % len(slowness)]):
            await asyncio.sleep(0)

    tape, rows = memory_tape(), list[Numbered]()
    edge = Edge(event_types=(Quote, Trade), act=dawdle, overflow=overflow, lane_capacity=lane_capacity)
    for burst in bursts[:already_on_tape]:
        await tape.append(events_of(burst), expected_seq=len(rows))
        rows += enumerate(events_of(burst), len(rows) + 1)
    async with lanes_of(edge, tape=tape) as delivered:
        for burst in filter(None, bursts[already_on_tape:]):
            await delivered.release(events_of(burst))
            rows += enumerate(events_of(burst), len(rows) + 1)
            await asyncio.sleep(0)
        await delivered.lanes.drain()

    assert delivered.lanes.peak <= lane_capacity
    assert delivered.lanes.handled_seq == len(rows)
    for symbol in SYMBOLS:
        handled, due = asked_for(edge.handled, symbol), asked_for(rows, symbol)
        if overflow is Overflow.CONFLATE:
            assert is_ordered_subsequence([seq for seq, _ in handled], [seq for seq, _ in due])
            assert handled[-1:] == due[-1:]
            assert [row for row in handled if isinstance(row[1], Trade)] == [
                row for row in due if isinstance(row[1], Trade)
            ]
        else:
            assert handled == due
