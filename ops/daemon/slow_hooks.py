"""Tells which strategy holds up the core, while it does.

A thread looks a few times per limit whether the core is still in the same step. If that takes too long, it
reads the stack of the core's thread, and finds the hook there: even one that never returns. Strategies and
the core pay nothing for it. A call in C that keeps the interpreter to itself is seen when it ends.

- What it remembers: the step that it saw last, and what was slow, by strategy.
- What changes it: a step that lasts. Each strategy is told in the text log at most every ten seconds.
- What never happens: it changes or stops the core.
"""

import sys
import threading
from time import monotonic
from types import FrameType, TracebackType
from typing import Self

import msgspec
import structlog

from kernel.engine import CoreEngine
from strategies.sdk import Strategy

_log = structlog.get_logger()

LOOKS_PER_LIMIT = 2
SHORTEST_LOOK_S = 0.005
TELL_EVERY_S = 10.0


class SlowHook(msgspec.Struct, frozen=True, kw_only=True):
    """What was slow: ``count`` steps, the longest of ``worst_ms``.

    ``hook``: the last one that was seen, with its line; both are empty for the core itself.
    """

    strategy: str
    hook: str
    count: int
    worst_ms: float


class SlowHooks:
    """Watches the core of an engine that runs in the present thread, while the block runs."""

    def __init__(self, engine: CoreEngine, *, limit_ms: float) -> None:
        self._engine = engine
        self._limit_s = limit_ms / 1_000
        self._core_thread = threading.get_ident()
        self._found: dict[str, SlowHook] = {}
        self._told: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="slow hooks", daemon=True)

    @property
    def found(self) -> tuple[SlowHook, ...]:
        """What was slow since the start."""
        return tuple(self._found.values())

    def __enter__(self) -> Self:
        if self._limit_s:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._limit_s:
            self._thread.join()

    def _watch(self) -> None:
        step, since, slow = 0, monotonic(), ""
        look_s = max(SHORTEST_LOOK_S, self._limit_s / LOOKS_PER_LIMIT)
        was_slow = False
        while not self._ended.wait(look_s):
            now, present = monotonic(), self._engine.stepping
            if present != step or not present:
                step, since, was_slow = present, now, False
                continue
            if now - since < self._limit_s:
                continue
            if not was_slow:
                strategy, hook = self._in_core()
                slow = strategy
                self._note(strategy, hook, 1, now - since)
                was_slow = True
            else:
                self._note(slow, "", 0, now - since)

    def _note(self, strategy: str, hook: str, more: int, took_s: float) -> None:
        """Remember a slow step, or that one goes on; tell it now and then."""
        known = self._found.get(strategy, SlowHook(strategy=strategy, hook=hook, count=0, worst_ms=0.0))
        took_ms = round(took_s * 1_000, 1)
        self._found[strategy] = known = SlowHook(
            strategy=strategy,
            hook=hook or known.hook,
            count=known.count + more,
            worst_ms=max(known.worst_ms, took_ms),
        )
        now = monotonic()
        if now - self._told.get(strategy, -TELL_EVERY_S) >= TELL_EVERY_S:
            self._told[strategy] = now
            _log.warning(
                "slow_hook" if strategy else "slow_step",
                strategy=strategy,
                hook=known.hook,
                so_far_ms=took_ms,
                count=known.count,
            )

    def _in_core(self) -> tuple[str, str]:
        """The strategy and the hook in which the core is now; two empty texts if it is in none."""
        # the only way to see another thread's stack
        frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage]
        frame, found = frames.get(self._core_thread), ("", "")
        while frame is not None:
            if owner := _strategy_in(frame):
                found = owner, f"{frame.f_code.co_name}:{frame.f_lineno}"
            frame = frame.f_back
        return found


def _strategy_in(frame: FrameType) -> str:
    """The strategy whose method a frame runs; empty if it runs none."""
    code = frame.f_code
    if not code.co_argcount:
        return ""
    owner = frame.f_locals.get(code.co_varnames[0])
    return owner.ctx.strategy if isinstance(owner, Strategy) else ""
