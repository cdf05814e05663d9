"""The terms of a run's instruments: declared, or assumed from the facts about their data.

Declared ticks are compared with the data's prices. A tick that a price is not on would move fills and limits
without a word, so it is refused with the price.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from decimal import Decimal
from itertools import pairwise
from math import isfinite

from components.assembly.assumed_terms import AssumedTerms, assumed_terms
from components.assembly.instruments import InstrumentConfig
from components.assembly.setup import instruments_of
from eventstore import EventStore, Selection, StreamInfo
from eventstore.moments import iso_utc
from kernel.decimals import exact
from kernel.errors import ConfigError
from kernel.events import AssetClass, Bar, DataDescribed, DataType, Event, Quote, StreamRange, Trade
from replay.config import ReplayConfig

Facts = Mapping[str, Sequence[DataDescribed]]
"""The facts about data, by stream."""

_PRICED: frozenset[type[Event]] = frozenset({Bar, Quote, Trade})
_MARKET_DIGITS = 9
"""Prices with more digits come from arithmetic, not from a market."""

_SMALLEST_MOVE = Decimal("0.00001")
"""A fraction of a price from arithmetic; a tick that moves it by less is fine enough. Such prices were stored
in four bytes (131.4499969482422 for 131.45) or multiplied by a factor."""


@exact
async def terms_shown(
    store: EventStore,
    config: ReplayConfig,
    sources: Sequence[StreamRange],
    symbols: Iterable[str],
    *,
    facts: Facts,
) -> tuple[AssumedTerms, ...]:
    """The terms that the data of a run show for its symbols.

    Raises ``ConfigError`` for a declared tick that a price of the run contradicts.
    """
    named = {terms.symbol: terms for terms in config.instruments}
    shown: dict[str, list[DataDescribed]] = {symbol: [] for symbol in symbols}
    for source in sources:
        for fact in facts[source.stream]:
            if fact.symbol in named:
                await _check_tick(store, named[fact.symbol], fact, source)
            shown.setdefault(fact.symbol, []).append(fact)
    return tuple(assumed_terms(symbol, shown[symbol]) for symbol in symbols)


def check_streams(facts: Facts, played: Sequence[tuple[StreamInfo, StreamRange]]) -> None:
    """Raise ``ConfigError`` for two streams with bars of one symbol and timeframe in the same period.

    A strategy would get each bar twice, and its orders would fill on both.
    """
    bars: dict[tuple[str, str], list[StreamInfo]] = {}
    for info, _ in played:
        for fact in facts.get(info.stream, ()):
            if fact.data_type is DataType.BARS:
                bars.setdefault((fact.symbol, fact.timeframe), []).append(info)
    for (symbol, timeframe), infos in bars.items():
        for earlier, later in pairwise(sorted(infos, key=lambda info: (info.first_ts, info.last_ts))):
            if later.first_ts <= earlier.last_ts:
                raise ConfigError(
                    f"streams: {earlier.stream!r} and {later.stream!r} both have {timeframe} bars of "
                    f"{symbol}, at the same times; play one of them"
                )


def known_instruments(
    config: ReplayConfig, symbols: Iterable[str], shown: Iterable[AssumedTerms]
) -> tuple[InstrumentConfig, ...]:
    """The declared instruments, and those whose symbol shows another class than a share."""
    named = {terms.symbol for terms in config.instruments}
    return tuple(
        terms
        for terms in instruments_of(config, symbols, shown)
        if terms.symbol in named or terms.asset_class is not AssetClass.EQUITY
    )


async def _check_tick(
    store: EventStore, terms: InstrumentConfig, fact: DataDescribed, source: StreamRange
) -> None:
    tick = terms.tick_size
    if tick is None or not fact.price_step or not fact.price_step % tick:
        return
    found = await _price_off(store, source, terms.symbol, tick)
    if found is None:
        return
    ts, price = found
    raise ConfigError(
        f"instruments: {terms.symbol}: tick_size {tick:f} does not fit the data: {source.stream} has the "
        f"price {Decimal(repr(price)):f} at {iso_utc(ts)}. Leave tick_size out, so that the data's decimals "
        "give the tick (as for split-adjusted prices), or import prices that are on the tick"
    )


async def _price_off(
    store: EventStore, source: StreamRange, symbol: str, tick: Decimal
) -> tuple[int, float] | None:
    """Time and price of the first event with a price that is not on the tick."""
    selection = Selection(
        from_seq=source.first_seq, to_seq=source.last_seq, types=_PRICED, symbols=frozenset({symbol})
    )
    async with aclosing(store.read(source.stream, selection)) as batches:
        async for batch in batches:
            for event in batch.events:
                for price in _prices(event):
                    if not _is_on(price, tick):
                        return event.ts, price
    return None


def _prices(event: Event) -> tuple[float, ...]:
    match event:
        case Bar():
            return event.open, event.high, event.low, event.close
        case Quote():
            return tuple(price for price in (event.bid, event.ask) if price)
        case Trade(price=price):
            return (price,)
        case _:
            return ()


def _is_on(price: float, tick: Decimal) -> bool:
    """Whether a price is on the tick. A price from arithmetic is on none; it may only be near to one."""
    if not isfinite(price):
        return True
    text = Decimal(repr(price))
    away = abs(text - (text / tick).to_integral_value() * tick)
    is_computed = len(text.as_tuple().digits) > _MARKET_DIGITS
    return away <= (abs(text) * _SMALLEST_MOVE if is_computed else 0)
