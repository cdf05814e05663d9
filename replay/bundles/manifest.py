"""What a bundle says about itself: ``manifest.json``, the first file in it.

Everything else in a bundle is named here with its size and SHA-256, and nothing else may be in it.
"""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import msgspec

from components.assembly.core_sources import core_hash
from components.assembly.opening import VERSION
from kernel.errors import InputError

MANIFEST = "manifest.json"
FORMAT = 1
PACKAGES = ("aiosqlite", "exchange_calendars", "msgspec", "numpy", "pandas", "uvloop")
"""Packages whose versions are recorded: those that take part when a log is played."""


class BundledFile(msgspec.Struct, frozen=True):
    """A file in the bundle. ``bytes``: before compression; ``sha256``: in hex."""

    name: str
    bytes: int
    sha256: str


class BundledStream(msgspec.Struct, frozen=True):
    """A stream of the bundle, from its first event on.

    - ``file``: its blocks, in the store's own encoding.
    - ``head_hash``: the chained hash of its last block, in hex.
    """

    stream: str
    file: str
    last_seq: int
    head_hash: str


class Expected(msgspec.Struct, frozen=True):
    """What a replay of the bundle makes. ``digest``: SHA-256, in hex, of all derived events."""

    input_count: int
    derived_count: int
    digest: str


class Scaled(msgspec.Struct, frozen=True):
    """What an anonymised bundle says about the original.

    - ``order_count``: the orders of the original.
    - ``equal_count``: those of the first of them that are the same orders, up to names and scales.
    - ``is_shifted``: whether the times are others.
    """

    order_count: int
    equal_count: int
    is_shifted: bool


class Versions(msgspec.Struct, frozen=True):
    """The versions under which a bundle was made. ``core_hash``: of the sources of the core."""

    onetape: str
    python: str
    packages: dict[str, str]
    core_hash: str


class Manifest(msgspec.Struct, frozen=True):
    """A bundle.

    - ``stream``: the run or live log in it.
    - ``made_ts``: when it was made, ns UTC.
    - ``expected``: ``None`` for a bundle of a run that cannot be reproduced; ``divergence`` says why.
    - ``scaled``: ``None`` for a bundle that is not anonymised.
    """

    format: int
    stream: str
    is_live: bool
    made_ts: int
    versions: Versions
    streams: tuple[BundledStream, ...]
    files: tuple[BundledFile, ...]
    expected: Expected | None = None
    divergence: str = ""
    scaled: Scaled | None = None


class _Form(msgspec.Struct, frozen=True):
    format: int


def present_versions() -> Versions:
    """The versions of this process."""
    return Versions(VERSION, platform.python_version(), _installed(PACKAGES), core_hash())


def decoded(data: bytes, *, file: str) -> Manifest:
    """A manifest. Raises ``InputError`` for one that is wrong, or that a newer version wrote."""
    try:
        form = msgspec.json.decode(data, type=_Form).format
        if form != FORMAT:
            raise InputError(
                f"{file}: this is a bundle of format {form}; this version of onetape knows format {FORMAT}"
            )
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise InputError(f"{file}: {MANIFEST}: {error}") from error


def other_versions(made: Versions) -> str:
    """What is different here, in words; empty if all is the same."""
    here = present_versions()
    parts = [
        f"{name} {there} there and {at_home} here"
        for name, there, at_home in (
            ("onetape", made.onetape, here.onetape),
            ("Python", made.python, here.python),
            *((name, there, here.packages.get(name, "none")) for name, there in made.packages.items()),
        )
        if there != at_home
    ]
    if made.core_hash != here.core_hash:
        parts.append("the sources of the core differ")
    return "; ".join(parts)


def _installed(names: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
