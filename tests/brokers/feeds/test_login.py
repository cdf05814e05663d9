"""A venue that wants to know who connects: with a header or a first message, and no secret is shown."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from brokers.feeds.config import WebSocketFeedConfig
from brokers.feeds.making import make_feed
from brokers.feeds.port import Feed
from kernel.clock import VirtualClock
from kernel.errors import ConfigError, VenueUnavailable
from kernel.secret import Secret, SecretReference
from replay.run_config import load_run_config, secrets_of
from tests.brokers.feeds.received import CONFIRMED, Received, eventually, receiving

KEY = SecretReference("feed_key")


class Safe:
    """A place with one secret, which may be replaced."""

    def __init__(self, value: str) -> None:
        self.value = value

    def look_up(self, reference: SecretReference) -> Secret:
        if not self.value:
            raise ConfigError(f"secret {reference.secret!r} is not here")
        return Secret(self.value)


class Venue:
    """It refuses who does not know the key, and repeats what it was told, as some do."""

    def __init__(self, key: str) -> None:
        self.key = key

    async def by_header(self, request: web.Request) -> web.StreamResponse:
        told = request.headers.get("X-Feed-Key", "")
        if told != self.key:
            raise web.HTTPUnauthorized(text=f"{told} is not known", reason=f"{told} is not known")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await self._confirm(socket)
        return socket

    async def by_message(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        told = msgspec.json.decode(await socket.receive_str())
        if told != {"action": "auth", "key": self.key}:
            await socket.send_json({"T": "error", "reason": f"{told.get('key')} is not known"})
            return socket
        await self._confirm(socket)
        return socket

    async def _confirm(self, socket: web.WebSocketResponse) -> None:
        await socket.receive()
        await socket.send_str(CONFIRMED)
        await socket.receive()

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[str]:
        app = web.Application()
        app.router.add_get("/header", self.by_header)
        app.router.add_get("/message", self.by_message)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"ws://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


def feed_of(url: str, safe: Safe) -> Feed:
    config = (
        WebSocketFeedConfig(name="main", url=url, headers={"X-Feed-Key": KEY})
        if url.endswith("header")
        else WebSocketFeedConfig(name="main", url=url, login={"action": "auth", "key": KEY})
    )
    return make_feed(config, clock=VirtualClock(5), secrets=safe)


async def refusal_of(feed: Feed) -> VenueUnavailable:
    with pytest.raises(VenueUnavailable) as refused:
        async with asyncio.timeout(60):
            await feed.run(Received())
    return refused.value


@pytest.mark.parametrize("way", ["header", "message"])
async def test_feed_with_the_right_secret_is_let_in(way: str) -> None:
    async with Venue("open sesame").serving() as url:
        sink = Received()
        async with receiving(feed_of(f"{url}/{way}", Safe("open sesame")), sink):
            await eventually(sink.is_open.is_set)


@pytest.mark.parametrize(("way", "refusal"), [("header", "401"), ("message", "*** is not known")])
async def test_feed_with_a_wrong_secret_is_refused_and_does_not_show_it(way: str, refusal: str) -> None:
    async with Venue("open sesame").serving() as url:
        error = await refusal_of(feed_of(f"{url}/{way}", Safe("hushhush")))

    told, seen = "", error
    cause: BaseException | None = seen
    while cause is not None:
        told += repr(cause) + str(cause)
        cause = cause.__cause__
    assert "hushhush" not in told
    assert refusal in told


@pytest.mark.parametrize("way", ["header", "message"])
async def test_secret_that_was_replaced_is_used_by_the_next_connection(way: str) -> None:
    safe = Safe("old")
    async with Venue("new").serving() as url:
        feed = feed_of(f"{url}/{way}", safe)
        await refusal_of(feed)
        safe.value = ""
        missing = await refusal_of(feed)
        safe.value = "new"
        sink = Received()
        async with receiving(feed, sink):
            await eventually(sink.is_open.is_set)

    assert str(missing) == "no login: secret 'feed_key' is not here"


def test_login_of_a_file_names_secrets_and_a_text_in_their_place_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "paper.yaml"
    feed = (
        "feeds:\n  - kind: websocket\n    name: main\n    url: wss://x/y\n"
        "    headers: {Authorization: %s}\n    login: {action: auth, api_key: %s}\n"
    )
    file.write_text(f"mode: paper\n{feed % ('{secret: feed_token}', '{secret: feed_key}')}", "utf-8")

    config = load_run_config(file)
    file.write_text(f"mode: paper\n{feed % ('{secret: feed_token}', 'hushhush')}", "utf-8")

    assert [each.secret for each in secrets_of(config).values()] == ["feed_token", "feed_key"]
    with pytest.raises(ConfigError) as refused:
        load_run_config(file)
    assert "hushhush" not in str(refused.value)
