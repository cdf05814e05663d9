"""A period of a run or live log is played again from its nearest state, and is what was recorded."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from eventstore import MemoryEventStore, SnapshotFiles
from kernel.errors import InputError
from kernel.events import AccountMarked, Event, OrderFilled, OrderSubmitted, RunFinished
from replay.divergence import Cause, Diverged
from replay.past.fork import ForkChanges, fork
from replay.past.period import PlayedEvent, play_period
from tests.ops.commands import ROOT
from tests.replay.commands import replay
from tests.replay.market import walk
from tests.replay.past_logs import files_in, log_of_three_sessions, run_of_two_symbols
from tests.replay.playing import causes_of, read_events, store_of
from tests.replay.test_past import store_with_logs
from tests.replay.test_verification import CROSS, rewritten, run_of_file

Made = Callable[[SnapshotFiles | None], Awaitable[tuple[MemoryEventStore, str]]]
BOTH = pytest.mark.parametrize("made", [run_of_two_symbols, log_of_three_sessions], ids=["run", "live log"])
RUN = "run.Trader+random_orders.1"


async def marks_of(store: MemoryEventStore, log: str) -> list[AccountMarked]:
    return [event for event in await read_events(store, log) if isinstance(event, AccountMarked)]


@BOTH
@pytest.mark.parametrize("is_saved", [False, True], ids=["without snapshots", "with snapshots"])
async def test_periods_add_up_to_the_whole(made: Made, is_saved: bool, tmp_path: Path) -> None:
    store, log = await made(files := files_in(tmp_path))
    used = files if is_saved else None
    marks = await marks_of(store, log)
    cuts = [marks[len(marks) * part // 4].ts for part in (1, 2, 3)]
    edges = [
        (None, cuts[0]),
        *((a + 1, b) for a, b in pairwise(cuts)),
        (cuts[-1] + 1, None),
    ]

    found = [await play_period(store, log, from_ts=a, to_ts=b, snapshots=used) for a, b in edges]
    whole = await play_period(store, log)

    assert sum(one.inputs for one in found) == whole.inputs
    assert sum(one.derived for one in found) == whole.derived
    assert [fill for one in found for fill in one.fills] == list(whole.fills)
    assert sum(one.after.pnl - one.before.pnl for one in found) == whole.after.pnl
    for one, following in pairwise(found):
        assert (one.after, one.ended) == (following.before, following.began)
    restored = {one.restored_seq for one in found} - {0}
    assert restored <= (set(files.seqs(log)) if is_saved else set())
    assert bool(restored) is is_saved or made is run_of_two_symbols
    recorded = await read_events(store, log)
    assert whole.sent == sum(isinstance(event, OrderSubmitted) for event in recorded)
    assert whole.after.equity == marks[-1].equity


@BOTH
async def test_who_listens_hears_the_log_in_its_order(made: Made) -> None:
    store, log = await made(None)
    heard: list[PlayedEvent] = []

    found = await play_period(store, log, heard=heard.extend)

    own = [one for one in heard if one.seq]
    assert [one.seq for one in own] == list(range(1, found.ended.seq + 1))
    recorded = [event for event in await read_events(store, log) if not isinstance(event, RunFinished)]
    assert [one.event for one in own] == recorded
    assert [-one.cause for one in heard if one.cause < 0] == list(range(1, found.inputs + 1))
    assert [one.event.ts for one in heard] == sorted(one.event.ts for one in heard)


def _dearer(event: Event) -> Event:
    return msgspec.structs.replace(event, price=event.price + 1) if isinstance(event, OrderFilled) else event


@BOTH
async def test_the_first_difference_of_a_period_has_seq_maker_and_cause(made: Made) -> None:
    store, log = await made(None)
    events = await read_events(store, log)
    seqs = [seq for seq, event in enumerate(events, 1) if isinstance(event, OrderFilled)]
    fill = events[seqs[3] - 1]

    copy = await rewritten(store, log, lambda one: _dearer(one) if one == fill else one)
    with pytest.raises(Diverged) as caught:
        await play_period(copy, log, from_ts=fill.ts)
    found = caught.value.divergence

    assert (found.seq, found.component) == (seqs[3], "orders")
    assert found.cause is (Cause.DATA if made is run_of_two_symbols else Cause.NONDETERMINISM)
    before = await play_period(copy, log, to_ts=fill.ts - 1)
    assert before.ended.seq < seqs[3]


async def test_a_record_with_more_at_the_end_of_a_period_differs() -> None:
    store, log = await log_of_three_sessions()
    marks = await marks_of(store, log)
    twice = marks[len(marks) // 2]
    events, causes = list[Event](), list[int]()
    async for batch in store.read(log):
        for event, cause in zip(batch.events, causes_of(batch), strict=True):
            copies = 2 if event == twice else 1
            events += [event] * copies
            causes += [cause] * copies
    copy = MemoryEventStore()
    await copy.append(log, events, expected_seq=0, causes=causes)

    with pytest.raises(Diverged, match="nothing more at that time") as caught:
        await play_period(copy, log, to_ts=twice.ts)

    assert caught.value.divergence.seq == events.index(twice) + 2


async def test_a_period_without_inputs_is_refused() -> None:
    store, log = await log_of_three_sessions()

    with pytest.raises(InputError, match="has no input from 2040-"):
        await play_period(store, log, from_ts=2_208_988_800_000_000_000)


@BOTH
async def test_a_fork_ends_where_it_should(made: Made) -> None:
    store, log = await made(None)
    marks = await marks_of(store, log)
    begin, end = marks[len(marks) // 3].ts, marks[2 * len(marks) // 3].ts

    same = await fork(store, log, changes=ForkChanges(), ts=begin, to_ts=end)
    dearer = {"broker.slippage_bps": "25"}
    other = await fork(store, log, changes=ForkChanges(settings=dearer), ts=begin, to_ts=end)

    assert same.comparison.is_equal
    assert same.comparison.a.end_ts == same.comparison.b.end_ts <= end
    assert same.comparison.a.metrics == same.comparison.b.metrics
    assert other.comparison.b.metrics.final_equity < other.comparison.a.metrics.final_equity


# --- the command --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("period") / "market.db"
    store_with_logs(path)
    return path


@pytest.mark.parametrize("log", [RUN, "paper"])
def test_the_command_tells_the_period(path: Path, log: str) -> None:
    period = ("--log", log, "--store", path, "--from", "2004-01-20", "--to", "2004-02-10")

    told = json.loads(replay(*period, "--json").stdout)
    shown = replay(*period).stdout
    lines = replay(*period, "--speed", "max", "--json").stdout.splitlines()
    verified = replay(*period, "--mode", "verify")

    assert told["is_equal"]
    assert "Equal to the record" in shown
    assert "2004-01-20T" in shown
    assert json.loads(lines[-1]) == told
    assert sum(json.loads(line)["cause"] < 0 for line in lines[:-1]) == told["inputs"]
    assert f"reproduced {told['derived']:,} derived events" in verified.stdout
    assert verified.exit_code == 0


def test_a_paced_period_is_the_same(path: Path) -> None:
    period = ("--log", "paper", "--store", path, "--from", "2004-02-09", "--json")

    paced = replay(*period, "--speed", "1e9x").stdout

    assert paced == replay(*period, "--speed", "max").stdout


@pytest.mark.slow
def test_ctrl_c_ends_a_paced_period_with_a_sentence(path: Path) -> None:
    main = "from ops.commands.replay import main; main()"
    wanted = ("--log", "paper", "--store", str(path), "--speed", "1x", "--json")
    process = subprocess.Popen(
        [sys.executable, "-c", main, *wanted],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())

    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)

    assert first["seq"] == 1
    assert process.returncode == 1
    assert told.startswith("replay: paper: stopped at 2004-")
    assert told.endswith("equal to the record so far; nothing was written\n")


async def test_today_s_code_is_compared_with_what_happened(tmp_path: Path) -> None:
    code = tmp_path / "saw.py"
    code.write_text(CROSS)
    store = await store_of(a_1d=walk("A", 100, seed=4))
    run = await run_of_file(store, code)
    begin = (await marks_of(store, run))[40].ts

    same = await fork(store, run, changes=ForkChanges(current_code=True), ts=begin)
    code.write_text(CROSS.replace("buy(bar.symbol, 10)", "buy(bar.symbol, 11)"))
    other = await fork(store, run, changes=ForkChanges(current_code=True), ts=begin)

    assert not same.is_changed
    assert same.comparison.is_equal
    assert any("buy 11 A" in words for words in other.comparison.fills.only_b)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--code", "current"), "--code is about a recorded run or live log: name it with --log"),
        (("--mode", "verify"), "--mode is about a recorded run or live log: name it with --log"),
        (("--log", RUN, "--cash", "5", "--stream", "a.1d"), "leave out --cash, --stream"),
        (("--log", RUN, "--config", "x.yaml"), "leave out --config"),
        (("--log", RUN, "--code", "current", "--mode", "verify"), f"replay verify {RUN} --current-code"),
        (("--log", RUN, "--mode", "verify", "--speed", "1x"), "leave out --speed or --mode verify"),
        (("--log", RUN, "--from", "2004-03-01", "--to", "2004-02-01"), "--to 2004-02-01 is before --from"),
        (("--log", RUN, "--from", "soon"), "--from: 'soon' is not a date"),
        (("--log", "nobody"), "there is no stream 'nobody'"),
        (("--log", RUN, "list"), "--log is not for list"),
    ],
)
def test_options_that_do_not_go_together_are_refused(path: Path, options: tuple[str, ...], says: str) -> None:
    refused = replay("--store", path, *options)

    assert refused.exit_code == 2
    assert says in refused.stderr


def test_the_help_has_every_option_and_command_in_a_section() -> None:
    page = replay("--help").stdout

    assert page.index("What to play:") < page.index("A recorded run or live log:") < page.index("Others:")
    others = page[page.index("Others:") : page.index("Commands that show")]
    assert others.count("\n  -") == 2
    assert page.index("Commands that go back into one:") < page.index("Examples:") < page.index("Exit codes:")
    assert page.count("Others:") == 1
