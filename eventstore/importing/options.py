"""Options of an import: one frozen struct, checked once, with a default for every field."""

from decimal import Decimal
from enum import Enum

import msgspec


class DataKind(Enum):
    """The kind of data in the rows of a file."""

    AUTO = "auto"
    """Bars, quotes or trades, told from the columns of each file."""
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


class DateOrder(Enum):
    """The order of day and month in dates such as ``05/02/2024``."""

    AUTO = "auto"
    """Told from a value above 12 anywhere in the file; refused if both orders fit."""
    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to read market data files. ``option_checks`` checks that the options fit together.

    An option that is not given is told from each file: from its known layout (``known_layouts``), or from its
    rows. What was told is in ``ParsedFiles.recognised``; an option that is given always wins.

    The stamp rule: ``Bar.ts`` is the time at which the bar is known, its *end*. ``label`` says which end the
    file's stamp marks. The default, ``open``, is safe: if it is wrong, a bar is known too late, never too
    early. Only known layouts that stamp the end have another one.

    A bar of a day or longer stamped by a date alone (or by midnight) covers whole local days. Its ``ts`` is
    the last nanosecond of its last day, or the close of ``session`` if given. Its ``open_ts`` is local
    midnight, or the session's open.
    """

    kind: DataKind = DataKind.AUTO
    symbol: str = ""
    """The symbol of every row; empty: from a column, a header line, or the name of the file."""
    fallback_symbol: str = ""
    """The symbol of every row if the file has no symbol column; it wins over the name of the file."""
    only: tuple[str, ...] = ()
    """Import these symbols of the symbol column and skip the others; empty: import all."""
    timeframe: str = ""
    """The timeframe of bars: a count and ``s``, ``m``, ``h``, ``d``, ``w``, ``mo`` (months) or ``y``.

    Empty: the layout's, or the most common distance between two stamps.
    """
    tz: str = ""
    """The IANA zone of stamps without a zone; empty: the layout's, or UTC."""
    label: Label | None = None
    """``None``: the layout's, or ``open``."""
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
    """One character; empty: found from the first lines."""
    time_format: str = ""
    """A ``strptime`` format; empty: any form that ``timestamps`` and ``written_dates`` accept."""
    time_unit: TimeUnit = TimeUnit.AUTO
    newest_first: bool = False
    """The file begins with its newest row; told from the file if false.

    The whole file is then held in memory to reverse it.
    """
    stream: str = ""
    """Append everything to this stream; empty: one stream for each symbol, ``goog.1d`` or ``goog.quotes``.

    Corporate actions and rates go to streams such as ``goog.actions``, ``eurusd.fx`` and ``btcusdt.funding``.
    """
    bad_rows: BadRows = BadRows.REFUSE
    allow_nonpositive: bool = False
    """Take prices of 0 and below, as spreads and some futures have."""
    layout: str = ""
    """The name of a known layout; ``none``: no layout; empty: the first one that fits."""
    skip_lines: int = 0
    """Lines to leave out at the beginning of each file."""
    sort: bool = False
    """Put the rows of all files in order of time. All of them are then held in memory."""
    drop_duplicates: bool = False
    """Leave out a row if an equal one with the same time came before."""
    date_order: DateOrder = DateOrder.AUTO
    decimal: str = ""
    """The decimal separator, ``.`` or ``,``; empty: told from the file."""
    price_scale: Decimal | None = None
    """A factor for prices, such as ``1e-9`` where they are whole numbers; ``None``: the layout's, or 1."""
