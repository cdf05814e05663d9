"""Fields to events, and what makes a row bad."""

from math import inf, isnan, nextafter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from eventstore.importing.columns import resolve_columns
from eventstore.importing.defects import RowDefect
from eventstore.importing.options import DataKind, ImportOptions
from eventstore.importing.parsers import RowEvent, row_parser
from eventstore.moments import iso_utc
from kernel.events import AggressorSide, Bar, Quote, Trade
from kernel.time_units import SECOND_NS

prices = st.floats(min_value=nextafter(0, 1), max_value=1e300)
sizes = st.floats(min_value=0, allow_infinity=False)
instants = st.integers(min_value=0, max_value=7_000_000_000 * SECOND_NS)

BARS = ("time", "open", "high", "low", "close", "volume")


def parse(names: tuple[str, ...], row: str, options: ImportOptions) -> RowEvent:
    """The event of a comma-separated row."""
    return row_parser(resolve_columns(names, options), options).parse(row.split(","), options.symbol)


def bar_options(**changes: object) -> ImportOptions:
    return ImportOptions(**{"symbol": "X", "timeframe": "1m"} | changes)  # type: ignore[arg-type] # test data


@given(st.lists(prices, min_size=4, max_size=4).map(sorted), sizes, instants, st.booleans())
def test_any_bar_written_as_text_is_read_back_exactly(
    levels: list[float], volume: float, open_ts: int, rising: bool
) -> None:
    low, first, second, high = levels
    opened, close = (first, second) if rising else (second, first)
    row = f"{iso_utc(open_ts)},{opened!r},{high!r},{low!r},{close!r},{volume!r}"

    event = parse(BARS, row, bar_options())

    ts = open_ts + 60 * SECOND_NS
    assert event == Bar(ts, "X", "1m", opened, high, low, close, volume, open_ts)


@given(prices, prices, sizes, sizes, instants)
def test_any_quote_written_as_text_is_read_back_exactly(
    one: float, other: float, bid_size: float, ask_size: float, ts: int
) -> None:
    bid, ask = sorted((one, other))
    names = ("timestamp", "bid_price", "ask_price", "bid_size", "ask_size")
    row = f"{iso_utc(ts)},{bid!r},{ask!r},{bid_size!r},{ask_size!r}"

    event = parse(names, row, ImportOptions(kind=DataKind.QUOTES, symbol="X"))

    assert event == Quote(ts, "X", bid, ask, bid_size, ask_size)


@given(prices, sizes, instants, st.sampled_from(AggressorSide))
def test_any_trade_written_as_text_is_read_back_exactly(
    price: float, size: float, ts: int, side: AggressorSide
) -> None:
    names = ("time", "price", "qty", "side", "id", "exchange_time")
    row = f"{iso_utc(ts)},{price!r},{size!r},{side.value},t-1,{iso_utc(ts)}"

    event = parse(names, row, ImportOptions(kind=DataKind.TRADES, symbol="X"))

    assert event == Trade(ts, "X", price, size, side, "t-1", ts)


@given(st.lists(st.one_of(prices, st.floats()), min_size=5, max_size=5))
def test_a_bar_is_taken_or_refused_and_never_wrong(values: list[float]) -> None:
    opened, high, low, close, volume = values
    is_good = (
        not isnan(close)  # which `min` and `max` pass over
        and 0 < low <= min(opened, close) <= max(opened, close) <= high < inf
        and 0 <= volume < inf
    )
    row = ",".join(["2012-03-01T09:30", *map(repr, values)])

    try:
        parse(BARS, row, bar_options())
        was_taken = True
    except RowDefect:
        was_taken = False

    assert was_taken == is_good


@pytest.mark.parametrize(
    ("row", "field", "seen", "expected"),
    [
        ("2012-03-01T09:30,x,12,9,11,100", "open", "x", "a finite number"),
        ("2012-03-01T09:30,10,12,9,,100", "close", "", "a finite number"),
        ("2012-03-01T09:30,10,12,9,nan,100", "close", "nan", "a finite number"),
        ("2012-03-01T09:30,10,inf,9,11,100", "high", "inf", "a finite number"),
        ("2012-03-01T09:30,10,1_2,9,11,100", "high", "1_2", "a finite number"),
        ("2012-03-01T09:30,10,12,0,11,100", "low", "0", "a price above 0"),
        ("2012-03-01T09:30,-10,12,-11,11,100", "open", "-10", "a price above 0"),
        ("2012-03-01T09:30,10,9,12,11,100", "low", "12", "no more than high 9.0"),
        ("2012-03-01T09:30,8,12,9,11,100", "open", "8", "a price from low 9.0 to high 12.0"),
        ("2012-03-01T09:30,10,12,9,13,100", "close", "13", "a price from low 9.0 to high 12.0"),
        ("2012-03-01T09:30,10,12,9,11,-1", "volume", "-1", "0 or more"),
        ("2012-03-01T09:30,10,12,9,11,", "volume", "", "a finite number"),
        ("noon,10,12,9,11,100", "time", "noon", "a date and time"),
    ],
)
def test_a_bad_bar_names_the_field_the_value_and_what_was_expected(
    row: str, field: str, seen: str, expected: str
) -> None:
    with pytest.raises(RowDefect) as caught:
        parse(BARS, row, bar_options())

    assert (caught.value.field, caught.value.seen) == (field, seen)
    assert caught.value.expected.startswith(expected)


@pytest.mark.parametrize(
    ("kind", "names", "row", "field"),
    [
        (DataKind.QUOTES, ("time", "Bid", "Ask"), "2012-03-01T09:30,10.1,10", "Bid"),
        (DataKind.QUOTES, ("time", "Bid", "Ask"), "2012-03-01T09:30,-1,10", "Bid"),
        (DataKind.QUOTES, ("time", "bid", "ask", "asksize"), "2012-03-01T09:30,9,10,-1", "asksize"),
        (DataKind.QUOTES, ("time", "bid", "ask"), "2012-03-01,9,10", "time"),
        (DataKind.TRADES, ("time", "price", "qty"), "2012-03-01T09:30,0,10", "price"),
        (DataKind.TRADES, ("time", "price", "qty"), "2012-03-01T09:30,1,-10", "qty"),
        (DataKind.TRADES, ("time", "price", "qty", "side"), "2012-03-01T09:30,1,10,up", "side"),
        (DataKind.TRADES, ("time", "price", "qty", "eventTime"), "2012-03-01T09:30,1,1,x", "eventTime"),
    ],
)
def test_a_bad_quote_or_trade_names_the_column_of_the_file(
    kind: DataKind, names: tuple[str, ...], row: str, field: str
) -> None:
    with pytest.raises(RowDefect) as caught:
        parse(names, row, ImportOptions(kind=kind, symbol="X"))

    assert caught.value.field == field


def test_negative_prices_are_taken_where_they_are_allowed() -> None:
    options = bar_options(allow_nonpositive=True)

    event = parse(BARS, "2020-04-20T14:29,-36,-35,-38,-37.63,1", options)

    assert isinstance(event, Bar)
    assert event.close == -37.63


def test_adjusting_scales_prices_to_the_adjusted_close_and_volume_the_other_way() -> None:
    names = ("date", "open", "high", "low", "close", "volume", "Adj Close")

    event = parse(names, "2005-02-25,88,92,86,90,100,45", bar_options(timeframe="1d", adjusted=True))

    assert isinstance(event, Bar)
    assert (event.open, event.high, event.low, event.close, event.volume) == (44, 46, 43, 45, 200)


@given(st.lists(prices, min_size=4, max_size=4).map(sorted), prices)
def test_an_adjusted_bar_keeps_its_shape_and_has_exactly_the_adjusted_close(
    levels: list[float], adjusted: float
) -> None:
    low, opened, close, high = levels
    assume(0 < adjusted / close < inf and low * (adjusted / close) > 0 and high * (adjusted / close) < inf)
    names = ("date", "open", "high", "low", "close", "adj_close")
    row = f"2005-02-25,{opened!r},{high!r},{low!r},{close!r},{adjusted!r}"

    event = parse(names, row, bar_options(timeframe="1d", adjusted=True))

    assert isinstance(event, Bar)
    assert event.close == adjusted
    assert event.low <= min(event.open, event.close) <= max(event.open, event.close) <= event.high


@pytest.mark.parametrize("adjusted", ["0", "-1", "nan", "inf", ""])
def test_an_adjusted_close_that_cannot_scale_is_refused(adjusted: str) -> None:
    names = ("date", "open", "high", "low", "close", "Adj Close")

    with pytest.raises(RowDefect) as caught:
        parse(names, f"2005-02-25,88,92,86,90,{adjusted}", bar_options(timeframe="1d", adjusted=True))

    assert (caught.value.field, caught.value.seen) == ("Adj Close", adjusted)


def test_date_and_time_of_day_in_two_columns_make_one_stamp() -> None:
    names = ("<TICKER>", "<DATE>", "<TIME>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>")
    options = bar_options(symbol="", column=())

    event = parse(names, "X,20120301,093000,10,12,9,11,100", options)

    assert iso_utc(event.ts) == "2012-03-01T09:31:00Z"
