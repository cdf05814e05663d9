"""Deleting, replacing, setting aside and restoring streams by command."""

from pathlib import Path

import pytest

from replay.run_snapshots import snapshots_beside
from tests.eventstore.importing.files import GOOD_BARS, write_bars
from tests.ops.commands import onetape, store_heads
from tests.replay.commands import replay

CORRECTED = (*GOOD_BARS[:2], "2012-03-05,12,19,11,18,900")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with the stream ``a.1d`` of three bars."""
    path = tmp_path / "market.db"
    assert (
        onetape("import", write_bars(tmp_path, *GOOD_BARS), "--symbol", "A", "--store", path).exit_code == 0
    )
    return path


def test_a_stream_is_deleted_only_when_it_is_confirmed(store: Path) -> None:
    asked = onetape("streams", "delete", "a.1d", "--store", store)
    before = store_heads(store)
    done = onetape("streams", "delete", "a.1d", "--store", store, "--yes", "--reason", "wrong zone")

    assert (asked.exit_code, list(before)) == (1, ["a.1d", "a.1d.facts"])
    assert "add --yes" in asked.stderr
    assert (done.exit_code, done.stdout) == (0, "a.1d: 3 events deleted\n")
    assert store_heads(store) == {}


def test_what_happened_to_a_stream_is_said_where_it_is_missed(store: Path) -> None:
    onetape("streams", "delete", "a.1d", "--store", store, "--yes", "--reason", "wrong zone")

    missed = onetape("log", "a.1d", "--store", store)

    assert missed.exit_code == 2
    assert "there is no stream 'a.1d' in the store: it was deleted on " in missed.stderr
    assert "(wrong zone)" in missed.stderr


def test_a_stream_set_aside_comes_back_with_its_hash(store: Path) -> None:
    before = store_heads(store)
    aside = onetape("streams", "set-aside", "a.1d", "--store", store)
    without = store_heads(store)
    onetape("streams", "restore", "a.1d", "--store", store)

    assert aside.stdout == "a.1d (version 1): 3 events set aside\n"
    assert (without, store_heads(store)) == ({}, before)


def test_the_history_lists_what_was_changed_and_whether_it_is_kept(store: Path) -> None:
    onetape("streams", "set-aside", "a.1d", "--store", store, "--reason", "restated")

    listed = onetape("streams", "history", "--store", store)

    (line,) = listed.stdout.splitlines()[1:]
    assert line.split()[1:8] == ["set", "aside", "a.1d", "1", "3", "2012-03-01", "2012-03-05"]
    assert line.split()[-2:] == ["yes", "restated"]


def test_verify_checks_the_record_of_changes_and_what_is_set_aside(store: Path) -> None:
    onetape("streams", "set-aside", "a.1d", "--store", store)

    checked = onetape("verify", "--store", store)

    assert checked.exit_code == 0
    assert checked.stdout.splitlines() == [
        "(record of changed streams): intact, 1 events",
        "a.1d (set aside, version 1): intact, 3 events",
        "a.1d.facts (set aside, version 1): intact, 1 events",
    ]


def test_a_stream_is_replaced_by_another(store: Path, tmp_path: Path) -> None:
    fresh = write_bars(tmp_path, *CORRECTED, name="fresh.csv")
    onetape("import", fresh, "--symbol", "A", "--stream", "a.fresh", "--store", store)

    done = onetape("streams", "replace", "a.1d", "--with", "a.fresh", "--store", store, "--yes")

    assert done.stdout.splitlines() == ["a.1d (version 1): 3 events replaced", "a.1d: 3 events now"]
    assert "close=18" in onetape("log", "a.1d", "--store", store).stdout


def test_a_file_as_a_replacement_is_refused_with_the_command_for_files(store: Path, tmp_path: Path) -> None:
    fresh = write_bars(tmp_path, *CORRECTED, name="fresh.csv")

    refused = onetape("streams", "replace", "a.1d", "--with", fresh, "--store", store)

    assert refused.exit_code == 2
    assert f"onetape import {fresh} --stream a.1d --replace" in refused.stderr


def test_a_corrected_bar_is_refused_and_taken_with_replace(store: Path, tmp_path: Path) -> None:
    fresh = write_bars(tmp_path, *CORRECTED, name="fresh.csv")
    refused = onetape("import", fresh, "--symbol", "A", "--store", store)

    done = onetape("import", fresh, "--symbol", "A", "--store", store, "--replace", "--reason", "half a day")

    assert refused.exit_code == 1
    assert "--replace takes the file's rows instead" in refused.stderr
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "3 rows read, 3 new, in place of 3"
    assert "close=18" in onetape("log", "a.1d", "--store", store).stdout
    assert "half a day" in onetape("streams", "history", "--store", store).stdout


def test_a_run_is_deleted_with_its_snapshots(store: Path) -> None:
    buying = ("--stream", "a.1d", "--strategy", "strategies.buy_and_hold:BuyAndHold", "--no-report")
    assert replay(*buying, "--store", store, "--snapshot-every", "1").exit_code == 0
    run, files = "run.buy_and_hold.1", snapshots_beside(store)
    before = files.seqs(run)

    onetape("streams", "set-aside", run, "--store", store)
    aside = files.seqs(run)
    onetape("streams", "restore", run, "--store", store)
    onetape("streams", "delete", run, "--store", store, "--yes")

    assert before == aside != []
    assert files.seqs(run) == []
