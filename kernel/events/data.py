"""Facts about imported data. They are kept beside it, in the stream ``<stream>.facts``."""

from decimal import Decimal
from enum import StrEnum

from kernel.events.header import Event


class DataType(StrEnum):
    """The kind of market data that facts are about."""

    BARS = "bars"
    QUOTES = "quotes"
    TRADES = "trades"
    BOOKS = "books"


class DataDescribed(Event, frozen=True, tag=16):
    """Input: the prices and sizes of one symbol in a data stream, from its beginning up to ``ts``.

    The newest event of a symbol, data type and timeframe holds for the whole stream.

    - ``timeframe``: of bars; empty for other data.
    - ``price_decimals``, ``size_decimals``: the most decimals of any price and of any size or volume.
    - ``price_step``: the largest step that all prices are a multiple of; 0 if it is not known.
    - ``lowest_price``, ``highest_price``: of all prices.
    - ``has_sizes``: some size or volume is above 0.
    - ``has_open_times``: every bar has an ``open_ts``.
    """

    symbol: str
    data_type: DataType
    timeframe: str
    price_decimals: int
    size_decimals: int
    price_step: Decimal
    lowest_price: float
    highest_price: float
    has_sizes: bool = True
    has_open_times: bool = True


class DataIssue(StrEnum):
    """What is odd in market data."""

    PRICE_JUMP = "price_jump"
    GAP = "gap"
    NO_VOLUME = "no_volume"
    LIKELY_SPLIT = "likely_split"


class DataIssueFound(Event, frozen=True, tag=145):
    """Input: something odd in imported data, known from ``ts`` on. It may be right: a split is a jump.

    - ``timeframe``: of bars; empty for trades.
    - ``from_ts``, ``to_ts``: the last row before it and the row that showed it; of a run, its ends.
    - ``found``: the price, of a likely split the open after it; the length of the gap in ns, or the number of
      bars without volume.
    - ``limit``: the price before or beside it, the longest usual gap in ns, or the number from which on it is
      an issue.
    """

    symbol: str
    timeframe: str
    issue: DataIssue
    from_ts: int
    to_ts: int
    found: float
    limit: float
