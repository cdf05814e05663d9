"""Tasks are owned, only isolation catches everything, and cancellation goes through."""

import pytest

from tests.house import ownership
from tests.house.rules import assert_kept
from tests.house.tree import PRODUCT, parse, sources


def test_every_task_is_named_and_owned() -> None:
    found = (each for source in sources(*PRODUCT) for each in ownership.unowned_tasks(source))
    assert_kept(ownership.OWNED_TASKS, found)


def test_only_isolation_catches_everything() -> None:
    found = (each for source in sources(*PRODUCT) for each in ownership.broad_excepts(source))
    assert_kept(ownership.BROAD_EXCEPT, found)


def test_cancellation_is_never_swallowed() -> None:
    found = (each for source in sources(*PRODUCT) for each in ownership.swallowed_cancellations(source))
    assert_kept(ownership.CANCELLATION, found)


@pytest.mark.parametrize(
    "call",
    [
        "asyncio.create_task(f(), name='x')",
        "asyncio.ensure_future(f())",
        "asyncio.gather(f(), g())",
        "loop.create_task(f(), name='x')",
        "group.create_task(f())",
    ],
)
def test_a_task_without_owner_or_name_is_found(call: str) -> None:
    source = parse("eventstore/x.py", f"import asyncio\n{call}")

    assert [each.line for each in ownership.unowned_tasks(source)] == [2]


def test_a_named_task_of_a_group_is_let_through() -> None:
    source = parse("eventstore/x.py", "self._group.create_task(f(), name='pump')")

    assert list(ownership.unowned_tasks(source)) == []


@pytest.mark.parametrize("caught", ["", " Exception", " (ValueError, Exception) as error"])
def test_a_handler_of_everything_is_found(caught: str) -> None:
    source = parse("eventstore/x.py", f"def f():\n    try: ...\n    except{caught}: ...")

    assert [each.place for each in ownership.broad_excepts(source)] == ["eventstore/x.py::f"]


@pytest.mark.parametrize(
    "handler", ["except (OSError, ValueError): ...", "except Exception:\n    x = 1\n    raise"]
)
def test_a_handler_that_is_narrow_or_raises_again_is_let_through(handler: str) -> None:
    source = parse("eventstore/x.py", f"try: ...\n{handler}")

    assert list(ownership.broad_excepts(source)) == []


@pytest.mark.parametrize(
    "text",
    [
        "try: ...\nexcept asyncio.CancelledError: ...",
        "try: ...\nexcept BaseException: ...",
        "x = 1\nwith contextlib.suppress(asyncio.CancelledError): ...",
    ],
)
def test_a_swallowed_cancellation_is_found(text: str) -> None:
    source = parse("eventstore/x.py", f"import asyncio, contextlib\n{text}")

    assert [each.line for each in ownership.swallowed_cancellations(source)] == [3]


def test_a_cancellation_raised_again_is_let_through() -> None:
    text = "import asyncio\ntry: ...\nexcept asyncio.CancelledError: raise\nexcept BaseException: ...\n"
    source = parse("eventstore/x.py", text)

    assert list(ownership.swallowed_cancellations(source)) == []
