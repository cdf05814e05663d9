"""Takes rights from a process that runs code of strategies, as far as the system has the means.

- Memory: a limit of the address space; an allocation beyond it raises ``MemoryError``.
- Its parent: it ends with it.
- Other processes and the network: a filter of system calls (seccomp, on Linux) answers ``EPERM`` to new
  processes, programs, sockets, and signals to others. Threads are allowed: numerical libraries need them.

- Files: those of code and of the store (``file_access``).

The environment and open files are for the parent to clear.
"""

import ctypes
import os
import platform
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from errno import ENOSYS, EPERM
from pathlib import Path

from ops.daemon.file_access import limit_files

LOWER_PRIORITY = 5
"""Behind the daemon, when there are not enough processors."""

_SET_PARENT_DEATH_SIGNAL, _SET_SECCOMP, _SET_NO_NEW_PRIVILEGES = 1, 22, 38
_FILTER_MODE = 2
_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_FOREIGN_CALLS = 0x40000000
"""System calls of another form (x32) begin here."""
_THREAD = 0x10000
"""The flag of ``clone`` for a thread."""


class _Calls:
    """The numbers of system calls of an architecture."""

    def __init__(self, architecture: int, clone: int, clone3: int, send_signal: int, *refused: int) -> None:
        self.architecture = architecture
        self.clone = clone
        self.clone3 = clone3
        self.send_signal = send_signal
        """That to a thread (tgkill), with which a process also signals itself."""
        self.refused = refused
        """In this order, as far as the architecture has them:

        - socket, connect, accept, bind, listen, accept4;
        - execve, execveat, fork, vfork;
        - kill, tkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal;
        - ptrace, process_vm_readv, process_vm_writev; setrlimit, prlimit64; io_uring_setup, unshare.
        """


_CALLS = {
    "x86_64": _Calls(
        *(0xC000003E, 56, 435, 234),
        *(
            41,
            42,
            43,
            49,
            50,
            288,
            59,
            322,
            57,
            58,
            62,
            200,
            129,
            297,
            424,
            101,
            310,
            311,
            160,
            302,
            425,
            272,
        ),
    ),
    "aarch64": _Calls(
        *(0xC00000B7, 220, 435, 131),
        *(198, 203, 202, 200, 201, 242, 221, 281, 129, 130, 138, 240, 424, 117, 270, 271, 164, 261, 425, 97),
    ),
}


class _Step(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort),
        ("if_true", ctypes.c_ubyte),
        ("if_false", ctypes.c_ubyte),
        ("value", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.POINTER(_Step)))


def confine(*, memory_mb: int, parent: int, store: Path, own: Path) -> tuple[str, ...]:
    """Give up rights for good; returns a sentence for each part that this system does not have.

    - ``parent``: the process with which this one ends. Raises ``SystemExit`` if it is gone already.
    - ``store``: the store to read; ``own``: the folder in which it may make files.
    """
    os.nice(LOWER_PRIORITY)
    missing: list[str] = []
    limit = memory_mb << 20
    with suppress(ValueError, OSError):  # a lower limit is in force already
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return ("it can start processes and use the network: this system has no seccomp",)
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0):
        missing.append("it does not end with the daemon at once: prctl refuses that")
    if os.getppid() != parent:
        raise SystemExit("its daemon is gone")
    library.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if problem := limit_files(library, store=store, own=own):
        missing.append(f"it can read and write all files of its user: {problem}")
    calls = _CALLS.get(platform.machine())
    if calls is None:
        missing.append(f"it can start processes and use the network: no filter for {platform.machine()}")
    elif problem := _filter(library, calls):
        missing.append(f"it can start processes and use the network: {problem}")
    return tuple(missing)


def _filter(library: ctypes.CDLL, calls: _Calls) -> str:
    """Put the filter of system calls into force; returns the problem, or an empty text."""
    steps = [_Step(*each) for each in _steps(calls, os.getpid())]
    program = _Program(len(steps), (_Step * len(steps))(*steps))
    if library.prctl(_SET_SECCOMP, _FILTER_MODE, ctypes.byref(program), 0, 0):
        return os.strerror(ctypes.get_errno())
    return ""


def _steps(calls: _Calls, own: int) -> Iterator[tuple[int, int, int, int]]:
    """The filter as (code, steps to skip if true, if false, value). ``own``: the number of this process."""
    refuse = (_RETURN, 0, 0, _ERROR | EPERM)
    yield _LOAD, 0, 0, _ARCHITECTURE_AT
    yield _EQUAL, 1, 0, calls.architecture
    yield refuse
    yield _LOAD, 0, 0, _NUMBER_AT
    yield _AT_LEAST, 0, 1, _FOREIGN_CALLS
    yield refuse
    for number in calls.refused:
        yield _EQUAL, 0, 1, number
        yield refuse
    yield _EQUAL, 0, 1, calls.clone3
    yield _RETURN, 0, 0, _ERROR | ENOSYS  # the library uses ``clone`` then, whose flags can be seen here
    yield _EQUAL, 0, 3, calls.clone
    yield _LOAD, 0, 0, _FIRST_ARGUMENT_AT
    yield _ANY_BIT, 4, 0, _THREAD
    yield refuse
    yield _EQUAL, 0, 2, calls.send_signal
    yield _LOAD, 0, 0, _FIRST_ARGUMENT_AT
    yield _EQUAL, 0, 1, own
    yield _RETURN, 0, 0, _ALLOW
    yield refuse
