"""A period of a recorded run or live log, played again by its recorded code and compared with the record.

    found = await play_period(store, "paper", from_ts=begin, to_ts=end, snapshots=files)
    found.after.pnl - found.before.pnl, found.fills

The state at the beginning of the period is restored from the nearest snapshot before it. Inputs of the period
are then played, and each event that they cause must be the recorded one. Nothing is written.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

import msgspec

from components.assembly.core import Core
from eventstore import EventStore, SnapshotFiles
from eventstore.moments import iso_utc
from kernel.clock import HistoricalClock
from kernel.comparison import RecordDiffers
from kernel.decimals import exact
from kernel.errors import InputError
from kernel.events import Event, OrderDenied, OrderFilled, OrderRejected, OrderSubmitted
from kernel.records import Records
from replay.past.log_player import Part
from replay.past.timeline import Moment, Timeline
from replay.verification import explained_difference

PORTION = 4_096
"""Most inputs that are played before they are told to somebody who hears them."""


class PlayedEvent(msgspec.Struct, frozen=True):
    """An input, or an event that the core made of one.

    - ``seq``: in the log's own stream; 0 for data of a run, which are in their own streams.
    - ``cause``: -k for the k-th input, +k for an event derived after it.
    """

    seq: int
    cause: int
    event: Event


class AccountFigures(msgspec.Struct, frozen=True):
    """The account at a moment, in its currency.

    - ``pnl``: equity less everything that was paid in, since the log began.
    - ``positions``: by symbol, net of all strategies.
    """

    equity: Decimal
    cash: Decimal
    pnl: Decimal
    commissions: Decimal
    positions: dict[str, Decimal]


class PlayedPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """A period that was played, and was equal to the record.

    - ``restored_seq``: of the snapshot from which the way to the period was played; 0: from the beginning.
    - ``began``, ``ended``: the moments right before the first input, and after the last one.
    - ``first_ts``: of the first input.
    - ``before``, ``after``: the account at these moments.
    - ``sent``, ``denied``, ``rejected``: orders of the period, by what happened to them in it.
    - ``fills``: in order of the log, as they were first reported.
    """

    log: str
    restored_seq: int
    began: Moment
    first_ts: int
    ended: Moment
    derived: int
    currency: str
    before: AccountFigures
    after: AccountFigures
    sent: int
    denied: int
    rejected: int
    fills: tuple[OrderFilled, ...]

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.ended.number - self.began.number


Heard = Callable[[Sequence[PlayedEvent]], None]
"""Gets the events as they are played."""


@exact
async def play_period(
    store: EventStore,
    log: str,
    *,
    from_ts: int | None = None,
    to_ts: int | None = None,
    snapshots: SnapshotFiles | None = None,
    heard: Heard | None = None,
    clock: HistoricalClock | None = None,
) -> PlayedPeriod:
    """Play the inputs from ``from_ts`` to ``to_ts``, both inclusive, ns UTC; ``None``: from or to the end.

    ``heard`` gets every event in the order of the log, at the time of ``clock``. Raises ``Diverged`` for the
    first record that differs, with its likely cause; ``InputError`` for a period without inputs; and as
    ``Timeline.open`` does.
    """
    async with Timeline.open(store, log, snapshots=snapshots) as timeline:
        try:
            return await _played(timeline, from_ts, to_ts, heard, clock or HistoricalClock())
        except RecordDiffers as differs:
            restored = timeline.restored_seq
            raise await explained_difference(
                timeline.store, timeline.record, differs, restored_seq=restored
            ) from differs


async def _played(
    timeline: Timeline, from_ts: int | None, to_ts: int | None, heard: Heard | None, clock: HistoricalClock
) -> PlayedPeriod:
    log = timeline.record.run_stream
    began = timeline.moment if from_ts is None else await timeline.goto_time(from_ts - 1)
    before, restored = account_figures(timeline.core), timeline.restored_seq
    tally, first_ts = _Tally(), 0
    most = 1 if clock.is_paced else None if heard is None else PORTION
    while (part := await timeline.play(most, until_ts=to_ts)) is not None:
        tally.take(part.records)
        first_ts = first_ts or part.inputs[0].ts
        if heard is not None:
            if clock.is_paced:
                await clock.reach(part.inputs[-1].ts)
            heard(list(events_of(part, last_seq=timeline.moment.seq)))
    if not timeline.moment.number - began.number:
        raise InputError(await _nothing(timeline, log, from_ts, to_ts))
    if to_ts is not None:
        fired = await timeline.fire_timers(to_ts)
        tally.take(fired)
        if heard is not None and fired.events:
            heard(list(_numbered(fired, last_seq=timeline.moment.seq)))
    await timeline.check_reached(to_ts)
    return PlayedPeriod(
        log=log,
        restored_seq=restored,
        began=began,
        first_ts=first_ts,
        ended=timeline.moment,
        derived=tally.derived,
        currency=timeline.plan.config.portfolio.currency,
        before=before,
        after=account_figures(timeline.core),
        sent=tally.counts[OrderSubmitted],
        denied=tally.counts[OrderDenied],
        rejected=tally.counts[OrderRejected],
        fills=tuple(tally.fills),
    )


def account_figures(core: Core) -> AccountFigures:
    """The account as it is now."""
    account = core.portfolio
    return AccountFigures(
        equity=account.equity,
        cash=account.cash,
        pnl=account.equity - account.deposits,
        commissions=account.commissions,
        positions={symbol: account.net_position(symbol) for symbol in account.open_symbols()},
    )


def events_of(part: Part, *, last_seq: int) -> Iterator[PlayedEvent]:
    """The inputs of a part and what they caused, in the order in which it happened.

    ``last_seq``: of the last record of the part. A timer that fires before an input names the input before.
    """
    own = list(_numbered(part.records, last_seq=last_seq))
    if any(one.cause < 0 for one in own):  # the inputs are records themselves
        yield from own
        return
    place = 0
    for number, event in enumerate(part.inputs, part.first_number):
        while place < len(own) and own[place].cause < number:
            yield own[place]
            place += 1
        yield PlayedEvent(0, -number, event)
    yield from own[place:]


def _numbered(records: Records, *, last_seq: int) -> Iterator[PlayedEvent]:
    seqs = range(last_seq - len(records.events) + 1, last_seq + 1)
    for seq, event, cause in zip(seqs, records.events, records.causes, strict=True):
        yield PlayedEvent(seq, cause, event)


async def _nothing(timeline: Timeline, log: str, from_ts: int | None, to_ts: int | None) -> str:
    first, last = timeline.record.started.ts, (await timeline.goto_end()).ts
    begin = "its beginning" if from_ts is None else iso_utc(from_ts)
    end = "its end" if to_ts is None else iso_utc(to_ts)
    return f"{log} has no input from {begin} to {end}; it goes from {iso_utc(first)} to {iso_utc(last)}"


class _Tally:
    """What is counted of the records."""

    def __init__(self) -> None:
        self.derived = 0
        self.counts = Counter[type[Event]]()
        self.fills: list[OrderFilled] = []

    def take(self, records: Records) -> None:
        self.derived += sum(cause > 0 for cause in records.causes)
        self.counts.update(map(type, records.events))
        self.fills += [event for event in records.events if isinstance(event, OrderFilled)]
