"""Deciding code replays: it reads nothing but its events, and no set chooses an order."""

import pytest

from tests.house import determinism
from tests.house.rules import assert_kept
from tests.house.tree import PRODUCT, parse, sources

CORE = tuple(source for source in sources(*PRODUCT) if determinism.is_core(source.path))


def test_core_reads_nothing_but_its_events() -> None:
    found = (each for source in CORE for each in determinism.nondeterminism(source))
    assert_kept(determinism.DETERMINISM, found)


def test_no_set_chooses_an_order() -> None:
    found = (each for source in CORE for each in determinism.set_orders(source))
    assert_kept(determinism.SET_ORDER, found)


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import datetime\ndatetime.now()",
        "import datetime as d\nd.datetime.utcnow()",
        "from time import monotonic as m\nm()",
        "import time\nlater = time.sleep",
        "import random\nrandom.choice([1])",
        "import random\nrandom.Random(7)",
        "import numpy as np\nnp.random.default_rng()",
        "from uuid import uuid4\nuuid4()",
        "import os\nos.environ['HOME']",
        "from pathlib import Path\nPath('x').read_text()",
        "x = 1\nopen('x')",
        "x = 1\nhash('x')",
    ],
)
def test_a_read_of_the_world_is_found(text: str) -> None:
    source = parse("components/x.py", text)

    found = [each.line for each in determinism.nondeterminism(source)]

    assert found == [2]


@pytest.mark.parametrize(
    "text",
    [
        "from kernel.events import time\ntime.TimerFired",
        "import datetime\ndatetime.datetime.fromtimestamp(0, tz=datetime.UTC)",
        "def f(bar, time):\n    return bar.open, bar.time, time.hour",
        "from uuid import UUID\nUUID(int=1)",
    ],
)
def test_harmless_namesakes_are_let_through(text: str) -> None:
    assert list(determinism.nondeterminism(parse("components/x.py", text))) == []


def test_the_sdk_may_make_a_seeded_generator() -> None:
    source = parse(
        "strategies/sdk/context.py", "import random\nrandom.Random(7)\nrandom.random()\nrandom.Random()"
    )

    found = [each.line for each in determinism.nondeterminism(source)]

    assert found == [3, 4]


@pytest.mark.parametrize(
    "text",
    [
        "for x in {1, 2}: ...",
        "a = list(set(b))",
        "a = [x for x in frozenset(b)]",
        "a = {x: 1 for x in {y for y in b}}",
        "a = ','.join({'x', 'y'} | b)",
        "def f(symbols: frozenset[str]):\n    return tuple(symbols)",
        "class A:\n    held: set[str]\n    def f(self):\n        for x in self.held: ...",
        "def f():\n    open_orders = set()\n    return [*open_orders]",
    ],
)
def test_an_order_taken_from_a_set_is_found(text: str) -> None:
    assert len(list(determinism.set_orders(parse("components/x.py", text)))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "for x in sorted({1, 2}): ...",
        "a = any(x > 1 for x in {1, 2})",
        "a = {x + 1 for x in {1, 2}}",
        "a = 1 in {1, 2}, len({1, 2}), max({1, 2})",
        "def f(symbols: tuple[str, ...]):\n    return list(symbols)",
    ],
)
def test_uses_that_show_no_order_are_let_through(text: str) -> None:
    assert list(determinism.set_orders(parse("components/x.py", text))) == []


def test_the_clock_is_not_core() -> None:
    core = [
        path for path in ("kernel/clock.py", "kernel/bus.py", "brokers/port.py") if determinism.is_core(path)
    ]

    assert core == ["kernel/bus.py"]
