"""The kill switch, and requests to a running daemon."""

from kernel.events.header import Event


class EngageKillSwitch(Event, frozen=True, tag=132):
    """Operator: let no order through, not even one that closes a position, and cancel all working orders.

    It holds, over restarts too, until a ``ResumeTrading`` with ``releases_kill_switch``.
    """

    operator: str
    reason: str = ""


class ControlRequested(Event, frozen=True, tag=133):
    """Input: somebody asked a running daemon for something. It has no effect of its own.

    The commands that were made of the request come right before it.

    - ``request``: what was asked for: the path of the control API.
    - ``body``: the request's settings, as JSON.
    - ``key``: names the request. A request with the same key is not carried out again.
    """

    operator: str
    request: str
    body: str
    reason: str = ""
    key: str = ""
