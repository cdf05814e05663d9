"""A feed over a WebSocket, on aiohttp.

One task takes frames from the socket, another one hands them to the sink: all that have arrived meanwhile
together, up to a size. So many small frames cost little more than a few large ones, and none waits for
others. While the sink waits, only so many frames are taken; then TCP slows the venue down. The feed keeps
nothing between two connections.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from brokers.feeds.config import WebSocketFeedConfig
from brokers.feeds.dialect import Dialect
from brokers.feeds.login import Login, look_up
from brokers.feeds.port import FeedSink
from kernel.error_groups import errors_in
from kernel.errors import VenueUnavailable
from kernel.loggable import message_of, words_of
from kernel.secret import SecretSource

if TYPE_CHECKING:  # imported with the first connection: it takes 200 ms, and most commands make none
    import aiohttp

_CLOSE_TIMEOUT_S = 1.0
"""How long a closing connection waits for the venue's farewell: it may be half-open."""

_COMPRESSION_WINDOW_BITS = 15

WAITING_BYTES = 1 << 20
"""The size of frames that may wait for the sink: some 10,000 messages, 0.2 s at 50,000 a second."""

ROUND_BYTES = 16_384
"""What is handed over at once: some 150 messages, so that others get a turn every millisecond or so."""


class _Arrived:
    """Frames that have arrived and wait for the sink, and why no more will come."""

    def __init__(self) -> None:
        self.frames: deque[str | bytes] = deque()
        self.size = 0
        self.ending = ""
        self.news = asyncio.Event()
        self.has_room = asyncio.Event()

    def take(self) -> list[str | bytes]:
        """The next frames, of a bounded size in all."""
        taken, size = list[str | bytes](), 0
        while self.frames and size < ROUND_BYTES:
            taken.append(self.frames.popleft())
            size += len(taken[-1])
        self.size -= size
        self.has_room.set()
        return taken


class WebSocketFeed:
    """A feed over a WebSocket. ``now`` gives the time that its events are stamped with."""

    def __init__(
        self,
        config: WebSocketFeedConfig,
        dialect: Dialect,
        *,
        now: Callable[[], int],
        secrets: SecretSource | None = None,
    ) -> None:
        self.name = config.name
        self._secrets = secrets
        self._config = config
        self._dialect = dialect
        self._now = now

    async def run(self, sink: FeedSink) -> None:
        """Connect and post until the connection is lost. Cancelling it closes the connection."""
        import aiohttp

        config = self._config
        login = await look_up(config.headers, config.login, self._secrets)
        try:
            async with aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=config.connect_timeout_s)
            ) as session:
                socket = await session.ws_connect(
                    config.url,
                    # an attrs class, whose arguments pyright does not know
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT_S),  # pyright: ignore[reportCallIssue]
                    heartbeat=config.heartbeat_s or None,
                    compress=self._compression(),
                    max_msg_size=config.max_message_bytes,
                    headers=login.headers,
                )
                async with socket:
                    await self._run_connected(socket, sink, login)
        except VenueUnavailable as error:
            raise VenueUnavailable(login.hidden(str(error))) from error.__cause__
        except TimeoutError as error:
            raise VenueUnavailable(
                f"{config.url}: no connection in {config.connect_timeout_s:g} s"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise VenueUnavailable(f"{config.url}: {login.hidden(words_of(error))}") from (
                None if login.headers else error  # the error of a refused handshake holds the headers
            )

    async def _run_connected(
        self, socket: "aiohttp.ClientWebSocketResponse", sink: FeedSink, login: Login
    ) -> None:
        arrived = _Arrived()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_receive(socket, arrived), name=f"feed {self.name}: frames")
                await self._subscribe(socket, arrived, sink, login)
                while True:
                    await self._hand_over(arrived, sink, login)
        except ExceptionGroup as failures:  # of the group of tasks; a feed raises the error in it
            error = errors_in(failures)[0]
            raise error from error.__cause__

    async def _subscribe(
        self, socket: "aiohttp.ClientWebSocketResponse", arrived: _Arrived, sink: FeedSink, login: Login
    ) -> None:
        """Send the login and the subscriptions, and wait for the answer to each subscription."""
        requests = self._dialect.requests()
        first = [self._dialect.encoded(login.message)] if login.message else []
        try:
            async with asyncio.timeout(self._config.connect_timeout_s):
                for request in (*first, *requests):
                    if isinstance(request, str):
                        await socket.send_str(request)
                    else:
                        await socket.send_bytes(request)
                answered = 0
                while answered < len(requests):
                    answered += await self._hand_over(arrived, sink, login)
        except TimeoutError as error:
            raise VenueUnavailable(
                f"{self._config.url}: no answer to the subscription in {self._config.connect_timeout_s:g} s"
            ) from error
        await sink.opened()

    async def _hand_over(self, arrived: _Arrived, sink: FeedSink, login: Login) -> int:
        """Give the sink what has arrived; returns how many subscriptions are confirmed."""
        await arrived.news.wait()
        frames = arrived.take()
        if not frames:
            if arrived.ending:
                raise VenueUnavailable(f"{self._config.url}: {arrived.ending}")
            arrived.news.clear()
            return 0
        content = self._dialect.read(frames, now=self._now())
        if content.events:
            await sink.post(content.events, content.seqs)
        for raw, reason in content.refused:
            await sink.refuse(login.hidden(raw), login.hidden(reason))
        await asyncio.sleep(0)  # nothing above needs to wait: give the engine and others a turn
        return content.subscribed

    def _compression(self) -> int:
        compress = self._config.compress
        if compress is None:
            compress = not _is_loopback(urlsplit(self._config.url).hostname or "")
        return _COMPRESSION_WINDOW_BITS if compress else 0


async def _receive(socket: "aiohttp.ClientWebSocketResponse", arrived: _Arrived) -> None:
    """Take frames from the socket, until it ends."""
    import aiohttp

    while not arrived.ending:
        while arrived.size >= WAITING_BYTES:
            arrived.has_room.clear()
            await arrived.has_room.wait()
        message = await socket.receive()
        if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            arrived.frames.append(message.data)
            arrived.size += len(message.data)
        else:
            arrived.ending = _ending(message, socket)
        arrived.news.set()


def _ending(message: "aiohttp.WSMessage", socket: "aiohttp.ClientWebSocketResponse") -> str:
    """Why a connection has ended."""
    import aiohttp

    error = message.data if isinstance(message.data, Exception) else socket.exception()
    if error is not None:
        return f"the connection is lost: {message_of(error) or type(error).__name__}"
    code = message.data if message.type is aiohttp.WSMsgType.CLOSE else socket.close_code
    words = f": {message.extra}" if message.extra else ""
    return f"the venue closed the connection with code {code}{words}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
