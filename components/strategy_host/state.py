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


class ShortHistory(msgspec.Struct):
    """A question for history with fewer bars as an answer: the largest one, and the most bars that came."""

    asked: int = 0
    most: int = 0


class HostState(msgspec.Struct):
    """Counters for ids and seeds, the strategy's own state, and its timers.

    - ``strategy``: the strategy's own state as msgpack, updated when the host's ``state`` is read.
    - ``refusal_ts``: the time of the last refusal.
    - ``refusal_count``: the number of refusals at ``refusal_ts``.
    - ``missed_timers``: due times, by name, of the timers that fell due during a pause.
    - ``session_timers``: by name.
    - ``asked``: the largest number of bars asked of ``ctx.history``, by symbol.
    - ``has_closers``: the strategy has sent reduce-only orders or exits.
    - ``unanswered``: how often ``ctx.history`` had no bars, by symbol and timeframe.
    - ``short``: questions for more bars than there were so far, by symbol and timeframe.
    - ``version``: of the strategy whose state it is.
    - ``refused``: hashes of its code that is not to be loaded from its file again.
    - ``decided_after``, ``failed_after``: of a strategy in a process of its own, the last input after which
      decisions, or a failure, were taken from there.
    - ``taken_epoch``, ``taken_count``: its counters of order ids at that time.
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
    has_closers: bool = False
    short: dict[str, dict[str, ShortHistory]] = {}
    version: str = ""
    refused: dict[str, bool] = {}
    decided_after: int = 0
    failed_after: int = 0
    taken_epoch: int = 0
    taken_count: int = 0
