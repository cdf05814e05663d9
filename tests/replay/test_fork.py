"""A fork with nothing changed is what happened; with a change it differs from there on alone."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from eventstore import MemoryEventStore, SnapshotFiles
from kernel.errors import ConfigError, InputError
from kernel.events import OrderFilled, SessionChanged
from replay.past.fork import ForkChanges, fork
from replay.run_config import Mode, RunConfig
from tests.ops.commands import store_heads
from tests.ops.test_step import RUN
from tests.replay.commands import replay
from tests.replay.live_sessions import LOG, live_session
from tests.replay.market import walk
from tests.replay.past_logs import files_in, log_of_three_sessions, run_of_two_symbols
from tests.replay.playing import read_events, store_of
from tests.replay.test_changed_sessions import CONFIG, Trader
from tests.replay.test_past import store_with_logs
from tests.replay.test_verification import CROSS, run_of_file

Made = Callable[[SnapshotFiles | None], Awaitable[tuple[MemoryEventStore, str]]]
BOTH = pytest.mark.parametrize("made", [run_of_two_symbols, log_of_three_sessions], ids=["run", "live log"])
NOTHING = ForkChanges()


async def middle_of(store: MemoryEventStore, log: str, part: float = 0.5) -> int:
    return max(1, int((await store.head(log)).seq * part))


@BOTH
@pytest.mark.parametrize("part", [0.0, 0.2, 0.5, 0.9, 1.0])
async def test_a_fork_with_nothing_changed_gives_equal_events(
    made: Made, part: float, tmp_path: Path
) -> None:
    store, log = await made(files := files_in(tmp_path))
    seq = await middle_of(store, log, part)

    found = await fork(store, log, changes=NOTHING, seq=seq, snapshots=files)

    assert not found.is_changed
    assert found.comparison.is_equal
    assert found.comparison.fills.only_a == found.comparison.fills.only_b == ()
    assert found.comparison.a.metrics == found.comparison.b.metrics


@BOTH
async def test_a_limit_holds_from_the_fork_on(made: Made) -> None:
    store, log = await made(None)
    seq = await middle_of(store, log)
    changes = ForkChanges(settings={"risk.max_order_quantity": "3"})

    found = await fork(store, log, changes=changes, seq=seq)

    first = found.comparison.first
    assert first is not None
    assert found.is_changed
    assert first.seq_a > found.moment.seq
    assert isinstance(first.b, SessionChanged)
    assert found.comparison.b.denied > found.comparison.a.denied
    assert found.comparison.fills.only_a
    fills = [event for event in await read_events(store, log) if isinstance(event, OrderFilled)]
    before = sum(event.ts <= found.moment.ts for event in fills)
    assert found.comparison.fills.both >= before


@BOTH
async def test_other_parameters_of_a_strategy(made: Made) -> None:
    store, log = await made(None)
    changes = ForkChanges(params={"Trader.quantity": "12"})

    found = await fork(store, log, changes=changes, seq=await middle_of(store, log, 0.3))

    assert found.is_changed
    assert any("Trader: buy 12 A" in words for words in found.comparison.fills.only_b) or any(
        "buy 12 A" in words for words in found.comparison.orders.only_b
    )
    assert any("buy 10" in words for words in found.comparison.orders.only_a)


@BOTH
@pytest.mark.parametrize("setting", ["broker.slippage_bps", "broker.commission_per_order"])
async def test_other_fills_and_fees(made: Made, setting: str) -> None:
    store, log = await made(None)
    seq = await middle_of(store, log, 0.2)

    found = await fork(store, log, changes=ForkChanges(settings={setting: "25"}), seq=seq)

    assert found.comparison.b.metrics.final_equity < found.comparison.a.metrics.final_equity


async def test_other_code_of_a_strategy_goes_on_with_its_state(tmp_path: Path) -> None:
    path = tmp_path / "saw.py"
    path.write_text(CROSS)
    store = await store_of(a_1d=walk("A", 100, seed=4))
    run = await run_of_file(store, path)
    other = tmp_path / "other.py"
    other.write_text(CROSS.replace("buy(bar.symbol, 10)", "buy(bar.symbol, 11)"))
    changes = ForkChanges(code={"saw": f"{other}:Saw"})

    found = await fork(store, run, changes=changes, ts=None, seq=await middle_of(store, run))

    assert any("buy 11 A" in words for words in found.comparison.orders.only_b)
    assert not any("buy 11 A" in words for words in found.comparison.orders.only_a)


async def test_the_log_of_a_daemon_s_configuration_is_forked() -> None:
    store = MemoryEventStore()
    fields = {name: getattr(CONFIG, name) for name in CONFIG.__struct_fields__}
    config = RunConfig(mode=Mode.PAPER, **fields)
    await live_session(store, walk("A", 60, seed=8), [Trader()], config)
    seq = await middle_of(store, LOG)

    same = await fork(store, LOG, changes=NOTHING, seq=seq)
    other = await fork(store, LOG, changes=ForkChanges(settings={"risk.max_order_quantity": "3"}), seq=seq)

    assert same.comparison.is_equal
    assert other.comparison.b.denied > 0
    with pytest.raises(ConfigError, match="feeds: cannot change in the middle of a log"):
        await fork(store, LOG, changes=ForkChanges(settings={"feeds": "[]"}), seq=seq)


async def test_a_fork_leaves_the_store_as_it_was() -> None:
    store, log = await log_of_three_sessions()
    before = await store.streams()

    await fork(store, log, changes=ForkChanges(settings={"risk.max_order_quantity": "3"}), seq=80)

    assert await store.streams() == before


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (ForkChanges(settings={"cash": "5"}), "cash: cannot change in the middle of a log"),
        (ForkChanges(settings={"risc.x": "5"}), "risc.x: there is no setting 'risc'"),
        (ForkChanges(settings={"risk.max_order_quantity": "many"}), "max_order_quantity"),
        (ForkChanges(params={"quantity": "5"}), "expected STRATEGY.NAME"),
        (ForkChanges(params={"Nobody.quantity": "5"}), "expected STRATEGY.NAME"),
        (ForkChanges(code={"nobody": "a:B"}), "there is no strategy 'nobody'"),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(changes: ForkChanges, says: str) -> None:
    store, log = await log_of_three_sessions()

    with pytest.raises((ConfigError, InputError), match=says):
        await fork(store, log, changes=changes, seq=50)


# --- the commands -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fork") / "market.db"
    store_with_logs(path)
    return path


@pytest.mark.parametrize("log", [RUN, "paper"])
def test_the_command_shows_both(path: Path, log: str, tmp_path: Path) -> None:
    page = tmp_path / "fork.html"
    asked = ("fork", log, "--store", path, "--at", "2004-02-01")

    same = replay(*asked)
    other = replay(*asked, "--set", "risk.max_order_quantity=3", "--html", page)
    told = replay(*asked, "--param", "Trader.quantity=2", "--json")

    assert (same.exit_code, other.exit_code, told.exit_code) == (0, 0, 0), other.stderr
    assert "with nothing changed" in same.stdout
    assert "All records are equal." in same.stdout
    assert "with changes" in other.stdout
    assert "SessionChanged" in other.stdout
    assert "Final equity" in other.stdout
    assert json.loads(told.stdout)["is_equal"] is False
    assert "Runs compared" in page.read_text("utf-8")


@pytest.mark.parametrize("log", [RUN, "paper"])
@pytest.mark.parametrize("where", ["2035-01-01", "2035-01-01T10:00:00Z", "9999999"])
def test_a_moment_after_the_end_is_refused_with_the_end(path: Path, log: str, where: str) -> None:
    last_seq, _ = store_heads(path)[log]

    done = replay("fork", log, "--store", path, "--at", where)

    assert (done.exit_code, done.stdout) == (1, "")
    assert log in done.stderr
    assert f"its last record is seq {last_seq} at 2004-" in done.stderr


def test_diff_and_compare(path: Path, tmp_path: Path) -> None:
    page = tmp_path / "runs.html"

    equal = replay("diff", RUN, RUN, "--store", path)
    different = replay("diff", RUN, "paper", "--store", path)
    told = replay("diff", RUN, "paper", "--store", path, "--json")
    table = replay("compare", RUN, "paper", "--store", path, "--html", page)
    figures = replay("compare", RUN, "paper", "--store", path, "--json")

    assert (equal.exit_code, different.exit_code, told.exit_code) == (0, 1, 1)
    assert "All records are equal." in equal.stdout
    assert "The first difference is at input" in different.stdout
    assert "Settings that differ" in different.stdout
    found = json.loads(told.stdout)
    assert found["first"]["event_a"] != found["first"]["event_b"]
    assert found["orders"]["only_a"]
    assert table.exit_code == 0, table.stderr
    assert "Sharpe" in table.stdout
    assert set(json.loads(figures.stdout)) == {RUN, "paper"}
    document = page.read_text("utf-8")
    assert 'name="generator" content="onetape"' in document
    assert 'src="http' not in document


def test_wrong_usage_is_said(path: Path) -> None:
    unnamed = replay("fork", RUN, "--store", path, "--at", "9", "--set", "risk")
    twice = replay("compare", RUN, RUN, "--store", path)

    assert unnamed.exit_code == 2
    assert "--set 'risk': expected NAME=VALUE" in unnamed.stderr
    assert twice.exit_code == 1
    assert "a run is named twice" in twice.stderr
