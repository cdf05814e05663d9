"""Runs coroutines from synchronous code, in scripts and in notebooks, whose loop is already running."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

ResultT = TypeVar("ResultT")


def run_blocking(work: Coroutine[object, object, ResultT]) -> ResultT:
    """Run a coroutine to its end from synchronous code, in another thread if a loop is running here."""
    if not _is_in_loop():
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(asyncio.run, work).result()


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
