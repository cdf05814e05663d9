"""A process that has imported everything, and runs commands in forks of itself.

A daemon is a real process then, with a pid that can be killed, and starts in milliseconds: importing all of
onetape takes a second. Run as ``python -m tests.ops.daemon.forking``. It reads a request in JSON from each
line of standard input, and answers with a line. At the end of its input it kills what still runs.
"""

import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import uvloop

import brokers.feeds.making
import ops.exchange.server
from ops.cli import cli
from ops.commands.replay import main as replay_main

LOADED = (brokers.feeds.making, ops.exchange.server, uvloop)
"""Imported now, so that no fork has to."""


class Start(msgspec.Struct, frozen=True, kw_only=True, tag="start"):
    """Run a command in a fork.

    - ``program``: ``onetape`` or ``replay``.
    - ``out``, ``errors``: files that it writes to.
    - ``file_limit``: bytes; no file of it can grow larger.
    """

    words: tuple[str, ...]
    folder: str
    out: str
    errors: str
    program: str = "onetape"
    environment: dict[str, str] = {}
    file_limit: int = 0


class Wait(msgspec.Struct, frozen=True, kw_only=True, tag="wait"):
    """Wait for the end of a fork; the answer is its exit code, or the number of its signal below zero."""

    pid: int


Request = Start | Wait

_DECODER: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


def serve() -> Start | None:
    """Answer requests. Returns ``None`` at the end, and what to run in a fork."""
    running: set[int] = set()
    try:
        for line in sys.stdin:
            match _DECODER.decode(line):
                case Start() as start:
                    pid = os.fork()
                    if not pid:
                        running.clear()
                        return start
                    running.add(pid)
                    _answer(pid)
                case Wait(pid=pid):
                    _, status = os.waitpid(pid, 0)
                    running.discard(pid)
                    _answer(os.waitstatus_to_exitcode(status))
        return None
    finally:
        for pid in running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def become(start: Start) -> Sequence[str]:
    """Make this process what a shell would have started; returns the words of its command."""
    for path, number, flags in (
        (os.devnull, 0, os.O_RDONLY),
        (start.out, 1, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        (start.errors, 2, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        descriptor = os.open(path, flags, 0o644)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.update(start.environment)
    os.chdir(start.folder)
    sys.path.insert(0, str(Path(start.folder)))
    if start.file_limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (start.file_limit, start.file_limit))
    return start.words


def _answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve, and run one command in each fork."""
    start = serve()
    if start is None:
        return
    words = become(start)
    if start.program == "replay":
        sys.argv = ["replay", *words]
        replay_main()
    else:
        cli(args=words, prog_name="onetape")


if __name__ == "__main__":
    main()
