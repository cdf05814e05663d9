"""``replay.at`` and the snapshots inside of runs."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

import replay
from eventstore import EventStore, MemoryEventStore, open_store
from kernel.errors import ConfigError, InputError
from kernel.events import AccountMarked
from replay.backtesting import from_instance, record_run
from replay.past.states import StateChange, changes_between, plain_of, value_at
from replay.planning import plan_run
from replay.run_snapshots import snapshots_beside
from tests.replay.market import walk
from tests.replay.past_logs import RUN_CONFIG, files_in, log_of_three_sessions, run_of_two_symbols
from tests.replay.playing import digest_of, read_events
from tests.replay.test_changed_sessions import Trader


async def _copy(store: EventStore, target: EventStore) -> None:
    for info in await store.streams():
        async for batch in store.read(info.stream):
            events, causes = batch.events, batch.causes
            await target.append(info.stream, events, expected_seq=batch.seqs[0] - 1, causes=causes)


def store_with_logs(path: Path) -> None:
    """A store on disk with the run and the live log."""

    async def fill() -> None:
        async with await open_store(path) as target:
            for made in (run_of_two_symbols, log_of_three_sessions):
                store, _ = await made(None)
                await _copy(store, target)

    asyncio.run(fill())


@pytest.mark.parametrize("name", ["market.db", "live.tape"])
@pytest.mark.parametrize("log", ["run.Trader+random_orders.1", "paper"])
def test_the_core_as_it_was_in_one_call(tmp_path: Path, name: str, log: str) -> None:
    path = tmp_path / name
    store_with_logs(path)

    past = replay.at(log, number=20, store=path)
    same = replay.at(log, past.moment.seq, store=path)
    end = replay.at(log, store=path)
    by_time = replay.at(log, time="2004-02-03", store=path)

    assert same.moment.seq == past.moment.seq
    assert same.moment.number <= past.moment.number == 20
    assert by_time.moment.ts < end.moment.ts
    assert end.core.portfolio.equity != past.core.portfolio.equity
    assert end.state("bus.input_count") == end.moment.number
    assert isinstance(end.state("strategy:Trader.strategy.bars"), int)


async def test_it_works_on_an_open_store_inside_of_a_loop() -> None:
    store, run = await run_of_two_symbols()
    marks = [event for event in await read_events(store, run) if isinstance(event, AccountMarked)]

    past = replay.at(run, store=store)

    assert past.core.portfolio.equity == marks[-1].equity


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    with pytest.raises(InputError, match="there is no store"):
        replay.at("paper", store=path)
    store_with_logs(path)
    with pytest.raises(InputError, match="give one of seq, time and number"):
        replay.at("paper", 3, number=4, store=path)
    with pytest.raises(ConfigError, match="time: 'soon'"):
        replay.at("paper", time="soon", store=path)
    with pytest.raises(InputError, match="there is no 'cash_'; there are: "):
        replay.at("paper", store=path).state("portfolio.cash_")


# --- snapshots inside of a run --------------------------------------------------------------------


async def test_snapshots_change_nothing_in_a_run(tmp_path: Path) -> None:
    (plain, run), (saved, same) = await run_of_two_symbols(), await run_of_two_symbols(files_in(tmp_path))

    assert run == same
    assert await digest_of(plain, run) == await digest_of(saved, run)
    assert await read_events(plain, run) == await read_events(saved, run)


async def test_a_run_has_a_snapshot_every_so_many_inputs(tmp_path: Path) -> None:
    store, run = await run_of_two_symbols(files := files_in(tmp_path))
    seqs = files.seqs(run)

    assert len(seqs) >= 1
    assert seqs[-1] <= (await store.head(run)).seq


async def test_snapshots_of_another_run_of_the_same_name_are_not_used(tmp_path: Path) -> None:
    await run_of_two_symbols(files := files_in(tmp_path))
    other = MemoryEventStore()
    for name, seed in (("a.1d", 13), ("b.1d", 14)):
        await other.append(name, walk(name[0].upper(), 60, seed=seed), expected_seq=0)
    loaded = [from_instance(Trader())]
    await record_run(other, await plan_run(other, RUN_CONFIG, loaded=loaded))

    past = replay.at("run.Trader.1", 90, store=other)

    assert past.moment.seq >= 90
    assert files.seqs("run.Trader.1") == []


def test_a_store_in_a_file_has_its_snapshots_beside_it(tmp_path: Path) -> None:
    files = snapshots_beside(tmp_path / "market.db")

    assert files.seqs("run.x.1") == []
    assert not (tmp_path / "market.db.snapshots").exists()


# --- states as plain values -------------------------------------------------------------------------


def test_changes_have_paths() -> None:
    before = plain_of({"a": {"x": 1, "y": [1, 2]}, "b.c": Decimal("1.50"), "gone": 1})
    after = plain_of({"a": {"x": 2, "y": [1, 3]}, "b.c": Decimal("1.50"), "new": None})

    assert list(changes_between(before, after)) == [
        StateChange("a.x", 1, 2),
        StateChange("a.y.1", 2, 3),
        StateChange("new", None, None),
        StateChange("gone", 1, None),
    ]
    assert isinstance(after, dict)
    assert value_at(after, "b.c") == "1.50"
    assert value_at(after, "a.y.1") == 3
