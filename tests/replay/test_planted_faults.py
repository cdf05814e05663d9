"""What no log holds shows: planted nondeterminism, and a store that was changed behind our back."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from eventstore import SqliteEventStore
from kernel.events import OrderIntent
from tests.replay.commands import python, python_process, replay
from tests.replay.market import walk
from tests.replay.playing import first_seq_of

PLANTED = """
import random, time
from strategies.sdk import Bar, Decisions, Metadata, Strategy, StrategyParams, StrategyState, buy

CALLS = []

class Planted(Strategy[StrategyParams, StrategyState]):
    metadata = Metadata(name="planted")

    def on_bar(self, bar: Bar) -> Decisions:
        return buy(bar.symbol, 1 + {quantity})
"""

SET_ORDER = "list({'alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta'}).index('gamma')"

RECORD = """
import asyncio
import sys
from eventstore import SqliteEventStore
from planted import Planted
from tests.replay.playing import record_run

async def main():
    async with await SqliteEventStore.open("market.db") as store:
        for _ in range(int(sys.argv[1])):
            run = await record_run(store, [Planted()])
        print(run)

asyncio.run(main())
"""


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """A folder with ``market.db``, which holds a hundred bars."""

    async def fill() -> None:
        async with await SqliteEventStore.open(tmp_path / "market.db") as store:
            await store.append("a.1d", walk("A", 100, seed=5), expected_seq=0)

    asyncio.run(fill())
    return tmp_path


def record_planted(folder: Path, quantity: str, *, times: str = "1", **environment: str) -> str:
    """Run a strategy that no linter has seen: an instance made by hand is taken as it is.

    Returns the stream of the last of ``times`` runs, all made in one process.
    """
    (folder / "planted.py").write_text(PLANTED.format(quantity=quantity))
    (folder / "record.py").write_text(RECORD)
    return python("record.py", times, folder=folder, **environment).strip()


def first_decision(folder: Path, run: str) -> int:
    async def find() -> int:
        async with await SqliteEventStore.open(folder / "market.db", read_only=True) as store:
            return await first_seq_of(store, run, OrderIntent)

    return asyncio.run(find())


@pytest.mark.slow
def test_the_order_of_a_set_is_caught_in_another_process(market: Path) -> None:
    run = record_planted(market, SET_ORDER, PYTHONHASHSEED="1")

    verify = ("-c", "from ops.commands.replay import main; main()", "verify", run, "--store", "market.db")
    again = python_process(*verify, folder=market, PYTHONHASHSEED="1")
    other = python_process(*verify, folder=market, PYTHONHASHSEED="2")

    assert (again.returncode, again.stderr) == (0, "")
    assert other.returncode == 1
    assert f"seq {first_decision(market, run)}: recorded" in other.stderr
    assert "(OrderIntent)" in other.stderr


@pytest.mark.parametrize(
    "quantity",
    ["time.time_ns() // 1000 % 100_000", "random.randrange(100_000)", "(CALLS.append(0), len(CALLS))[1] % 7"],
    ids=["wall clock", "random numbers of the process", "state outside the state"],
)
def test_what_no_log_holds_is_caught_at_the_first_decision(market: Path, quantity: str) -> None:
    """The third goes on counting from run to run in one process, and begins anew in a replay."""
    run = record_planted(market, quantity, times="2")

    refused = replay("verify", run, "--store", market / "market.db")

    assert refused.exit_code == 1
    assert f"seq {first_decision(market, run)}: recorded" in refused.stderr
    assert refused.stderr.count("(OrderIntent)") == 2


# --- a store changed from outside ---------------------------------------------------------------


@pytest.mark.parametrize("stream", ["a.1d", "run"])
def test_a_stream_changed_in_the_file_is_refused_as_damaged(market: Path, stream: str) -> None:
    run = record_planted(market, "0")
    changed = run if stream == "run" else stream
    with sqlite3.connect(market / "market.db") as database:
        database.execute(
            "UPDATE block SET payload = substr(payload, 1, length(payload) - 1) || x'00' WHERE id >> 42 = "
            "(SELECT id FROM stream WHERE name = ?)",
            (changed,),
        )
    database.close()

    refused = replay("verify", run, "--store", market / "market.db")

    assert refused.exit_code == 1
    assert f"stream {changed!r} is damaged from seq 1" in refused.stderr
