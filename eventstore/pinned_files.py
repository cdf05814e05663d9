"""Is the file at a path still the one that was opened?

A file that was deleted or replaced takes what is written to it, and nobody finds it again.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from eventstore.sqlite_file import FileFailed


class PinnedFiles:
    """The files of a store as they were when it was opened."""

    def __init__(self, paths: Iterable[Path]) -> None:
        """Raises ``FileFailed`` if one of them is not there."""
        self._pinned = [(os.path.abspath(path), _identity(os.path.abspath(path))) for path in paths]
        self.check()

    def check(self) -> None:
        """Raise ``FileFailed`` if one was deleted, moved or replaced. About 1.5 us a file."""
        for path, identity in self._pinned:
            if identity is None or _identity(path) != identity:
                raise FileFailed(
                    f"{path} is not the file any more that was opened: it was deleted, moved or replaced "
                    "while it was in use. Nothing more is acknowledged. Put the store's files back, all of "
                    "them, and open it again"
                )


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
