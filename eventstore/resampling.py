"""Resamples a stream of bars or trades into a stream of coarser bars.

The bars are those that a strategy sees in its history (``kernel.resampling``), and are written in the order
in which they are known. A bar that is not complete is not written. Resampling again appends the bars that
are complete by now; a stream that differs from its source is refused.

Splits in the store that fall into a bar put the bar on the terms after them.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from shlex import quote

import msgspec

from eventstore.data_facts import read_facts
from eventstore.data_measure import DataMeasure
from eventstore.derivations import record_derivation
from eventstore.importing.intervals import session_hours
from eventstore.importing.local_time import LocalTime
from eventstore.moments import EPOCH, iso_utc
from eventstore.port import Batch, EventStore, Selection
from eventstore.stream_keys import FACTS_SUFFIX
from kernel.errors import InputError, StreamMissing
from kernel.events import Bar, CorporateAction, CorporateActionKind, Event, StreamRange, Trade
from kernel.resampling import BarBuilder, BarSize, PartialBar, TradingDay, TradingDays, utc_day
from kernel.time_units import DAY_NS

_AT_ONCE = 4_096
_PARTS: frozenset[type[Event]] = frozenset({Bar, Trade})


class ResampleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to resample.

    - ``timeframe``: of the new bars: ``1h``, ``1d``, ``1mo``, ``tick:100``, ``volume:10000``, ``dollar:1e6``.
    - ``to``: the new stream; empty: the source's name with the timeframe at its end.
    - ``tz``, ``session``: the trading days, as in ``ImportOptions``; bars of time begin with them.
    """

    timeframe: str
    to: str = ""
    tz: str = "UTC"
    session: str = ""

    @property
    def definition(self) -> str:
        """How bars are built, as options of the command."""
        session = f" --session {self.session}" if self.session else ""
        return f"--to {self.timeframe} --tz {self.tz}{session}"


class Resampled(msgspec.Struct, frozen=True):
    """The result: parts read, bars that they make, and how many of these were appended."""

    stream: str
    part_count: int
    bar_count: int
    new_count: int


def trading_days(tz: str, session: str) -> TradingDays:
    """The days of a zone, or their sessions. Raises ``InputError`` for a wrong zone or session."""
    local = LocalTime(tz)
    if local.is_utc and not session:
        return utc_day
    opens, closes = session_hours(session) if session else (0, DAY_NS)
    shift = DAY_NS if opens >= closes else 0

    def local_day(ts: int) -> TradingDay:
        number = local.to_wall(ts) // DAY_NS
        while True:
            end = local.to_utc_or_next(number * DAY_NS + closes)
            if ts < end:
                break
            number += 1
        day = EPOCH.fromordinal(EPOCH.toordinal() + number)
        begin = local.to_utc_or_next(number * DAY_NS + opens - shift)
        return day.year * 10_000 + day.month * 100 + day.day, begin, end

    return local_day


async def resample(store: EventStore, stream: str, options: ResampleOptions, *, ts: int = 0) -> Resampled:
    """Build bars from a stream and append those that the new stream does not hold.

    The catalogue records from what, and by which options (``derivations``). ``ts``: now, ns UTC.

    Raises ``InputError`` if the stream has no finer bars or trades, or the new stream has other events.
    """
    builder = BarBuilder(options.timeframe, trading_days(options.tz, options.session))
    target = options.to or f"{stream.rpartition('.')[0] or stream}.{options.timeframe}"
    if target == stream:
        raise InputError(f"stream {stream!r} has bars of {options.timeframe}; name another one with --as")
    work = _Work(builder, await _splits(store))
    head, parts = await store.head(target), await store.head(stream)
    measure, held, new = DataMeasure(), _Held(store, target, head.seq), 0
    pending: list[Event] = []
    async with aclosing(work.bars(store, stream)) as made, aclosing(held.batches()) as old:
        async for bars in made:
            measure.add(target, bars)
            pending += await held.without_known(old, bars)
            while len(pending) >= _AT_ONCE:
                head = await store.append(target, pending[:_AT_ONCE], expected_seq=head.seq)
                new += _AT_ONCE
                del pending[:_AT_ONCE]
    if held.count < held.last_seq:
        raise _differs(target)
    if pending:
        head = await store.append(target, pending, expected_seq=head.seq)
        new += len(pending)
    await _append_facts(store, target, measure, ts=head.ts)
    if head.seq:
        source = StreamRange(stream, 1, parts.seq, parts.block_hash.hex())
        await record_derivation(store, target, source=source, definition=options.definition, ts=ts)
    return Resampled(target, work.part_count, held.count + new, new)


class _Work:
    """Bars of all symbols of a stream, in the order in which they are known."""

    def __init__(self, builder: BarBuilder, splits: list[CorporateAction]) -> None:
        self.part_count = 0
        self._builder = builder
        self._splits = splits
        self._partials: dict[str, PartialBar | None] = {}
        self._earliest_end = 0

    async def bars(self, store: EventStore, stream: str) -> AsyncGenerator[list[Bar]]:
        """The bars that each batch of the stream completes."""
        async with aclosing(store.read(stream, Selection(types=_PARTS))) as batches:
            async for batch in batches:
                done: list[Bar] = []
                for event in batch.events:
                    assert isinstance(event, Bar | Trade)
                    done += self._take(event, stream)
                yield done
        if not self.part_count:
            raise InputError(f"stream {stream!r} has no bars and no trades to build bars from")

    def _take(self, event: Bar | Trade, stream: str) -> list[Bar]:
        self.part_count += 1
        done = self._due_before(event.ts)
        while self._splits and self._splits[0].ts <= event.ts:
            split = self._splits.pop(0)
            partial = self._partials.get(split.symbol)
            if partial is not None:
                partial.restate(float(split.ratio))
        partial = self._partials.get(event.symbol)
        if isinstance(event, Trade):
            partial, more = self._builder.add_trade(partial, event)
        else:
            if not self._builder.is_finer(event.timeframe):
                raise self._not_finer(stream, event)
            partial, more = self._builder.add_bar(partial, event)
        self._partials[event.symbol] = partial
        if partial is not None and partial.end_ts:
            self._earliest_end = min(self._earliest_end or partial.end_ts, partial.end_ts)
        return done + more

    def _due_before(self, ts: int) -> list[Bar]:
        """The bars whose periods ended before a moment, in order of time and symbol."""
        if not self._earliest_end or self._earliest_end >= ts:
            return []
        done: list[Bar] = []
        for symbol, partial in self._partials.items():
            bar = self._builder.due(partial, ts - 1, symbol=symbol)
            if bar is not None:
                done.append(bar)
                self._partials[symbol] = None
        ends = [partial.end_ts for partial in self._partials.values() if partial is not None]
        self._earliest_end = min(ends, default=0)
        return sorted(done, key=lambda bar: (bar.ts, bar.symbol))

    def _not_finer(self, stream: str, bar: Bar) -> InputError:
        if self._builder.size is BarSize.TICKS:
            what = f"its bars of {bar.timeframe} do not say how many trades they had; use a stream of trades"
        else:
            what = f"its bars of {bar.timeframe} do not fit into them"
        return InputError(
            f"stream {stream!r} cannot be resampled to bars of {self._builder.timeframe}: {what}"
        )


class _Held:
    """The bars that the new stream holds already, read side by side with those that are built."""

    def __init__(self, store: EventStore, stream: str, last_seq: int) -> None:
        self._store = store
        self._stream = stream
        self.last_seq = last_seq
        self.count = 0
        self._waiting: list[Event] = []

    async def batches(self) -> AsyncGenerator[Batch]:
        """The stream; nothing if there is none."""
        try:
            async with aclosing(self._store.read(self._stream, Selection(to_seq=self.last_seq))) as batches:
                async for batch in batches:
                    yield batch
        except StreamMissing:
            return

    async def without_known(self, batches: AsyncGenerator[Batch], bars: Sequence[Bar]) -> Sequence[Bar]:
        """The bars that are not held. Raises ``InputError`` for the first that differs."""
        place = 0
        while place < len(bars) and self.count < self.last_seq:
            if not self._waiting:
                self._waiting = list((await anext(batches)).events)
            if self._waiting.pop(0) != bars[place]:
                raise _differs(self._stream, bars[place])
            place += 1
            self.count += 1
        return bars[place:]


def _differs(stream: str, bar: Bar | None = None) -> InputError:
    where = "" if bar is None else f" at {iso_utc(bar.ts)}"
    return InputError(
        f"stream {stream!r} holds other bars{where}; nothing was appended. Delete it or set it aside first "
        f"(onetape streams delete {quote(stream)}), or name another one with --as"
    )


async def _splits(store: EventStore) -> list[CorporateAction]:
    """All splits in the store, in order of time."""
    found: list[CorporateAction] = []
    for info in await store.streams(holding=CorporateAction):
        selection = Selection(types=frozenset({CorporateAction}))
        async with aclosing(store.read(info.stream, selection)) as batches:
            async for batch in batches:
                for event in batch.events:
                    if isinstance(event, CorporateAction) and event.kind is CorporateActionKind.SPLIT:
                        found.append(event)
    return sorted(found, key=lambda action: action.ts)


async def _append_facts(store: EventStore, stream: str, measure: DataMeasure, *, ts: int) -> None:
    recorded = {msgspec.structs.replace(fact, ts=ts) for fact in await read_facts(store, stream)}
    facts = [fact for fact in measure.described(stream, ts=ts) if fact not in recorded]
    if facts:
        head = await store.head(stream + FACTS_SUFFIX)
        await store.append(head.stream, facts, expected_seq=head.seq)
