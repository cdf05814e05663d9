"""A request, and its record in the log."""

import msgspec

from kernel.events import ControlRequested
from ops.control.requests import Command
from ops.control.roles import Caller

NOW = 0
"""The ``ts`` of a command: the engine stamps it with the time at which it takes it."""


class Asked(msgspec.Struct, frozen=True):
    """A request: who asked for what. ``key`` names it; it may be empty."""

    caller: Caller
    request: str
    key: str = ""


def record_of(asked: Asked, body: Command) -> ControlRequested:
    """The record of a request. Reason and key have fields of their own."""
    settings = {name: getattr(body, name) for name in body.__struct_fields__ if name not in ("reason", "id")}
    return ControlRequested(
        NOW,
        asked.caller.name,
        asked.request,
        msgspec.json.encode(settings).decode(),
        body.reason,
        asked.key,
    )
