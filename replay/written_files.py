"""Where files that a user names may be written: into folders that are there.

A folder that is not there is most often a mistyped one, and its file would never be found again.
"""

from pathlib import Path

from kernel.errors import InputError


def check_folder(path: Path, *, what: str) -> None:
    """Raise ``InputError`` if the folder of a file is missing. ``what`` names the file's content."""
    if not path.parent.is_dir():
        raise InputError(f"{what} {path}: there is no folder {path.parent}; create it first")
