"""The tokens that open the control API on TCP, from a file that only its owner can read.

    tokens:
      - {name: grafana, role: read, token: 5f2c...}
      - {name: desk, role: trade, sha256: 9b74...}      # the SHA-256 of the token, in hex

The file is read again when it has changed, so a token is taken away without a restart. While it cannot be
read, or others may read it, nobody is let in.
"""

import os
import stat
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Annotated

import msgspec
import yaml

from kernel.errors import ConfigError
from kernel.secret import Secret
from ops.control.roles import Caller, Role

SHORTEST = 16
"""Characters of a token; a shorter one could be guessed."""
LARGEST = 65_536
"""Bytes of the file that are read: some hundred tokens."""

TokenText = Annotated[str, msgspec.Meta(min_length=SHORTEST)]
TokenHash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class TokenEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A token and its holder: ``token`` itself, or its ``sha256``."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    role: Role
    token: TokenText = ""
    sha256: TokenHash = ""

    def __repr__(self) -> str:
        return f"TokenEntry({self.name!r}, {self.role.value})"

    @property
    def digest(self) -> bytes:
        """The hash that a given token must have."""
        return bytes.fromhex(self.sha256) if self.sha256 else sha256(self.token.encode()).digest()


class TokenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file."""

    tokens: tuple[TokenEntry, ...]


class Tokens:
    """The holders of tokens, by the file as it is now."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises ``ConfigError`` for one that is missing, wrong, or open to others."""
        self._path = path
        self._read_of: tuple[int, int, int] = (0, 0, 0)
        self._entries: tuple[tuple[bytes, Caller], ...] = ()
        self._refresh()

    def caller_of(self, given: Secret) -> Caller | None:
        """The holder of a token; ``None`` if nobody holds it. All entries are compared, in constant time.

        Raises ``ConfigError`` for a file that cannot be used now.
        """
        self._refresh()
        digest = sha256(given.reveal().encode(errors="surrogateescape")).digest()
        found: Caller | None = None
        for known, caller in self._entries:
            if compare_digest(known, digest):
                found = caller
        return found

    def _refresh(self) -> None:
        """Read the file if it has changed, from the one that is open: it cannot be exchanged meanwhile."""
        read_of, self._read_of = self._read_of, (0, 0, 0)
        try:
            opened = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigError(f"control.tokens_file: {self._path} cannot be read: {error.strerror}") from None
        with open(opened, "rb") as file:
            status = os.fstat(opened)
            mode = stat.S_IMODE(status.st_mode)
            if not stat.S_ISREG(status.st_mode) or mode & 0o077 or status.st_uid not in (os.geteuid(), 0):
                raise ConfigError(
                    f"control.tokens_file: {self._path} has mode {mode:04o}; expected a file of mode 0600 "
                    f"that belongs to this user (chmod 600 {self._path})"
                )
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
            if seen != read_of:
                self._entries = _entries_of(self._path, file.read(LARGEST))
        self._read_of = seen


def _entries_of(path: Path, content: bytes) -> tuple[tuple[bytes, Caller], ...]:
    """The hashes and holders. No error quotes the file, which holds secrets."""
    try:
        read: object = yaml.load(content, Loader=yaml.BaseLoader)  # every value is text
        tokens = msgspec.convert(read, TokenFile).tokens
    except (yaml.YAMLError, ValueError, msgspec.ValidationError):
        raise ConfigError(
            f"control.tokens_file: {path} is not a list of tokens; expected under the key tokens entries "
            f"with name, role (read, trade or admin) and token (of at least {SHORTEST} characters) or sha256"
        ) from None
    for entry in tokens:
        if bool(entry.token) is bool(entry.sha256):
            raise ConfigError(f"control.tokens_file: {path}: {entry.name} needs either a token or its sha256")
    if len({entry.name for entry in tokens}) < len(tokens):
        raise ConfigError(f"control.tokens_file: {path}: a name is given twice")
    return tuple((entry.digest, Caller(f"{entry.name} (token)", entry.role)) for entry in tokens)
