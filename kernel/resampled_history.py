"""The bars in progress of histories that are built from finer bars or trades.

What it remembers, in the state of its owner: for each symbol and timeframe the source of the parts and the
bar in progress. Complete bars go to ``keep``.

What changes it: bars and trades of the source, and splits. The source is the first one that came. The
finest bars come first, since they end earlier; trades come before the first bar of them.

What never happens: a read changes something, or a bar is shown before its last part is known.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from kernel.events import Bar, Trade, TradingSession
from kernel.resampling import BarBuilder, PartialBar, TradingDay, TradingDays, utc_day

_TRADES = "trades"


class HoursView(Protocol):
    """The trading sessions of symbols."""

    def session(self, symbol: str, ts: int) -> TradingSession | None: ...


class Resampled(msgspec.Struct):
    """A bar in progress. ``source``: the timeframe of its parts, or trades."""

    source: str
    partial: PartialBar | None = None


class ResamplingState(Protocol):
    """The state that holds the bars in progress, by symbol and timeframe."""

    resampled: dict[str, dict[str, Resampled]]


class Resampling:
    """Builds the bars of ``timeframes``, by symbol."""

    def __init__(
        self,
        state: ResamplingState,
        timeframes: Mapping[str, Collection[str]],
        *,
        hours: HoursView | None,
        keep: Callable[[Bar], None],
    ) -> None:
        self._state = state
        self._keep = keep
        self._builders = {
            symbol: {each: BarBuilder(each, _days(hours, symbol)) for each in sorted(names)}
            for symbol, names in timeframes.items()
            if names
        }
        self.symbols = frozenset(self._builders)

    def add_bar(self, bar: Bar) -> None:
        """Add a bar of the data to the coarser ones."""
        for timeframe, builder in self._builders[bar.symbol].items():
            if timeframe != bar.timeframe and builder.is_finer(bar.timeframe):
                held = self._held(bar.symbol, timeframe, source=bar.timeframe)
                if held is not None:
                    held.partial, done = builder.add_bar(held.partial, bar)
                    self._take(done)

    def add_trade(self, trade: Trade) -> None:
        """Add a trade of the data to the bars."""
        for timeframe, builder in self._builders[trade.symbol].items():
            held = self._held(trade.symbol, timeframe, source=_TRADES)
            if held is not None:
                held.partial, done = builder.add_trade(held.partial, trade)
                self._take(done)

    def restate(self, symbol: str, ratio: Decimal) -> None:
        """Put the bars in progress of a symbol on the terms after a split."""
        for held in self._state.resampled.get(symbol, {}).values():
            if held.partial is not None:
                held.partial.restate(float(ratio))

    def due(self, symbol: str, timeframe: str, now: int) -> Bar | None:
        """The bar in progress if its period has ended, though no later part has come."""
        builder = self._builders.get(symbol, {}).get(timeframe)
        held = self._state.resampled.get(symbol, {}).get(timeframe)
        if builder is None or held is None:
            return None
        return builder.due(held.partial, now, symbol=symbol)

    def _held(self, symbol: str, timeframe: str, *, source: str) -> Resampled | None:
        """The bar in progress if this is the source of its parts."""
        by_timeframe = self._state.resampled.setdefault(symbol, {})
        held = by_timeframe.get(timeframe)
        if held is None:
            held = by_timeframe[timeframe] = Resampled(source)
        return held if held.source == source else None

    def _take(self, bars: Sequence[Bar]) -> None:
        for bar in bars:
            self._keep(bar)


def _days(hours: HoursView | None, symbol: str) -> TradingDays:
    """The trading days of a symbol: those of its calendar, else UTC dates."""
    if hours is None:
        return utc_day

    def trading_day(ts: int) -> TradingDay:
        session = hours.session(symbol, ts)
        return utc_day(ts) if session is None else (session.day, session.open_ts, session.close_ts)

    return trading_day
