"""Recognises secrets in a configuration, by their key and by their text, so that they are refused."""

import re

_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SEPARATOR = re.compile(r"[^A-Za-z0-9]+")
_WORDS = frozenset(
    {"apikey", "credential", "credentials", "passphrase", "passwd", "password", "pwd", "secret", "token"}
)
_KINDS_OF_KEY = frozenset({"access", "api", "auth", "encryption", "private", "secret", "signing"})
_SECRET_TEXT = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]*:[^/\s@]+@")
"""A private key, and an address with a password."""


def is_secret_name(name: str) -> bool:
    """Whether a key or variable is named like a secret: ``api_key``, ``apiToken``, ``DB_PASSWORD``."""
    parts = [part.lower() for part in _SEPARATOR.split(_CAPITAL.sub("_", name)) if part]
    return bool(parts) and (
        parts[-1] in _WORDS or (parts[-1] == "key" and len(parts) > 1 and parts[-2] in _KINDS_OF_KEY)
    )


def is_secret_text(text: str) -> bool:
    """Whether a text holds a private key, or an address with a password."""
    return _SECRET_TEXT.search(text) is not None
