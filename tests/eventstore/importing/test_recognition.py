"""What is told from a file: values as people write them, order, timeframe, symbol; and what is refused."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from eventstore.importing import (
    BadRowsRefused,
    DataKind,
    DateOrder,
    ImportOptions,
    Label,
    parse_files,
)
from eventstore.moments import iso_utc
from kernel.errors import InputError
from kernel.events import AggressorSide, Bar, Event, Quote, Trade
from tests.eventstore.importing.files import (
    BARS_HEADER,
    GOOD_BARS,
    parsed_events,
    recognised_events,
    write_bars,
    write_lines,
)

X = ImportOptions(symbol="X")
QUOTES = ImportOptions(symbol="X", kind=DataKind.QUOTES)
NONE = 9_223_372_036_854_775_807


def days(events: dict[str, list[Event]], stream: str = "x.1d") -> list[str]:
    return [iso_utc(event.ts)[:10] for event in events[stream]]


@pytest.mark.parametrize("missing", ["", "0", "0.0", "nan", "null", "N/A", "-", str(NONE)])
def test_a_quote_may_miss_a_side(tmp_path: Path, missing: str) -> None:
    rows = [f"1704205800000,10,{missing},5,", f"1704205801000,{missing},10.2,,7", "1704205802000,10,10.2,5,7"]
    path = write_lines(tmp_path / "q.csv", ["timestamp,bid,ask,bid_size,ask_size", *rows])

    quotes = parsed_events(path, QUOTES)["x.quotes"]

    sides = [(q.bid, q.ask, q.bid_size, q.ask_size) for q in quotes if isinstance(q, Quote)]
    assert sides == [(10, 0, 5, 0), (0, 10.2, 0, 7), (10, 10.2, 5, 7)]


def test_a_side_that_is_there_is_checked_as_before(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "q.csv", ["timestamp,bid,ask", "1704205800000,-3,"])

    with pytest.raises(BadRowsRefused, match="bid is '-3', expected a price above 0"):
        parse_files([path], QUOTES)


@pytest.mark.parametrize(
    ("header", "row", "volume"),
    [
        ("date,open,high,low,close,VolumeFrom", "303.61", 303.61),
        ("date,open,high,low,close,Volume USD,Volume BTC", "9,303.61", 303.61),
        ("date,open,high,low,close,tick_volume", "303.61", 303.61),
        ("date,open,high,low,close,Vol.", "1.5K", 1_500),
        ("date,open,high,low,close,Volume", "N/A", 0),
        ("date,open,high,low,close,Volume", '"1,234,567"', 1_234_567),
    ],
)
def test_volumes_are_found_under_other_names_and_forms(
    tmp_path: Path, header: str, row: str, volume: float
) -> None:
    path = write_lines(tmp_path / "v.csv", [header, f"2024-01-02,1,2,1,2,{row}"])

    (bar,) = parsed_events(path, X)["x.1d"]

    assert isinstance(bar, Bar)
    assert bar.volume == volume


@pytest.mark.parametrize(
    ("bid_size", "ask_size"),
    [
        ("bid_amount", "ask_amount"),
        ("bid_sz_00", "ask_sz_00"),
        ("bidVolume1", "askVolume1"),
        ("bidQty", "askQty"),
    ],
)
def test_sizes_are_found_under_other_names(tmp_path: Path, bid_size: str, ask_size: str) -> None:
    header = f"timestamp,bid_price,ask_price,{bid_size},{ask_size}"
    path = write_lines(tmp_path / "q.csv", [header, "1704205800000,10,11,806,5494"])

    (quote,) = parsed_events(path, QUOTES)["x.quotes"]

    assert isinstance(quote, Quote)
    assert (quote.bid_size, quote.ask_size) == (806, 5_494)


@pytest.mark.parametrize("name", ["isBuyerMaker", "buyer_maker"])
def test_the_taker_is_the_other_side_than_the_maker(tmp_path: Path, name: str) -> None:
    path = write_lines(tmp_path / "t.csv", [f"time,price,qty,{name}", "1704205800000,10,1,true"])

    (trade,) = parsed_events(path, X)["x.trades"]

    assert isinstance(trade, Trade)
    assert trade.aggressor is AggressorSide.SELLER


def test_the_columns_taken_and_left_are_told(tmp_path: Path) -> None:
    header = "exchange,Symbol,Date,Open,High,Low,Close,Turnover"
    path = write_lines(tmp_path / "x.csv", [header, "N,A,2024-01-02,1,2,1,2,9"])

    _, recognised = recognised_events(path, ImportOptions())

    assert recognised.left == ("exchange", "Turnover")
    assert recognised.line == (
        "1d bars; time=Date, symbol, open, high, low, close; left: exchange, Turnover; zone UTC"
    )


@pytest.mark.parametrize(
    ("stamps", "first"),
    [
        (("05/13/2024", "05/14/2024"), "2024-05-13"),
        (("13/05/2024", "14/05/2024"), "2024-05-13"),
        (("05.06.2024", "06.06.2024"), "2024-06-05"),
        (("May 13, 2024", "May 14, 2024"), "2024-05-13"),
        (("13-May-24", "14-May-24"), "2024-05-13"),
        (("Mon 13 May 2024", "Tue 14 May 2024"), "2024-05-13"),
        (("2024-5-3", "2024-5-4"), "2024-05-03"),
    ],
)
def test_dates_are_read_as_people_write_them(tmp_path: Path, stamps: tuple[str, ...], first: str) -> None:
    rows = [f'"{stamp}",10,12,9,11,100' for stamp in stamps]

    events = parsed_events(write_bars(tmp_path, *rows), X)

    assert days(events)[0] == first


def test_a_day_above_twelve_far_down_in_the_file_tells_the_order(tmp_path: Path) -> None:
    months = [f"01/{month:02d}/{year}" for year in range(1900, 2000) for month in range(1, 13)]
    rows = [f"{date},10,12,9,11,100" for date in months]

    events = parsed_events(
        write_bars(tmp_path, *rows, "13/01/2000,10,12,9,11,100"), ImportOptions(symbol="X", timeframe="1d")
    )

    assert days(events)[1] == "1900-02-01"


def test_dates_that_fit_both_orders_are_refused_with_the_option_to_paste(tmp_path: Path) -> None:
    path = write_bars(tmp_path, "05/02/2024,10,12,9,11,100", "05/03/2024,10,12,9,11,100")

    with pytest.raises(InputError, match="--date-order dmy or --date-order mdy"):
        parse_files([path], X)

    told = parsed_events(path, ImportOptions(symbol="X", date_order=DateOrder.MONTH_FIRST))
    assert days(told) == ["2024-05-02", "2024-05-03"]


@pytest.mark.parametrize(
    ("step_s", "timeframe"),
    [(1, "1s"), (60, "1m"), (300, "5m"), (3_600, "1h"), (14_400, "4h"), (86_400, "1d"), (604_800, "1w")],
)
def test_the_timeframe_is_the_most_common_distance_of_stamps(
    tmp_path: Path, step_s: int, timeframe: str
) -> None:
    stamps = [1_704_067_200 + step_s * place for place in (0, 1, 2, 3, 7, 8)]
    path = write_lines(
        tmp_path / "x.csv", ["time,open,high,low,close", *[f"{stamp},1,2,1,2" for stamp in stamps]]
    )

    events = parsed_events(path, X)

    assert list(events) == [f"x.{timeframe}"]


@pytest.mark.parametrize(
    ("stamps", "timeframe"),
    [
        (("2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"), "1mo"),
        (("2023-01-01", "2023-04-01", "2023-07-01", "2023-10-01"), "3mo"),
        (("2021-01-01", "2022-01-01", "2023-01-01"), "1y"),
    ],
)
def test_months_apart_are_bars_of_months(tmp_path: Path, stamps: tuple[str, ...], timeframe: str) -> None:
    events = parsed_events(write_bars(tmp_path, *[f"{stamp},10,12,9,11,100" for stamp in stamps]), X)

    assert list(events) == [f"x.{timeframe}"]


@pytest.mark.parametrize(
    ("stamps", "words"),
    [
        (("2024-01-02T09:30",), "from a single bar; name it with --timeframe"),
        (
            ("2024-01-02T09:30", "2024-01-02T09:37", "2024-01-02T09:44"),
            "7 min apart; name it with --timeframe",
        ),
    ],
)
def test_a_timeframe_that_cannot_be_told_is_asked_for(
    tmp_path: Path, stamps: tuple[str, ...], words: str
) -> None:
    path = write_bars(tmp_path, *[f"{stamp},10,12,9,11,100" for stamp in stamps])

    with pytest.raises(InputError, match=words):
        parse_files([path], X)


def test_rows_with_the_newest_first_are_turned_round(tmp_path: Path) -> None:
    events, recognised = recognised_events(write_bars(tmp_path, *reversed(GOOD_BARS)), X)

    assert days(events) == ["2012-03-01", "2012-03-02", "2012-03-05"]
    assert "newest row first" in recognised.line


def test_unsorted_rows_are_refused_until_they_are_to_be_sorted(tmp_path: Path) -> None:
    path = write_bars(tmp_path, GOOD_BARS[1], GOOD_BARS[2], GOOD_BARS[0])

    with pytest.raises(BadRowsRefused, match="--sort"):
        parse_files([path], X)

    assert days(parsed_events(path, ImportOptions(symbol="X", sort=True))) == [
        "2012-03-01",
        "2012-03-02",
        "2012-03-05",
    ]


def test_files_in_any_order_are_sorted_together(tmp_path: Path) -> None:
    late, early = (
        write_bars(tmp_path, GOOD_BARS[2], name="late.csv"),
        write_bars(tmp_path, *GOOD_BARS[:2], name="early.csv"),
    )

    parsed = parse_files([late, early], ImportOptions(symbol="X", sort=True))

    assert [lane.count for lane in parsed.spool.lanes.values()] == [3]
    parsed.close()


def test_equal_rows_are_dropped_when_told_and_counted(tmp_path: Path) -> None:
    path = write_bars(tmp_path, GOOD_BARS[0], GOOD_BARS[0], GOOD_BARS[1])

    with pytest.raises(BadRowsRefused, match="--drop-duplicates"):
        parse_files([path], X)

    parsed = parse_files([path], ImportOptions(symbol="X", drop_duplicates=True))
    assert (parsed.left_out["duplicates"], parsed.spool.lanes["x.1d"].count) == (1, 2)
    parsed.close()


def test_rows_with_one_time_and_other_values_are_not_dropped(tmp_path: Path) -> None:
    path = write_bars(tmp_path, GOOD_BARS[0], GOOD_BARS[0].replace("100", "101"))

    with pytest.raises(BadRowsRefused, match="these differ"):
        parse_files([path], ImportOptions(symbol="X", drop_duplicates=True))


def test_lines_above_and_below_the_rows_are_left_out(tmp_path: Path) -> None:
    lines = ["Prices of X", "", "in USD, adjusted", BARS_HEADER, *GOOD_BARS, "Total,,,,,600", "End of data"]
    path = write_lines(tmp_path / "x.csv", lines)

    parsed = parse_files([path], X)

    assert (parsed.left_out.total(), parsed.spool.lanes["x.1d"].count) == (2, 3)
    parsed.close()


def test_a_remark_between_rows_is_a_bad_row(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.csv", [BARS_HEADER, GOOD_BARS[0], "trading was halted", GOOD_BARS[1]])

    with pytest.raises(BadRowsRefused, match=r"x\.csv, line 3"):
        parse_files([path], X)


def test_lines_to_skip_are_named_by_an_option(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.csv", ["date,open,high,low,close", BARS_HEADER, *GOOD_BARS])

    events = parsed_events(path, ImportOptions(symbol="X", skip_lines=1))

    assert len(events["x.1d"]) == 3


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("AAPL.csv", "aapl.1d"),
        ("BTC-USD.csv", "btc-usd.1d"),
        ("nvda-2014.txt", "nvda.1d"),
        ("spy_us_d.csv", "spy.1d"),
        ("BRK.B_2020-01-01_2024-01-01.csv", "brk.b.1d"),
    ],
)
def test_the_symbol_is_told_from_the_name_of_the_file(tmp_path: Path, name: str, stream: str) -> None:
    events = parsed_events(write_bars(tmp_path, *GOOD_BARS, name=name), ImportOptions())

    assert list(events) == [stream]


@pytest.mark.parametrize("name", ["2023.csv", "2023-05.csv.gz", "1min.txt", "daily.csv", "1m_2024.csv"])
def test_the_symbol_is_told_from_the_folder_of_a_file_named_by_its_period(tmp_path: Path, name: str) -> None:
    (tmp_path / "BRK.B").mkdir()
    path = write_bars(tmp_path, *GOOD_BARS, name="bars.csv").rename(tmp_path / "BRK.B" / name)

    parsed = parse_files([path], ImportOptions())

    assert list(parsed.spool.lanes) == ["brk.b.1d"]
    assert "symbol BRK.B from the folder's name" in parsed.recognised[0].line
    parsed.close()


@pytest.mark.parametrize(
    "name", ["data/2023.csv", "DATA/2023.csv", "QQQ/export.csv", "QQQ/HistoricalData_1.csv"]
)
def test_a_folder_that_is_no_symbol_or_holds_another_name_is_asked_about(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir()
    write_bars(tmp_path, *GOOD_BARS, name="bars.csv").rename(path)

    with pytest.raises(InputError, match=r"no symbol was given.*--symbol"):
        parse_files([path], ImportOptions())


@pytest.mark.parametrize("name", ["data.csv", "prices_2024.csv", "2024-01.csv", "q.csv"])
def test_a_name_that_is_no_symbol_is_asked_about(tmp_path: Path, name: str) -> None:
    path = write_bars(tmp_path, *GOOD_BARS, name=name)

    with pytest.raises(InputError, match=r"no symbol was given.*--symbol"):
        parse_files([path], ImportOptions())


def test_several_files_may_be_of_several_symbols_and_timeframes(tmp_path: Path) -> None:
    daily = write_bars(tmp_path, *GOOD_BARS, name="AAPL.csv")
    rows = [f"2012-03-01 09:3{minute},10,12,9,11,100" for minute in range(3)]
    minutes = write_bars(tmp_path, *rows, name="MSFT.csv")

    parsed = parse_files([daily, minutes], ImportOptions())

    assert list(parsed.spool.lanes) == ["aapl.1d", "msft.1m"]
    parsed.close()


@pytest.mark.parametrize(
    ("value", "options", "close"),
    [
        ("368650000000", ImportOptions(symbol="X", price_scale=Decimal("1e-8")), 3_686.5),
        ("1187,15", ImportOptions(symbol="X"), 1_187.15),
        ("1.187", ImportOptions(symbol="X", decimal=","), 1_187),
        ("1,187", ImportOptions(symbol="X", decimal="."), 1_187),
        ("$1,187.15", ImportOptions(symbol="X"), 1_187.15),
        ("1 187.15", ImportOptions(symbol="X"), 1_187.15),
    ],
)
def test_prices_are_read_in_their_scale_and_form(
    tmp_path: Path, value: str, options: ImportOptions, close: float
) -> None:
    path = write_lines(
        tmp_path / "x.csv", ["date;open;high;low;close", ";".join(["2024-01-02", value, value, value, value])]
    )

    (bar,) = parsed_events(path, options)["x.1d"]

    assert isinstance(bar, Bar)
    assert bar.close == close


def test_a_comma_that_can_be_read_both_ways_is_asked_about(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.csv", ["date;open;high;low;close", "2024-01-02;1,187;1,187;1,187;1,187"])

    with pytest.raises(InputError, match=r"'1,187' has a comma.*--decimal"):
        parse_files([path], X)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("20240102143000", "2024-01-02T14:30:00Z"),
        ("202401021430", "2024-01-02T14:30:00Z"),
        ("20240102143000123", "2024-01-02T14:30:00.123Z"),
        ("1704205800", "2024-01-02T14:30:00Z"),
        ("1704205800000", "2024-01-02T14:30:00Z"),
        ("1704205800000000", "2024-01-02T14:30:00Z"),
        ("1704205800000000000", "2024-01-02T14:30:00Z"),
    ],
)
def test_stamps_of_digits_are_dates_or_units_by_their_length(tmp_path: Path, text: str, instant: str) -> None:
    path = write_lines(tmp_path / "t.csv", ["time,price,size", f"{text},10,1"])

    (trade,) = parsed_events(path, X)["x.trades"]

    assert iso_utc(trade.ts) == instant


def test_twelve_digits_that_are_no_date_are_refused(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "t.csv", ["time,price,size", "240102143000,10,1"])

    with pytest.raises(BadRowsRefused, match="--time-unit ms"):
        parse_files([path], X)


def test_milliseconds_that_pass_from_twelve_to_thirteen_digits_are_milliseconds(tmp_path: Path) -> None:
    stamps = [999_907_200_000, 999_993_600_000, 1_000_080_000_000]
    path = write_lines(tmp_path / "x.csv", ["t,o,h,l,c", *[f"{stamp},1,2,1,2" for stamp in stamps]])

    assert days(parsed_events(path, X)) == ["2001-09-08", "2001-09-09", "2001-09-10"]


def test_options_win_over_the_layout(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "SPY.Last.txt", ["20110103 143100;126.35;126.39;126.35;126.39;1579"])
    options = ImportOptions(timeframe="5m", label=Label.OPEN, tz="America/New_York", symbol="ES")

    (bar,) = parsed_events(path, options)["es.5m"]

    assert iso_utc(bar.ts) == "2011-01-03T19:36:00Z"


def test_a_layout_can_be_named_or_turned_off(tmp_path: Path) -> None:
    path = write_bars(tmp_path, *GOOD_BARS)

    with pytest.raises(InputError, match=r"layout is 'Yahho', expected none or one of .*Yahoo"):
        parse_files([path], ImportOptions(symbol="X", layout="Yahho"))
    with pytest.raises(InputError, match="is no file of the layout 'kraken'"):
        parse_files([path], ImportOptions(symbol="X", layout="kraken"))
    assert len(parsed_events(path, ImportOptions(symbol="X", layout="none"))["x.1d"]) == 3


def weekly_line(tmp_path: Path, *days: str, options: ImportOptions) -> str:
    path = write_bars(tmp_path, *(f"{day},10,12,9,11,100" for day in days))
    parsed = parse_files([path], options)
    parsed.close()
    return parsed.recognised[0].line


def test_bars_of_weeks_stamped_on_their_last_day_are_told_with_the_option(tmp_path: Path) -> None:
    fridays = ("2024-03-15", "2024-03-22", "2024-03-28", "2024-04-05")
    sentence = "each bar begins on the day of its stamp, a Friday; if that is its last day: --label close"

    assert sentence in weekly_line(tmp_path, *fridays, options=ImportOptions(symbol="X"))


@pytest.mark.parametrize("monday", ["2024-03-04", "2024-03-03"])
def test_nothing_is_said_of_weeks_that_begin_on_monday_or_sunday(tmp_path: Path, monday: str) -> None:
    first = date.fromisoformat(monday)
    days = [str(first + timedelta(7 * n)) for n in range(4)]

    assert "begins on" not in weekly_line(tmp_path, *days, options=ImportOptions(symbol="X"))
    assert "begins on" not in weekly_line(
        tmp_path, "2024-03-15", "2024-03-22", options=ImportOptions(symbol="X", label=Label.OPEN)
    )
