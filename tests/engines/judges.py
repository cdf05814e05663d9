"""Starts another engine in its own environment with a task as JSON, and reads its answer."""

import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.engines.order_script import EngineFill, Task

ENVIRONMENT = Path(__file__).resolve().parents[2] / ".engines"
SCRIPTS = Path(__file__).parent / "engine_scripts"
TIMEOUT_S = 300.0


class Verdict(msgspec.Struct, frozen=True):
    """What an engine made of a task; ``equity`` and ``cash`` by session where it says so."""

    fills: tuple[EngineFill, ...]
    equity: tuple[float, ...]
    cash: tuple[float, ...] = ()
    days: tuple[str, ...] = ()


def judge(engine: str, task: Task) -> Verdict:
    """Run a task in an engine; skips the test where the engines are not installed."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        pytest.skip("other engines are not installed: make engines")
    done = subprocess.run(
        [python, "-W", "ignore", SCRIPTS / f"{engine}_fills.py"],
        input=msgspec.json.encode(task),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-4_000:]
    return msgspec.json.decode(done.stdout, type=Verdict)
