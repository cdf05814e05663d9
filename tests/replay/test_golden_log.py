"""Logs written by older versions still replay, byte for byte, with the code that they recorded."""

import shutil
from pathlib import Path

import pytest

from eventstore import SqliteEventStore
from replay.verification import verify_run

LOGS = sorted((Path(__file__).parent / "logs").glob("*.db"))


@pytest.mark.parametrize("log", LOGS, ids=[log.stem for log in LOGS])
async def test_a_log_of_every_version_still_replays(log: Path, tmp_path: Path) -> None:
    path = tmp_path / log.name
    for part in (log, log.with_name(log.name + ".witness")):
        shutil.copy(part, tmp_path / part.name)

    async with await SqliteEventStore.open(path, read_only=True) as store:
        runs = [info.stream for info in await store.streams() if info.stream.startswith("run.")]
        damages = [await store.verify(info.stream) for info in await store.streams()]
        verified = [await verify_run(store, run) for run in runs]

    assert damages == [None] * len(damages)
    assert [one.derived_count > 300 for one in verified] == [True]


def test_there_is_a_log_of_this_format() -> None:
    assert [log.stem for log in LOGS] == ["format-1"]
