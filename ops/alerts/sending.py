"""Sends messages with the library ``apprise``, an extra: ``pip install 'onetape[alerts]'``.

It waits for the network, so each message has a thread. A thread that hangs is left behind after the limit,
and its channel starts no other one until it has ended; it does not hold up the end of the process.

The address is looked up for each message, so that a secret that was replaced is used from the next one on.
Errors are told in the words of the library, in which every part of the address is hidden.
"""

import asyncio
import importlib
import logging
import re
import threading
from collections.abc import Sequence
from types import ModuleType

from kernel.errors import ConfigError
from kernel.events import Severity
from kernel.loggable import words_of
from kernel.secret import HIDDEN, Secret, SecretReference, SecretSource
from ops.alerts.notices import Message
from replay.alert_settings import ChannelSettings

LIBRARY = "apprise"
LONGEST_ERROR = 300
_KINDS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
_PARTS = re.compile(r"[^A-Za-z0-9._~%+-]+")
_SHORTEST_PART = 4
_NOT_HIDDEN = frozenset({"http", "https", "json", "jsons", "form", "forms", "localhost"})


def require_library(channels: Sequence[ChannelSettings]) -> None:
    """Raise ``ConfigError`` if channels are named and the library is missing.

    It loads all of its services now, and not while the daemon trades.
    """
    if channels:
        _library().Apprise.instantiate("json://localhost")


class AppriseSender:
    """A ``Sender`` to one address."""

    def __init__(self, address: str | SecretReference, *, secrets: SecretSource, limit_s: float) -> None:
        self._address = address
        self._secrets = secrets
        self._limit_s = limit_s
        self._thread: threading.Thread | None = None

    async def send(self, message: Message) -> str:
        """Deliver a message; see ``Sender``."""
        if self._thread is not None:
            return "the message before it still hangs"
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[str] = loop.create_future()

        def done(error: str) -> None:
            self._thread = None
            if not outcome.done():
                outcome.set_result(error)

        def work() -> None:
            error = self._sent(message)
            try:
                loop.call_soon_threadsafe(done, error)
            except RuntimeError:  # the loop has ended: nobody waits for it any more
                return

        self._thread = threading.Thread(target=work, name="alert", daemon=True)
        self._thread.start()
        try:
            async with asyncio.timeout(self._limit_s):
                return await outcome
        except TimeoutError:
            return f"no answer within {self._limit_s:g} s"

    def _sent(self, message: Message) -> str:
        """Send it, in the thread."""
        try:
            address = self._secret()
        except ConfigError as error:
            return str(error)
        with _Said() as said:
            try:
                is_sent = notify(address.reveal(), message, limit_s=self._limit_s)
            except Exception as error:  # isolation: a service's library may raise anything
                said.lines.append(words_of(error))
                is_sent = False
        if is_sent:
            return ""
        return hidden(" ".join(said.lines) or "the service refused it", address)[:LONGEST_ERROR]

    def _secret(self) -> Secret:
        if isinstance(self._address, SecretReference):
            return self._secrets.look_up(self._address)
        return Secret(self._address)


def notify(address: str, message: Message, *, limit_s: float) -> bool:
    """Send a message now, and wait for the answer. Returns whether it was taken."""
    plugin = _library().Apprise.instantiate(address)
    if plugin is None:
        return False
    plugin.socket_connect_timeout = min(plugin.socket_connect_timeout, limit_s)
    plugin.socket_read_timeout = limit_s
    return bool(plugin.notify(body=message.body, title=message.title, notify_type=_KINDS[message.severity]))


def hidden(text: str, address: Secret) -> str:
    """A text without any part of an address but its kind."""
    parts = {part for part in _PARTS.split(address.reveal()) if len(part) >= _SHORTEST_PART}
    for part in sorted(parts - _NOT_HIDDEN, key=len, reverse=True):
        text = text.replace(part, HIDDEN)
    return text


class _Said(logging.Handler):
    """The warnings of the library in this thread, while the block runs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(record.getMessage().strip())

    def __enter__(self) -> "_Said":
        logger = logging.getLogger(LIBRARY)
        logger.propagate = False
        logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger(LIBRARY).removeHandler(self)


def _library() -> ModuleType:
    try:
        return importlib.import_module(LIBRARY)
    except ImportError as error:
        raise ConfigError(
            "alerts.channels: messages are sent with the package apprise, which is missing: "
            "pip install 'onetape[alerts]'"
        ) from error
