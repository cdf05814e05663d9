"""Asks a running daemon: over its Unix socket, or over TCP with a token."""

import errno
import os
import socket
import stat
from pathlib import Path

import aiohttp
import msgspec

from kernel.errors import ConfigError, InputError, VenueUnavailable
from kernel.secret import Secret
from ops.control.problems import Problem
from ops.control.socket_file import SOCKET, peer_credentials
from replay.run_config import load_run_config

ANSWER_S = 5.0
"""How long a daemon may take to answer before it counts as stuck."""
COMMAND_S = 60.0
"""How long it may take to carry out a command: a snapshot of a large core takes seconds."""
_LARGEST_TOKEN_FILE = 4_096
_ENDS = {
    errno.ENOENT: "it has stopped",
    errno.ECONNREFUSED: "it does not run, or ended without a stop",
}


class DaemonAddress(msgspec.Struct, frozen=True, kw_only=True):
    """The way to a daemon: ``socket``, with the ``file`` that named it, or ``url`` with a ``token``."""

    socket: Path | None = None
    file: Path | None = None
    url: str = ""
    token: Secret | None = None

    def __str__(self) -> str:
        return self.url if self.socket is None else str(self.socket)


class CommandRefused(InputError):
    """The daemon refused a request, for the reason given."""


def store_of_daemon(file: Path) -> Path:
    """The store of a daemon, by its configuration or by the store itself."""
    return file if file.is_dir() else Path(load_run_config(file).store)


def socket_of(file: Path) -> Path:
    """The socket of the daemon of a configuration or a store.

    Raises ``VenueUnavailable`` if there is none.
    """
    store = store_of_daemon(file)
    if not (store / SOCKET).exists():
        raise VenueUnavailable(f"no daemon runs on {store}; start it with: onetape run {file}")
    return store / SOCKET


def address_of(file: Path, *, url: str = "", token_file: Path | None = None) -> DaemonAddress:
    """The way to a daemon: by its URL if one is given, else by the socket of ``file``.

    Raises ``VenueUnavailable`` for a daemon that does not run, and ``ConfigError`` for a token that cannot be
    read.
    """
    if not url:
        return DaemonAddress(socket=socket_of(file), file=file)
    return DaemonAddress(url=url.rstrip("/"), token=None if token_file is None else _token(token_file))


async def get(address: DaemonAddress, path: str, *, limit_s: float = ANSWER_S) -> bytes:
    """The answer to a question. Raises ``VenueUnavailable`` if none comes in time, and ``CommandRefused``."""
    return await _request(address, "GET", path, None, limit_s=limit_s)


async def post(
    address: DaemonAddress, path: str, body: msgspec.Struct, *, limit_s: float = COMMAND_S
) -> bytes:
    """Have a command carried out; returns the receipt. Raises as ``get`` does."""
    return await _request(address, "POST", path, msgspec.json.encode(body), limit_s=limit_s)


async def _request(
    address: DaemonAddress, method: str, path: str, body: bytes | None, *, limit_s: float
) -> bytes:
    headers = {} if body is None else {"Content-Type": "application/json"}
    if address.token is not None:
        headers["Authorization"] = f"Bearer {address.token.reveal()}"
    connector = None if address.socket is None else aiohttp.UnixConnector(str(address.socket))
    base = "http://onetape" if address.socket is not None else address.url
    timeout = aiohttp.ClientTimeout(total=limit_s)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as client,
            client.request(method, base + path, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            content = await answer.read()
            if answer.content_type == "application/problem+json":
                raise CommandRefused(msgspec.json.decode(content, type=Problem).detail)
            return content
    except aiohttp.InvalidURL as error:
        raise ConfigError(f"--url {address.url}: expected http://127.0.0.1:PORT") from error
    except aiohttp.ClientConnectorError as error:
        why = _end_by(error.os_error, address) or str(error)
        raise VenueUnavailable(f"no daemon listens at {address}: {why}") from error
    except (aiohttp.ClientError, msgspec.DecodeError, TimeoutError) as error:
        if ended := _end_of(address):
            raise VenueUnavailable(f"no daemon listens at {address}: {ended}") from error
        why = f"nothing came within {limit_s:g} s" if isinstance(error, TimeoutError) else str(error)
        raise VenueUnavailable(f"the daemon at {address} does not answer: {why}") from error


def _end_of(address: DaemonAddress) -> str:
    """Why nobody listens at a socket now, which was there a moment ago; empty if somebody does."""
    if address.socket is None:
        return ""
    with socket.socket(socket.AF_UNIX) as connected:
        connected.setblocking(False)
        try:
            connected.connect(str(address.socket))
        except OSError as error:
            return _end_by(error, address)
    return ""


def _end_by(error: OSError, address: DaemonAddress) -> str:
    """What an error of connecting says about a daemon that has ended; empty if it is another error."""
    ended = _ENDS.get(error.errno or 0)
    return f"{ended}; start it with: onetape run {address.file or 'FILE'}" if ended else ""


def process_of(store: Path) -> int:
    """The process that listens on the socket of a store, even if it hangs.

    Raises ``VenueUnavailable`` if there is none.
    """
    with socket.socket(socket.AF_UNIX) as connected:
        connected.settimeout(ANSWER_S)
        try:
            connected.connect(str(store / SOCKET))
        except OSError as error:
            raise VenueUnavailable(f"no process listens at {store / SOCKET}: {error.strerror}") from error
        return peer_credentials(connected)[0]


def _token(path: Path) -> Secret:
    """The token in a file that others cannot read."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"--token-file {path} cannot be read: {error.strerror}") from None
    with open(opened, "rb") as file:
        mode = stat.S_IMODE(os.fstat(opened).st_mode)
        if mode & 0o077:
            raise ConfigError(f"--token-file {path} has mode {mode:04o}; expected 0600 (chmod 600 {path})")
        try:
            return Secret(file.read(_LARGEST_TOKEN_FILE).decode("ascii").strip())
        except UnicodeDecodeError:
            raise ConfigError(f"--token-file {path}: expected a token in ASCII") from None
