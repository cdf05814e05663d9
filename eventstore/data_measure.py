"""Facts about the market data of a stream: the decimals, the range and the step of its prices and sizes.

Theory of operation. An instrument that nobody declared takes its tick from the decimals of its prices, so
they are measured when data are imported, and kept in the stream ``<stream>.facts``. A float has the decimals
of its shortest text, but at most twelve significant digits count: the others come from arithmetic in floats
(131.4499969482422 was 131.45), not from a market.

What a ``DataMeasure`` remembers: for each stream, symbol, data type and timeframe the facts so far, and the
values that were not measured yet. They are measured together, because numpy needs many at a time.

What changes it: ``include`` takes the facts on record, ``add`` takes events.

What never happens: facts become narrower. Decimals and ranges grow, a step becomes a divisor of itself.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from decimal import Decimal
from itertools import chain, groupby
from math import gcd, inf
from operator import attrgetter

import msgspec
import numpy as np
from numpy.typing import NDArray

from eventstore.data_facts import read_facts
from eventstore.port import EventStore, Selection
from kernel.decimals import exact
from kernel.events import (
    Bar,
    BookDelta,
    BookSnapshot,
    DataDescribed,
    DataType,
    Event,
    Quote,
    Trade,
)

SIGNIFICANT_DIGITS = 12
"""More digits of a price or size are noise of float arithmetic; no market quotes as many."""

MOST_DECIMALS = 18
"""As many as the smallest unit of any coin."""

SAMPLE_EVENTS = 2_000
"""Events that are measured at each end of a stream without facts, so that a run over many does not wait."""

_PENDING_VALUES = 1 << 17  # floats in memory before they are measured
_LARGEST_INT = 1 << 53  # above it, not every whole number is a float

_DATA_TYPES: dict[type[Event], DataType] = {
    Bar: DataType.BARS,
    Quote: DataType.QUOTES,
    Trade: DataType.TRADES,
    BookSnapshot: DataType.BOOKS,
    BookDelta: DataType.BOOKS,
}
_symbol_of: Callable[[Event], str] = attrgetter("symbol")
_bar_of: Callable[[Event], tuple[str, str]] = attrgetter("symbol", "timeframe")
_bar_prices = attrgetter("open", "high", "low", "close")
_volume_of = attrgetter("volume")
_quote_prices = attrgetter("bid", "ask")
_quote_sizes = attrgetter("bid_size", "ask_size")
_price_of = attrgetter("price")
_size_of = attrgetter("size")
_book_sides = attrgetter("bids", "asks")

Floats = NDArray[np.float64]


class DataMeasure:
    """Measures the market data of streams."""

    def __init__(self) -> None:
        self._facts: dict[_Key, _Facts] = {}
        self._pending = 0

    def include(self, stream: str, described: Iterable[DataDescribed]) -> None:
        """Take facts that are on record, so that those of later events are added to them."""
        for one in described:
            self._of(_Key(stream, one.symbol, one.data_type, one.timeframe)).include(one)

    def add(self, stream: str, events: Sequence[Event]) -> None:
        """Take events of a stream; those that are not market data are ignored."""
        for kind, run in groupby(events, key=type):
            data_type = _DATA_TYPES.get(kind)
            if data_type is None:
                continue
            for (symbol, timeframe), same in groupby(run, key=_bar_of if kind is Bar else _tick_of):
                self._pending += self._of(_Key(stream, symbol, data_type, timeframe)).add(kind, list(same))
        if self._pending > _PENDING_VALUES:
            for facts in self._facts.values():
                facts.measure()
            self._pending = 0

    @exact
    def described(self, stream: str, *, ts: int) -> tuple[DataDescribed, ...]:
        """The facts of a stream up to ``ts``, in order of symbol, data type and timeframe."""
        return tuple(
            self._facts[key].described(key, ts) for key in sorted(self._facts) if key.stream == stream
        )

    def _of(self, key: "_Key") -> "_Facts":
        facts = self._facts.get(key)
        if facts is None:
            facts = self._facts[key] = _Facts()
        return facts


def _tick_of(event: Event) -> tuple[str, str]:
    return _symbol_of(event), ""


class _Key(msgspec.Struct, frozen=True, order=True):
    stream: str
    symbol: str
    data_type: DataType
    timeframe: str


class _Facts:
    """The facts about one symbol's data of one type."""

    def __init__(self) -> None:
        self._prices = _Numbers()
        self._sizes = _Numbers()
        self._has_open_times = True

    def include(self, one: DataDescribed) -> None:
        """Take facts that are on record."""
        scale = 10**one.price_decimals
        self._prices.include(
            one.price_decimals,
            int(one.price_step * scale),
            lowest=one.lowest_price,
            highest=one.highest_price,
        )
        self._sizes.include(one.size_decimals, 0, lowest=0.0, highest=1.0 if one.has_sizes else 0.0)
        self._has_open_times = self._has_open_times and one.has_open_times

    def add(self, kind: type[Event], events: Sequence[Event]) -> int:
        """Take events of one type; returns the number of their values."""
        prices, sizes = _values(kind, events)
        self._prices.pending += prices
        self._sizes.pending += sizes
        if kind is Bar and self._has_open_times:
            self._has_open_times = all(event.open_ts for event in events if isinstance(event, Bar))
        return len(prices) + len(sizes)

    def measure(self) -> None:
        """Measure the values that wait."""
        self._prices.measure()
        self._sizes.measure()

    def described(self, key: _Key, ts: int) -> DataDescribed:
        """The event that puts these facts on record."""
        self.measure()
        prices, sizes = self._prices, self._sizes
        return DataDescribed(
            ts,
            key.symbol,
            key.data_type,
            key.timeframe,
            prices.decimals,
            sizes.decimals,
            Decimal(prices.step).scaleb(-prices.decimals),
            prices.lowest if prices.lowest <= prices.highest else 0.0,
            prices.highest if prices.lowest <= prices.highest else 0.0,
            sizes.highest > 0,
            self._has_open_times,
        )


class _Numbers:
    """The most decimals, the range and the step of numbers. ``step`` is in units of the last decimal."""

    def __init__(self) -> None:
        self.decimals = 0
        self.step = 0
        self.lowest = inf
        self.highest = -inf
        self.pending: list[float] = []

    def include(self, decimals: int, step: int, *, lowest: float, highest: float) -> None:
        """Take facts that are on record."""
        self._widen(decimals)
        self.step = gcd(self.step, step * 10 ** (self.decimals - decimals))
        self.lowest, self.highest = min(self.lowest, lowest), max(self.highest, highest)

    def measure(self) -> None:
        """Measure the values that wait; infinite ones are ignored."""
        values = np.array(self.pending)
        self.pending = []
        values = values[np.isfinite(values)]
        if not len(values):
            return
        self.lowest = min(self.lowest, float(values.min()))
        self.highest = max(self.highest, float(values.max()))
        self._widen(_decimals(values, at_least=self.decimals))
        if self.step == 1:
            return
        scaled = np.abs(np.rint(values * 10.0**self.decimals))
        is_exact = float(scaled.max()) < _LARGEST_INT
        self.step = gcd(self.step, int(np.gcd.reduce(scaled.astype(np.int64)))) if is_exact else 1

    def _widen(self, decimals: int) -> None:
        """Count in units of a finer decimal."""
        if decimals > self.decimals:
            self.step *= 10 ** (decimals - self.decimals)
            self.decimals = decimals


def _decimals(values: Floats, *, at_least: int) -> int:
    """The most decimals of any value, of which ``SIGNIFICANT_DIGITS`` count.

    A value with d decimals is a whole number divided by 10**d. Both are floats without error up to 2**53, and
    the division rounds correctly, so the comparison is exact.
    """
    decimals, left = at_least, np.abs(values)
    while decimals < MOST_DECIMALS:
        scale = 10.0**decimals
        scaled = left * scale
        left = left[(np.rint(scaled) / scale != left) & (scaled < 10.0 ** (SIGNIFICANT_DIGITS - 1))]
        if not len(left):
            break
        decimals += 1
    return decimals


def _values(kind: type[Event], events: Sequence[Event]) -> tuple[list[float], list[float]]:
    """The prices and the sizes of events of one type. A price of 0 in a quote or book is a missing side."""
    if kind is Bar:
        return list(chain.from_iterable(map(_bar_prices, events))), list(map(_volume_of, events))
    if kind is Trade:
        return list(map(_price_of, events)), list(map(_size_of, events))
    if kind is Quote:
        prices = filter(None, chain.from_iterable(map(_quote_prices, events)))
        return list(prices), list(chain.from_iterable(map(_quote_sizes, events)))
    levels = [level for event in events for side in _book_sides(event) for level in side]
    return [level.price for level in levels if level.price], [level.size for level in levels]


async def measured_facts(store: EventStore, stream: str) -> tuple[DataDescribed, ...]:
    """Facts about a data stream without a record, from all of its events."""
    return await _measured(store, stream, [Selection()])


async def sampled_facts(
    store: EventStore, stream: str, *, sample: int = SAMPLE_EVENTS
) -> tuple[DataDescribed, ...]:
    """Facts about a data stream without a record, from its first and last ``sample`` events.

    A symbol that is not among them is measured as a whole. So is a short stream.
    """
    head = await store.head(stream)
    if head.seq <= 2 * sample:
        return await measured_facts(store, stream)
    parts = [Selection(to_seq=sample), Selection(from_seq=head.seq - sample + 1)]
    facts = await _measured(store, stream, parts)
    (info,) = await store.streams((stream,))
    missing = frozenset(info.symbols).difference(fact.symbol for fact in facts)
    if missing:
        facts += await _measured(store, stream, [Selection(symbols=missing)])
    return facts


async def _measured(store: EventStore, stream: str, parts: Iterable[Selection]) -> tuple[DataDescribed, ...]:
    measure, ts = DataMeasure(), 0
    for part in parts:
        async with aclosing(store.read(stream, part)) as batches:
            async for batch in batches:
                measure.add(stream, batch.events)
                ts = batch.events[-1].ts
    return measure.described(stream, ts=ts)


async def facts_about(store: EventStore, stream: str) -> tuple[DataDescribed, ...]:
    """The facts on record about a data stream, or those of a sample of it if there is no record."""
    return await read_facts(store, stream) or await sampled_facts(store, stream)


async def facts_by_stream(store: EventStore, streams: Iterable[str]) -> dict[str, tuple[DataDescribed, ...]]:
    """The facts about each of the data streams, as ``facts_about`` finds them."""
    return {stream: await facts_about(store, stream) for stream in streams}
