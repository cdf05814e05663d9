"""Market data of a store as data frames: ``read_bars``, ``read_quotes`` and ``read_trades``.

from replay import read_bars

bars = read_bars("market.db", "spy.1d", start="2020-01-01")
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from components.assembly.moments import is_day, moment_ns
from eventstore import EventStore, Selection, open_store
from eventstore.store_opening import is_store_here
from kernel.configuration import listed
from kernel.errors import ConfigError, InputError
from kernel.events import Bar, Quote, Trade
from kernel.time_units import DAY_NS
from replay.arguments import moment_of
from replay.blocking import run_blocking
from replay.frames import bars_frame, prints_frame, quotes_frame

if TYPE_CHECKING:
    import pandas as pd

MarketT = TypeVar("MarketT", Bar, Quote, Trade)

Store = str | Path | EventStore
"""A store's file, which is opened to read alone, or an open store."""

Moment = str | date
"""A UTC day or moment, inclusive: text, a ``date``, or a ``datetime``, also of pandas or NumPy."""


def read_bars(
    store: Store, stream: str, *, start: Moment | None = None, end: Moment | None = None
) -> "pd.DataFrame":
    """The bars of a stream, by ``time`` (UTC): the bar's open, or its end if the data had no open time.

    - Columns: ``symbol``, ``timeframe``, ``open``, ``high``, ``low``, ``close``, ``volume`` and ``known``,
      the time from which a strategy knows the bar.
    - ``start``, ``end``: bars that are known in this period; a day means all of it.

    ``backtest(data=...)`` takes the frame as it is. Blocks. Raises ``InputError`` if there is no such store,
    stream or bar, ``ConfigError`` for a wrong period, and ``StoreError`` for a store that cannot be read.
    """
    return bars_frame(run_blocking(_read(_existing(store), stream, Bar, start=start, end=end)))


def read_quotes(
    store: Store, stream: str, *, start: Moment | None = None, end: Moment | None = None
) -> "pd.DataFrame":
    """The quotes of a stream, by ``time`` (UTC), when they were known.

    Columns: ``symbol``, ``bid``, ``ask``, ``bid_size``, ``ask_size`` and ``exchange_time``, ``NaT`` if the
    venue gave none. ``start``, ``end`` and errors are those of ``read_bars``.
    """
    return quotes_frame(run_blocking(_read(_existing(store), stream, Quote, start=start, end=end)))


def read_trades(
    store: Store, stream: str, *, start: Moment | None = None, end: Moment | None = None
) -> "pd.DataFrame":
    """The trades of the market in a stream, by ``time`` (UTC), when they were known.

    Columns: ``symbol``, ``price``, ``size``, ``aggressor`` (buyer, seller or unknown), ``trade_id`` and
    ``exchange_time``. ``start``, ``end`` and errors are those of ``read_bars``.
    """
    return prints_frame(run_blocking(_read(_existing(store), stream, Trade, start=start, end=end)))


@asynccontextmanager
async def _reading(store: Store) -> AsyncGenerator[EventStore, None]:
    """A store to read from: opened and closed again, or the open one that was given."""
    if not isinstance(store, str | Path):
        yield store
        return
    async with await open_store(store, read_only=True) as opened:
        yield opened


def _existing(store: Store) -> Store:
    if isinstance(store, str | Path) and not is_store_here(Path(store)):
        raise InputError(f"store: there is no store at {store}")
    return store


async def _read(
    store: Store, stream: str, kind: type[MarketT], *, start: Moment | None, end: Moment | None
) -> list[MarketT]:
    selection = Selection(
        from_ts=None if start is None else _first_ts(start),
        to_ts=None if end is None else _last_ts(end),
        types=frozenset({kind}),
    )
    found: list[MarketT] = []
    async with _reading(store) as opened:
        infos = {info.stream: info for info in await opened.streams()}
        if stream not in infos:
            raise InputError(
                f"no stream {stream!r} in the store; it holds {listed(list(infos)) or 'no streams'}"
            )
        if kind.__name__ not in infos[stream].event_types:
            kinds = ", ".join(infos[stream].event_types)
            raise InputError(f"stream {stream!r} has no {kind.__name__}; it has {kinds}")
        async for batch in opened.read(stream, selection):
            found += [event for event in batch.events if isinstance(event, kind)]
    return found


def _first_ts(start: Moment) -> int:
    return moment_ns(_text(start, key="start"), key="start")


def _last_ts(end: Moment) -> int:
    text = _text(end, key="end")
    ts = moment_ns(text, key="end")
    return ts + DAY_NS - 1 if is_day(text) else ts


def _text(value: Moment, *, key: str) -> str:
    text = moment_of(value, key=key)
    if text is None:
        raise ConfigError(f"{key}: expected a day or a time")
    return text
