"""Parsers for rows without market prices: corporate actions, exchange rates and funding rates.

A corporate action takes effect when the ex-date begins: at the open of ``session``, or at local midnight. So
it comes after the last bar of the day before and before the first bar of the ex-date, if both files are read
with the same ``tz`` and ``session``. An exchange rate stamped by a date alone is known at that day's end.
"""

from decimal import Decimal, InvalidOperation

import msgspec

from eventstore.importing.columns import Columns
from eventstore.importing.defects import ColumnMissing, RowDefect
from eventstore.importing.intervals import DailyIntervals, Instants, stamp_parser
from eventstore.importing.options import ImportOptions, Label
from kernel.events import CorporateAction, CorporateActionKind, FundingRateSet, FxRateSet

_KINDS = {
    "split": CorporateActionKind.SPLIT,
    "stock_split": CorporateActionKind.SPLIT,
    "reverse_split": CorporateActionKind.SPLIT,
    "dividend": CorporateActionKind.DIVIDEND,
    "cash_dividend": CorporateActionKind.DIVIDEND,
    "merger": CorporateActionKind.MERGER,
    "acquisition": CorporateActionKind.MERGER,
    "symbol_change": CorporateActionKind.SYMBOL_CHANGE,
    "ticker_change": CorporateActionKind.SYMBOL_CHANGE,
    "delisting": CorporateActionKind.DELISTING,
    "bankruptcy": CorporateActionKind.DELISTING,
    "stock_dividend": CorporateActionKind.SPLIT,
    "spin_off": CorporateActionKind.SPIN_OFF,
    "spinoff": CorporateActionKind.SPIN_OFF,
    "rights": CorporateActionKind.DIVIDEND,
    "rights_issue": CorporateActionKind.DIVIDEND,
}
"""Rights are booked as the cash for which they are sold: their value a share is the amount of a dividend."""
_STOCK_DIVIDENDS = ("stock_dividend",)
_CURRENCY_LETTERS = 3
_NONE = Decimal(0)


class ActionParser:
    """Rows of type, ratio or amount (or one column of values for both), and optional details."""

    def __init__(self, columns: Columns, options: ImportOptions) -> None:
        self._time, self._clock = columns.place("time"), columns.clock
        self._days = _day_intervals(options)
        self._columns = columns

    @property
    def repeated_count(self) -> int:
        """How many stamps so far are local times that occur twice."""
        return self._days.repeated_count

    def parse(self, fields: list[str], symbol: str, *, later: bool = False) -> CorporateAction:
        """The action of a row."""
        columns = self._columns
        kind_text = fields[columns.place("type")].strip().lower().replace(" ", "_").replace("-", "_")
        kind = _KINDS.get(kind_text)
        if kind is None:
            expected = "split, stock_dividend, dividend, rights, spin_off, merger, symbol_change or delisting"
            raise RowDefect(columns.name("type"), kind_text, expected=expected)
        new_symbol = _text(fields, "new_symbol", columns=columns)
        if kind_text in _STOCK_DIVIDENDS:
            ratio, amount = self._stock_dividend(fields), _NONE
        else:
            ratio, amount = self._terms(fields, kind, symbol=symbol, new_symbol=new_symbol)
        pay_text = _text(fields, "pay_date", columns=columns)
        return CorporateAction(
            self._days.interval(_stamp(fields, self._time, clock=self._clock), later)[0],
            symbol,
            kind,
            ratio,
            amount,
            _text(fields, "currency", columns=columns).upper(),
            new_symbol,
            self._days.interval(pay_text, False)[0] if pay_text else 0,
            self._cost_fraction(fields, kind),
        )

    def _terms(
        self, fields: list[str], kind: CorporateActionKind, *, symbol: str, new_symbol: str
    ) -> tuple[Decimal, Decimal]:
        """New shares and cash for each old share."""
        columns = self._columns
        if kind is CorporateActionKind.SPLIT:
            return _positive(fields, "ratio", columns=columns), _NONE
        if kind is CorporateActionKind.DIVIDEND:
            return Decimal(1), _positive(fields, "amount", columns=columns)
        if kind is CorporateActionKind.SYMBOL_CHANGE and not new_symbol:
            raise RowDefect(columns.name("new_symbol"), "", expected="the new symbol")
        if kind is CorporateActionKind.SPIN_OFF and not new_symbol:
            raise RowDefect(columns.name("new_symbol"), "", expected="the symbol of the shares that it gives")
        if kind is CorporateActionKind.DELISTING:
            return self._delisting(fields)
        if new_symbol == symbol:
            raise RowDefect(
                columns.name("new_symbol"), new_symbol, expected="a symbol other than the old one"
            )
        ratio = _optional(fields, "ratio", columns=columns)
        amount = _optional(fields, "amount", columns=columns) or _NONE
        if kind is CorporateActionKind.MERGER:
            if not new_symbol and not amount:
                raise RowDefect(
                    columns.name("amount"), "", expected="cash per share, or a new symbol and ratio"
                )
            return ratio if ratio is not None else Decimal(1 if new_symbol else 0), amount
        if kind is CorporateActionKind.SPIN_OFF:
            return _positive(fields, "ratio", columns=columns), amount
        if ratio is None:
            return Decimal(1), amount
        if ratio == 0:
            raise RowDefect(columns.name("ratio"), "0", expected="new shares per old share, above 0")
        return ratio, amount

    def _delisting(self, fields: list[str]) -> tuple[Decimal, Decimal]:
        """The amount alone (a ratio of 0), also if it is 0; a ratio of 1 for the last price."""
        for target in ("amount", "value"):
            amount = _optional(fields, target, columns=self._columns)
            if amount is not None:
                return _NONE, amount
        return Decimal(1), _NONE

    def _stock_dividend(self, fields: list[str]) -> Decimal:
        """New shares per old share: ``ratio`` (1.05), or 1 more than ``amount`` (0.05)."""
        columns = self._columns
        given = _optional(fields, "amount", columns=columns)
        if given:
            return 1 + given
        ratio = _positive(fields, "ratio", columns=columns)
        if ratio <= 1:
            expected = "new shares per old share, above 1 (1.05 for 5 %), or 0.05 as the amount"
            raise RowDefect(columns.name("ratio"), f"{ratio:f}", expected=expected)
        return ratio

    def _cost_fraction(self, fields: list[str], kind: CorporateActionKind) -> Decimal:
        """The part of the cost that a spin-off moves; 0 if the row has none."""
        if kind is not CorporateActionKind.SPIN_OFF:
            return _NONE
        fraction = _optional(fields, "cost_fraction", columns=self._columns) or _NONE
        if fraction > 1:
            raise RowDefect(
                self._columns.name("cost_fraction"), f"{fraction:f}", expected="a fraction from 0 to 1"
            )
        return fraction


class FxRateParser:
    """Rows with a rate and two currencies: columns base and quote, or a symbol such as ``EURUSD``."""

    def __init__(self, columns: Columns, options: ImportOptions) -> None:
        self._time, self._clock = columns.place("time"), columns.clock
        self._stamp = stamp_parser(options).parse
        self._instants = Instants(options)
        self._days = _day_intervals(options)
        self._columns = columns

    @property
    def repeated_count(self) -> int:
        """How many stamps so far are local times that occur twice."""
        return self._instants.repeated_count

    def parse(self, fields: list[str], symbol: str, *, later: bool = False) -> FxRateSet:
        """The rate of a row."""
        base, quote = self._pair(fields, symbol)
        rate = _positive(fields, "rate", columns=self._columns)
        text = _stamp(fields, self._time, clock=self._clock)
        _, _, has_time = self._stamp(text)
        ts = self._instants.instant(text, later) if has_time else self._days.interval(text, later)[1]
        return FxRateSet(ts, base, quote, rate)

    def _pair(self, fields: list[str], symbol: str) -> tuple[str, str]:
        columns = self._columns
        if columns.place("base") >= 0:
            base, quote = (_text(fields, target, columns=columns).upper() for target in ("base", "quote"))
        else:
            letters = "".join(letter for letter in symbol.upper() if letter.isalpha())
            base, quote = letters[:_CURRENCY_LETTERS], letters[_CURRENCY_LETTERS:]
        if len(base) != _CURRENCY_LETTERS or len(quote) != _CURRENCY_LETTERS or base == quote:
            raise RowDefect(columns.name("symbol"), symbol, expected="two currencies such as EURUSD")
        return base, quote


class FundingRateParser:
    """Rows with a rate and optionally its due time. Without one the rate is due at its stamp."""

    def __init__(self, columns: Columns, options: ImportOptions) -> None:
        self._time, self._clock = columns.place("time"), columns.clock
        self._instants = Instants(options)
        self._columns = columns

    @property
    def repeated_count(self) -> int:
        """How many stamps so far are local times that occur twice."""
        return self._instants.repeated_count

    def parse(self, fields: list[str], symbol: str, *, later: bool = False) -> FundingRateSet:
        """The funding rate of a row. If it is negative, the short side pays."""
        columns = self._columns
        ts = self._instants.instant(_stamp(fields, self._time, clock=self._clock), later)
        due_text = _text(fields, "due", columns=columns)
        due_ts = self._instants.instant(due_text, later) if due_text else ts
        if due_ts < ts:
            raise RowDefect(columns.name("due"), due_text, expected="a time not before the row's own")
        return FundingRateSet(ts, symbol, _number(fields, "rate", columns=columns), due_ts)


def _day_intervals(options: ImportOptions) -> DailyIntervals:
    """Local days of the options' zone and session; their timeframe is ignored."""
    return DailyIntervals(msgspec.structs.replace(options, timeframe="1d", label=Label.OPEN))


def _stamp(fields: list[str], at: int, *, clock: int) -> str:
    return fields[at].strip() if clock < 0 else f"{fields[at].strip()} {fields[clock].strip()}"


def _text(fields: list[str], target: str, *, columns: Columns) -> str:
    place = columns.place(target)
    return fields[place].strip() if place >= 0 else ""


def _optional(fields: list[str], target: str, *, columns: Columns) -> Decimal | None:
    """A number of 0 or more; ``None`` if the row has none."""
    if not _text(fields, target, columns=columns):
        return None
    number = _number(fields, target, columns=columns)
    if number < 0:
        raise RowDefect(columns.name(target), fields[columns.place(target)], expected="0 or more")
    return number


def _positive(fields: list[str], target: str, *, columns: Columns) -> Decimal:
    """A number above 0, from its own column or the column of values; ``ColumnMissing`` without either."""
    if columns.place(target) < 0 and columns.place("value") < 0:
        listed = ", ".join(map(repr, columns.names))
        raise ColumnMissing(
            f"no column for {target}, nor one of values for both ratio and amount, among {listed}; "
            f"name it with --column {target}=NAME or --column value=NAME"
        )
    if not _text(fields, target, columns=columns) and columns.place("value") >= 0:
        target = "value"
    number = _number(fields, target, columns=columns)
    if number <= 0:
        raise RowDefect(columns.name(target), fields[columns.place(target)], expected="a number above 0")
    return number


def _number(fields: list[str], target: str, *, columns: Columns) -> Decimal:
    """A finite number. ``1_000`` is refused, though Python accepts it."""
    text = _text(fields, target, columns=columns)
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite() or "_" in text:
        raise RowDefect(columns.name(target), text, expected="a finite number")
    return value
