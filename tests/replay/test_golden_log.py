"""Logs written by older versions still replay, byte for byte, with the code that they recorded."""

import shutil
from pathlib import Path

import pytest

from eventstore import Selection, SqliteEventStore
from kernel.events import (
    CancelOrder,
    DataDescribed,
    DataIssueFound,
    Event,
    ExecutionRequested,
    ExpireOrderIntent,
    HistoryFellShort,
    HistoryLoaded,
    ReplaceIntent,
    StrategyLogged,
)
from kernel.rules import RULES
from replay.results import read_results
from replay.verification import verify_run

LOGS = sorted((Path(__file__).parent / "logs").glob("*.db"))
ACCOUNTS = Path(__file__).parent / "logs" / f"rules-{RULES}-accounts.db"
WIDE = Path(__file__).parent / "logs" / "format-1-wide.db"


def copied(log: Path, folder: Path) -> Path:
    """A copy of a log and its witness."""
    for part in (log, log.with_name(log.name + ".witness")):
        shutil.copy(part, folder / part.name)
    return folder / log.name


@pytest.mark.parametrize("log", LOGS, ids=[log.stem for log in LOGS])
async def test_a_log_of_every_version_still_replays(log: Path, tmp_path: Path) -> None:
    async with await SqliteEventStore.open(copied(log, tmp_path), read_only=True) as store:
        runs = [info.stream for info in await store.streams() if info.stream.startswith("run.")]
        damages = [await store.verify(info.stream) for info in await store.streams()]
        verified = [await verify_run(store, run) for run in runs]

    assert damages == [None] * len(damages)
    assert [one.derived_count > 300 for one in verified] == [True]


def test_there_are_logs_of_each_format_and_version_of_the_rules() -> None:
    """``tests.replay.golden_log`` makes those of the present rules."""
    assert sorted(log.stem for log in LOGS) == [
        "format-1",
        "format-1-wide",
        *(f"rules-{version}-{kind}" for version in range(2, RULES + 1) for kind in ("accounts", "wide")),
    ]


async def test_the_log_about_accounts_has_what_its_rules_are_about(tmp_path: Path) -> None:
    async with await SqliteEventStore.open(copied(ACCOUNTS, tmp_path), read_only=True) as store:
        streams = [info.stream for info in await store.streams()]
        run = next(stream for stream in streams if stream.startswith("run."))
        result = await read_results(store, run)
        seen = {type(event) async for batch in store.read(run) for event in batch.events}
        facts = {type(event) async for batch in store.read("n.1d.facts") for event in batch.events}

    assert (result.margin_calls > 0, result.ruined_ts > 0) == (True, True)
    assert ["cut to whole lots" in result.notes[0], "no open time" in result.notes[1]] == [True, True]
    assert facts == {DataDescribed, DataIssueFound}
    assert seen >= {
        HistoryLoaded,
        HistoryFellShort,
        StrategyLogged,
        ExpireOrderIntent,
        ReplaceIntent,
        ExecutionRequested,
    }


@pytest.mark.parametrize(("kind", "count"), [(ExpireOrderIntent, 11), (CancelOrder, 0)])
async def test_an_older_log_is_searched_for_events_as_they_are_today(
    kind: type[Event], count: int, tmp_path: Path
) -> None:
    async with await SqliteEventStore.open(copied(WIDE, tmp_path), read_only=True) as store:
        run = next(info.stream for info in await store.streams() if info.stream.startswith("run."))
        batches = [batch async for batch in store.read(run, Selection(types=frozenset({kind})))]

    assert sum(len(batch.events) for batch in batches) == count
    assert {type(event) for batch in batches for event in batch.events} == ({kind} if count else set())
