"""Receipts: a command is answered when it is durable, and a repeated request is not carried out again.

- What it remembers: the requests that wait for the log, and the latest ones with their seq, by caller and
  key.
- What changes it: a request is posted right after its commands, as a ``ControlRequested``. The engine hands
  it back when its block is durable, since this is an edge that takes these events.
- What never happens: a command waits for room among quotes. So that the engine's inbox stays bounded all the
  same, only so many requests may wait at once.

After a restart the requests of the last minutes are read from the log: a caller who got no answer may repeat
his request to the next session too.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from http import HTTPStatus
from itertools import count

import msgspec

from eventstore import EventStore, Selection
from kernel.edge import Overflow
from kernel.engine import CoreEngine
from kernel.errors import StreamMissing
from kernel.events import ControlRequested, Event
from kernel.time_units import SECOND_NS
from ops.control.problems import Refused

NAME = "control"
REMEMBERED = 10_000
"""Requests that are remembered: a program that repeats one does so within seconds."""
READ_BACK_NS = 600 * SECOND_NS
"""How far back a start reads the log."""
MOST_WAITING = 64
"""Requests that may wait for the log at once. A person or a script has one."""
NEVER_TOO_MANY = 10 * MOST_WAITING
"""As many with kill switches among them: nothing else may keep one from being engaged."""
ANSWER_S = 30.0
"""The longest wait for the log. A request may be carried out later; its key makes a repeat safe."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A command is in the log.

    - ``seq``: the request's own place in the log; the commands made of it come right before.
    - ``operator``: the name under which it is recorded.
    - ``is_repeated``: a request with this key was carried out before, and is not carried out again.
    - ``strategy``: of a deployment, the name that later commands need; empty if it is repeated.
    - ``now``: after a way back, what is in force, in words; empty if it is repeated.
    """

    seq: int
    operator: str
    is_repeated: bool = False
    strategy: str = ""
    now: str = ""


_Key = tuple[str, str]


class _Known(msgspec.Struct, frozen=True):
    """A request, and its seq once it is durable."""

    request: str
    body: str
    seq: asyncio.Future[int]


class Receipts:
    """An ``EdgeSubscriber``: one for each engine."""

    name = NAME
    event_types: frozenset[type[Event]] = frozenset({ControlRequested})
    overflow = Overflow.CATCH_UP
    lane_capacity = NEVER_TOO_MANY

    def __init__(self, *, session: int) -> None:
        """Make it for a session: ``session`` is its epoch, which is in the keys that callers leave out."""
        self._known = OrderedDict[_Key, _Known]()
        self._waiting = 0
        self._numbers = (f"{session}-{number}" for number in count(1))

    async def read_back(self, store: EventStore, log: str, *, now: int) -> None:
        """Remember the requests of the last minutes, of earlier sessions."""
        selection = Selection(from_ts=now - READ_BACK_NS, types=self.event_types)
        try:
            async for batch in store.read(log, selection):
                for seq, event in zip(batch.seqs, batch.events, strict=True):
                    await self.handle(seq, event)
        except StreamMissing:
            return

    async def handle(self, seq: int, event: Event) -> None:
        """Answer the request that is durable now."""
        if isinstance(event, ControlRequested):
            known = self._remember((event.operator, event.key), event.request, event.body)
            if not known.seq.done():
                known.seq.set_result(seq)

    async def post(
        self,
        engine: CoreEngine,
        commands: Sequence[Event],
        asked: ControlRequested,
        *,
        most_waiting: int = MOST_WAITING,
    ) -> Receipt:
        """Give the engine commands and the request that they are made of; returns when both are durable.

        An empty ``asked.key`` is replaced by a new one. Raises ``Refused`` for a key of another request, if
        too many wait, and if the log takes too long.
        """
        if not asked.key:
            asked = msgspec.structs.replace(asked, key=next(self._numbers))
        key = (asked.operator, asked.key)
        known, is_repeated = self._known.get(key), True
        if known is None:
            if self._waiting >= most_waiting:
                raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, f"{most_waiting} requests wait already")
            for event in (*commands, asked):
                engine.report(event)
            known, is_repeated = self._remember(key, asked.request, asked.body), False
        elif (known.request, known.body) != (asked.request, asked.body):
            raise Refused(HTTPStatus.CONFLICT, f"the key {asked.key!r} is that of another request")
        return Receipt(seq=await self._seq_of(known), operator=asked.operator, is_repeated=is_repeated)

    def knows(self, asked: ControlRequested) -> bool:
        """Whether a request with this caller and key was carried out, or is being carried out."""
        return (asked.operator, asked.key) in self._known

    async def _seq_of(self, known: _Known) -> int:
        self._waiting += 1
        try:
            async with asyncio.timeout(ANSWER_S):
                return await asyncio.shield(known.seq)
        except TimeoutError:
            raise Refused(
                HTTPStatus.GATEWAY_TIMEOUT,
                f"the log did not take the command within {ANSWER_S:g} s; it may still be carried out",
            ) from None
        finally:
            self._waiting -= 1

    def _remember(self, key: _Key, request: str, body: str) -> _Known:
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _Known(request, body, asyncio.get_running_loop().create_future())
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return known
