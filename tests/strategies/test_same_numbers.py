"""What the linter lets through gives the same bits on every supported Python that is here."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from strategies.sdk.lint import lint_source
from tests.strategies.number_digests import Digests

SCRIPT = Path(__file__).with_name("number_digests.py")
VERSIONS = ("3.11", "3.12", "3.13")
REFUSED = {
    "fmean weighted",
    "math.fma",
    "math.sumprod",
    "statistics.correlation",
    "statistics.covariance",
    "statistics.kde",
    "statistics.linear_regression",
    "sum",
}
"""Differ, or are not everywhere; ``test_lint_numbers`` shows that the linter refuses them."""


def candidates(version: str) -> Iterator[str]:
    """Where a Python of this version may be: on the path, or in a folder beside ours."""
    found = shutil.which(f"python{version}")
    if found is not None:
        yield found
    for folder in sorted(Path(sys.base_prefix).parent.glob(f"*{version}*")):
        yield str(folder / "bin" / f"python{version}")


@cache
def digests() -> dict[str, Digests]:
    """By version, of each that is here."""
    done: dict[str, Digests] = {}
    for version in VERSIONS:
        for path in candidates(version):
            command = [path, "-I", str(SCRIPT)]
            try:
                ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
            except (OSError, subprocess.CalledProcessError):
                continue  # not there after all, or a shim that leads nowhere
            done[version] = json.loads(ran.stdout)
            break
    return done


def differing() -> set[str]:
    every = list(digests().values())
    names = {name for one in every for name in one}
    return {name for name in names if len({one.get(name) for one in every}) > 1}


@pytest.fixture(autouse=True)
def several_versions() -> None:
    if len(digests()) < 2:
        pytest.skip(f"one Python to compare with itself: {', '.join(digests())}")


def test_what_the_linter_allows_gives_the_same_bits_everywhere() -> None:
    assert differing() - REFUSED == set()


def test_what_the_linter_refuses_does_differ() -> None:
    if {"3.11", "3.13"} <= set(digests()):
        assert differing() == REFUSED
    else:
        assert differing() <= REFUSED


def test_every_function_that_may_be_called_was_compared() -> None:
    compared = [
        name for name in next(iter(digests().values())) if all(name in one for one in digests().values())
    ]

    for module in ("math", "statistics"):
        for name in (each for each in compared if each.startswith(f"{module}.")):
            refused = bool(lint_source(f"import {module}\ny = {name}\n", "own.py"))
            assert refused is (name in REFUSED), name
