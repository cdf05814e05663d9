"""A store that may not be written to can be read, and nothing is written beside it."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.eventstore.importing.files import GOOD_BARS, write_bars
from tests.ops.commands import ROOT, onetape
from tests.replay.commands import TIMEOUT_S, replay

SCRIPT = """
import sys
from tests.ops.commands import onetape
from tests.replay.commands import replay
for line in sys.stdin:
    command, *arguments = line.split()
    done = {"onetape": onetape, "replay": replay}[command](*arguments)
    print(done.exit_code, done.stderr.strip())
"""
"""Runs the commands of its input in one process."""

SETPRIV = shutil.which("setpriv")
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
AS_A_USER = (str(SETPRIV), "--bounding-set=-dac_override") if IS_ROOT else ()

pytestmark = pytest.mark.skipif(IS_ROOT and SETPRIV is None, reason="root may write everywhere")


@pytest.fixture(params=["file", "folder"])
def sealed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder with a store and a run in it: its files, or the folder too, are read-only."""
    folder = tmp_path / "sealed"
    folder.mkdir()
    store = folder / "m.db"
    onetape("import", write_bars(tmp_path, *GOOD_BARS), "--symbol", "A", "--store", store)
    done = replay(
        *("--store", store, "--stream", "a.1d", "--strategy", "strategies.buy_and_hold:BuyAndHold"),
        *("--report", tmp_path / "r.html"),
    )
    assert done.exit_code == 0, done.output
    for file in folder.iterdir():
        file.chmod(0o444)
    if request.param == "folder":
        folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


def contents(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def outcomes(*commands: str, folder: Path) -> list[str]:
    """Exit code and errors of each command, as a user without special rights."""
    done = subprocess.run(
        [*AS_A_USER, sys.executable, "-c", SCRIPT],
        input="\n".join(commands),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_read_only_store_is_read_by_every_command_and_nothing_is_written(
    sealed: Path, tmp_path: Path
) -> None:
    before = contents(sealed)
    store = f"--store {sealed}/m.db"

    found = outcomes(
        f"onetape streams {store}",
        f"onetape log a.1d {store}",
        f"onetape verify {store}",
        f"replay verify run.buy_and_hold.1 {store}",
        f"replay report run.buy_and_hold.1 {store} --report {tmp_path}/again.html",
        folder=tmp_path,
    )

    assert [line.strip() for line in found] == ["0"] * 5
    assert contents(sealed) == before


def test_a_replay_into_a_read_only_store_is_refused_and_told_where_to_go(
    sealed: Path, tmp_path: Path
) -> None:
    before = contents(sealed)

    (refused,) = outcomes(
        f"replay --store {sealed}/m.db --stream a.1d --strategy strategies.buy_and_hold:BuyAndHold",
        folder=tmp_path,
    )

    assert refused.startswith("1 ")
    assert "read-only for this process, so nothing can be appended" in refused
    assert "copy m.db and m.db.witness to a folder where you may write" in refused
    assert contents(sealed) == before
