"""Restarts an asynchronous edge that fails: a feed, a broker, a server.

- What it remembers: how often the edge has failed since it last ran well, and when it was restarted.
- What changes it: the edge ends or raises. Each change of state is an ``EdgeStateChanged`` on the tape.
- What never happens: two starts of an edge at the same time, or a restart sooner than the first delay. An
  edge that failed more often than its policy allows is not started again, and the last error is raised.

The delay doubles with each failure and has a random part, so that many clients of a venue do not come back at
the same instant. Time is the engine's clock, chance is handed in.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated

import msgspec

from kernel.clock import Clock
from kernel.error_groups import errors_in
from kernel.errors import ComponentError, ConfigError, StoreError, VenueUnavailable
from kernel.events import EdgeState, EdgeStateChanged, Event
from kernel.loggable import message_of, words_of
from kernel.time_units import SECOND_NS

FINAL_ERRORS = (ConfigError, StoreError, ComponentError)
"""Errors that another start does not mend: wrong settings, a failed store, an engine that has stopped."""

_LONGEST_DOUBLING = 32


class RestartPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a failed edge is started again."""

    first_delay_s: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """The wait after the first failure. Venues ban clients that connect more than once a second or so."""
    longest_delay_s: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    """The delay doubles up to this: a venue that is back is noticed within half a minute."""
    jitter: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    """The largest random part, as a fraction of the delay, added to it."""
    settled_after_s: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    """An edge that worked this long ran well: after its next failure the delay is the first one again. Ten
    seconds of data prove that a venue is well; some of them cut every connection after less than a minute. A
    feed works from its first data on, so that a slow refusal does not count."""
    most_restarts: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Restarts in ``period_s``, beyond which the edge has failed for good. 0: no limit, since a venue that is
    away for a night comes back."""
    period_s: Annotated[float, msgspec.Meta(gt=0)] = 3_600.0


_DEFAULTS = RestartPolicy()


class Supervised:
    """Runs an edge until it ends, is cancelled, or has failed for good. Runs once."""

    def __init__(
        self,
        name: str,
        run: Callable[[], Awaitable[None]],
        *,
        clock: Clock,
        random: Callable[[], float],
        report: Callable[[Event], None],
        policy: RestartPolicy = _DEFAULTS,
        says_when_it_works: bool = False,
    ) -> None:
        """Make it.

        - ``random`` gives numbers from 0 to 1; ``report`` puts an event on the tape.
        - ``says_when_it_works``: the edge calls ``works`` in each run. Others work from their start.
        """
        self.name = name
        self.state: EdgeState | None = None
        """``None`` before it runs."""
        self.failures = 0
        """Failures since it last ran well."""
        self.restarts = 0
        """All restarts."""
        self.reason = ""
        """The last error, in words."""
        self._run = run
        self._clock = clock
        self._random = random
        self._report = report
        self._policy = policy
        self._restarted = deque[int]()
        self._says_when_it_works = says_when_it_works
        self._works_since: int | None = None

    def works(self) -> None:
        """The edge does its work, from the first of these calls in a run on."""
        if self._works_since is None:
            self._works_since = self._clock.now()

    async def run(self) -> None:
        """Run the edge, again and again if it fails. Returns if the edge returns.

        Raises ``ConfigError``, ``StoreError`` and ``ComponentError`` of the edge at once, and its last error
        as ``VenueUnavailable`` if it failed for good. Cancelling it cancels the edge.
        """
        while True:
            self._works_since = None if self._says_when_it_works else self._clock.now()
            self._enter(EdgeState.RUNNING)
            try:
                await self._run()
            except Exception as error:  # isolation: an edge is started again, or fails alone
                self.reason = words_of(_single(error))
                if _is_final(error):
                    with suppress(ComponentError):  # as by an engine that has stopped
                        self._enter(EdgeState.FAILED, reason=self.reason)
                    raise
                await self._wait_after(error)
            else:
                self._enter(EdgeState.ENDED)
                return

    async def _wait_after(self, error: Exception) -> None:
        """Wait until the edge may start again; raise if it may not."""
        policy, now = self._policy, self._clock.now()
        if self._works_since is not None and now - self._works_since >= policy.settled_after_s * SECOND_NS:
            self.failures = 0
        self.failures += 1
        while self._restarted and self._restarted[0] <= now - policy.period_s * SECOND_NS:
            self._restarted.popleft()
        if policy.most_restarts and len(self._restarted) >= policy.most_restarts:
            self._enter(EdgeState.FAILED, reason=self.reason)
            raise VenueUnavailable(
                f"{self.name} failed again after {policy.most_restarts} restarts in {policy.period_s:g} s: "
                f"{message_of(_single(error))}"
            ) from error
        retry_ts = now + int(self._delay_s() * SECOND_NS)
        self._enter(EdgeState.WAITING, retry_ts=retry_ts, reason=self.reason)
        while self._clock.now() < retry_ts:
            await self._clock.wait(asyncio.Event(), until_ts=retry_ts)
        self.restarts += 1
        if policy.most_restarts:
            self._restarted.append(self._clock.now())

    def _delay_s(self) -> float:
        doubled = self._policy.first_delay_s * 2.0 ** min(self.failures - 1, _LONGEST_DOUBLING)
        return min(doubled, self._policy.longest_delay_s) * (1 + self._policy.jitter * self._random())

    def _enter(self, state: EdgeState, *, retry_ts: int = 0, reason: str = "") -> None:
        self.state = state
        self._report(EdgeStateChanged(self._clock.now(), self.name, state, self.failures, retry_ts, reason))


def _is_final(error: BaseException) -> bool:
    return any(isinstance(each, FINAL_ERRORS) for each in errors_in(error))


def _single(error: BaseException) -> BaseException:
    """The error, or the only one in a group."""
    errors = errors_in(error)
    return errors[0] if len(errors) == 1 else error
