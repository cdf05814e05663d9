"""The prices of a run's traded symbols, read from its data streams and reduced for drawing."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from eventstore import EventStore, Selection
from eventstore.recorded_data import recorded_data
from kernel.bus import is_two_sided
from kernel.decimals import exact
from kernel.errors import StreamMissing
from kernel.events import Bar, Event, Quote, StreamRange, Trade
from replay.equity import Floats, Integers
from replay.performance.fill_flow import FillFlow, VolumeSample, places_by_symbol, with_volume
from replay.performance.mark_prices import MarkedPrices, MarkSample
from replay.performance.sampling import Candles, CandleSample, ExtremesSample
from replay.results import RunResult

POINTS_PER_SYMBOL = 5_000
"""Points of a chart: more than a screen has columns, and few enough to keep the page small."""
CANDLES_PER_SYMBOL = 1_000
"""Most candles of a chart: narrower ones could not be told apart."""
POINTS_IN_ALL = 60_000
CANDLES_IN_ALL = 16_000
"""Of all charts together: with 40 symbols the page has three megabytes of them, not ten."""
FLUSH_AT = 4_096
"""Prices of one symbol that are taken at once: few enough to wait for 500 symbols in memory."""
SYMBOL_LIMIT = 40
"""Most symbols on the page, the most traded ones. More would only make the file larger."""

NO_PLACES: Integers = np.empty(0, dtype=np.int64)

_PRICED: frozenset[type[Event]] = frozenset({Bar, Quote, Trade})


class PriceSeries(msgspec.Struct, frozen=True, eq=False):
    """Prices of one symbol in order of ``ts`` (ns UTC): bar closes, market prints, mid quotes.

    A quote with one side is no price, as for the account.

    ``is_thinned``: the series has only the lowest and the highest price of each stretch.
    ``candles``: of the first timeframe in the data; ``None`` without bars.
    """

    symbol: str
    ts: Integers
    price: Floats
    is_thinned: bool
    candles: Candles | None = None


PriceHistory = Mapping[str, PriceSeries]
"""Price series by symbol, the most traded first."""


class Market(msgspec.Struct, frozen=True, eq=False):
    """The prices of a run: series for charts, and the last price of every symbol at every mark.

    ``flow``: the fills with their shares of the bars' volume.
    """

    charted: PriceHistory
    marked: Mapping[str, MarkedPrices]
    flow: FillFlow


@exact
async def read_prices(
    store: EventStore, result: RunResult, *, points_per_symbol: int = POINTS_PER_SYMBOL
) -> PriceHistory:
    """The series of ``read_market``."""
    return (await read_market(store, result, points_per_symbol=points_per_symbol)).charted


@exact
async def read_market(
    store: EventStore, result: RunResult, *, points_per_symbol: int = POINTS_PER_SYMBOL
) -> Market:
    """Read all prices of a run in one pass.

    Series are of the traded symbols, or of all if there was no trade, up to ``SYMBOL_LIMIT``. A data stream
    that is no longer in the store is left out. Raises ``StoreDamaged``.
    """
    charted, filled = charted_symbols(result), places_by_symbol(result.flow)
    points = _shared(points_per_symbol, POINTS_IN_ALL, among=len(charted))
    samples = {
        symbol: _Samples(
            symbol,
            result,
            points=points if symbol in charted else 0,
            candles=_shared(CANDLES_PER_SYMBOL, CANDLES_IN_ALL, among=len(charted)),
            fills=filled.get(symbol, NO_PLACES),
        )
        for symbol in dict.fromkeys((*charted, *result.symbols, *_successors(result)))
    }
    await _read(store, result.sources, samples)
    return _market(samples, charted, result)


@exact
async def read_marked(
    store: EventStore, result: RunResult, stream: str, symbols: Sequence[str]
) -> Mapping[str, MarkedPrices]:
    """The prices of symbols of any data stream at the marks of a run."""
    samples = {symbol: _Samples(symbol, result) for symbol in symbols}
    head = await store.head(stream)
    await _read(store, (StreamRange(stream, 1, head.seq, head.block_hash.hex()),), samples)
    return _marked(samples)


async def _read(store: EventStore, sources: Sequence[StreamRange], samples: "Mapping[str, _Samples]") -> None:
    data = await recorded_data(store, sources)
    for source in sources:
        selection = Selection(
            from_seq=source.first_seq, to_seq=source.last_seq, symbols=frozenset(samples), types=_PRICED
        )
        try:
            async for batch in data.store.read(source.stream, selection):
                _take(samples, batch.events)
        except StreamMissing:
            pass
        for sample in samples.values():
            sample.flush()


def _market(samples: "Mapping[str, _Samples]", charted: Sequence[str], result: RunResult) -> Market:
    series = [samples[symbol].series() for symbol in charted]
    return Market(
        {one.symbol: one for one in series if len(one.ts)},
        _marked(samples),
        with_volume(result.flow, [sample.volumes for sample in samples.values()]),
    )


def _marked(samples: "Mapping[str, _Samples]") -> Mapping[str, MarkedPrices]:
    marked = {symbol: sample.marks.marked() for symbol, sample in samples.items()}
    return {symbol: one for symbol, one in marked.items() if one is not None}


def _shared(most: int, in_all: int, *, among: int) -> int:
    """How many of ``in_all`` each gets, at most ``most``: a multiple of 4."""
    return min(most, in_all // max(1, among) // 4 * 4)


def _successors(result: RunResult) -> Sequence[str]:
    return [action.new_symbol for action in result.facts.actions if action.new_symbol]


def charted_symbols(result: RunResult) -> tuple[str, ...]:
    """The symbols that get a chart, the most traded first."""
    traded = Counter(trade.symbol for trade in result.trades)
    traded.update(lot.symbol for lot in result.open_lots)
    ranked = sorted(traded, key=lambda symbol: (-traded[symbol], symbol))
    return tuple(ranked or sorted(result.symbols))[:SYMBOL_LIMIT]


class _Samples:
    """The samples of one symbol. Prices wait in lists and are taken many at once."""

    def __init__(
        self,
        symbol: str,
        result: RunResult,
        *,
        points: int = 0,
        candles: int = CANDLES_PER_SYMBOL,
        fills: Integers = NO_PLACES,
    ) -> None:
        self.symbol = symbol
        self.marks = MarkSample(symbol, result.equity.ts[1:], start_ts=result.start_ts)
        self.volumes = VolumeSample(result.flow, fills)
        self.ts: list[int] = []
        self.prices: list[float] = []
        self.bars: list[Bar] = []
        self._points = ExtremesSample(points) if points else None
        self._candles = CandleSample(candles)
        self._timeframe = ""

    def flush(self) -> None:
        """Take the prices that wait."""
        ts, prices = np.array(self.ts, dtype=np.int64), np.array(self.prices, dtype=np.float64)
        self.ts, self.prices = [], []
        self.marks.take(ts, prices)
        if self.bars and not self._timeframe:
            self._timeframe = self.bars[0].timeframe
        bars, self.bars = [bar for bar in self.bars if bar.timeframe == self._timeframe], []
        self.volumes.take(bars)
        if self._points is not None:
            self._points.take(ts, prices)
            self._candles.take(bars)

    def series(self) -> PriceSeries:
        """The series of a charted symbol. Points of several streams are sorted by time."""
        assert self._points is not None
        ts, price = self._points.points()
        order = np.argsort(ts, kind="stable")
        candles = self._candles.candles()
        return PriceSeries(self.symbol, ts[order], price[order], self._points.is_thinned, candles)


def _take(samples: Mapping[str, _Samples], events: Sequence[Event]) -> None:
    """Add a batch to the samples of its symbols."""
    for event in events:
        match event:
            case Quote() if is_two_sided(event):
                price = (event.bid + event.ask) / 2
            case Bar():
                price = event.close
                samples[event.symbol].bars.append(event)
            case Trade():
                price = event.price
            case _:
                continue
        sample = samples[event.symbol]
        sample.ts.append(event.ts)
        sample.prices.append(price)
        if len(sample.ts) >= FLUSH_AT:
            sample.flush()
