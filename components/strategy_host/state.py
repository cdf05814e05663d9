"""The state of a strategy's host."""

import msgspec

from kernel.identifiers import TimerName
from kernel.timers import NEVER
from strategies.sdk.decisions import SessionMoment


class SessionTimer(msgspec.Struct, frozen=True):
    """A timer relative to the sessions of a symbol; ``due_ts`` is ``NEVER`` while the next is not known."""

    symbol: str
    moment: SessionMoment
    offset_ns: int
    every_session: bool
    due_ts: int = NEVER


class HostState(msgspec.Struct):
    """Counters for ids and seeds, the strategy's own state, and its timers.

    - ``strategy``: the strategy's own state as msgpack, updated when the host's ``state`` is read.
    - ``refusal_ts``: the time of the last refusal.
    - ``refusal_count``: the number of refusals at ``refusal_ts``.
    - ``missed_timers``: due times, by name, of the timers that fell due during a pause.
    - ``session_timers``: by name.
    - ``asked``: the largest number of bars asked of ``ctx.history``, by symbol.
    - ``unanswered``: how often ``ctx.history`` had no bars, by symbol and timeframe.
    """

    epoch: int = 0
    order_count: int = 0
    random_count: int = 0
    strategy: bytes = b""
    refusal_ts: int = -1
    refusal_count: int = 0
    missed_timers: dict[TimerName, int] = {}
    session_timers: dict[str, SessionTimer] = {}
    asked: dict[str, int] = {}
    unanswered: dict[str, dict[str, int]] = {}
