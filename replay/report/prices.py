"""The prices behind a run's trades, read from its data streams and thinned for drawing."""

from collections import Counter
from collections.abc import Mapping

import msgspec
import numpy as np

from eventstore import EventStore, Selection
from kernel.errors import StreamMissing
from kernel.events import Bar, Event, Quote, Trade
from replay.equity import Floats, Integers
from replay.report.sampling import ExtremesSample
from replay.results import RunResult

POINTS_PER_SYMBOL = 5_000
"""More than a screen has columns, and a page of one symbol stays small."""
SYMBOL_LIMIT = 40
"""Symbols on the page: the most traded ones. Beyond that nobody looks and the file grows."""

_PRICED: frozenset[type[Event]] = frozenset({Bar, Quote, Trade})


class PriceSeries(msgspec.Struct, frozen=True, eq=False):
    """Prices of one symbol in order of ``ts`` (ns UTC): bar closes, market prints, mid quotes.

    ``is_thinned``: of each stretch only the lowest and the highest price are here.
    """

    symbol: str
    ts: Integers
    price: Floats
    is_thinned: bool


PriceHistory = Mapping[str, PriceSeries]
"""By symbol, the most traded first."""


async def read_prices(
    store: EventStore, result: RunResult, *, points_per_symbol: int = POINTS_PER_SYMBOL
) -> PriceHistory:
    """Read the traded symbols, or all of them if there was no trade, up to ``SYMBOL_LIMIT``.

    A data stream that is no longer in the store is left out. Raises ``StoreDamaged``.
    """
    symbols = charted_symbols(result)
    samples = {symbol: ExtremesSample(points_per_symbol) for symbol in symbols}
    for source in result.sources:
        selection = Selection(
            from_seq=source.first_seq, to_seq=source.last_seq, symbols=frozenset(symbols), types=_PRICED
        )
        try:
            async for batch in store.read(source.stream, selection):
                for event in batch.events:
                    _take(samples, event)
        except StreamMissing:
            continue
    return {symbol: _series(symbol, sample) for symbol, sample in samples.items() if sample.points()}


def charted_symbols(result: RunResult) -> tuple[str, ...]:
    """The symbols worth a chart, the most traded first."""
    traded = Counter(trade.symbol for trade in result.trades)
    traded.update(lot.symbol for lot in result.open_lots)
    ranked = sorted(traded, key=lambda symbol: (-traded[symbol], symbol))
    return tuple(ranked or sorted(result.symbols))[:SYMBOL_LIMIT]


def _take(samples: Mapping[str, ExtremesSample], event: Event) -> None:
    match event:
        case Bar():
            samples[event.symbol].take(event.ts, event.close)
        case Quote():
            samples[event.symbol].take(event.ts, (event.bid + event.ask) / 2)
        case Trade():
            samples[event.symbol].take(event.ts, event.price)
        case _:
            pass


def _series(symbol: str, sample: ExtremesSample) -> PriceSeries:
    ts, price = zip(*sorted(sample.points(), key=_ts_of), strict=True)
    return PriceSeries(
        symbol, np.array(ts, dtype=np.int64), np.array(price, dtype=np.float64), sample.is_thinned
    )


def _ts_of(point: tuple[int, float]) -> int:
    return point[0]
