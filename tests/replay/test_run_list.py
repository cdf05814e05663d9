"""The list of runs: from the ends of each run alone, with the figures of a full reading."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import msgspec
import pytest

from eventstore import MemoryEventStore
from eventstore.catalogue import set_aside
from kernel.events import (
    CashMoved,
    ComponentFailed,
    Event,
    RiskLimitBreached,
    RunStarted,
    StrategyLogged,
)
from replay.config import ReplayConfig
from replay.run_list import ListedRun, list_runs, measure_runs, run_rows
from strategies.ma_cross import MovingAverageCross
from tests.replay.market import walk
from tests.replay.playing import record_run as play_and_record
from tests.replay.playing import store_of
from tests.replay.recorded_run import RUN, STRATEGY, bar, day, mark, record_run

CLOSES = [bar(number, 100.0) for number in range(4)]


@pytest.fixture
async def store() -> AsyncIterator[MemoryEventStore]:
    async with MemoryEventStore() as memory:
        yield memory


def shown(runs: Sequence[ListedRun]) -> list[object]:
    """All that the ends of runs can tell."""
    return [
        (one.stream, one.state, found and (found.strategies, found.sources, found.symbols))
        + (() if found is None else (found.start_ts, found.end_ts, found.total_return))
        for one in runs
        for found in (one.summary,)
    ]


async def listed(store: MemoryEventStore, derived: Sequence[Event], *, is_finished: bool = True) -> ListedRun:
    """One run, after both ways to read it agreed."""
    await record_run(store, derived, data={"abc.1d": CLOSES}, is_finished=is_finished)
    (one,) = runs = await list_runs(store)
    assert shown(runs) == shown(await measure_runs(store))
    return one


async def test_the_ends_of_runs_tell_what_a_full_reading_does() -> None:
    store = await store_of(a_1d=walk("A", 200, seed=3), b_1d=walk("B", 90, seed=4))
    for config in (
        ReplayConfig(streams=("a.1d",)),
        ReplayConfig(streams=("a.1d", "b.1d"), cash=Decimal(7_000)),
        ReplayConfig(streams=("b.1d",), start="2004-02-01"),
    ):
        await play_and_record(store, [MovingAverageCross(fast=2, slow=5)], config)

    runs = await list_runs(store)

    assert shown(runs) == shown(await measure_runs(store))
    assert [one.state for one in runs] == ["done"] * 3
    assert all(one.summary is not None and one.summary.metrics is None for one in runs)


async def test_a_return_with_money_paid_in_is_that_of_a_full_reading() -> None:
    store = await store_of(a_1d=walk("A", 200, seed=3))
    paid = {"at": "2004-02-01", "do": "deposit", "amount": 5_000}
    config = msgspec.convert({"streams": ["a.1d"], "commands": [paid]}, ReplayConfig)
    await play_and_record(store, [MovingAverageCross(fast=2, slow=5)], config)

    runs = await list_runs(store)

    assert shown(runs) == shown(await measure_runs(store))


async def test_a_run_over_data_that_was_replaced_since_keeps_its_period() -> None:
    store = await store_of(a_1d=walk("A", 200, seed=3)[50:])
    await play_and_record(store, [MovingAverageCross(fast=2, slow=5)], ReplayConfig(streams=("a.1d",)))
    before = await list_runs(store)
    await set_aside(store, "a.1d", ts=0, reason="restated")
    await store.append("a.1d", walk("A", 200, seed=3), expected_seq=0)

    runs = await list_runs(store)

    assert shown(runs) == shown(before) == shown(await measure_runs(store))


@pytest.mark.parametrize(
    ("derived", "state"),
    [
        ([mark(day(1), "10000")], "done"),
        ([ComponentFailed(day(1), "risk", "Bar", "ValueError", 1, ""), mark(day(2), "10000")], "failed"),
        ([mark(day(1), "10000"), mark(day(2), "-5")], "ruined"),
        (
            [
                mark(day(1), "10000"),
                RiskLimitBreached(day(1), "ruin", "-5", "0", "halt"),
                *[StrategyLogged(day(1), STRATEGY, "word")] * 5_000,
                ComponentFailed(day(2), "risk", "Bar", "ValueError", 1, ""),
                mark(day(2), "20"),
            ],
            "failed, ruined",
        ),
        ([], "done"),
    ],
)
async def test_the_state_says_how_a_run_ended(
    store: MemoryEventStore, derived: Sequence[Event], state: str
) -> None:
    assert (await listed(store, derived)).state == state


async def test_a_run_that_was_never_finished_is_listed(store: MemoryEventStore) -> None:
    one = await listed(store, [mark(day(1), "10000")], is_finished=False)

    assert (one.stream, one.state, one.summary) == (RUN, "unfinished", None)
    assert run_rows((one,)).rows[0] == (RUN, "-", "-", "-", "-", "-", "unfinished")


async def test_a_live_log_is_listed_as_such(store: MemoryEventStore) -> None:
    events = [RunStarted(day(0), (), ("ABC",), 0, 0), CashMoved(day(0), Decimal(100)), *CLOSES]
    await store.append("live", events, expected_seq=0, causes=[-(n + 1) for n in range(len(events))])

    assert [one.state for one in await list_runs(store)] == ["live log"]


async def test_the_figures_of_a_full_reading_have_columns(store: MemoryEventStore) -> None:
    await record_run(store, [mark(day(1), "10000")], data={"abc.1d": CLOSES})

    columns = [
        {column.name for column in run_rows(await read(store)).columns} for read in (list_runs, measure_runs)
    ]

    assert columns[1] - columns[0] == {"Trades", "Drawdown", "Sharpe"}
