"""What a test leaves behind fails it; what ends by itself does not. Shown on planted tests."""

import re
import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT

PLANTED = """
import asyncio, socket, threading
from concurrent.futures import ThreadPoolExecutor
import aiosqlite
import pytest
import pytest_asyncio
from hypothesis import given, strategies

kept = []
never = threading.Event()

@pytest.fixture
def endless():
    yield
    never.set()

async def test_leaves_a_task():
    kept.append(asyncio.create_task(asyncio.sleep(60), name="forgotten"))

@given(strategies.integers(0, 1))
async def test_leaves_a_task_in_an_example(number):
    kept.append(asyncio.create_task(asyncio.sleep(60)))

@pytest_asyncio.fixture
async def careless():
    kept.append(asyncio.create_task(asyncio.sleep(60)))

async def test_has_a_fixture_that_leaves_a_task(careless):
    pass

def test_leaves_a_file(tmp_path):
    kept.append((tmp_path / "x").open("w"))

def test_leaves_a_socket():
    kept.extend(socket.socketpair())

async def test_leaves_a_store(tmp_path):
    kept.append(await aiosqlite.connect(tmp_path / "x.db"))

def test_leaves_a_thread():
    threading.Thread(target=never.wait, name="endless", daemon=True).start()

def test_ends_clean(tmp_path):
    with (tmp_path / "x").open("w"):
        asyncio.run(asyncio.sleep(0))

async def test_ends_clean_with_tasks_and_threads(tmp_path):
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(len, "x"), name="thread")
    async with aiosqlite.connect(tmp_path / "x.db") as connection:
        await connection.execute("create table t (x)")

@given(strategies.integers(0, 1))
async def test_ends_clean_in_examples(number):
    await asyncio.sleep(0)
"""


def test_tasks_threads_and_files_left_behind_fail_a_test(tmp_path: Path) -> None:
    (tmp_path / "test_planted.py").write_text(PLANTED, "utf-8")
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", "-rA", "-q"]
    options += ["-o", "asyncio_default_fixture_loop_scope=function"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    failed = set(re.findall(r"^(?:ERROR|FAILED) \S*::(test_\w+)", done.stdout, re.MULTILINE))
    assert "10 passed" in done.stdout, done.stdout
    assert failed == set(re.findall(r"def (test_(?:leaves|has)\w+)", PLANTED)), done.stdout
