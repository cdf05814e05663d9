"""What the host remembers for a strategy."""

import msgspec

from kernel.identifiers import TimerName
from kernel.timers import NEVER
from strategies.sdk.decisions import SessionMoment


class SessionTimer(msgspec.Struct, frozen=True):
    """A timer relative to the sessions of a symbol; ``due_ts`` is its next moment, as far as it is known."""

    symbol: str
    moment: SessionMoment
    offset_ns: int
    every_session: bool
    due_ts: int = NEVER


class HostState(msgspec.Struct):
    """Counters that ids and seeds are made from; ``strategy`` is the strategy's own state, msgpack.

    - ``strategy``: filled in when the host's ``state`` is read.
    - ``refusal_count``: how many decisions were refused at ``refusal_ts``, the last time that it happened.
    - ``missed_timers``: timers that fell due while the strategy was paused; when each was due, by name.
    """

    epoch: int = 0
    order_count: int = 0
    random_count: int = 0
    strategy: bytes = b""
    refusal_ts: int = -1
    refusal_count: int = 0
    missed_timers: dict[TimerName, int] = {}
    session_timers: dict[str, SessionTimer] = {}
    """By name."""
