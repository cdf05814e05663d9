"""Servers that speak the protocols of channels, in the loop of the test."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

PATIENCE_S = 60.0


class Taken(msgspec.Struct):
    """A request that a server took."""

    path: str
    body: bytes
    content_type: str


class WebHook:
    """A web server that takes every POST, answers with ``status``, or never while ``hangs``."""

    def __init__(self) -> None:
        self.status = 200
        self.hangs = False
        self.taken: list[Taken] = []
        self.port = 0
        self.text = '{"ok": true, "result": {}}'
        self._arrived = asyncio.Event()
        self._is_over = asyncio.Event()

    def end(self) -> None:
        """Let the requests go that hang."""
        self._is_over.set()

    async def answer(self, request: web.Request) -> web.Response:
        self.taken.append(Taken(request.path, await request.read(), request.content_type))
        self._arrived.set()
        if self.hangs:
            await self._is_over.wait()
        return web.Response(text=self.text, status=self.status)

    async def until(self, is_so: Callable[[list[Taken]], bool]) -> list[Taken]:
        """Wait until the requests are as expected."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_so(self.taken):
                self._arrived.clear()
                await self._arrived.wait()
        return self.taken


@asynccontextmanager
async def web_hook() -> AsyncGenerator[WebHook]:
    hook = WebHook()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hook.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hook.port = int(runner.addresses[0][1])
    try:
        yield hook
    finally:
        hook.end()
        await runner.cleanup()


@asynccontextmanager
async def mail_server(taken: list[str]) -> AsyncGenerator[int]:
    """A server for mail on a port; it appends each message to ``taken``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        is_data, lines = False, list[str]()
        while line := (await reader.readline()).decode():
            if is_data:
                if line == ".\r\n":
                    is_data = False
                    taken.append("".join(lines))
                    writer.write(b"250 taken\r\n")
                else:
                    lines.append(line)
                continue
            word = line[:4].upper()
            is_data = word == "DATA"
            writer.write({"DATA": b"354 go on\r\n", "QUIT": b"221 bye\r\n"}.get(word, b"250 ok\r\n"))
            if word.strip() == "QUIT":
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])
