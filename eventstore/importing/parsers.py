"""Turns fields into events: pure, one row at a time, every value checked.

Each parser returns the event of a row, or raises ``RowDefect`` naming the first wrong field. A good row
passes one combined check, for speed; only a bad row is checked field by field.
"""

from collections.abc import Callable
from math import inf, isfinite
from typing import Protocol

from eventstore.importing.columns import Columns
from eventstore.importing.defects import RowDefect
from eventstore.importing.fact_parsers import ActionParser, FundingRateParser, FxRateParser
from eventstore.importing.intervals import DEFAULT_TIMEFRAME, Instants, intervals_of
from eventstore.importing.options import DataKind, ImportOptions
from eventstore.importing.written_numbers import NO_PRICE, is_blank
from kernel.events import AggressorSide, Bar, CorporateAction, FundingRateSet, FxRateSet, Quote, Trade

RowEvent = Bar | Quote | Trade | CorporateAction | FxRateSet | FundingRateSet
"""The events that a row can become."""

_SIDES = {
    "": AggressorSide.UNKNOWN,
    "unknown": AggressorSide.UNKNOWN,
    "b": AggressorSide.BUYER,
    "buy": AggressorSide.BUYER,
    "buyer": AggressorSide.BUYER,
    "s": AggressorSide.SELLER,
    "sell": AggressorSide.SELLER,
    "seller": AggressorSide.SELLER,
    "a": AggressorSide.SELLER,  # Databento: A, B or N
    "n": AggressorSide.UNKNOWN,
    "none": AggressorSide.UNKNOWN,
}
_BUYER_MAKER = {
    "true": AggressorSide.SELLER,
    "1": AggressorSide.SELLER,
    "false": AggressorSide.BUYER,
    "0": AggressorSide.BUYER,
}


class RowParser(Protocol):
    """Turns the fields of a row into an event."""

    @property
    def repeated_count(self) -> int:
        """How many stamps so far are local times that occur twice, when clocks are set back."""
        ...

    def parse(self, fields: list[str], symbol: str, *, later: bool = False) -> RowEvent:
        """The event of a row that has as many fields as there are columns.

        When clocks are set back, a local time occurs twice; ``later`` takes the second. Raises ``RowDefect``.
        """
        ...


class BarParser:
    """Rows of open, high, low, close and perhaps volume."""

    def __init__(self, columns: Columns, options: ImportOptions) -> None:
        self._time, self._clock = columns.place("time"), columns.clock
        self._intervals = intervals_of(options)
        self._interval = self._intervals.interval
        self._timeframe = options.timeframe or DEFAULT_TIMEFRAME
        self._places = tuple(columns.place(target) for target in ("open", "high", "low", "close"))
        self._volume = columns.place("volume")
        self._adjusted = columns.place("adj_close") if options.adjusted else -1
        self._floor = -inf if options.allow_nonpositive else 0.0
        self._columns = columns

    @property
    def repeated_count(self) -> int:
        """How many stamps so far are local times that occur twice."""
        return self._intervals.repeated_count

    def parse(self, fields: list[str], symbol: str, *, later: bool = False) -> Bar:
        """The bar of a row."""
        at_open, at_high, at_low, at_close = self._places
        try:
            opened, high = float(fields[at_open]), float(fields[at_high])
            low, close = float(fields[at_low]), float(fields[at_close])
            volume = float(fields[self._volume]) if self._volume >= 0 else 0.0
        except ValueError:
            raise self._defect(fields) from None
        # one chained comparison: NaN fails it too
        if not (self._floor < low <= opened <= high < inf and low <= close <= high and 0.0 <= volume < inf):
            raise self._defect(fields)
        if "_" in "".join(fields):
            self._check_digits(fields)
        open_ts, ts = self._interval(_stamp_text(fields, self._time, clock=self._clock), later)
        bar = Bar(ts, symbol, self._timeframe, opened, high, low, close, volume, open_ts)
        return bar if self._adjusted < 0 else self._scaled(bar, fields)

    def _scaled(self, bar: Bar, fields: list[str]) -> Bar:
        adjusted = _number(fields, "adj_close", columns=self._columns)
        factor = adjusted / bar.close if bar.close else inf
        if not 0.0 < factor < inf:
            name = self._columns.name("adj_close")
            raise RowDefect(name, fields[self._adjusted], expected="a price above 0 to scale by")
        return Bar(
            bar.ts,
            bar.symbol,
            bar.timeframe,
            bar.open * factor,
            max(bar.high * factor, adjusted),  # close * factor may differ from adj_close by a rounding error
            min(bar.low * factor, adjusted),
            adjusted,
            bar.volume / factor,
            bar.open_ts,
        )

    def _defect(self, fields: list[str]) -> RowDefect:
        """The defect of a row that failed the combined check."""
        columns = self._columns
        try:
            self._check_digits(fields)
            values = {
                target: _number(fields, target, columns=columns)
                for target in ("open", "high", "low", "close")
            }
            volume = _number(fields, "volume", columns=columns) if self._volume >= 0 else 0.0
        except RowDefect as defect:
            return defect
        low, high = values["low"], values["high"]
        if low > high:
            return RowDefect(
                columns.name("low"), fields[columns.place("low")], expected=f"no more than high {high!r}"
            )
        for target, value in values.items():
            seen = fields[columns.place(target)]
            if value <= self._floor:
                return RowDefect(columns.name(target), seen, expected="a price above 0")
            if not low <= value <= high:
                expected = f"a price from low {low!r} to high {high!r}"
                return RowDefect(columns.name(target), seen, expected=expected)
        assert volume < 0.0, f"a row was refused but has no defect: {fields}"
        return RowDefect(columns.name("volume"), fields[self._volume], expected="0 or more")

    def _check_digits(self, fields: list[str]) -> None:
        for target in ("open", "high", "low", "close", "volume"):
            if self._columns.place(target) >= 0:
                _number(fields, target, columns=self._columns)


class QuoteParser:
    """Rows of bid and ask. A side that is missing has the price 0 and the size 0, as the engine expects it.

    It is missing if its price is empty, ``nan``, 0 or the largest 64-bit integer.
    """

    def __init__(self, columns: Columns, options: ImportOptions) -> None:
        self._time, self._clock = columns.place("time"), columns.clock
        self._instants = Instants(options)
        self._exchange_time = columns.place("exchange_time")
        self._bid, self._ask = columns.place("bid"), columns.place("ask")
        self._bid_size, self._ask_size = columns.place("bid_size"), columns.place("ask_size")
        self._floor = -inf if options.allow_nonpositive else 0.0
        self._columns = columns

    @property
    def repeated_count(self) -> int:
        """How many stamps so far are local times that occur twice."""
        return self._instants.repeated_count

    def parse(self, fields: list[str], symbol: str, *, later: bool = False) -> Quote:
        """The quote of a row."""
        at_bid_size, at_ask_size = self._bid_size, self._ask_size
        try:
            bid, ask = float(fields[self._bid]), float(fields[self._ask])
            bid_size = float(fields[at_bid_size]) if at_bid_size >= 0 else 0.0
            ask_size = float(fields[at_ask_size]) if at_ask_size >= 0 else 0.0
        except ValueError:
            bid, ask, bid_size, ask_size = self._one_sided(fields)
        else:
            # one chained comparison: NaN fails it too
            if not (self._floor < bid <= ask < NO_PRICE and 0.0 <= bid_size < inf and 0.0 <= ask_size < inf):
                bid, ask, bid_size, ask_size = self._one_sided(fields)
        if "_" in "".join(fields):
            self._check_digits(fields)
        ts = self._instants.instant(_stamp_text(fields, self._time, clock=self._clock), later)
        exchange_ts = 0
        if self._exchange_time >= 0:
            exchange_ts = _exchange_ts(fields, self._instants, columns=self._columns, later=later)
        return Quote(ts, symbol, bid, ask, bid_size, ask_size, exchange_ts)

    def _one_sided(self, fields: list[str]) -> tuple[float, float, float, float]:
        """Bid, ask and sizes of a row that failed the combined check; raises its defect."""
        columns = self._columns
        prices: list[float] = []
        sizes: list[float] = []
        for target in ("bid", "ask"):
            is_missing = _is_no_price(fields[columns.place(target)])
            prices.append(0.0 if is_missing else _price(fields, target, columns=columns, floor=self._floor))
            size = f"{target}_size"
            sizes.append(0.0 if is_missing else _size(fields, size, columns=columns, is_optional=True))
        bid, ask = prices
        if bid > ask != 0.0:
            raise RowDefect(
                columns.name("bid"), fields[columns.place("bid")], expected=f"no more than ask {ask!r}"
            )
        return bid, ask, sizes[0], sizes[1]

    def _check_digits(self, fields: list[str]) -> None:
        for target in ("bid", "ask", "bid_size", "ask_size"):
            place = self._columns.place(target)
            if place >= 0 and "_" in fields[place]:
                raise RowDefect(self._columns.name(target), fields[place], expected="a finite number")


class TradeParser:
    """Rows of price and size."""

    def __init__(self, columns: Columns, options: ImportOptions) -> None:
        self._time, self._clock = columns.place("time"), columns.clock
        self._instants = Instants(options)
        self._exchange_time = columns.place("exchange_time")
        self._aggressor = columns.place("aggressor")
        self._buyer_maker = columns.place("buyer_maker")
        self._trade_id = columns.place("trade_id")
        self._floor = -inf if options.allow_nonpositive else 0.0
        self._columns = columns

    @property
    def repeated_count(self) -> int:
        """How many stamps so far are local times that occur twice."""
        return self._instants.repeated_count

    def parse(self, fields: list[str], symbol: str, *, later: bool = False) -> Trade:
        """The trade of a row."""
        price = _price(fields, "price", columns=self._columns, floor=self._floor)
        size = _size(fields, "size", columns=self._columns)
        ts = self._instants.instant(_stamp_text(fields, self._time, clock=self._clock), later)
        trade_id = fields[self._trade_id] if self._trade_id >= 0 else ""
        exchange_ts = 0
        if self._exchange_time >= 0:
            exchange_ts = _exchange_ts(fields, self._instants, columns=self._columns, later=later)
        return Trade(ts, symbol, price, size, self._side(fields), trade_id, exchange_ts)

    def _side(self, fields: list[str]) -> AggressorSide:
        if self._aggressor < 0:
            return self._taker(fields)
        text = fields[self._aggressor]
        side = _SIDES.get(text.strip().lower())
        if side is None:
            raise RowDefect(self._columns.name("aggressor"), text, expected="buy, sell or an empty field")
        return side

    def _taker(self, fields: list[str]) -> AggressorSide:
        """The side that is not the maker's."""
        if self._buyer_maker < 0:
            return AggressorSide.UNKNOWN
        text = fields[self._buyer_maker]
        side = _BUYER_MAKER.get(text.strip().lower())
        if side is None:
            raise RowDefect(self._columns.name("buyer_maker"), text, expected="true or false")
        return side


def row_parser(columns: Columns, options: ImportOptions) -> RowParser:
    """The parser for a kind of data."""
    parsers: dict[DataKind, Callable[[Columns, ImportOptions], RowParser]] = {
        DataKind.AUTO: BarParser,
        DataKind.BARS: BarParser,
        DataKind.QUOTES: QuoteParser,
        DataKind.TRADES: TradeParser,
        DataKind.CORPORATE_ACTIONS: ActionParser,
        DataKind.FX_RATES: FxRateParser,
        DataKind.FUNDING_RATES: FundingRateParser,
    }
    return parsers[options.kind](columns, options)


def _stamp_text(fields: list[str], at: int, *, clock: int) -> str:
    """The text of a time stamp: one field, or a date and a time of day."""
    return fields[at] if clock < 0 else f"{fields[at].strip()} {fields[clock].strip()}"


def _number(fields: list[str], target: str, *, columns: Columns) -> float:
    """A finite number. ``1_000`` is refused, though Python accepts it."""
    text = fields[columns.place(target)]
    try:
        value = float(text)
    except ValueError:
        value = inf
    if not isfinite(value) or "_" in text:
        raise RowDefect(columns.name(target), text, expected="a finite number")
    return value


def _price(fields: list[str], target: str, *, columns: Columns, floor: float) -> float:
    value = _number(fields, target, columns=columns)
    if value <= floor:
        raise RowDefect(columns.name(target), fields[columns.place(target)], expected="a price above 0")
    return value


def _is_no_price(text: str) -> bool:
    """Whether a field says that there is no price on its side of the book."""
    if is_blank(text):
        return True
    try:
        return float(text) in (0.0, NO_PRICE)
    except ValueError:
        return False


def _size(fields: list[str], target: str, *, columns: Columns, is_optional: bool = False) -> float:
    if columns.place(target) < 0 or (is_optional and is_blank(fields[columns.place(target)])):
        return 0.0
    value = _number(fields, target, columns=columns)
    if value < 0.0:
        raise RowDefect(columns.name(target), fields[columns.place(target)], expected="0 or more")
    return value


def _exchange_ts(fields: list[str], instants: Instants, *, columns: Columns, later: bool) -> int:
    try:
        return instants.instant(fields[columns.place("exchange_time")], later)
    except RowDefect as defect:
        raise RowDefect(columns.name("exchange_time"), defect.seen, expected=defect.expected) from None
