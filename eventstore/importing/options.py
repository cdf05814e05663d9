"""Options of an import: one frozen struct, checked once, with a default for every field."""

from enum import Enum

import msgspec


class DataKind(Enum):
    """The kind of data in the rows of a file."""

    BARS = "bars"
    QUOTES = "quotes"
    TRADES = "trades"
    DEPTH = "depth"
    """Recorded market streams of Binance: order books, trades and best quotes; see ``feed_messages``."""
    CORPORATE_ACTIONS = "corporate-actions"
    """Splits, dividends, mergers, symbol changes and delistings; see ``fact_parsers``, also for the rates."""
    FX_RATES = "fx-rates"
    FUNDING_RATES = "funding-rates"


class Label(Enum):
    """The end of a bar's interval that its stamp marks."""

    OPEN = "open"
    CLOSE = "close"


class BadRows(Enum):
    """The treatment of bad rows: refuse the file, or quarantine the rows."""

    REFUSE = "refuse"
    QUARANTINE = "quarantine"


class TimeUnit(Enum):
    """The unit of a numeric time stamp; ``auto`` derives it from the number of digits."""

    AUTO = "auto"
    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to read market data files. ``option_checks`` checks that the options fit together.

    The stamp rule: ``Bar.ts`` is the time at which the bar is known, its *end*. ``label`` says which end the
    file's stamp marks. The default, ``open``, is safe: if it is wrong, a bar is known too late, never too
    early.

    A bar of a day or longer stamped by a date alone (or by midnight) covers whole local days. Its ``ts`` is
    the last nanosecond of its last day, or the close of ``session`` if given. Its ``open_ts`` is local
    midnight, or the session's open.
    """

    kind: DataKind = DataKind.BARS
    symbol: str = ""
    """The symbol of every row; empty: the file has a symbol column."""
    fallback_symbol: str = ""
    """The symbol of every row if the file has no symbol column."""
    only: tuple[str, ...] = ()
    """Import these symbols of the symbol column and skip the others; empty: import all."""
    timeframe: str = "1d"
    """The timeframe of bars: a count and ``s``, ``m``, ``h``, ``d``, ``w``, ``mo`` (months) or ``y``."""
    tz: str = "UTC"
    """The IANA zone of stamps without a zone."""
    label: Label = Label.OPEN
    session: str = ""
    """Local trading hours ``HH:MM-HH:MM`` of bars, corporate actions and exchange rates stamped by date.

    If the open is not before the close, it is on the day before.
    """
    adjusted: bool = False
    """Scale prices by adjusted close / close, volume by its inverse; needs an adjusted close column."""
    columns: tuple[str, ...] = ()
    """Names of the columns of a file without a header line."""
    column: tuple[tuple[str, str], ...] = ()
    """(target, column of the file) for columns not found by name; an empty column: ignore the target."""
    delimiter: str = ""
    """One character; empty: found from the first line."""
    time_format: str = ""
    """A ``strptime`` format; empty: any other form that ``timestamps`` accepts."""
    time_unit: TimeUnit = TimeUnit.AUTO
    newest_first: bool = False
    """The file begins with its newest row. The whole file is then held in memory to reverse it."""
    stream: str = ""
    """Append everything to this stream; empty: one stream for each symbol, ``goog.1d`` or ``goog.quotes``.

    Corporate actions and rates go to streams such as ``goog.actions``, ``eurusd.fx`` and ``btcusdt.funding``.
    """
    bad_rows: BadRows = BadRows.REFUSE
    allow_nonpositive: bool = False
    """Take prices of 0 and below, as spreads and some futures have."""
