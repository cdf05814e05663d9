"""The sources that decide: a hash of them tells whether a log is played by the code that made it."""

from functools import cache
from hashlib import sha256
from pathlib import Path

CORE_FOLDERS = ("kernel", "components", "brokers/simulated", "strategies/sdk")
"""The code that makes a core, beside the strategies, which are in the log."""


@cache
def core_hash() -> str:
    """A hash of our own sources, in hex."""
    root, digest = Path(__file__).parent.parent.parent, sha256()
    for folder in CORE_FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
