"""The processes of strategies with ``isolation: process``, started, fed and ended by the daemon.

- What it remembers: for each of these strategies its process, and how far that has played the log.
- What changes it: each commit is told to the processes, one seq at a time. What they send becomes inputs. A
  process that gives no sign of life in time is ended with all that it started; one that ended is started
  again after a growing delay.
- What never happens: the engine or another strategy waits for a process. A process that ends twice at the
  same input is a failure of its strategy there, on the log, with the policy of all failures: back-off, then
  quarantine. That input is not tried again.
"""

import asyncio
import mmap
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator
from contextlib import suppress

import msgspec
import structlog

from components.assembly.hosts import Place
from components.assembly.isolation import WorkerConfig
from kernel.clock import Clock
from kernel.errors import InputError, OnetapeError
from kernel.events import StrategyFailedApart
from kernel.identifiers import StrategyId
from kernel.loggable import loggable
from kernel.supervision import Supervised
from ops.daemon.limits import parts_of
from ops.daemon.worker_messages import SEQ_BYTES, Lacks, Reached, Sends, WorkerEnded, read_message
from replay.run import Plan
from replay.run_config import RunConfig
from replay.session import LiveSession

_log = structlog.get_logger()

SAID = 2_000
"""Bytes of its standard error that are kept, for the reason of its end."""
TURNS = 5
"""Turns of the loop in which what waits in a pipe is heard."""
CLEAN_PATH = "/usr/bin:/bin"


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The process of one strategy.

    - ``state``: of its supervision. ``pid``: 0 if there is none now.
    - ``seq``: up to which it has played the log.
    - ``slowest_ms``: the longest time that it took for one input.
    """

    strategy: str
    state: str
    pid: int
    seq: int
    restarts: int
    slowest_ms: float
    reason: str


class NoSignOfLife(WorkerEnded):
    """It was ended, because it gave no sign of life in time."""


class Workers:
    """The processes of one daemon."""

    def __init__(
        self, config: RunConfig, session: LiveSession, *, clock: Clock, random: Callable[[], float]
    ) -> None:
        self._config = config
        self._session = session
        self._clock = clock
        self._random = random
        self._plan: Plan | None = None
        self._workers: dict[StrategyId, Worker] = {}
        self._tasks: dict[StrategyId, asyncio.Task[None]] = {}
        self._moved = asyncio.Event()
        self._changed = asyncio.Event()

    @property
    def statuses(self) -> tuple[WorkerStatus, ...]:
        """The status of each process."""
        return tuple(one.status for one in self._workers.values())

    async def run(self) -> None:
        """Keep the processes running until cancelled. Nothing is started before the log has begun."""
        engine = self._session.engine
        engine.on_commit = self._on_commit
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    if engine.last_seq:
                        self._follow_plan(group)
                    self._changed.clear()
                    await self._changed.wait()
        finally:
            engine.on_commit = None

    async def settle(self, limit_s: float) -> None:
        """Wait until all processes that run have reached the end of the log, at most ``limit_s``."""
        for part_s in parts_of(limit_s):
            with suppress(TimeoutError):
                async with asyncio.timeout(part_s):
                    while self._are_behind:
                        self._moved.clear()
                        await self._moved.wait()
                    return

    @property
    def _are_behind(self) -> bool:
        """Whether there is something that a process has yet to play."""
        engine = self._session.engine
        is_growing = engine.inbox_depth > 0 or engine.is_committing
        return is_growing or any(one.is_behind for one in self._workers.values())

    async def stop(self, limit_s: float) -> None:
        """Let the processes save their state and end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                for one in self._workers.values():
                    await one.end()

    def _on_commit(self) -> None:
        """Tell all processes that the log has grown."""
        for one in self._workers.values():
            one.grew.set()
        self._moved.set()
        if self._session.plan is not self._plan:
            self._changed.set()

    def _follow_plan(self, group: asyncio.TaskGroup) -> None:
        """Start and end processes so that they are those of the plan."""
        self._plan = self._session.plan
        wanted = dict(_wanted(self._plan))
        for key in [*self._workers]:
            if wanted.get(key) != self._workers[key].limits:
                self._tasks.pop(key).cancel()
                del self._workers[key]
        for key, limits in wanted.items():
            if key not in self._workers:
                worker = Worker(
                    key,
                    limits,
                    self._config,
                    self._session,
                    clock=self._clock,
                    random=self._random,
                    moved=self._moved,
                )
                self._workers[key] = worker
                self._tasks[key] = group.create_task(worker.run(), name=f"worker {key}")


def _wanted(plan: Plan) -> Iterator[tuple[StrategyId, WorkerConfig]]:
    for planned, entry in zip(plan.strategies, plan.config.enabled_strategies, strict=False):
        if planned.place is Place.APART:
            yield planned.strategy_id, entry.worker


class Worker:
    """The process of one strategy, again and again if it ends."""

    def __init__(
        self,
        strategy: StrategyId,
        limits: WorkerConfig,
        config: RunConfig,
        session: LiveSession,
        *,
        clock: Clock,
        random: Callable[[], float],
        moved: asyncio.Event,
    ) -> None:
        self.limits = limits
        self.grew = asyncio.Event()
        """The log has grown since the process was told."""
        self._strategy = strategy
        self._config = config
        self._session = session
        self._clock = clock
        self._moved = moved
        self._child: Process | None = None
        self._place = _Place()
        self._seq = self._told = 0
        self._slowest_ms = 0.0
        self._last_place = self._broken_at = 0
        self._is_ending = False
        self._is_idle = False
        """Whether it has reached all that it was told."""
        self._within_s: float | None = None
        """The time for its next sign of life; ``None`` while it has no work."""
        self._signs = 0
        """How often that time has begun anew."""
        self._hurried = asyncio.Event()
        self._silence: NoSignOfLife | None = None
        self._lacks: tuple[str, ...] = ()
        self._supervised = Supervised(
            f"worker {strategy}",
            self._live,
            clock=clock,
            random=random,
            report=session.engine.report,
            policy=limits.restart,
            says_when_it_works=True,
        )

    @property
    def status(self) -> WorkerStatus:
        """Its figures of now."""
        one = self._supervised
        return WorkerStatus(
            strategy=self._strategy,
            state="" if one.state is None else one.state.value,
            pid=0 if self._child is None else self._child.pid,
            seq=self._seq,
            restarts=one.restarts,
            slowest_ms=self._slowest_ms,
            reason=one.reason,
        )

    @property
    def is_behind(self) -> bool:
        """Whether it runs and has not played the log to its end."""
        return self._child is not None and self._seq < self._session.engine.last_seq

    async def run(self) -> None:
        """Run it until cancelled, or until it has failed for good. Others go on."""
        try:
            await self._supervised.run()
        except (OnetapeError, ExceptionGroup) as error:
            _log.error("worker_failed", strategy=self._strategy, error=str(error))
        finally:
            self._place.close()
            self._moved.set()

    async def end(self) -> None:
        """Let the process save its state and end; returns when it has ended."""
        self._is_ending = True
        child = self._child
        if child is not None and child.stdin is not None:
            child.stdin.close()
            await child.wait()

    # --- one life -----------------------------------------------------------------------------

    async def _live(self) -> None:
        """Start the process and feed it. Raises ``WorkerEnded`` when it has ended."""
        child = self._child = await self._started()
        said = bytearray()
        end: WorkerEnded | None = None
        try:
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(_keep_last(child, said), name=f"{self._strategy}: stderr")
                telling = group.create_task(self._tell(child), name=f"{self._strategy}: tell")
                watching = group.create_task(self._watch(child), name=f"{self._strategy}: watch")
                try:
                    await self._hear(child)
                except WorkerEnded as ended:
                    end = self._silence or ended
                telling.cancel()
                watching.cancel()
                _kill(child)
                await listening
        finally:
            _kill(child)
            code = await child.wait()
            self._child = None
            self._moved.set()
        if self._is_ending:
            await asyncio.Event().wait()
        raise self._ended(end, code, said)

    async def _started(self) -> Process:
        """The process, confined, with nothing of the environment and no files of this one but two pipes."""
        self._seq = self._told = 0
        self._silence, self._is_idle = None, False
        self._hurry(self.limits.start_s)
        self._place.clear()
        broken_at, self._broken_at = self._broken_at, 0
        limits, config = self.limits, self._config
        command = (
            *(sys.executable, "-P", "-m", "ops.daemon.worker", config.store, config.log, self._strategy),
            *(str(limits.memory_mb), str(config.snapshots.every_s)),
            *(str(os.getpid()), str(self._place.descriptor), str(broken_at)),
        )
        paths = os.pathsep.join(each or os.curdir for each in sys.path)
        try:
            return await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env={"PATH": CLEAN_PATH, "LANG": "C.UTF-8", "PYTHONPATH": paths},
                start_new_session=True,
                pass_fds=(self._place.descriptor,),
            )
        except OSError as error:
            raise WorkerEnded(f"it cannot be started: {error}") from error

    async def _tell(self, child: Process) -> None:
        """Tell it the end of the log, whenever it has reached what it was told before."""
        assert child.stdin is not None, "it was started with a pipe"
        engine = self._session.engine
        while True:
            self.grew.clear()
            if self._is_idle and engine.last_seq > self._told:
                self._told, self._is_idle = engine.last_seq, False
                self._hurry(self.limits.deadline_ms / 1_000)
                child.stdin.write(self._told.to_bytes(SEQ_BYTES, "little"))
            await self.grew.wait()

    async def _hear(self, child: Process) -> None:
        """Take its messages. Raises ``WorkerEnded`` at its end."""
        assert child.stdout is not None, "it was started with a pipe"
        while True:
            self._take(await read_message(child.stdout))

    async def _watch(self, child: Process) -> None:
        """End it if it gives no sign of life in time.

        Time in which the daemon was held up does not count, and what has come meanwhile is heard first.
        """
        while True:
            self._hurried.clear()
            signs, within_s = self._signs, self._within_s
            if within_s is None:
                await self._hurried.wait()
                continue
            for part_s in parts_of(within_s):
                await asyncio.sleep(part_s)
                if signs != self._signs:
                    break
            for _ in range(TURNS):
                await asyncio.sleep(0)
            if signs == self._signs:
                self._silence = NoSignOfLife(f"it gave no sign of life for {within_s:g} s")
                _kill(child)
                return

    def _take(self, message: Reached | Sends | Lacks) -> None:
        match message:
            case Reached(seq=seq):
                self._supervised.works()
                self._seq = max(self._seq, seq)
                self._note_time(message)
                self._is_idle = seq >= self._told
                self._hurry(None if self._is_idle else self.limits.deadline_ms / 1_000)
                self.grew.set()
                self._moved.set()
            case Sends(event=event):
                if event.strategy != self._strategy:
                    raise WorkerEnded(f"it sent a decision of {event.strategy}")
                try:
                    self._session.engine.report(event)
                except InputError as error:
                    raise WorkerEnded(f"it sent a decision that no log can hold: {error}") from error
            case Lacks(sentences=sentences):
                for each in sentences if sentences != self._lacks else ():
                    _log.warning("worker_not_confined", strategy=self._strategy, what=each)
                self._lacks = sentences

    def _note_time(self, message: Reached) -> None:
        """Tell an input that took longer than all before, if it is a slow one."""
        if message.slowest_ms <= self._slowest_ms:
            return
        self._slowest_ms = message.slowest_ms
        limit_ms = self._config.engine.slow_hook_ms
        if 0 < limit_ms < message.slowest_ms:
            _log.warning(
                "slow_hook",
                strategy=self._strategy,
                took_ms=message.slowest_ms,
                at_input=message.slowest_at,
            )

    def _hurry(self, within_s: float | None) -> None:
        """Expect the next sign of life within so many seconds; ``None``: it has no work."""
        self._within_s = within_s
        self._signs += 1
        self._hurried.set()

    def _ended(self, end: WorkerEnded | None, code: int, said: bytes | bytearray) -> WorkerEnded:
        """The reason of its end. A second end at the same input goes on the log."""
        last = bytes(said).decode(errors="replace").strip().splitlines()[-1:]
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        why = str(end) if isinstance(end, NoSignOfLife) else f"{end}: {last[0] if last else how}"
        number = self._place.number
        where = f" at input {number}" if number else ""
        _log.warning("worker_ended", strategy=self._strategy, why=why, at_input=number)
        if number and number == self._last_place:
            self._last_place, self._broken_at = 0, number
            failed = StrategyFailedApart(
                self._clock.now(), self._strategy, number, "", loggable(why), has_ended=True
            )
            self._session.engine.report(failed)
        else:
            self._last_place = number
        return WorkerEnded(f"{why}{where}")


class _Place:
    """Eight bytes that a process shares with the daemon: the number of the input that it handles."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # open as long as the worker is
        self._file.truncate(SEQ_BYTES)
        self._bytes = mmap.mmap(self._file.fileno(), SEQ_BYTES)

    @property
    def descriptor(self) -> int:
        """The open file, which the process inherits."""
        return self._file.fileno()

    @property
    def number(self) -> int:
        """The input that is handled now, or was when the process ended; 0: none."""
        return int.from_bytes(self._bytes[:SEQ_BYTES], "little")

    def close(self) -> None:
        """Release it."""
        self._bytes.close()
        self._file.close()

    def clear(self) -> None:
        """Say that none is handled."""
        self._bytes[:SEQ_BYTES] = bytes(SEQ_BYTES)


async def _keep_last(child: Process, said: bytearray) -> None:
    """Keep the last part of what it writes to standard error."""
    assert child.stderr is not None, "it was started with a pipe"
    while part := await child.stderr.read(SAID):
        said += part
        del said[:-SAID]


def _kill(child: Process) -> None:
    """End a process and all that it started."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
