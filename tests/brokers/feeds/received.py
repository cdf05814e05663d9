"""What the tests of feeds share: a sink that keeps what it gets, and an exchange that sends when told."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from brokers.feeds.config import Channel, Encoding
from brokers.feeds.port import Feed
from kernel.errors import VenueUnavailable
from kernel.events import Event
from ops.exchange.faults import Faults
from ops.exchange.server import Exchange, ExchangeConfig
from tests.kernel.live import PATIENCE_S

CONFIRMED = '{"T": "subscribed", "symbols": [], "channels": []}'
"""A venue's answer to a subscription."""

SELDOM = 1e-9
"""Messages a second of an exchange that sends only what a test tells it to."""


class Received:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.seqs: list[int] = []
        self.refused: list[tuple[str, str]] = []
        self.opened_count = 0
        self.is_open = asyncio.Event()

    async def opened(self) -> None:
        self.opened_count += 1
        self.is_open.set()

    async def post(self, events: Sequence[Event], seqs: Sequence[int] = ()) -> None:
        self.events += events
        self.seqs += seqs

    async def refuse(self, raw: str, reason: str) -> None:
        self.refused.append((raw, reason))


def exchange_of(
    *,
    symbols: int | tuple[str, ...] = 2,
    seed: int = 1,
    encoding: Encoding = Encoding.JSON,
    batch: int = 1,
    channels: tuple[Channel, ...] = (Channel.QUOTES,),
    rate: float = SELDOM,
    faults: Faults | None = None,
    now: int = 77,
) -> Exchange:
    """An exchange on any free port, whose time stands still."""
    return Exchange(
        ExchangeConfig(
            symbols=symbols,
            rate=rate,
            seed=seed,
            encoding=encoding,
            batch=batch,
            channels=channels,
            faults=faults or Faults(),
        ),
        now=lambda: now,
    )


@asynccontextmanager
async def serving(*frames: str, then_closes: bool = True) -> AsyncGenerator[str]:
    """A venue that answers a subscription with these frames, word for word."""

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        for frame in frames:
            await socket.send_str(frame)
        if not then_closes:
            await socket.receive()
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def receiving(feed: Feed, sink: Received) -> AsyncGenerator[asyncio.Task[None]]:
    """Runs a feed that has opened, and cancels it at the end."""
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        task = group.create_task(feed.run(sink), name="feed")
        await sink.is_open.wait()
        yield task
        task.cancel()


async def failure_of(feed: Feed, act: Callable[[], None]) -> VenueUnavailable | None:
    """The error with which a feed ends after something was done to it."""
    sink, failures = Received(), list[VenueUnavailable]()

    async def run() -> None:
        try:
            await feed.run(sink)
        except VenueUnavailable as error:
            failures.append(error)

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(run(), name="feed")
        await sink.is_open.wait()
        act()
    return failures[0] if failures else None


async def eventually(holds: Callable[[], bool]) -> None:
    """Let sockets and tasks go on until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - bytes are on their way through a socket: nobody tells when they come
            await asyncio.sleep(0.001)
