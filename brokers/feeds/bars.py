"""Builds bars from quotes or trades as they arrive.

- What it remembers: one bar in progress per timeframe and symbol.
- What changes it: a trade, or the middle of a quote; and the time, which ends a bar without another message.
- What never happens: a bar without a price in its period, or a bar before its end.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from kernel.errors import ConfigError, InputError
from kernel.events import Bar, Event, Quote, Trade
from kernel.resampling import BarBuilder, BarSize, PartialBar, TradingDays, utc_day
from kernel.timers import NEVER


class BarPrices(StrEnum):
    """The prices that bars are made of."""

    TRADES = "trades"
    QUOTES = "quotes"
    """The middle of bid and ask; the bars have no volume."""


class BarsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Bars that are built from a feed (``bars:``)."""

    timeframes: tuple[str, ...]
    """Lengths (``1m``, ``1d``), or ``tick:100``, ``volume:10000``, ``dollar:1e6``."""
    prices: BarPrices = BarPrices.TRADES
    """Trades, since a quote may never have been a price at which anybody traded."""


class LiveBars:
    """The bars in progress of one feed. ``days`` gives trading days; without a calendar they are UTC days."""

    def __init__(self, config: BarsConfig, *, days: TradingDays = utc_day) -> None:
        """Raises ``ConfigError`` for an unknown timeframe."""
        try:
            self._builders = tuple(BarBuilder(timeframe, days) for timeframe in config.timeframes)
        except InputError as error:
            raise ConfigError(f"bars.timeframes: {error}") from error
        self.due_ts = NEVER
        """When the next bar ends by the time."""
        self._prices = config.prices
        self._partials: dict[tuple[int, str], PartialBar] = {}

    def around(self, event: Event) -> Sequence[Event]:
        """The event, with the bars that it completes: those of earlier periods before it, others after it."""
        trade = self._part_of(event)
        if trade is None:
            return (event,)
        before, after = list[Event](), list[Event]()
        for place, builder in enumerate(self._builders):
            key = (place, trade.symbol)
            partial, done = builder.add_trade(self._partials.get(key), trade)
            (before if builder.size is BarSize.TIME else after).extend(done)
            if partial is None:
                self._partials.pop(key, None)
                continue
            self._partials[key] = partial
            if partial.end_ts and partial.end_ts < self.due_ts:
                self.due_ts = partial.end_ts
        return (*before, event, *after)

    def due(self, now: int) -> list[Event]:
        """The bars whose period has ended, in order of their ends."""
        done: list[Bar] = []
        if now < self.due_ts:
            return []
        self.due_ts = NEVER
        for (place, symbol), partial in list(self._partials.items()):
            bar = self._builders[place].due(partial, now, symbol=symbol)
            if bar is not None:
                del self._partials[place, symbol]
                done.append(bar)
            elif partial.end_ts:
                self.due_ts = min(self.due_ts, partial.end_ts)
        return [*sorted(done, key=lambda bar: bar.ts)]

    def _part_of(self, event: Event) -> Trade | None:
        """The trade that an event counts as, if it counts."""
        if self._prices is BarPrices.TRADES:
            return event if isinstance(event, Trade) else None
        if isinstance(event, Quote) and event.bid > 0 and event.ask > 0:
            return Trade(event.ts, event.symbol, (event.bid + event.ask) / 2, 0.0)
        return None
