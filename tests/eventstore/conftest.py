"""Every store that the conformance suite runs on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from eventstore import EventStore, SqliteEventStore
from tests.eventstore.samples import STORES


@pytest.fixture(params=sorted(STORES))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventStore]:
    """Each implementation in turn, empty."""
    opened = await STORES[request.param](tmp_path)

    yield opened

    await opened.close()


@pytest.fixture
async def sqlite_store(tmp_path: Path) -> AsyncIterator[SqliteEventStore]:
    """A store in a file of its own, ``tmp_path / "store.db"``."""
    opened = await SqliteEventStore.open(tmp_path / "store.db")

    yield opened

    await opened.close()
