"""Opening a store at a path: in one file, or in a folder of segments."""

from os import PathLike
from pathlib import Path

from eventstore.durability import Durability
from eventstore.segment_folder import SegmentFolder, is_folder_store
from eventstore.segment_settings import SegmentsConfig
from eventstore.segmented import SegmentedEventStore
from eventstore.sqlite import SqliteEventStore
from eventstore.witness import witness_path

StoreOnDisk = SqliteEventStore | SegmentedEventStore
"""An ``EventStore`` that also knows ``possible_loss`` and ``integrity``."""


async def open_store(
    path: str | PathLike[str],
    *,
    durability: Durability = Durability.FULL,
    read_only: bool = False,
    segments: SegmentsConfig | None = None,
) -> StoreOnDisk:
    """Open a store, or create it unless ``read_only``; a new one is a folder if its path ends in ``.tape``.

    ``segments``: when a segment of a store in a folder ends. Raises as ``SqliteEventStore.open`` does, and
    ``StoreError`` if another process writes to a store in a folder.
    """
    if is_folder_store(Path(path)):
        return await SegmentedEventStore.open(
            path, durability=durability, read_only=read_only, settings=segments
        )
    return await SqliteEventStore.open(path, durability=durability, read_only=read_only)


def is_store_here(path: Path) -> bool:
    """Whether there is a store, or its witness, which would report its loss."""
    if is_folder_store(path):
        return SegmentFolder(path).last_number() > 0
    return path.is_file() or witness_path(path).exists()
