"""Who asks, and what he may do."""

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What a caller may do; each role may do what the ones before it may."""

    READ = "read"
    """Look at everything."""
    TRADE = "trade"
    """Stop and start trading, end orders, close positions."""
    ADMIN = "admin"
    """Release the kill switch, and shut the daemon down."""

    def may(self, needed: "Role") -> bool:
        """Whether this role includes another one."""
        return _RANK[self] >= _RANK[needed]


_RANK = {role: rank for rank, role in enumerate(Role)}


class Caller(msgspec.Struct, frozen=True):
    """Somebody who asks. ``name`` is recorded with each command."""

    name: str
    role: Role
