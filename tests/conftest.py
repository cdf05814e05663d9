"""What every test gets: nothing left behind, one way of generating examples, the shared data."""

import asyncio
import gc
import inspect
import os
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiosqlite
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

GRACE_S = 2.0
"""How long a thread that was told to end may take, or a file until it is closed; a closed store's thread ends
within a millisecond."""
LOOKS = 20
"""So many parts the grace is waited for in: one in which this process is held up counts as one."""

DESCRIPTORS = Path("/proc/self/fd")
PROCESS_WIDE = ("/dev/", "/memfd:", "/proc/", "anon_inode:", "pipe:")
"""What libraries open once and keep: sources of randomness, the signal pipes of pyarrow and uvloop."""

# Machines are shared and slow at times: a deadline would only fail by chance. In CI a run repeats itself. The
# quick suite tries few examples of each property; ``make slow`` runs the properties again with many.
EXAMPLES = {"quick": 15, "thorough": 60}
for name, count in EXAMPLES.items():
    settings.register_profile(
        name,
        max_examples=count,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        derandomize="CI" in os.environ,
        print_blob=True,
        **({"database": None} if "CI" in os.environ else {}),
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture
def shared_data() -> Path:
    """The folder of real market data beside the repository; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the real market data in ../shared/data, which is not here")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """Fail a test after which a thread runs on or a file or socket stays open."""
    threads = set(threading.enumerate())
    descriptors = _descriptors()

    yield

    left = [thread for thread in threading.enumerate() if thread not in threads and not _ends(thread)]
    opened = _descriptors() - descriptors
    if opened:
        gc.collect()  # what only waits in a reference cycle is reported by its own ResourceWarning
        opened = _still_open(descriptors)
    if left:
        _stop_connections()
    if left or opened:
        pytest.fail(
            f"left behind: threads {[each.name for each in left]}, files {sorted(opened)}", pytrace=False
        )


@pytest.fixture(autouse=True)
def no_task_left_running(request: pytest.FixtureRequest) -> None:
    """Fail an async test after which a task is not done."""
    request.getfixturevalue("nothing_left_open")  # begins first, so looks last: after the loop has closed
    if _is_async(request.node):
        request.getfixturevalue("_tasks_of_the_loop")


@pytest_asyncio.fixture
async def _tasks_of_the_loop() -> AsyncIterator[None]:
    before = asyncio.all_tasks()

    yield

    left = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
    if left:
        names = sorted(task.get_name() for task in left)
        pytest.fail(f"left behind: tasks {names}", pytrace=False)


def _is_async(item: object) -> bool:
    function = getattr(item, "obj", None)
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    return inspect.iscoroutinefunction(inner)


def _ends(thread: threading.Thread) -> bool:
    for _ in range(LOOKS):
        thread.join(GRACE_S / LOOKS)
        if not thread.is_alive():
            return True
    return False


def _still_open(before: Counter[str]) -> Counter[str]:
    """What stays open that was not open before."""
    opened = _descriptors() - before
    for _ in range(LOOKS):
        if not opened:
            break
        time.sleep(GRACE_S / LOOKS)
        opened = _descriptors() - before
    return opened


def _stop_connections() -> None:
    """End the threads of forgotten database connections: they would keep the interpreter from ending."""
    for found in gc.get_objects():
        if isinstance(found, aiosqlite.Connection):
            found.stop()  # pyright: ignore[reportUnknownMemberType]  # its future does not say of what


def _descriptors() -> Counter[str]:
    """What this process has open, by name; empty where the system does not tell."""
    found: Counter[str] = Counter()
    for link in DESCRIPTORS.iterdir() if DESCRIPTORS.is_dir() else ():
        try:
            target = os.readlink(link)
        except FileNotFoundError:
            continue  # the descriptor of this very listing
        if not target.startswith(PROCESS_WIDE):
            found[target] += 1
    return found
