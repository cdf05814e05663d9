"""How a file is to be read: one frozen struct, checked once, with a default for everything."""

from enum import Enum

import msgspec


class DataKind(Enum):
    """What the rows of a file are."""

    BARS = "bars"
    QUOTES = "quotes"
    TRADES = "trades"
    DEPTH = "depth"
    """Recorded market streams of Binance: order books, trades and best quotes; see ``feed_messages``."""
    CORPORATE_ACTIONS = "corporate-actions"
    """Splits, dividends, mergers, symbol changes and delistings; see ``fact_parsers``, for the rates too."""
    FX_RATES = "fx-rates"
    FUNDING_RATES = "funding-rates"


class Label(Enum):
    """Which end of a bar's interval its stamp marks."""

    OPEN = "open"
    CLOSE = "close"


class BadRows(Enum):
    """What happens to a file with bad rows."""

    REFUSE = "refuse"
    QUARANTINE = "quarantine"


class TimeUnit(Enum):
    """The unit of a numeric time stamp; ``auto`` tells it by the number of digits."""

    AUTO = "auto"
    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to read market data files. Which combinations make sense is checked by ``option_checks``.

    The stamp rule: ``Bar.ts`` is when the bar is known, which is its *end*. ``label`` says which end
    the file's stamp marks; the default, ``open``, can be wrong only on the safe side: it may show a
    bar late, never early. A bar of a day or longer stamped by a date alone (or by midnight) covers
    whole local days: ``ts`` is the last nanosecond of its last day, or the close of ``session`` if
    one is given, and ``open_ts`` local midnight or the session's open.
    """

    kind: DataKind = DataKind.BARS
    symbol: str = ""
    """The symbol of every row; empty: the file has a symbol column."""
    fallback_symbol: str = ""
    """The symbol of every row of a file that turns out to have no symbol column."""
    only: tuple[str, ...] = ()
    """Take these symbols of the symbol column, skip the others; empty: take all."""
    timeframe: str = "1d"
    """Of bars: a count and ``s``, ``m``, ``h``, ``d`` or ``w``."""
    tz: str = "UTC"
    """The IANA zone of stamps that name none."""
    label: Label = Label.OPEN
    session: str = ""
    """Local trading hours ``HH:MM-HH:MM`` of bars, corporate actions and exchange rates stamped by date.

    An open that is not before the close lies on the day before.
    """
    adjusted: bool = False
    """Scale prices by adjusted close / close, volume by its inverse; needs an adjusted close column."""
    columns: tuple[str, ...] = ()
    """Names of the columns of a file without a header line."""
    column: tuple[tuple[str, str], ...] = ()
    """(target, column of the file) where detection by name would not find it; an empty column: none."""
    delimiter: str = ""
    """One character; empty: told from the first line."""
    time_format: str = ""
    """A ``strptime`` format; empty: ISO 8601, a date with ``-``, ``/``, ``.`` or none, or a number."""
    time_unit: TimeUnit = TimeUnit.AUTO
    newest_first: bool = False
    """The file begins with its newest row. It is turned round in memory, unlike other files."""
    stream: str = ""
    """Append everything to this stream; empty: one a symbol, ``goog.1d`` or ``goog.quotes``.

    Facts go to ``goog.actions``, ``eurusd.fx`` and ``btcusdt.funding``.
    """
    bad_rows: BadRows = BadRows.REFUSE
    allow_nonpositive: bool = False
    """Take prices of 0 and below, as spreads and some futures have."""
