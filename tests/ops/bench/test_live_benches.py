"""The measurements of a live session run end to end; what they measure is not looked at here."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 120


def printed(module: str, *arguments: str) -> str:
    """What a benchmark prints."""
    command = [sys.executable, "-m", f"ops.bench.{module}", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S
    )
    return done.stdout


def test_feed_is_measured_up_to_the_release_of_orders() -> None:
    lines = printed("live", "feed", "--rate", "8000", "--seconds", "2").splitlines()

    assert lines[0].startswith("json feed, 50 a frame, 5 strategies: ")
    assert ", 42 orders: p50 " in lines[0]
    assert lines[1].startswith("a synced write of a page alone")


def test_posted_quotes_are_measured_up_to_the_release_of_orders() -> None:
    assert ", 42 orders: p50 " in printed("live", "posted", "--rate", "8000", "--seconds", "2")


def test_rate_that_is_held_is_measured_with_memory() -> None:
    lines = printed("live", "held", "--rate", "5000", "--seconds", "1").splitlines()

    assert "quotes/s held for 1 s" in lines[0]
    assert lines[1].startswith("memory after a tenth of the time ")


def test_start_is_measured_with_and_without_a_snapshot() -> None:
    lines = printed("restart", "--count", "10000").splitlines()

    assert lines[1].startswith("with a snapshot ")
    assert [line.split(":")[0] for line in lines[2:]] == ["without one", "reading alone"]
