"""The sockets of the control API: a Unix socket in the store, and by choice one on loopback TCP.

A request can cost little: its body is small, it must arrive in seconds, and there is a bound on connections.
"""

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec
import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from kernel.errors import ConfigError
from ops.control.access import Access, LoopbackAddress
from ops.control.answering import add_routes, counting
from ops.control.commands import Commands
from ops.control.problems import Answering, problems_as_json
from ops.control.routes import Route
from ops.control.stream import StateStream
from ops.daemon.limits import parts_of

_log = structlog.get_logger()

LONGEST_PATH = 100
"""Bytes of a socket's path; Linux takes 107."""
LARGEST_BODY = 65_536
"""Bytes; the largest command has some hundred."""
CROWDED_S = 0.01
"""How long a connection lives that is one too many."""


class RequestLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What requests may cost."""

    headers_s: float = 5.0
    """How long the first request of a connection may take to arrive, without its body."""
    body_s: float = 5.0
    """How long a body may take to arrive."""
    idle_s: float = 15.0
    """How long a connection may wait for its next request."""
    connections: int = 128
    """Connections at once, on each socket: programs on TCP keep nobody from the Unix socket."""


DEFAULT_LIMITS = RequestLimits()


class ControlServer:
    """Serves the routes of one daemon."""

    def __init__(
        self,
        path: Path,
        *,
        routes: Sequence[Route],
        commands: Commands,
        stream: StateStream,
        answered: Counter[tuple[str, int]],
        access: Access,
        tcp: LoopbackAddress | None = None,
        limits: RequestLimits = DEFAULT_LIMITS,
    ) -> None:
        """Make it for a socket at ``path``. Raises ``ConfigError`` for a path that is too long."""
        self.check_path(path)
        self.port = 0
        """The port of the TCP socket, once it listens."""
        self._path = path
        self._stream = stream
        self._access = access
        self._tcp = tcp
        self._limits = limits
        self._silent: dict[object, None] = {}
        """Connections of which no request has arrived yet."""
        middlewares = (counting(answered), problems_as_json, self._hear, access.check)
        app = web.Application(middlewares=middlewares, client_max_size=LARGEST_BODY)
        add_routes(app, routes, commands, body_s=limits.body_s)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=1.0,
            keepalive_timeout=limits.idle_s,
            lingering_time=1.0,
            max_line_size=4_096,
            max_field_size=4_096,
        )
        self._listening: list[asyncio.Server] = []

    @staticmethod
    def check_path(path: Path) -> None:
        """Raise ``ConfigError`` for a path that no socket can have."""
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise ConfigError(
                f"store: the path of the socket {path} has more than {LONGEST_PATH} bytes; expected a "
                "shorter path of the store"
            )

    async def start(self) -> None:
        """Listen. A socket that a killed daemon left is replaced: the store's lock says that it is gone.

        Raises ``ConfigError`` if the TCP address cannot be listened on.
        """
        self._path.unlink(missing_ok=True)
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        bound = socket.socket(socket.AF_UNIX)
        try:
            bound.bind(str(self._path))
            self._path.chmod(0o600)  # before it listens; a mask would be that of all that is made meanwhile
            server = await loop.create_unix_server(partial(self._connection, socket.AF_UNIX), sock=bound)
        except BaseException:
            bound.close()
            raise
        self._listening.append(server)
        if self._tcp is not None:
            await self._listen_on_tcp(self._tcp)

    async def stop(self) -> None:
        """Close the sockets and remove the file."""
        for server in self._listening:
            server.close()
        self._listening.clear()
        await self._stream.close()
        await self._runner.cleanup()
        await asyncio.to_thread(self._path.unlink, missing_ok=True)

    async def _listen_on_tcp(self, address: LoopbackAddress) -> None:
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                partial(self._connection, address.family), address.host, address.port
            )
        except OSError as error:
            raise ConfigError(f"control.tcp: {address.host}:{address.port}: {error.strerror}") from error
        self._listening.append(server)
        self.port = server.sockets[0].getsockname()[1]
        self._access.hosts = address.names(self.port)
        _log.info("control_listens", host=address.host, port=self.port)

    def _connection(self, family: socket.AddressFamily) -> RequestHandler:
        """The protocol of a new connection, which is closed if no request comes, or there are too many."""
        assert self._runner.server is not None
        made = self._runner.server()
        alike = sum(_family_of(one) == family for one in self._runner.server.connections)
        is_crowded = alike >= self._limits.connections
        self._silent[made] = None
        # not at once: it is closed after it was made
        self._close_if_silent(made, iter((CROWDED_S,)) if is_crowded else parts_of(self._limits.headers_s))
        return made

    def _close_if_silent(self, connection: RequestHandler, parts: Iterator[float]) -> None:
        """Close a connection if no request of it has arrived after the parts of its limit."""
        if connection not in self._silent:
            return
        part_s = next(parts, None)
        if part_s is not None:
            asyncio.get_running_loop().call_later(part_s, self._close_if_silent, connection, parts)
            return
        del self._silent[connection]
        connection.force_close()

    @web.middleware
    async def _hear(self, request: web.Request, handler: Answering) -> web.StreamResponse:
        self._silent.pop(request.protocol, None)
        return await handler(request)


def _family_of(connection: RequestHandler) -> socket.AddressFamily | None:
    """The family of a connection's socket; ``None`` for one that is closed."""
    transport = connection.transport
    kept = None if transport is None else transport.get_extra_info("socket")
    return None if kept is None else socket.AddressFamily(kept.family)
