"""The segments of a store in a folder, its backup, and every other command on it."""

import asyncio
import json
from pathlib import Path

import pytest

from eventstore import SegmentedEventStore
from tests.eventstore.importing.files import GOOD_BARS, write_bars
from tests.eventstore.samples import quotes
from tests.eventstore.segment_worlds import LOG, live_log
from tests.ops.commands import onetape
from tests.replay.commands import replay

STRATEGY = "strategies.buy_and_hold:BuyAndHold"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A live log of January 1970: a segment for each of five days, the last one open."""
    path = tmp_path / "live.tape"
    asyncio.run(live_log(path, days=5))
    return path


def segments(store: Path, *arguments: str) -> list[dict[str, object]]:
    found = onetape("segments", *arguments, "--store", store, "--json")
    assert found.exit_code == 0, found.stderr
    rows: list[dict[str, object]] = json.loads(found.stdout)
    return rows


def states(store: Path) -> list[object]:
    return [row["state"] for row in segments(store, "list")]


def test_segments_are_listed_with_state_period_and_size(store: Path) -> None:
    rows = segments(store, "list")
    table = onetape("segments", "list", "--store", store).stdout

    assert [row["state"] for row in rows] == ["sealed"] * 4 + ["open"]
    assert "1970-01-02T00:00:00.000000006Z" in table
    assert "000001.db" in table


def test_the_open_segment_is_sealed_on_demand(store: Path) -> None:
    done = onetape("segments", "seal", "--store", store)

    assert (done.exit_code, done.stdout) == (0, "segment 5 is sealed\n")
    assert states(store) == ["sealed"] * 5 + ["open"]


def test_segments_are_archived_by_number_or_by_age(store: Path) -> None:
    one = onetape("segments", "archive", "2", "--store", store)
    trial = onetape("segments", "archive", "--store", store, "--dry-run")
    rest = onetape("segments", "archive", "--store", store)

    assert one.stdout.startswith("segment 2: archived, ")
    assert trial.stdout.splitlines()[0] == "segment 1: archived: would be done"
    assert len(rest.stdout.splitlines()) == 3
    assert states(store) == ["archived"] * 4 + ["open"]
    assert onetape("verify", "--store", store).exit_code == 0
    assert onetape("segments", "verify", "--store", store).exit_code == 0


def test_segments_are_pruned_after_a_backup_and_verify_says_so(store: Path, tmp_path: Path) -> None:
    refused = onetape("segments", "prune", "--store", store, "--without-snapshot")
    backed_up = onetape("backup", tmp_path / "backup", "--store", store)
    done = onetape("segments", "prune", "--store", store, "--without-snapshot", "--records-years", "1000")
    verified = onetape("verify", "--store", store)
    read = onetape("log", LOG, "--store", store)
    orders = onetape("log", LOG, "--store", store, "--type", "OrderIntent", "--json")

    assert "not done: no backup holds it" in refused.stdout
    assert backed_up.exit_code == 0
    assert done.stdout.count("market data removed, ") == 4
    assert verified.exit_code == 0
    assert "log: intact, 35 events; 1 to 28 were pruned\n" in verified.stdout
    assert read.exit_code == 2
    assert "events 1 to 28 are no longer in the store" in read.stderr
    assert len(orders.stdout.splitlines()) == 10


def test_archive_and_prune_take_store_and_retention_from_the_configuration(
    store: Path, tmp_path: Path
) -> None:
    config = tmp_path / "paper.yaml"
    config.write_text(
        f"mode: paper\nstore: {store.name}\n"
        "retention: {market_data_days: 0, records_years: 1000, archive_after_days: 0,\n"
        "  needs_backup: false, needs_snapshot: false}\n",
        "utf-8",
    )

    archived = onetape("segments", "archive", "--config", config)
    pruned = onetape("segments", "prune", "--config", config)
    both = onetape("segments", "prune", "--config", config, "--market-data-days", "3")

    assert archived.stdout.count("archived, ") == 4
    assert pruned.stdout.count("market data removed, ") == 4
    assert both.exit_code == 2
    assert "give --config or --market-data-days, not both" in both.stderr


def test_a_changed_segment_fails_its_check(store: Path) -> None:
    sealed = store / "segments" / "000001.db"
    sealed.chmod(0o644)
    sealed.write_bytes(sealed.read_bytes() + b"x")

    checked = onetape("segments", "verify", "--store", store)

    assert checked.exit_code == 1
    assert "000001.db is not the file that was recorded" in checked.stderr


def test_a_backup_is_restored_and_nothing_is_written_over(store: Path, tmp_path: Path) -> None:
    onetape("backup", tmp_path / "backup", "--store", store)

    done = onetape("restore", tmp_path / "backup", "--store", tmp_path / "again.tape")
    again = onetape("restore", tmp_path / "backup", "--store", tmp_path / "again.tape")

    assert done.exit_code == 0
    assert "2 streams, 40 events" in done.stdout
    assert (again.exit_code, "exists already" in again.stderr) == (1, True)
    assert onetape("verify", "--store", tmp_path / "again.tape").exit_code == 0


def test_a_store_in_one_file_has_no_segments(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    onetape("import", write_bars(tmp_path, *GOOD_BARS), "--symbol", "A", "--store", path)

    done = onetape("segments", "list", "--store", path)

    assert (done.exit_code, "has no segments" in done.stderr) == (1, True)


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    done = onetape("streams", "--store", tmp_path)

    assert (done.exit_code, "is a folder and no store" in done.stderr) == (2, True)


def test_a_store_that_is_written_to_can_be_read_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "live.tape"

    async def work() -> tuple[int, str, int]:
        async with await SegmentedEventStore.open(path) as store:
            await store.append("s", quotes(3), expected_seq=0)
            refused = await asyncio.to_thread(onetape, "segments", "seal", "--store", path)
            read = await asyncio.to_thread(onetape, "log", "s", "--store", path)
            return refused.exit_code, refused.stderr, len(read.stdout.splitlines())

    exit_code, sentence, lines = asyncio.run(work())

    assert (exit_code, "writes to it" in sentence) == (1, True)
    assert lines >= 3


def test_importing_replaying_and_verifying_work_on_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "market.tape"
    bars = write_bars(tmp_path, *GOOD_BARS)

    imported = onetape("import", bars, "--symbol", "A", "--timeframe", "1d", "--store", path)
    sealed = onetape("segments", "seal", "--store", path)
    run = ("--store", path, "--stream", "a.1d", "--strategy", STRATEGY, "--no-report")
    played = replay(*run)
    again = onetape("segments", "seal", "--store", path)
    verified = replay("verify", "run.buy_and_hold.1", "--store", path)
    listed = replay("list", "--store", path)
    coarser = onetape("resample", "a.1d", "--to", "1w", "--store", path)
    set_aside = onetape("streams", "set-aside", "a.1d", "--store", path)

    done = (imported, sealed, played, again, verified, listed, coarser, set_aside)
    assert [(each.exit_code, each.stderr) for each in done] == [(0, "")] * 8
    assert "run.buy_and_hold.1" in listed.stdout
    assert onetape("verify", "--store", path).exit_code == 0
