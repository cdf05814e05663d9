"""Gives a task to another engine."""

import msgspec
import pytest

from ops.validation.engines import are_installed, ask
from tests.engines.order_script import EngineFill, Task


class Verdict(msgspec.Struct, frozen=True):
    """What an engine made of a task; ``equity`` and ``cash`` by session where it says so."""

    fills: tuple[EngineFill, ...]
    equity: tuple[float, ...]
    cash: tuple[float, ...] = ()
    days: tuple[str, ...] = ()


def judge(engine: str, task: Task) -> Verdict:
    """Run a task in an engine; skips the test where the engines are not installed."""
    if not are_installed():
        pytest.skip("other engines are not installed: make engines")
    return ask(f"{engine}_fills", task, answer=Verdict)
