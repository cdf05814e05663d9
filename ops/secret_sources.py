"""Looks up secrets, each time anew: a secret that was replaced is used from the next look-up on.

The first of these places that has the secret ``NAME`` counts:

1. a credential of systemd: the file ``NAME`` in ``$CREDENTIALS_DIRECTORY``
2. a file ``NAME`` in the folder for secrets, readable by its owner alone (mode 0600 or 0400)
3. the environment variable ``ONETAPE_SECRET_`` and ``NAME`` in capitals
4. the system's keyring, service ``onetape``, if ``keyring`` is installed (``pip install 'onetape[keyring]'``)
"""

import importlib
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, cast

import msgspec

from kernel.errors import ConfigError
from kernel.secret import Secret, SecretReference

CREDENTIALS = "CREDENTIALS_DIRECTORY"
FOLDER = "ONETAPE_SECRETS"
VARIABLE = "ONETAPE_SECRET_"
SERVICE = "onetape"

_LARGEST = 65_536
"""Bytes of a secret: a certificate with its chain is far smaller."""


class FoundSecret(msgspec.Struct, frozen=True):
    """A secret, and the place where it is, for people."""

    place: str
    value: Secret


class _Keyring(Protocol):
    """The function of the module ``keyring`` that is used here."""

    def get_password(self, service_name: str, username: str) -> str | None: ...


class SecretPlaces:
    """The places where secrets are. A ``kernel.secret.SecretSource``.

    ``folder`` is that of the configuration; if it is empty, that of ``$ONETAPE_SECRETS``.
    """

    def __init__(self, folder: str = "", *, environment: Mapping[str, str] = os.environ) -> None:
        self._folder = folder or environment.get(FOLDER, "")
        self._environment = environment

    def look_up(self, reference: SecretReference) -> Secret:
        """The secret as it is now. Reads files.

        Raises ``ConfigError`` if it is in none of the places, is empty, or is in a file that others can read.
        """
        return self.find(reference).value

    def find(self, reference: SecretReference) -> FoundSecret:
        """The secret and its place; raises as ``look_up`` does."""
        name = reference.secret
        tried: list[str] = []
        for place, read in self._places(name):
            value = read()
            if value is not None and value.reveal():
                return FoundSecret(place, value)
            if value is not None:
                raise ConfigError(f"secret {name!r}: it is empty in {place}")
            tried.append(place)
        raise ConfigError(f"secret {name!r} is not in {', '.join(tried)}; see docs/configuration.md")

    def _places(self, name: str) -> list[tuple[str, Callable[[], Secret | None]]]:
        places: list[tuple[str, Callable[[], Secret | None]]] = []
        if credentials := self._environment.get(CREDENTIALS, ""):
            file = Path(credentials, name)
            places.append((f"credential {file}", lambda: _from_file(file, is_private=False)))
        if self._folder:
            own = Path(self._folder, name)
            places.append((f"file {own}", lambda: _from_file(own, is_private=True)))
        variable = f"{VARIABLE}{name.upper()}"
        places.append((f"variable {variable}", lambda: _from_variable(self._environment, variable)))
        keyring = _keyring()
        if keyring is not None:
            places.append((f"keyring {SERVICE}", lambda: _from_keyring(keyring, name)))
        return places


def _from_file(file: Path, *, is_private: bool) -> Secret | None:
    """The text of a file without the line break at its end; ``None`` if there is no file."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"secret {file.name!r}: {file} cannot be read: {error.strerror}") from None
    with open(descriptor, "rb") as opened:
        status = os.fstat(descriptor)  # of the file that is open, so that it cannot be exchanged meanwhile
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"secret {file.name!r}: {file} is not a file")
        mode = stat.S_IMODE(status.st_mode)
        if is_private and mode & 0o077:
            raise ConfigError(
                f"secret {file.name!r}: {file} has mode {mode:04o}, so others may read it: expected 0600 "
                f"(chmod 600 {file})"
            )
        if status.st_size > _LARGEST:
            raise ConfigError(f"secret {file.name!r}: {file} has {status.st_size} bytes; expected a secret")
        text = _text(opened.read())
    if text is None:
        raise ConfigError(f"secret {file.name!r}: {file} is not UTF-8 text")
    return text


def _text(data: bytes) -> Secret | None:
    try:
        return Secret(data.decode().rstrip("\r\n"))
    except UnicodeDecodeError:
        return None  # without its cause, which holds the bytes


def _from_variable(environment: Mapping[str, str], variable: str) -> Secret | None:
    return Secret(environment[variable]) if variable in environment else None


def _keyring() -> _Keyring | None:
    try:
        return cast(_Keyring, importlib.import_module("keyring"))  # an extra
    except ImportError:
        return None


def _from_keyring(keyring: _Keyring, name: str) -> Secret | None:
    """The entry of the keyring; ``None`` if there is none. A server without a desktop has no keyring."""
    errors = importlib.import_module("keyring.errors")
    try:
        value = keyring.get_password(SERVICE, name)
    except errors.KeyringError:
        return None
    return None if value is None else Secret(value)
