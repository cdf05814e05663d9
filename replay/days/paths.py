"""Where the pages about trading days are. A daemon looks for them, and does not make them itself."""

from pathlib import Path

FOLDER = "reports"


def day_report_path(store: Path, log: str, day: str) -> Path:
    """Where the report of a day goes: into the store's folder, or beside a store that is a file."""
    name = f"{log}-{day}.html".replace("/", "-").replace("\\", "-")
    return (store if store.is_dir() else store.parent) / FOLDER / name
