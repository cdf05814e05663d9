"""A WebSocket that tells the state of a daemon: the whole status first, then its changes, and events.

- What it remembers: for each client, what it was told last.
- What changes it: four times a second, what has changed since then is sent as one frame. A client that reads
  slowly gets the next frame when it has taken the last one, with all changes up to then; one that takes none
  for ``SEND_S`` is dropped. Events are read from the log, so a client may go on after a seq that it knows.
- What never happens: the engine waits for a client, or is asked for anything while there is none.
"""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus

import msgspec
from aiohttp import WSCloseCode, web

from eventstore import EventStore
from kernel.clock import Clock
from kernel.events import Event
from kernel.time_units import MS_NS
from ops.control.log_views import NOTED, Noted, noted_events
from ops.control.problems import Refused
from ops.control.requests import StreamAsked
from ops.daemon.status import DaemonStatus
from ops.event_lines import LoggedEvent, event_fields

TICK_NS = 250 * MS_NS
"""Between two frames to one client."""
MOST_CLIENTS = 16
SEND_S = 10.0
"""How long a client may take to read a frame."""
MOST_RECORDS = 100_000
"""Records of the log that are searched for one frame; a client is told if older ones were left out."""
MOST_EVENTS = 1_000
"""Events in one frame."""
LARGEST_MESSAGE = 1_024
"""Bytes of a message from a client: it has nothing to say."""
HEARTBEAT_S = 20.0


class Frame(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What has changed.

    - ``seq``: the log up to here is in this frame and the ones before.
    - ``status``: the figures that have changed; in the first frame all.
    - ``events``: what happened, oldest first, as ``onetape log --json`` shows it.
    - ``left_out``: records from this seq to the first event were not looked at.
    """

    seq: int
    status: dict[str, object]
    events: tuple[dict[str, object], ...] = ()
    left_out: int = 0


class StateStream:
    """Serves all clients of one daemon."""

    def __init__(
        self,
        store: EventStore,
        *,
        log: str,
        status: Callable[[], DaemonStatus],
        clock: Clock,
        noted: frozenset[type[Event]] = NOTED,
    ) -> None:
        """``noted``: the events that are told."""
        self._store = store
        self._log = log
        self._status = status
        self._clock = clock
        self._noted = noted
        self._computed_ts = 0
        self._computed: Mapping[str, object] = {}
        self._clients: dict[web.WebSocketResponse, None] = {}

    async def serve(self, request: web.Request, asked: StreamAsked) -> web.WebSocketResponse:
        """Tell one client until it goes, or is too slow."""
        if len(self._clients) >= MOST_CLIENTS:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, f"{MOST_CLIENTS} clients follow already")
        client = web.WebSocketResponse(
            timeout=1.0, heartbeat=HEARTBEAT_S, compress=False, max_msg_size=LARGEST_MESSAGE
        )
        if not client.can_prepare(request).ok:
            raise Refused(HTTPStatus.BAD_REQUEST, "expected a WebSocket")
        self._clients[client] = None
        try:
            await client.prepare(request)
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(self._tell(client, request, asked.after), name="control stream")
                async for _ in client:  # ends when it is closed
                    pass
                telling.cancel()
        finally:
            del self._clients[client]
        return client

    async def close(self) -> None:
        """Tell all clients that the daemon goes."""
        for client in list(self._clients):
            await client.close(code=WSCloseCode.GOING_AWAY, message=b"the daemon stops")

    async def _tell(self, client: web.WebSocketResponse, request: web.Request, after: int | None) -> None:
        told: Mapping[str, object] = {}
        seq = after
        try:
            while not client.closed:
                status = self._figures()
                now_seq = msgspec.convert(status["seq"], int)
                frame = await self._frame(told, status, after=now_seq if seq is None else seq, to=now_seq)
                told, seq = status, frame.seq
                async with asyncio.timeout(SEND_S):
                    await client.send_bytes(msgspec.json.encode(frame))
                await self._clock.wait(asyncio.Event(), until_ts=self._clock.now() + TICK_NS)
        except (ConnectionError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()

    async def _frame(
        self, told: Mapping[str, object], status: Mapping[str, object], *, after: int, to: int
    ) -> Frame:
        changed = {name: value for name, value in status.items() if name not in told or told[name] != value}
        begin = max(min(after, to), to - MOST_RECORDS)
        noted = await self._events(begin, to) if begin < to else []
        is_cut = begin > after or len(noted) > MOST_EVENTS
        events = tuple(event_fields(LoggedEvent(seq, 0, event)) for seq, event in noted[-MOST_EVENTS:])
        return Frame(seq=to, status=changed, events=events, left_out=after + 1 if is_cut else 0)

    async def _events(self, after: int, to: int) -> list[Noted]:
        return await noted_events(self._store, self._log, types=self._noted, after_seq=after, to_seq=to)

    def _figures(self) -> Mapping[str, object]:
        """The status, computed once for all clients of a tick."""
        now = self._clock.now()
        if now - self._computed_ts >= TICK_NS // 2 or not self._computed:
            self._computed_ts = now
            self._computed = msgspec.convert(msgspec.to_builtins(self._status()), dict[str, object])
        return self._computed
