"""Secrets: a value that prints as ``***``, and the name by which a configuration refers to one.

A configuration, and so the log, holds names alone: ``password: {secret: feed_password}``. The value is
looked up by a ``SecretSource`` when it is needed, each time anew. So a secret that was replaced is used from
the next look-up on, without a restart.
"""

from hmac import compare_digest
from typing import Annotated, NoReturn, Protocol, final

import msgspec

HIDDEN = "***"

SECRET_NAME = r"^[a-z][a-z0-9_]{0,63}$(?!\n)"
"""Names of secrets: lower case, so that a secret given by mistake is seldom one."""


class SecretReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The name of a secret, in a configuration: ``{secret: feed_password}``."""

    secret: Annotated[str, msgspec.Meta(pattern=SECRET_NAME)]


@final
class Secret:
    """A value that appears in no output. ``reveal`` gives it to the one call that needs it.

    It is compared in constant time, cannot be hashed, copied, pickled or encoded.
    """

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]  # unhashable: a set or dict would compare in another way

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value. Keep it in no variable that outlives the call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, _: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and compare_digest(self._value.encode(), other._value.encode())

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError("a secret cannot be copied or encoded")


class SecretSource(Protocol):
    """A place where secrets are looked up."""

    def look_up(self, reference: SecretReference) -> Secret:
        """The secret as it is now. May read a file. Raises ``ConfigError`` if there is none, naming it."""
        ...
