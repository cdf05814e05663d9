"""How a WebSocket feed proves to its venue who it is: with headers, or with a first message.

A configuration has the names of secrets (``{secret: feed_token}``). They are looked up for each connection: a
secret that was replaced is used from the next one on. What a venue says back is shown with ``***`` in their
place.
"""

import asyncio
from collections.abc import Mapping

import msgspec

from kernel.errors import ConfigError, VenueUnavailable
from kernel.secret import HIDDEN, SecretReference, SecretSource

Entries = Mapping[str, str | SecretReference]


class Login(msgspec.Struct):
    """The headers and the first message of one connection. ``message`` is empty if there is none."""

    headers: dict[str, str]
    message: dict[str, str]
    _secrets: list[str]

    def __repr__(self) -> str:
        return f"Login({HIDDEN})"

    def hidden(self, text: str) -> str:
        """A text that may repeat a secret, without it."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


async def look_up(headers: Entries, message: Entries, secrets: SecretSource | None) -> Login:
    """The login with the secrets of now; files are read in a thread.

    Raises ``VenueUnavailable`` for a secret that is not there, as while it is replaced: it is tried again.
    """
    found: list[str] = []

    def values(entries: Entries) -> dict[str, str]:
        return {name: _value(value, secrets, found) for name, value in entries.items()}

    if not headers and not message:
        return Login({}, {}, found)
    try:
        shown, first = await asyncio.to_thread(lambda: (values(headers), values(message)))
    except ConfigError as error:
        raise VenueUnavailable(f"no login: {error}") from None
    return Login(shown, first, found)


def _value(value: str | SecretReference, secrets: SecretSource | None, found: list[str]) -> str:
    if isinstance(value, str):
        return value
    if secrets is None:
        raise ConfigError(f"secret {value.secret!r}: there is no place to look it up")
    found.append(secrets.look_up(value).reveal())
    return found[-1]
