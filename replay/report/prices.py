"""The prices of a run's traded symbols, read from its data streams and reduced for drawing."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from eventstore import EventStore, Selection
from eventstore.recorded_data import recorded_data
from kernel.decimals import exact
from kernel.errors import StreamMissing
from kernel.events import Bar, Event, Quote, Trade
from replay.equity import Floats, Integers
from replay.report.sampling import ExtremesSample
from replay.results import RunResult

POINTS_PER_SYMBOL = 5_000
"""Points of a chart: more than a screen has columns, and few enough to keep the page small."""
SYMBOL_LIMIT = 40
"""Most symbols on the page, the most traded ones. More would only make the file larger."""

_PRICED: frozenset[type[Event]] = frozenset({Bar, Quote, Trade})


class PriceSeries(msgspec.Struct, frozen=True, eq=False):
    """Prices of one symbol in order of ``ts`` (ns UTC): bar closes, market prints, mid quotes.

    ``is_thinned``: the series has only the lowest and the highest price of each stretch.
    """

    symbol: str
    ts: Integers
    price: Floats
    is_thinned: bool


PriceHistory = Mapping[str, PriceSeries]
"""Price series by symbol, the most traded first."""


@exact
async def read_prices(
    store: EventStore, result: RunResult, *, points_per_symbol: int = POINTS_PER_SYMBOL
) -> PriceHistory:
    """Read the prices of the traded symbols, or of all if there was no trade, up to ``SYMBOL_LIMIT``.

    A data stream that is no longer in the store is left out. Raises ``StoreDamaged``.
    """
    symbols = charted_symbols(result)
    samples = {symbol: ExtremesSample(points_per_symbol) for symbol in symbols}
    data = await recorded_data(store, result.sources)
    for source in result.sources:
        selection = Selection(
            from_seq=source.first_seq, to_seq=source.last_seq, symbols=frozenset(symbols), types=_PRICED
        )
        try:
            async for batch in data.store.read(source.stream, selection):
                _take(samples, batch.events)
        except StreamMissing:
            continue
    series = (_series(symbol, sample) for symbol, sample in samples.items())
    return {one.symbol: one for one in series if len(one.ts)}


def charted_symbols(result: RunResult) -> tuple[str, ...]:
    """The symbols that get a chart, the most traded first."""
    traded = Counter(trade.symbol for trade in result.trades)
    traded.update(lot.symbol for lot in result.open_lots)
    ranked = sorted(traded, key=lambda symbol: (-traded[symbol], symbol))
    return tuple(ranked or sorted(result.symbols))[:SYMBOL_LIMIT]


def _take(samples: Mapping[str, ExtremesSample], events: Sequence[Event]) -> None:
    """Add a batch to the samples of its symbols: 0.3 us an event, so ten million quotes take seconds."""
    found: dict[str, tuple[list[int], list[float]]] = {}
    for event in events:
        match event:
            case Quote():
                price = (event.bid + event.ask) / 2
            case Bar():
                price = event.close
            case Trade():
                price = event.price
            case _:
                continue
        if event.symbol not in found:
            found[event.symbol] = ([], [])
        stamps, prices = found[event.symbol]
        stamps.append(event.ts)
        prices.append(price)
    for symbol, (stamps, prices) in found.items():
        samples[symbol].take(np.array(stamps, dtype=np.int64), np.array(prices, dtype=np.float64))


def _series(symbol: str, sample: ExtremesSample) -> PriceSeries:
    """The series of a symbol. Points of several streams are sorted by time."""
    ts, price = sample.points()
    order = np.argsort(ts, kind="stable")
    return PriceSeries(symbol, ts[order], price[order], sample.is_thinned)
