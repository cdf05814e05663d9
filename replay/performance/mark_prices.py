"""The price of a symbol at each mark of the account, gathered in one pass over the data."""

import msgspec
import numpy as np

from replay.equity import Floats, Integers


class MarkedPrices(msgspec.Struct, frozen=True, eq=False):
    """The last price of one symbol at each mark. Times in ns UTC.

    - ``price``: NaN before the first price.
    - ``price_ts``: the time of that price; 0 before the first.
    - ``first_ts``, ``first_price``: the first price of the run.
    """

    symbol: str
    price: Floats
    price_ts: Integers
    first_ts: int
    first_price: float


class MarkSample:
    """Takes prices piece by piece and keeps the last one up to each mark."""

    def __init__(self, symbol: str, marks: Integers, *, start_ts: int) -> None:
        self._symbol = symbol
        self._marks = marks
        self._start_ts = start_ts
        self._price: Floats = np.full(len(marks), np.nan)
        self._price_ts: Integers = np.zeros(len(marks), dtype=np.int64)
        self._first_ts, self._first_price = 0, np.nan

    def take(self, ts: Integers, prices: Floats) -> None:
        """Take prices in order of time. Those before the run, or that are no number above 0, are left out."""
        known = (ts >= self._start_ts) & np.isfinite(prices) & (prices > 0)
        ts, prices = ts[known], prices[known]
        if not len(ts):
            return
        if not self._first_ts or ts[0] < self._first_ts:
            self._first_ts, self._first_price = int(ts[0]), float(prices[0])
        places = np.searchsorted(self._marks, ts, side="left")
        is_last = np.append(places[1:] != places[:-1], True) & (places < len(self._marks))
        places, ts, prices = places[is_last], ts[is_last], prices[is_last]
        newer = ts >= self._price_ts[places]
        self._price[places[newer]] = prices[newer]
        self._price_ts[places[newer]] = ts[newer]

    def marked(self) -> MarkedPrices | None:
        """The prices at the marks; ``None`` without any price."""
        if not self._first_ts:
            return None
        latest = np.maximum.accumulate(np.where(self._price_ts > 0, np.arange(len(self._marks)), -1))
        known = latest >= 0
        price = np.where(known, self._price[latest], np.nan)
        price_ts = np.where(known, self._price_ts[latest], 0)
        return MarkedPrices(self._symbol, price, price_ts, self._first_ts, float(self._first_price))
