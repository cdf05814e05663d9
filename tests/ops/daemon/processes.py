"""Daemons and exchanges as real processes, for tests and for the soak."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import msgspec

from kernel.errors import VenueUnavailable
from ops.control.client import DaemonAddress, get
from ops.control.socket_file import SOCKET
from ops.daemon.status import DaemonStatus
from tests.ops.daemon.forking import Request, Start, Wait

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60.0
"""How long anything may take that a quiet machine does in a second."""
LOOK_S = 0.02


def hold_up(seconds: float) -> None:
    """Hold up this process and its event loop, as a busy machine does."""
    time.sleep(seconds)


class Forks:
    """The process that has imported everything, and the commands that run in forks of it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.ops.daemon.forking"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(PATIENCE_S)

    def ask(self, request: Request) -> int:
        """The answer to a request. Waits for the end of the process that ``Wait`` names."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(request).decode() + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def run(
        self,
        folder: Path,
        *words: str,
        program: str = "onetape",
        environment: Mapping[str, str] | None = None,
    ) -> "Ended":
        """Run a command to its end."""
        command = Command(self, folder, *words, program=program, environment=environment)
        return Ended(command.ended(), command.said, command.complaint)


class Ended(msgspec.Struct, frozen=True):
    """How a command ended, and what it wrote."""

    code: int
    said: str
    complaint: str


class Command:
    """A command in a process of its own."""

    def __init__(
        self,
        forks: Forks,
        folder: Path,
        *words: str,
        program: str = "onetape",
        environment: Mapping[str, str] | None = None,
        file_limit: int = 0,
    ) -> None:
        self._forks = forks
        number = len(list(folder.glob("*.errors")))
        self._out, self._errors = folder / f"{number}.out", folder / f"{number}.errors"
        self._errors.touch()
        self.pid = forks.ask(
            Start(
                words=words,
                folder=str(folder),
                out=str(self._out),
                errors=str(self._errors),
                program=program,
                environment=dict(environment or {}),
                file_limit=file_limit,
            )
        )
        self._code: int | None = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it."""
        os.kill(self.pid, number)

    def ended(self) -> int:
        """Wait for its end; returns its exit code, or the signal that ended it below zero."""
        if self._code is None:
            self._code = self._forks.ask(Wait(pid=self.pid))
        return self._code

    def stop(self) -> int:
        """Stop it in order, and wait for its end."""
        self.send(signal.SIGTERM)
        return self.ended()

    def kill(self) -> None:
        """``kill -9``, and wait for its end."""
        self.send(signal.SIGKILL)
        assert self.ended() == -signal.SIGKILL, self.complaint

    @property
    def said(self) -> str:
        """Standard output so far."""
        return self._out.read_text("utf-8") if self._out.exists() else ""

    @property
    def complaint(self) -> str:
        """Standard error so far."""
        return self._errors.read_text("utf-8")


class Daemon(Command):
    """``onetape run`` in a folder. It tells a socket of the test when it is ready, as it tells systemd."""

    def __init__(
        self,
        forks: Forks,
        folder: Path,
        *options: str,
        name: str = "paper",
        environment: Mapping[str, str] | None = None,
        file_limit: int = 0,
    ) -> None:
        self.store = folder / f"{name}.tape"
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notices.bind(f"\0onetape-test-{os.getpid()}-{id(self)}")
        self._is_ready = False
        super().__init__(
            forks,
            folder,
            *("run", f"{name}.yaml", *options),
            environment={
                "NOTIFY_SOCKET": "@" + self._notices.getsockname()[1:].decode(),
                **(environment or {}),
            },
            file_limit=file_limit,
        )
        self._end = os.pidfd_open(self.pid)

    def ended(self) -> int:
        """Wait for its end; see ``Command``."""
        code = super().ended()
        if self._end >= 0:
            self._notices.close()
            os.close(self._end)
            self._end = -1
        return code

    def started(self) -> Self:
        """Wait until it is ready. Fails if it ends before."""
        return self.told(b"READY=1")

    def told(self, notice: bytes) -> Self:
        """Wait until it tells systemd this. Fails if it ends before."""
        while True:
            notices = self._notices.fileno()
            found, _, _ = select.select([notices, self._end], [], [], PATIENCE_S)
            if notices in found:
                if self._notices.recv(4096) == notice:
                    return self
                continue
            if self._end in found:
                self.ended()
            raise AssertionError(f"not ready: {self.complaint[-2000:]}")

    def ended_within(self, limit_s: float) -> bool:
        """Whether it ends in so many seconds."""
        return self._end < 0 or bool(select.select([self._end], [], [], limit_s)[0])

    @property
    def address(self) -> DaemonAddress:
        """The way to its control API."""
        return DaemonAddress(socket=self.store / SOCKET)

    async def status(self) -> DaemonStatus:
        """What its control socket says."""
        answer = await get(self.address, "/v1/status", limit_s=PATIENCE_S)
        return msgspec.json.decode(answer, type=DaemonStatus)

    async def until(
        self, is_so: Callable[[DaemonStatus], bool], *, limit_s: float = PATIENCE_S
    ) -> DaemonStatus:
        """Wait until its status is as expected."""
        deadline = time.monotonic() + limit_s
        while True:
            assert not self.ended_within(0), self.complaint[-2000:]
            try:
                status = await self.status()
            except VenueUnavailable:
                assert time.monotonic() < deadline, self.complaint[-2000:]
            else:
                if is_so(status):
                    return status
                assert time.monotonic() < deadline, status
            await asyncio.sleep(LOOK_S)


@contextmanager
def exchange(forks: Forks, folder: Path, *options: str, port: int = 0) -> Generator[str]:
    """``onetape exchange`` while the block runs; gives its address."""
    command = Command(forks, folder, "exchange", "--port", str(port), *options)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not command.said.endswith("\n"):
            assert time.monotonic() < deadline, command.complaint
            time.sleep(LOOK_S)
        yield command.said.strip()
    finally:
        command.stop()
