"""Starts another engine in its own environment with a task as JSON, and reads its answer."""

import subprocess
from pathlib import Path
from typing import TypeVar

import msgspec

from kernel.errors import InputError

ENVIRONMENT = Path(__file__).resolve().parents[2] / ".engines"
SCRIPTS = Path(__file__).parent / "engine_scripts"
TIMEOUT_S = 300.0
AnswerT = TypeVar("AnswerT")


def are_installed() -> bool:
    """Whether the environment of the other engines exists."""
    return (ENVIRONMENT / "bin" / "python").exists()


def ask(script: str, task: object, *, answer: type[AnswerT]) -> AnswerT:
    """Run ``engine_scripts/<script>.py`` with a task on its standard input; returns its standard output.

    Blocks for at most five minutes. Raises ``InputError`` with the engine's own words if it fails, or if the
    engines are not installed.
    """
    if not are_installed():
        raise InputError(f"{ENVIRONMENT.name}: the other engines are not installed; run: make engines")
    done = subprocess.run(
        [ENVIRONMENT / "bin" / "python", "-W", "ignore", SCRIPTS / f"{script}.py"],
        input=msgspec.json.encode(task),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise InputError(f"{script}: the engine failed: {done.stderr.decode(errors='replace')[-4_000:]}")
    return msgspec.json.decode(done.stdout, type=answer)
