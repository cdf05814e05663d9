"""Limits the files that a process can open (Landlock, on Linux): code and libraries to read, and the store.

So code of a strategy that gets past the linter does not read secrets, keys or other people's files. It is for
good, and for all threads that are started later.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

import eventstore

_CREATE, _ADD, _RESTRICT = 444, 445, 446
"""System calls, with these numbers on all architectures."""
_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_FOLDER, _REMOVE_FILE, _MAKE_FILE = 1 << 1, 1 << 2, 1 << 3, 1 << 5, 1 << 8
_ALL = (1 << 13) - 1
"""The rights that the first version of Landlock knows: reading, writing, making and removing of all kinds."""
_READ = _READ_FILE | _READ_FOLDER
_USE = _READ | _WRITE_FILE
_OWN = _USE | _MAKE_FILE | _REMOVE_FILE

SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/null",
    "/dev/urandom",
    "/proc",
)
"""Libraries, time zones, and what the C library reads."""
OUR_PACKAGES = ("kernel", "eventstore", "components", "brokers", "strategies", "replay", "ops")


def limit_files(library: ctypes.CDLL, *, store: Path, own: Path) -> str:
    """Allow code and libraries to be read, the store to be used, and files in ``own`` to be made.

    Returns the problem, or an empty text. A process that may not gain privileges comes first (``sandbox``).
    """
    rules = _call(library, _CREATE, struct.pack("=Q", _ALL), 8, 0)
    if rules < 0:
        return os.strerror(ctypes.get_errno())
    try:
        wanted = [(path, _READ) for path in _code()] + [(store, _USE), (own, _OWN)]
        for path, rights in wanted:
            if problem := _allow(library, rules, path, rights):
                return f"{path}: {problem}"
        if library.syscall(_RESTRICT, rules, 0) < 0:
            return os.strerror(ctypes.get_errno())
    finally:
        os.close(rules)
    return ""


def _code() -> Iterable[Path]:
    """What an import may read: the system's libraries, Python, its packages, and ours."""
    root = Path(eventstore.__file__).parents[1]
    packages = (
        Path(each) for each in sys.path if Path(each).name == "site-packages" or each.endswith(".zip")
    )
    python = (Path(sys.prefix), Path(sys.base_prefix), Path(os.__file__).parent)
    ours = (root / name for name in OUR_PACKAGES)
    found = (*map(Path, SYSTEM), *python, *packages, *ours, root / "onetape_packages.py")
    return [path for path in found if path.exists()]


def _allow(library: ctypes.CDLL, rules: int, path: Path, rights: int) -> str:
    if not path.is_dir():
        rights &= _READ_FILE | _WRITE_FILE
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        return str(error.strerror)
    try:
        failed = _call(library, _ADD, rules, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0) < 0
        return os.strerror(ctypes.get_errno()) if failed else ""
    finally:
        os.close(place)


def _call(library: ctypes.CDLL, number: int, *arguments: int | bytes) -> int:
    result: int = library.syscall(number, *arguments)
    return result
