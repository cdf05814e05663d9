"""Finds what is odd in imported prices: jumps, spikes, splits, holes, runs without volume, another scale.

Findings are facts, not errors: a split that was not adjusted is a jump, a halt is a hole. They are kept as
``DataIssueFound`` in the stream ``<stream>.facts``, each with the time of the row by which it was knowable,
so a strategy that plays them looks at no future. Only prices of quite another scale than the stream's are
refused.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import aclosing
from itertools import groupby
from math import log10
from operator import attrgetter

from eventstore.data_facts import is_facts
from eventstore.data_measure import DataMeasure
from eventstore.moments import iso_utc
from eventstore.port import EventStore, Selection
from eventstore.price_breaks import SPIKE, SpikeWatch, Split, SplitWatch, odd_prices, split_ratio
from eventstore.recorded_data import recorded_data
from eventstore.stream_keys import FACTS_SUFFIX, new_key
from kernel.errors import InputError
from kernel.events import (
    Bar,
    CorporateAction,
    CorporateActionKind,
    DataDescribed,
    DataIssue,
    DataIssueFound,
    Event,
    StreamRange,
    Trade,
)
from kernel.resampling import BarBuilder, BarSize
from kernel.time_units import DAY_NS
from kernel.timeframes import parse_timeframe

JUMP = 10.0
"""A price so many times the one before, or less than its inverse, is a jump."""

LONGEST_CLOSURE_NS = 10 * DAY_NS
"""A longer hole is a gap. No exchange of a large market was closed for longer since 1945."""

BARS_MISSED = 5
"""Bars of a week or a month leave a gap after so many lengths."""

SILENT_BARS = 20
"""So many bars in a row without volume are worth a word, in a stream that has volumes."""

OTHER_SCALE = 500.0
"""Prices so many times those of the stream are in another unit: the smallest unit of vendors is a
thousandth."""


def _named(kind: type[Event]) -> Callable[[Event], tuple[str, str]]:
    """The symbol and timeframe of events of a kind."""
    return (
        attrgetter("symbol", "timeframe") if kind is Bar else lambda event: (getattr(event, "symbol", ""), "")
    )


class IssueFinder:
    """Finds issues in the events of streams, which are added in order."""

    def __init__(self) -> None:
        self._tracks: dict[tuple[str, str, str], _Track] = {}
        self._found: dict[str, list[DataIssueFound]] = {}

    def add(self, stream: str, events: Sequence[Event]) -> None:
        """Take events of a stream; those that are neither bars nor trades are ignored."""
        for kind, same_kind in groupby(events, key=type):
            if kind is not Bar and kind is not Trade:
                continue
            for (symbol, timeframe), run in groupby(same_kind, key=_named(kind)):
                track = self._tracks.get((stream, symbol, timeframe))
                if track is None:
                    track = self._tracks[stream, symbol, timeframe] = _Track(symbol, timeframe)
                found = [issue for event in run if not track.is_usual(event) for issue in track.issues(event)]
                if found:
                    self._found.setdefault(stream, []).extend(found)

    def found(self, stream: str, *, after_ts: int) -> list[DataIssueFound]:
        """The issues of a stream after a time, in order of time."""
        for (name, _, _), track in self._tracks.items():
            if name == stream:
                self._found.setdefault(stream, []).extend(track.open_run())
        issues = [issue for issue in self._found.pop(stream, []) if issue.ts > after_ts]
        return sorted(issues, key=lambda issue: issue.ts)


class _Track:
    """The last row of one symbol's data of one kind."""

    def __init__(self, symbol: str, timeframe: str) -> None:
        self._symbol = symbol
        self._timeframe = timeframe
        self._longest_gap = _longest_gap_ns(timeframe)
        self._splits = SplitWatch(is_daily=_is_daily(timeframe))
        self._spikes = SpikeWatch()
        self._split: Split | None = None
        self._ts = 0
        self._price = 0.0
        self._has_volume = False
        self._silent: list[int] = []

    def is_usual(self, event: Event) -> bool:
        """Take a row if it is like most, without a look at its neighbours."""
        if isinstance(event, Trade):
            price, before = event.price, self._price
            if before >= SPIKE * price or price >= SPIKE * before or event.ts - self._ts > self._longest_gap:
                return False
            if self._spikes.is_waiting:
                return False
            self._price, self._ts = price, event.ts
            return True
        if not isinstance(event, Bar):
            return False
        if event.ts - self._ts > self._longest_gap:
            self._splits.begin_again()
            self._spikes.forget()
        self._split = self._splits.add(event)
        close, before = event.close, self._price
        if (
            0.0 < event.high < SPIKE * event.low
            and before < SPIKE * close
            and close < SPIKE * before
            and event.volume
            and event.ts - self._ts <= self._longest_gap
            and not self._silent
            and self._split is None
            and not self._spikes.is_waiting
        ):
            self._price, self._ts, self._has_volume = close, event.ts, True
            return True
        return False

    def issues(self, event: Event) -> Iterator[DataIssueFound]:
        """The issues that are known with this row."""
        assert isinstance(event, Bar | Trade)
        price = event.close if isinstance(event, Bar) else event.price
        before, ts = self._price, self._ts
        if ts and event.ts - ts > self._longest_gap:
            yield self._issue(event.ts, DataIssue.GAP, ts, event.ts, float(event.ts - ts), self._longest_gap)
        yield from self._breaks(event.ts, price)
        if isinstance(event, Bar):
            for odd, beside in odd_prices(event, before):
                yield self._issue(event.ts, DataIssue.PRICE_JUMP, ts or event.ts, event.ts, odd, beside)
            if event.volume:
                yield from self.open_run()
                self._has_volume = True
            else:
                self._silent.append(event.ts)
        self._price, self._ts = price, event.ts

    def _breaks(self, ts: int, price: float) -> Iterator[DataIssueFound]:
        """A jump of the price, spikes that ended, and a split, known with a row."""
        before, before_ts = self._price, self._ts
        spikes = self._spikes.add(ts, price, before_ts=before_ts, before=before)
        for number, spike in enumerate(spikes):
            if number or not _is_jump(spike.price, spike.before):  # a jump is on record already
                yield self._issue(
                    ts, DataIssue.PRICE_JUMP, spike.from_ts, spike.ts, spike.price, spike.before
                )
        if _is_jump(price, before):
            yield self._issue(ts, DataIssue.PRICE_JUMP, before_ts, ts, price, before)
        split = self._split
        if split is not None:
            yield self._issue(
                split.ts, DataIssue.LIKELY_SPLIT, split.from_ts, split.to_ts, split.price, split.before
            )

    def open_run(self) -> Iterator[DataIssueFound]:
        """The run of bars without volume so far, if it is long; it is over, or the data are."""
        silent, self._silent = self._silent, []
        if self._has_volume and len(silent) >= SILENT_BARS:
            yield self._issue(
                silent[-1], DataIssue.NO_VOLUME, silent[0], silent[-1], len(silent), SILENT_BARS
            )

    def _issue(
        self, ts: int, issue: DataIssue, from_ts: int, to_ts: int, found: float, limit: float
    ) -> DataIssueFound:
        return DataIssueFound(
            ts, self._symbol, self._timeframe, issue, from_ts, to_ts, float(found), float(limit)
        )


def described(issue: DataIssueFound) -> str:
    """A sentence for people, without its stream."""
    begin, end = iso_utc(issue.from_ts)[:19], iso_utc(issue.to_ts)[:19]
    if issue.issue is DataIssue.GAP:
        return f"{issue.symbol}: nothing between {begin} and {end} ({issue.found / DAY_NS:.0f} days)"
    if issue.issue is DataIssue.NO_VOLUME:
        return f"{issue.symbol}: {issue.found:.0f} bars without volume, {begin} to {end}"
    if issue.issue is DataIssue.LIKELY_SPLIT:
        new, old = split_ratio(issue.found, issue.limit) or (0, 0)
        return (
            f"{issue.symbol}: looks like a split {new}:{old} that the prices are not adjusted for "
            f"({issue.limit:g}, then {issue.found:g} at {end})"
        )
    return f"{issue.symbol}: price {issue.found:g} beside {issue.limit:g} at {end}"


async def read_issues(store: EventStore, stream: str) -> tuple[DataIssueFound, ...]:
    """The issues on record about a data stream, in order of time."""
    name = stream + FACTS_SUFFIX
    found: list[DataIssueFound] = []
    if await store.streams((name,), holding=DataIssueFound):
        selection = Selection(types=frozenset({DataIssueFound}))
        async with aclosing(store.read(name, selection)) as batches:
            async for batch in batches:
                found += [event for event in batch.events if isinstance(event, DataIssueFound)]
    return tuple(found)


async def issues_in_period(
    store: EventStore, sources: Sequence[StreamRange], *, start_ts: int, end_ts: int
) -> dict[str, tuple[DataIssueFound, ...]]:
    """The issues of each data stream of a run that lie in its period or reach into it.

    Streams without one are left out. A stream that has other events today is read as the run read it. A split
    whose corporate action the run plays is none.
    """
    names = [source.stream for source in sources]
    store = (await recorded_data(store, sources)).store
    found: dict[str, tuple[DataIssueFound, ...]] = {}
    for source in sources:
        issues = () if is_facts(source.stream) else await read_issues(store, source.stream)
        inside = [one for one in issues if one.from_ts < end_ts and one.to_ts > start_ts]
        inside = await without_known_splits(store, inside, streams=names)
        if inside:
            found[source.stream] = tuple(inside)
    return found


def summary(issues: Sequence[DataIssueFound]) -> str:
    """How many issues of each kind there are, and the first, in a sentence."""
    counted = (
        f"{count:,} {_words(kind, count)}" for kind, count in Counter(one.issue for one in issues).items()
    )
    return f"{', '.join(counted)}; the first: {described(issues[0])}"


def _words(kind: DataIssue, count: int) -> str:
    return {
        DataIssue.PRICE_JUMP: "price jump" if count == 1 else "price jumps",
        DataIssue.GAP: "gap" if count == 1 else "gaps",
        DataIssue.LIKELY_SPLIT: "split that prices are not adjusted for"
        if count == 1
        else "splits that prices are not adjusted for",
        DataIssue.NO_VOLUME: "stretch without volume" if count == 1 else "stretches without volume",
    }[kind]


async def without_known_splits(
    store: EventStore, issues: Sequence[DataIssueFound], *, streams: Collection[str] | None = None
) -> list[DataIssueFound]:
    """The issues without splits that a corporate action of the symbol and day in the store explains.

    ``streams`` are those to look for actions in; ``None``: all.
    """
    symbols = {issue.symbol for issue in issues if issue.issue is DataIssue.LIKELY_SPLIT}
    actions: list[CorporateAction] = []
    for info in await store.streams(streams, holding=CorporateAction) if symbols else ():
        selection = Selection(types=frozenset({CorporateAction}))
        async with aclosing(store.read(info.stream, selection)) as batches:
            async for batch in batches:
                actions += [one for one in batch.events if isinstance(one, CorporateAction)]
    return [issue for issue in issues if not _is_explained(issue, actions)]


def _is_explained(issue: DataIssueFound, actions: Sequence[CorporateAction]) -> bool:
    return issue.issue is DataIssue.LIKELY_SPLIT and any(
        one.symbol == issue.symbol
        and issue.from_ts - DAY_NS <= one.ts <= issue.to_ts
        and (one.kind is not CorporateActionKind.DIVIDEND or _is_most_of(float(one.amount), issue))
        for one in actions
    )


def _is_most_of(dividend: float, issue: DataIssueFound) -> bool:
    """Whether a dividend is more than half of a fall of the price."""
    return 2 * dividend > issue.limit - issue.found > 0


async def append_new_facts(
    store: EventStore, stream: str, measure: DataMeasure, issues: IssueFinder, *, ts: int
) -> None:
    """Write the facts about the events that will replace those of a stream. ``ts``: of the last event."""
    found = await without_known_splits(store, issues.found(stream, after_ts=0))
    facts = [*found, *measure.described(stream, ts=ts)]
    if facts:
        await store.append(new_key(stream + FACTS_SUFFIX), facts, expected_seq=0)


def check_scale(stream: str, new: Sequence[DataDescribed], recorded: Sequence[DataDescribed]) -> None:
    """Raise ``InputError`` if all new prices of a symbol are far above or below all those of its stream."""
    for fact in new:
        for old in recorded:
            if fact.symbol != old.symbol or min(fact.lowest_price, old.lowest_price) <= 0:
                continue
            too_high = fact.lowest_price >= OTHER_SCALE * old.highest_price
            if too_high or old.lowest_price >= OTHER_SCALE * fact.highest_price:
                raise _of_another_scale(stream, fact, old)


def _of_another_scale(stream: str, new: DataDescribed, old: DataDescribed) -> InputError:
    ratio = new.lowest_price * new.highest_price / old.lowest_price / old.highest_price
    return InputError(
        f"stream {stream!r} has prices of {new.symbol} from {old.lowest_price:g} to {old.highest_price:g}, "
        f"the files from {new.lowest_price:g} to {new.highest_price:g}; nothing was imported. If they count "
        f"in another unit: --price-scale 1e{-round(log10(ratio) / 2):d}; to keep them apart: --stream NAME"
    )


def _is_jump(price: float, before: float) -> bool:
    """Whether a price is ``JUMP`` times the one before, or less than its inverse."""
    return min(price, before) > 0 and not before / JUMP < price < before * JUMP


def _longest_gap_ns(timeframe: str) -> int:
    if not timeframe or BarBuilder(timeframe).size is not BarSize.TIME:
        return LONGEST_CLOSURE_NS
    return max(LONGEST_CLOSURE_NS, BARS_MISSED * parse_timeframe(timeframe).shortest_ns)


def _is_daily(timeframe: str) -> bool:
    """Whether each bar covers a day or more."""
    if not timeframe or BarBuilder(timeframe).size is not BarSize.TIME:
        return False
    return parse_timeframe(timeframe).shortest_ns >= DAY_NS
