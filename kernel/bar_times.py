"""What bars leave open until they arrive: when they opened, and what they may still bring.

A bar is known at its end. The simulated venue and the emulation of orders both need the same careful answers:

- A bar without ``open_ts`` cannot have opened before the bar before it ended, nor earlier than a timeframe
  before its own end. An order that came after the later of these moments may be younger than the bar.
- An order whose time is over may still trade in the bar that contains that moment, if only bars show its
  market and that bar has not arrived.
- On bars of whole days without a calendar each bar is a day of its own, whenever it comes.
"""

from typing import Protocol

from kernel.bus import EventBus
from kernel.events import Bar, BookDelta, BookSnapshot, Quote, Trade, TradingSession
from kernel.rules import RULES, deciding_ts
from kernel.timeframes import fixed_length_ns
from kernel.trading_days import holds_whole_days

EndsOfBars = dict[str, dict[str, int]]
"""The end of the last bar without ``open_ts``, by symbol and timeframe."""


class SessionsView(Protocol):
    """The sessions of a calendar."""

    def session(self, symbol: str, ts: int) -> TradingSession | None:
        """The session that contains ``ts``, else the next one; ``None`` without a calendar."""
        ...


def earliest_open(bar: Bar, ended: EndsOfBars) -> int:
    """The moment at which a bar opened; without ``open_ts`` the earliest at which it can have opened."""
    if bar.open_ts:
        return bar.open_ts
    length = fixed_length_ns(bar.timeframe)
    ended_ts = ended[bar.symbol].get(bar.timeframe, 0) if bar.symbol in ended else 0
    return max(ended_ts, bar.ts - length if length else 0)


def note_end(bar: Bar, ended: EndsOfBars) -> None:
    """Remember the end of a bar without ``open_ts``, because the next one opens no earlier."""
    if not bar.open_ts:
        ended.setdefault(bar.symbol, {})[bar.timeframe] = bar.ts


def note_last_end(bus: EventBus, symbol: str, ended: EndsOfBars) -> None:
    """Remember the end of the last bar when an order arrives, because the next bar opens no earlier."""
    bar = bus.last(Bar, symbol)
    if bar is not None:
        note_end(bar, ended)


def has_ticked(bus: EventBus, symbol: str, *, since_ts: int) -> bool:
    """Whether a quote, trade or book of the symbol arrived after ``since_ts``."""
    last = bus.last
    ticks = (last(Quote, symbol), last(Trade, symbol), last(BookSnapshot, symbol), last(BookDelta, symbol))
    return any(tick is not None and tick.ts > since_ts for tick in ticks)


def last_bar_before(bus: EventBus, symbol: str, ts: int, *, rules: int = RULES) -> Bar | None:
    """The last bar, if bars alone show the market and the one that contains ``ts`` has not arrived."""
    bar = bus.last(Bar, symbol)
    if bar is None or deciding_ts(bar.ts, rules=rules) >= ts:
        return None
    return None if has_ticked(bus, symbol, since_ts=bar.ts - 1) else bar


def end_of_bar_around(ts: int, bar: Bar) -> int:
    """The end of the bar that ``ts`` lies inside, if more bars come at the times of the last one, ``bar``.

    ``ts`` itself if it lies in no bar, or where one ends and the next begins; 0 if bars have no fixed length.
    """
    length = fixed_length_ns(bar.timeframe)
    if not length:
        return 0
    pause = length - (bar.ts - bar.open_ts) if bar.open_ts else 1  # 1: it may end in the last ns of its time
    since_end = (ts - bar.ts) % length
    return ts if since_end <= max(0, pause) else ts - since_end + length


def has_days_without_hours(hours: SessionsView, bus: EventBus, symbol: str, ts: int) -> bool:
    """Whether the symbol has no calendar and bars of whole days: then each bar is a day of its own."""
    bar = bus.last(Bar, symbol)
    return bar is not None and holds_whole_days(bar.timeframe) and hours.session(symbol, ts) is None
