"""Who may ask: on the Unix socket its owner; on TCP the holder of a token, from this machine.

On TCP a request is refused unless its ``Host`` is the address that the server listens on, and, if a browser
sent it, unless its ``Origin`` is that host too. So neither a page of another site nor a name that was made to
point to this machine (DNS rebinding) reaches the daemon. A Unix socket takes no request with an ``Origin``.
"""

import os
import pwd
import socket
from http import HTTPStatus
from ipaddress import ip_address

from aiohttp import web

from kernel.errors import ConfigError
from kernel.secret import Secret
from ops.control.problems import Answering, Refused
from ops.control.roles import Caller, Role
from ops.control.socket_file import peer_credentials
from ops.control.tokens import Tokens

CALLER = web.RequestKey("caller", Caller)

_BEARER = "bearer "


class LoopbackAddress:
    """An address of this machine that only its own programs reach."""

    def __init__(self, text: str) -> None:
        """Read ``127.0.0.1:8810`` or ``[::1]:8810``. Raises ``ConfigError`` for any other address."""
        host, _, port = text.rpartition(":")
        self.host = host.removeprefix("[").removesuffix("]")
        try:
            is_loopback = ip_address(self.host).is_loopback
            self.port = int(port)
        except ValueError:
            is_loopback = False
        if not is_loopback or not 0 <= self.port <= 65_535:
            raise ConfigError(
                f"control.tcp: {text!r} is not a loopback address; expected 127.0.0.1:PORT or [::1]:PORT"
            )

    @property
    def family(self) -> socket.AddressFamily:
        """That of its sockets."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    def names(self, port: int) -> frozenset[str]:
        """What ``Host`` may be, for the port that is listened on."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return frozenset({f"{shown}:{port}", f"localhost:{port}"})


class Access:
    """Finds out who asks. ``tokens`` is ``None`` if there is no TCP socket."""

    def __init__(self, tokens: Tokens | None) -> None:
        self._tokens = tokens
        self.hosts: frozenset[str] = frozenset()
        """The names of the TCP socket, once it listens."""

    @web.middleware
    async def check(self, request: web.Request, handler: Answering) -> web.StreamResponse:
        """Find the caller before anything else is looked at; raises ``Refused``."""
        request[CALLER] = self._caller(request)
        return await handler(request)

    def _caller(self, request: web.Request) -> Caller:
        peer = _unix_peer(request)
        if peer is not None:
            if "Origin" in request.headers:
                raise Refused(HTTPStatus.FORBIDDEN, "requests of web pages are refused on the socket")
            return peer
        host = request.headers.get("Host", "").lower()
        if host not in self.hosts:
            raise Refused(HTTPStatus.FORBIDDEN, f"Host is not one of {', '.join(sorted(self.hosts))}")
        origin = request.headers.get("Origin")
        if origin is not None and origin.lower() != f"http://{host}":
            raise Refused(HTTPStatus.FORBIDDEN, "requests of pages of another origin are refused")
        return self._holder(request.headers.getall("Authorization", []))

    def _holder(self, headers: list[str]) -> Caller:
        if self._tokens is None or len(headers) != 1 or not headers[0].lower().startswith(_BEARER):
            raise Refused(HTTPStatus.UNAUTHORIZED, "expected a header Authorization: Bearer TOKEN")
        caller = self._tokens.caller_of(Secret(headers[0][len(_BEARER) :].strip()))
        if caller is None:
            raise Refused(HTTPStatus.UNAUTHORIZED, "the token is not one of the tokens file")
        return caller


def check_role(caller: Caller, needed: Role) -> None:
    """Raise ``Refused`` for a caller whose role is not enough."""
    if not caller.role.may(needed):
        raise Refused(
            HTTPStatus.FORBIDDEN, f"this needs the role {needed.value}; {caller.name} has {caller.role.value}"
        )


def _unix_peer(request: web.Request) -> Caller | None:
    """The user at the other end of a Unix socket; ``None`` for any other socket.

    The mode of the socket's file lets only its owner in (and root).
    """
    transport = request.transport
    kept = None if transport is None else transport.get_extra_info("socket")
    if kept is None or kept.family != socket.AF_UNIX:
        return None
    with socket.socket(fileno=os.dup(kept.fileno())) as peer:
        _, uid, _ = peer_credentials(peer)
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"user {uid}"
    return Caller(name, Role.ADMIN)
