"""The trade journal: every closed round trip with its maximum adverse and favourable excursion.

Excursions use the market prices between entry and exit and the prices of both fills, before commission (for
bars see ``excursions``). Prices from before a split or a symbol change are converted to the terms of the
exit. Prices are read from the run's data streams in one pass over the traded symbols.
"""

import csv
from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import isfinite
from pathlib import Path

import msgspec

from eventstore import EventStore, Selection
from eventstore.recorded_data import recorded_data
from eventstore.vocabulary import symbol_of
from kernel.decimals import exact
from kernel.errors import InputError, StreamMissing
from kernel.events import Bar, Event, OrderSubmitted, Quote, Side, Trade
from kernel.identifiers import ClientOrderId
from kernel.time_units import SECOND_NS
from replay import figures
from replay.performance.excursions import PriceRanges, Span
from replay.performance.trades import RoundTrip
from replay.results import RunResult
from replay.written_files import check_folder

_PRICED: frozenset[type[Event]] = frozenset({Bar, Quote, Trade})

Piece = tuple[str, Span, float]
"""A symbol, a part of the time that a trade was open, and the divisor of its prices in that part."""


class JournalEntry(msgspec.Struct, frozen=True, gc=False):
    """A round trip and its excursions.

    - ``worst_price``, ``best_price``: the most adverse and most favourable price while it was open.
    - ``mae``: maximum adverse excursion in money, in the trade's currency; 0 or below.
    - ``mfe``: maximum favourable excursion in money, in the trade's currency; 0 or above.
    - ``entry_tag``, ``exit_tag``: the tags of the orders that opened and closed it.
    """

    trade: RoundTrip
    worst_price: Decimal
    best_price: Decimal
    mae: Decimal
    mfe: Decimal
    entry_tag: str = ""
    exit_tag: str = ""


COLUMNS = (
    *("strategy", "symbol", "side", "quantity", "entry", "exit", "duration_s", "entry_price", "exit_price"),
    *("pnl", "commission", "net_pnl", "net_return", "worst_price", "best_price", "mae", "mfe"),
    *("entry_order", "exit_order", "entry_tag", "exit_tag", "currency", "rate"),
)
"""Columns of the CSV file and keys of the JSON object. New names may be added; existing ones never change."""


@exact
async def read_journal(store: EventStore, result: RunResult) -> tuple[JournalEntry, ...]:
    """The journal of a finished run, in order of exits.

    A data stream that is no longer in the store is left out. Raises ``StoreDamaged``.
    """
    if not result.trades:
        return ()
    tags = await _tags(store, result.run_stream)
    return await _entries(store, result, result.trades, tags)


@exact
async def read_excursions(
    store: EventStore, result: RunResult, trades: Sequence[RoundTrip]
) -> tuple[JournalEntry, ...]:
    """The entries of some trades of a run, without tags. Raises ``StoreDamaged``."""
    return await _entries(store, result, trades, {}) if trades else ()


async def _entries(
    store: EventStore, result: RunResult, trades: Sequence[RoundTrip], tags: dict[ClientOrderId, str]
) -> tuple[JournalEntry, ...]:
    pieces = [list(_pieces(trade)) for trade in trades]
    spans: dict[str, list[Span]] = {}
    for symbol, span, _ in (piece for of_trade in pieces for piece in of_trade):
        spans.setdefault(symbol, []).append(span)
    ranges = {symbol: PriceRanges(asked) for symbol, asked in spans.items()}
    await _read_prices(store, result, ranges)
    return tuple(
        _entry(trade, of_trade, ranges, tags) for trade, of_trade in zip(trades, pieces, strict=True)
    )


@exact
def write_csv(journal: Sequence[JournalEntry], path: Path) -> None:
    """Write the journal as a CSV file with a header line.

    Raises ``InputError`` if its folder is missing or it cannot be written.
    """
    check_folder(path, what="journal")
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(as_row(entry) for entry in journal)
    except OSError as error:
        raise InputError(f"journal {path}: cannot be written: {error.strerror}") from error


@exact
def as_row(entry: JournalEntry) -> dict[str, str | float | None]:
    """One entry by ``COLUMNS``: money and prices exact, as text; times ISO 8601 UTC; side long or short.

    Amounts are in ``currency``. Multiplied by ``rate`` they are in the account's currency.
    """
    trade = entry.trade
    values = (
        trade.strategy,
        trade.symbol,
        "long" if trade.side is Side.BUY else "short",
        f"{trade.quantity:f}",
        figures.iso(trade.entry_ts),
        figures.iso(trade.exit_ts),
        trade.duration_ns / SECOND_NS,
        *(f"{amount:f}" for amount in (trade.entry_price, trade.exit_price)),
        *(f"{amount:f}" for amount in (trade.pnl, trade.commission, trade.net_pnl)),
        trade.net_return,
        *(f"{amount:f}" for amount in (entry.worst_price, entry.best_price, entry.mae, entry.mfe)),
        trade.entry_order,
        trade.exit_order,
        entry.entry_tag,
        entry.exit_tag,
        trade.currency,
        f"{trade.rate:f}",
    )
    return dict(zip(COLUMNS, values, strict=True))


def _pieces(trade: RoundTrip) -> Iterator[Piece]:
    """The pieces of a trade, from its exit back to its entry. Each corporate action ends a piece."""
    symbol, end, divisor = trade.symbol, trade.exit_ts, 1.0
    for restated in reversed(trade.restated):
        yield symbol, (restated.ts, end), divisor
        symbol, end, divisor = restated.old_symbol, restated.ts, divisor * float(restated.ratio)
    yield symbol, (trade.entry_ts, end), divisor


async def _read_prices(store: EventStore, result: RunResult, ranges: dict[str, PriceRanges]) -> None:
    data = await recorded_data(store, result.sources)
    for source in result.sources:
        selection = Selection(
            from_seq=source.first_seq, to_seq=source.last_seq, symbols=frozenset(ranges), types=_PRICED
        )
        try:
            async for batch in data.store.read(source.stream, selection):
                by_symbol: dict[str, list[Event]] = {}
                for event in batch.events:
                    by_symbol.setdefault(symbol_of(event), []).append(event)
                for symbol, events in by_symbol.items():
                    ranges[symbol].take(events)
        except StreamMissing:
            continue


async def _tags(store: EventStore, run_stream: str) -> dict[ClientOrderId, str]:
    """The tag of every order that has one."""
    tags: dict[ClientOrderId, str] = {}
    async for batch in store.read(run_stream, Selection(types=frozenset({OrderSubmitted}))):
        for event in batch.events:
            if isinstance(event, OrderSubmitted) and event.order.tag:
                tags[event.order.client_order_id] = event.order.tag
    return tags


def _entry(
    trade: RoundTrip,
    pieces: Sequence[Piece],
    ranges: dict[str, PriceRanges],
    tags: dict[ClientOrderId, str],
) -> JournalEntry:
    is_long = trade.side is Side.BUY
    prices = [trade.entry_price, trade.exit_price]
    for symbol, span, divisor in pieces:
        extremes = ranges[symbol].between(span, is_long=is_long)
        prices += [Decimal(repr(price / divisor)) for price in extremes if isfinite(price)]
    worst, best = (min(prices), max(prices)) if is_long else (max(prices), min(prices))
    return JournalEntry(
        trade,
        worst,
        best,
        trade.gain_at(worst),
        trade.gain_at(best),
        tags.get(trade.entry_order, ""),
        tags.get(trade.exit_order, ""),
    )
