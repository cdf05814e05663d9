"""Same inputs, same digest: on every run, in every process, however the data came into the store."""

import hashlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from eventstore import MemoryEventStore
from kernel.events import Quote, Trade
from replay.config import ReplayConfig
from strategies.mean_reversion import MeanReversion
from tests.ops.commands import ROOT
from tests.replay.commands import python
from tests.replay.digests import bitcoin, demo_digest, quotes_digest
from tests.replay.market import walk
from tests.replay.playing import SHARED_DATA, append_in_parts, digest_of, record_run
from tests.replay.sample_strategies import RandomOrders

RUNS = ("demo", "quotes") if SHARED_DATA.is_dir() else ("demo",)


@pytest.fixture(scope="session")
def python_313(pytestconfig: pytest.Config) -> Path:
    """A Python 3.13 with the locked core dependencies, kept between sessions."""
    lock = ROOT / "requirements.lock"
    cache = pytestconfig.cache
    assert cache is not None
    folder = cache.mkdir(f"python3.13-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}")
    interpreter, ready = folder / "bin" / "python", folder / "ready"
    if ready.exists():
        return interpreter
    found = _working_python_313()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    _run_or_skip(found, "-m", "venv", "--clear", folder)
    install = (interpreter, "-m", "pip", "install", "--quiet", "--constraint", lock)
    _run_or_skip(*install, *project["dependencies"])
    ready.touch()
    return interpreter


def _working_python_313() -> str:
    """On the path, or installed beside this one; a name that leads nowhere does not count."""
    beside = sorted(Path(sys.base_prefix).parent.glob("*3.13*/bin/python3.13"))
    for candidate in (shutil.which("python3.13"), *map(str, beside)):
        if (
            candidate
            and subprocess.run([candidate, "--version"], capture_output=True, check=False).returncode == 0
        ):
            return candidate
    pytest.skip("needs python3.13, which is not here")


def _run_or_skip(*command: str | Path) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no environment for python3.13 could be made: {done.stderr.strip()[-200:]}")


# --- run after run, process after process ------------------------------------------------------


async def test_the_demo_has_the_same_digest_on_every_run() -> None:
    first = await demo_digest()

    second = await demo_digest()

    assert first == second


@pytest.mark.usefixtures("shared_data")
async def test_real_quotes_and_trades_have_the_same_digest_on_every_run() -> None:
    first = await quotes_digest()

    second = await quotes_digest()

    assert first == second


@pytest.mark.slow
def test_the_seed_of_hashes_does_not_change_a_digest(tmp_path: Path) -> None:
    printed = {
        python("-m", "tests.replay.digests", *RUNS, folder=tmp_path, PYTHONHASHSEED=seed)
        for seed in ("0", "1", "2")
    }

    assert len(printed) == 1
    assert len(printed.pop().splitlines()) == len(RUNS)


@pytest.mark.slow
def test_python_311_and_313_come_to_the_same_digest(tmp_path: Path, python_313: Path) -> None:
    here = python("-m", "tests.replay.digests", *RUNS, folder=tmp_path)

    there = python("-m", "tests.replay.digests", *RUNS, folder=tmp_path, interpreter=python_313)

    assert here == there


# --- however the data came in -------------------------------------------------------------------


@pytest.mark.usefixtures("shared_data")
@pytest.mark.parametrize("size", [1_000, 4_999])
async def test_the_sizes_in_which_real_data_was_appended_do_not_change_a_digest(size: int) -> None:
    whole = await quotes_digest(size=5_000)

    parts = await quotes_digest(size=size)

    assert parts == whole


@pytest.mark.parametrize("size", [1, 2, 7, 64])
async def test_blocks_of_any_size_give_the_same_digest(size: int) -> None:
    digests: set[str] = set()

    for part in (size, 1_000):
        store = MemoryEventStore()
        await append_in_parts(store, "a.1d", walk("A", 150, seed=1), size=part)
        await append_in_parts(store, "b.1d", walk("B", 150, seed=2), size=part)
        run = await record_run(store, [MeanReversion(window=10, entry=1.0), RandomOrders()], ReplayConfig())
        digests.add(await digest_of(store, run))

    assert len(digests) == 1


@pytest.mark.usefixtures("shared_data")
def test_the_real_data_holds_quotes_and_trades() -> None:
    kinds = {type(event) for event in bitcoin(5_000)}

    assert kinds == {Quote, Trade}
