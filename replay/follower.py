"""A strategy in a process of its own: a core that follows a live log and runs the strategy's hooks.

The core is made of the same log as the daemon's and plays every input of it. So the strategy sees the
account, history and orders as the log has them, and a replay needs no hooks: what was decided is on the log,
as inputs.

- What it remembers: the core at ``seq``, and what was decided and is not on the log yet.
- What changes it: the log grew. Hooks also run while it catches up with a log that it has not seen: that
  makes the strategy's state again.
- What never happens: decisions that are on the log are sent again by a later process, or get lost with an
  earlier one. Both follow from one number: the input after which was decided.

    follower = await begin_following(store, "paper", strategy, snapshots=snapshots, send=send)
    await follower.follow(seq)          # sends ``StrategyDecided`` and ``StrategyFailedApart``
"""

from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import msgspec

from components.assembly.hosts import Place
from components.assembly.setup import PlannedStrategy
from components.strategy_host.apart import encode
from components.strategy_host.captured import CapturedHost
from eventstore import EventStore, Selection
from kernel.comparison import Comparison
from kernel.decimals import exact
from kernel.events import Event, SessionStarted, StrategyDecided, StrategyFailedApart
from kernel.identifiers import StrategyId
from kernel.records import InputNumbers
from kernel.recovery import step
from kernel.reopenings import Reopenings
from kernel.snapshot import take
from replay.record import checked_plan, read_record
from replay.reopening import Adapt, Cores
from replay.run import Plan
from replay.session_snapshots import SessionSnapshots

Sent = StrategyDecided | StrategyFailedApart
"""What a follower sends: inputs of the log that it follows."""

NOTHING = 0
"""The number of the input that is handled, between two of them."""


def captured(strategy: StrategyId) -> Adapt:
    """Changes plans so that the hooks of a strategy that runs apart are called in the core made of them."""

    def placed(one: PlannedStrategy) -> PlannedStrategy:
        if one.strategy_id != strategy or one.place is not Place.APART:
            return one
        return msgspec.structs.replace(one, place=Place.CAPTURED)

    def adapt(plan: Plan) -> Plan:
        return msgspec.structs.replace(plan, strategies=tuple(map(placed, plan.strategies)))

    return adapt


@exact
async def begin_following(
    store: EventStore,
    log: str,
    strategy: StrategyId,
    *,
    snapshots: SessionSnapshots,
    send: Callable[[Sent], None],
    at_input: Callable[[int], None],
    broken_at: int = NOTHING,
) -> "Follower":
    """A follower at its newest snapshot that fits, else at the beginning of the log.

    - ``snapshots``: of followers of this strategy, made with ``captured``.
    - ``at_input``: gets the number of each input before it is handled, and ``NOTHING`` after.
    - ``broken_at``: an input that ended the process before. Its failure comes on the log later.

    Raises as ``replay.session.recovered`` does.
    """
    restored = await snapshots.restore()
    if restored is None:
        record = await read_record(store, log)
        plan = await checked_plan(store, record, current_code=False)
        cores = Cores(plan, record.opening, started=record.started, adapt=captured(strategy))
        seq = epoch = 0
    else:
        cores, seq, epoch = restored.cores, restored.seq, restored.epoch
    follower = Follower(
        cores, seq, epoch, store=store, log=log, strategy=strategy, send=send, at_input=at_input
    )
    await follower.learn_breaks(broken_at)
    return follower


class Follower:
    """The core of one strategy's process."""

    def __init__(
        self,
        cores: Cores,
        seq: int,
        epoch: int,
        *,
        store: EventStore,
        log: str,
        strategy: StrategyId,
        send: Callable[[Sent], None],
        at_input: Callable[[int], None],
    ) -> None:
        self.cores = cores
        self.seq = seq
        """The last record of the log that the core has."""
        self._epoch = epoch
        self._store = store
        self._log = log
        self._strategy = strategy
        self._send = send
        self._at_input = at_input
        self._numbers = InputNumbers()
        self._reopenings = Reopenings(has_begun=epoch > 0)
        self._comparison = Comparison()
        self._unrecorded: list[Sent] = []
        """Decided, and not on the log up to ``seq``."""
        self._is_live = False
        self._breaks: list[tuple[int, int]] = []
        """Inputs without hooks, first and last: from one that ended the process to the record of that."""
        self._rests_from = NOTHING
        """A failure that is not on the log yet: from this input on no hooks run."""
        self._answers = 0

    @property
    def host(self) -> CapturedHost | None:
        """The strategy; ``None`` if the log does not have it now, or not in a process of its own."""
        hosts = self.cores.core.hosts
        found = (one for one in hosts if isinstance(one, CapturedHost) and one.strategy_id == self._strategy)
        return next(found, None)

    async def learn_breaks(self, broken_at: int) -> None:
        """Read where the process ended before, so that it does not end there again."""
        self._rests_from = broken_at
        after = Selection(from_seq=self.seq + 1, types=frozenset({StrategyFailedApart}))
        async with aclosing(self._store.read(self._log, after)) as batches:
            async for batch in batches:
                for event, cause in zip(batch.events, batch.causes or (), strict=True):
                    if isinstance(event, StrategyFailedApart) and self._is_own(event) and event.has_ended:
                        self._breaks.append((event.after, -cause))
        self._breaks.sort()

    async def follow(self, to_seq: int) -> None:
        """Play the log up to a seq, and send what the strategy decides."""
        async with aclosing(self.parts(to_seq)) as seqs:
            async for _ in seqs:
                pass
        self.go_live()

    async def parts(self, to_seq: int) -> AsyncGenerator[int]:
        """Play the log up to a seq in parts; gives the seq reached after each part."""
        chosen = Selection(from_seq=self.seq + 1, to_seq=to_seq)
        async with aclosing(self._store.read(self._log, chosen)) as batches:
            async for batch in batches:
                causes = self._numbers.of(batch.seqs, batch.causes)
                inputs = [event for event, cause in zip(batch.events, causes, strict=True) if cause < 0]
                self._comparison.add_recorded(batch.seqs, batch.events, causes)
                for part, is_opening in self._reopenings.parts(inputs):
                    self._play(part, is_opening=is_opening)
                self._comparison.check()
                self.seq = batch.seqs[-1]
                yield self.seq

    def go_live(self) -> None:
        """Send what was decided and is not on the log; from now on, send all decisions at once.

        Called at the end of the log: before that, the log may still contain them.
        """
        if not self._is_live:
            self._is_live = True
            for each in self._unrecorded:
                self._send(each)

    async def save(self, snapshots: SessionSnapshots) -> bool:
        """Save a snapshot, if everything that was decided is on the log; whether it was saved."""
        if self._unrecorded or self.host is None or self.host.rests:
            return False
        await snapshots.save(self.cores, self.seq, take(self.cores.core.bus), epoch=self._epoch)
        return True

    # --- playing ------------------------------------------------------------------------------

    @exact
    def _play(self, inputs: Sequence[Event], *, is_opening: bool) -> None:
        if is_opening:
            self.cores.reopen(self.cores.core.bus, inputs)
        host = self.host
        for event in inputs:
            self._take(event, host)

    def _take(self, event: Event, host: CapturedHost | None) -> None:
        """Give the core one input."""
        bus = self.cores.core.bus
        number = bus.state.input_count + 1
        if isinstance(event, SessionStarted):
            self._epoch = event.epoch
        self._answers = 0
        if isinstance(event, StrategyDecided | StrategyFailedApart) and self._is_own(event):
            self._note_recorded(event)
        ids_before = 0
        if host is not None:
            host.rests = self._is_broken(number)
            ids_before = host.counters.order_count
        self._at_input(number)
        made = step(bus, (event,))
        self._at_input(NOTHING)
        self._comparison.add_replayed(made.events, made.causes)
        if host is not None:
            self._collect(host, event.ts, number, ids_before)

    def _collect(self, host: CapturedHost, ts: int, number: int, ids_before: int) -> None:
        """Send what the hooks decided at this input, or keep it while the log may contain it."""
        failure = host.failure
        decided = host.take()
        sent: list[Sent] = []
        if decided:
            state = host.counters
            counters = (state.epoch, ids_before, state.order_count)
            sent.append(
                StrategyDecided(ts, self._strategy, number, encode(decided), *counters, self._answers)
            )
        if failure is not None:
            sent.append(
                StrategyFailedApart(
                    ts, self._strategy, number, failure.event_type, failure.error, failure.where
                )
            )
            self._rests_from = number
        self._unrecorded += sent
        if self._is_live:
            for each in sent:
                self._send(each)

    def _note_recorded(self, event: Sent) -> None:
        """Forget what is on the log now."""
        self._unrecorded = [
            one for one in self._unrecorded if type(one) is not type(event) or one.after > event.after
        ]
        if isinstance(event, StrategyDecided):
            self._answers = event.answers + 1
        elif event.after >= self._rests_from:
            self._rests_from = NOTHING

    def _is_broken(self, number: int) -> bool:
        """Whether no hooks run at this input."""
        if self._rests_from and number >= self._rests_from:
            return True
        place = bisect_right(self._breaks, (number, number))
        before = self._breaks[max(0, place - 1) : place + 1]
        return any(first <= number <= last for first, last in before)

    def _is_own(self, event: Sent) -> bool:
        return event.strategy == self._strategy
