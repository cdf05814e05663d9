"""A channel: delivers messages one after the other, and tries again what failed.

- What it remembers: the messages that wait, at most ``most_waiting``.
- What changes it: ``put``, which never waits, and the task that sends. After a failure the same message is
  tried again, later and later, until it is given up. Each outcome is an ``AlertDelivered`` on the tape.
- What never happens: two messages of a channel on their way at once, or anybody else waiting for it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog

from kernel.clock import Clock
from kernel.events import AlertDelivered
from kernel.time_units import SECOND_NS
from ops.alerts.notices import Message
from replay.alert_settings import DeliverySettings

_log = structlog.get_logger()

LONGEST_RETRY_S = 60.0
NO_ROOM = "dropped: later messages took its place, because the channel does not take them fast enough"


class Sender(Protocol):
    """A way to deliver a message."""

    async def send(self, message: Message) -> str:
        """Deliver it. Returns an error in words, without secrets; empty if it was taken."""
        ...


class ChannelStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a channel since the start of the daemon. ``error``: of the last attempt."""

    name: str
    waiting: int
    delivered: int
    given_up: int
    dropped: int
    error: str


class Channel:
    """One channel of a daemon."""

    def __init__(
        self,
        name: str,
        sender: Sender,
        *,
        settings: DeliverySettings,
        clock: Clock,
        report: Callable[[AlertDelivered], None],
    ) -> None:
        self.name = name
        self._sender = sender
        self._settings = settings
        self._clock = clock
        self._report = report
        self._waiting = deque[tuple[Message, int]]()
        self._arrived = asyncio.Event()
        self._delivered = self._given_up = self._dropped = 0
        self._error = ""

    @property
    def status(self) -> ChannelStatus:
        """The figures of now."""
        return ChannelStatus(
            name=self.name,
            waiting=len(self._waiting),
            delivered=self._delivered,
            given_up=self._given_up,
            dropped=self._dropped,
            error=self._error,
        )

    def put(self, message: Message) -> None:
        """Take a message. If there is no room, the oldest one is dropped."""
        self._waiting.append((message, self._clock.now()))
        if len(self._waiting) > self._settings.most_waiting:
            dropped, _ = self._waiting.popleft()
            self._dropped += 1
            self._tell(dropped, is_delivered=False, attempts=0, error=NO_ROOM)
        self._arrived.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            while self._waiting:
                await self._deliver(*self._waiting.popleft())
            self._arrived.clear()
            await self._arrived.wait()

    async def _deliver(self, message: Message, since_ts: int) -> None:
        """Try a message until it is delivered or given up."""
        until_ts, delay_s, attempts = (
            since_ts + _ns(self._settings.give_up_s),
            self._settings.first_retry_s,
            0,
        )
        while True:
            attempts += 1
            self._error = await self._sender.send(message)
            if not self._error:
                self._delivered += 1
                self._tell(message, is_delivered=True, attempts=attempts)
                return
            retry_ts = self._clock.now() + _ns(delay_s)
            if attempts == 1:
                _log.warning("alert_not_delivered", channel=self.name, error=self._error, retry_s=delay_s)
            if retry_ts > until_ts:
                break
            while self._clock.now() < retry_ts:
                await self._clock.wait(asyncio.Event(), until_ts=retry_ts)
            delay_s = min(2 * delay_s, LONGEST_RETRY_S)
        self._given_up += 1
        _log.warning("alert_given_up", channel=self.name, error=self._error, attempts=attempts)
        self._tell(message, is_delivered=False, attempts=attempts, error=self._error)

    def _tell(self, message: Message, *, is_delivered: bool, attempts: int, error: str = "") -> None:
        for alert_id, notice in message.items:
            now = self._clock.now()
            self._report(AlertDelivered(now, alert_id, self.name, notice, is_delivered, attempts, error))


def _ns(seconds: float) -> int:
    return int(seconds * SECOND_NS)
