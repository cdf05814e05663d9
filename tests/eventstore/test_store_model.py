"""Stores against a plain model: lists of events."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eventstore import EventStore, Selection
from eventstore.vocabulary import symbol_of
from kernel.errors import AppendConflict, StoreError
from kernel.events import Event, OrderIntent, Quote, TimerFired, Trade
from tests.eventstore.samples import STORES, collected, flattened, intent, quote, read_all, timer, trade

T = TypeVar("T")
Row = tuple[int, int, Event]

STREAMS = st.sampled_from(["a", "b"])
SYMBOLS = st.sampled_from(["A", "B", "C"])
STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["quote", "trade", "intent", "timer"]), SYMBOLS), max_size=8
)


def make_event(kind: str, ts: int, symbol: str) -> Event:
    if kind == "timer":
        return timer(ts)
    if kind == "intent":
        return intent(ts, symbol)
    return trade(ts, symbol) if kind == "trade" else quote(ts, symbol)


@st.composite
def selections(draw: st.DrawFn) -> Selection:
    bound = st.none() | st.integers(-1, 40)
    event_types: list[type[Event]] = [Quote, Trade, OrderIntent, TimerFired]
    return Selection(
        from_seq=draw(st.integers(1, 40)),
        to_seq=draw(bound),
        from_ts=draw(bound),
        to_ts=draw(bound),
        symbols=draw(st.none() | st.frozensets(SYMBOLS)),
        types=draw(st.none() | st.frozensets(st.sampled_from(event_types))),
    )


def is_selected(row: Row, selection: Selection) -> bool:
    seq, _cause, event = row
    return (
        selection.from_seq <= seq
        and (selection.to_seq is None or seq <= selection.to_seq)
        and (selection.from_ts is None or event.ts >= selection.from_ts)
        and (selection.to_ts is None or event.ts <= selection.to_ts)
        and (selection.symbols is None or symbol_of(event) in selection.symbols)
        and (selection.types is None or type(event) in selection.types)
    )


class StoreModel(RuleBasedStateMachine):
    """Whatever is done to a store, it holds what a list would."""

    kind = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.store: EventStore = self.run(self.open())
        self.rows: dict[str, list[Row]] = {"a": [], "b": []}
        self.checkpoints: dict[str, int] = {}

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.runner.run(work)

    async def open(self) -> EventStore:
        return await STORES[self.kind](Path(self.folder.name))

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    def new_rows(self, stream: str, steps: list[tuple[int, str, str]], *, derived: bool) -> list[Row]:
        rows = self.rows[stream]
        ts = rows[-1][2].ts if rows else 0
        made: list[Row] = []
        for place, (step, kind, symbol) in enumerate(steps):
            ts += step
            seq = len(rows) + place + 1
            made.append((seq, seq // 2 if derived else 0, make_event(kind, ts, symbol)))
        return made

    @rule(stream=STREAMS, steps=STEPS, derived=st.booleans())
    def append(self, stream: str, steps: list[tuple[int, str, str]], derived: bool) -> None:
        made = self.new_rows(stream, steps, derived=derived)
        causes = [row[1] for row in made] if derived else None

        head = self.run(
            self.store.append(
                stream, [row[2] for row in made], expected_seq=len(self.rows[stream]), causes=causes
            )
        )

        self.rows[stream] += made
        assert head.seq == len(self.rows[stream])

    @rule(stream=STREAMS, groups=st.lists(STEPS, min_size=2, max_size=5))
    def append_in_flight(self, stream: str, groups: list[list[tuple[int, str, str]]]) -> None:
        async def together() -> None:
            async with asyncio.TaskGroup() as tasks:
                for steps in groups:
                    made = self.new_rows(stream, steps, derived=False)
                    expected_seq = len(self.rows[stream])
                    self.rows[stream] += made
                    events = [row[2] for row in made]
                    append = self.store.append(stream, events, expected_seq=expected_seq)
                    tasks.create_task(_discard(append), name="append")

        self.run(together())

    @rule(stream=STREAMS, off_by=st.sampled_from([-2, -1, 1, 5]))
    def append_elsewhere(self, stream: str, off_by: int) -> None:
        expected_seq = len(self.rows[stream]) + off_by

        with pytest.raises(AppendConflict) as caught:
            self.run(self.store.append(stream, [quote(1 << 40)], expected_seq=expected_seq))

        assert caught.value.actual_seq == len(self.rows[stream])

    @precondition(lambda self: any(self.rows.values()))
    @rule()
    def append_earlier(self) -> None:
        stream, rows = next((stream, rows) for stream, rows in self.rows.items() if rows)

        with pytest.raises(StoreError, match="decrease"):
            self.run(self.store.append(stream, [quote(rows[-1][2].ts - 1)], expected_seq=len(rows)))

    @precondition(lambda self: any(self.rows.values()))
    @rule(selection=selections())
    def read_selected(self, selection: Selection) -> None:
        for stream, rows in self.rows.items():
            if rows:
                found = self.run(read_all(self.store, stream, selection))

                assert found == [row for row in rows if is_selected(row, selection)]

    @precondition(lambda self: bool(self.rows["a"]))
    @rule(data=st.data())
    def follow_to_the_end(self, data: st.DataObject) -> None:
        rows = self.rows["a"]
        from_seq = data.draw(st.integers(1, len(rows)))
        selection = Selection(from_seq=from_seq, to_seq=len(rows))

        found = self.run(collected(self.store.follow("a", selection)))

        assert flattened(found) == rows[from_seq - 1 :]

    @rule(subscriber=st.sampled_from(["x", "y"]), seq=st.integers(0, 100))
    def save_checkpoint(self, subscriber: str, seq: int) -> None:
        self.run(self.store.save_checkpoint(subscriber, seq))

        self.checkpoints[subscriber] = max(seq, self.checkpoints.get(subscriber, 0))
        assert self.run(self.store.checkpoint(subscriber)) == self.checkpoints[subscriber]

    @rule()
    def verify(self) -> None:
        for stream, rows in self.rows.items():
            if rows:
                assert self.run(self.store.verify(stream)) is None

    @invariant()
    def heads_are_right(self) -> None:
        for stream, rows in self.rows.items():
            head = self.run(self.store.head(stream))
            assert (head.seq, head.ts) == ((len(rows), rows[-1][2].ts) if rows else (0, 0))


class SqliteModel(StoreModel):
    """The same, in files that are closed and opened now and then."""

    kind = "sqlite"

    @rule()
    def reopen(self) -> None:
        self.run(self.store.close())
        self.store = self.run(self.open())

        for subscriber, seq in self.checkpoints.items():
            assert self.run(self.store.checkpoint(subscriber)) == seq


async def _discard(append: Coroutine[object, object, object]) -> None:
    await append


class RollingModel(SqliteModel):
    """The same, with a segment for nearly every append."""

    kind = "rolling"


TestMemoryModel = StoreModel.TestCase
TestMemoryModel.settings = settings(stateful_step_count=30)

TestSqliteModel = SqliteModel.TestCase
TestSqliteModel.settings = settings(max_examples=20, stateful_step_count=20)

TestRollingModel = pytest.mark.slow(RollingModel.TestCase)
TestRollingModel.settings = settings(max_examples=10, stateful_step_count=15, deadline=None)
