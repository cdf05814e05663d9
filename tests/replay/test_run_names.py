"""Two replays into one store at the same time have different names, and both are whole."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from components.assembly.settings import StrategyConfig
from eventstore import MemoryEventStore
from kernel.errors import AppendConflict
from kernel.events import SessionStopped
from replay.backtesting import run_and_record
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.recording import RunRecorder
from replay.results import read_results
from replay.verification import verify_run
from tests.ops.commands import ROOT, onetape, store_heads
from tests.replay.commands import replay
from tests.replay.market import walk, write_csv

CROSS = "strategies.ma_cross:MovingAverageCross"
CONFIG = ReplayConfig(
    streams=("a.1d",),
    strategies=(StrategyConfig(strategy=CROSS, params={"fast": 2, "slow": 5, "quantity": 10}),),
)
PROCESSES = 3


async def test_runs_at_the_same_time_get_names_of_their_own() -> None:
    store = MemoryEventStore()
    await store.append("a.1d", walk("A", 300, seed=3), expected_seq=0)
    plans = [await plan_run(store, CONFIG) for _ in range(3)]

    names = await asyncio.gather(*(run_and_record(store, plan) for plan in plans))

    assert sorted(names) == ["run.ma_cross.1", "run.ma_cross.2", "run.ma_cross.3"]
    results = [await read_results(store, name) for name in names]
    assert len({result.digest for result in results}) == 1
    for name in names:
        assert (await verify_run(store, name)).derived_count == results[0].derived


async def test_a_name_that_is_taken_later_than_the_first_append_is_a_conflict() -> None:
    """The records so far are under that name, so another cannot be chosen."""
    store = MemoryEventStore()
    recorder = RunRecorder(store, "run.x.1", next_name=_never)
    await recorder.record([SessionStopped(1, 1, "")], [1])
    await recorder.finish(input_count=1, ts=1)
    await store.append("run.x.1", [SessionStopped(2, 1, "")], expected_seq=2)
    await recorder.record([SessionStopped(3, 1, "")], [1])

    with pytest.raises(AppendConflict):
        await recorder.finish(input_count=1, ts=3)


async def _never() -> str:
    raise AssertionError("no other name is asked for")


def test_processes_at_the_same_time_get_names_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", walk("A", 300, seed=3))
    assert onetape("import", "a.csv", "--symbol", "A", "--store", "m.db").exit_code == 0
    words = [sys.executable, "-c", "from ops.commands.replay import main; main()", "--store", "m.db"]
    words += ["--stream", "a.1d", "--strategy", CROSS, "--param", "fast=2", "--param", "slow=5", "--json"]

    started = [
        subprocess.Popen(
            words, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(PROCESSES)
    ]
    ended = [process.communicate(timeout=300) for process in started]

    assert [process.returncode for process in started] == [0] * PROCESSES, ended
    told = [json.loads(out) for out, _ in ended]
    assert len({one["run_stream"] for one in told}) == len({one["report"] for one in told}) == PROCESSES
    assert len({one["digest"] for one in told}) == 1
    assert {one["run_stream"] for one in told} < set(store_heads(tmp_path / "m.db"))
    assert replay("verify", told[0]["run_stream"], "--store", "m.db").exit_code == 0
