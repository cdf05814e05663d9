"""Files to checked events: formats, order, bad rows."""

import gzip
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.importing import (
    BadRows,
    BadRowsRefused,
    DataKind,
    ImportOptions,
    Label,
    Progress,
    parse_files,
)
from eventstore.importing.defects import BadRow, BadRowCauses, listing
from eventstore.moments import iso_utc
from kernel.errors import InputError
from kernel.events import Bar, MessageQuarantined
from replay.sample import stocks
from tests.eventstore.importing.files import (
    BARS_HEADER,
    GOOD_BARS,
    parsed_events,
    spooled,
    write_bars,
    write_lines,
)

GOOG = ImportOptions(symbol="GOOG")
QUARANTINE = ImportOptions(symbol="GOOG", bad_rows=BadRows.QUARANTINE)
GOOG_COUNT, AAPL_COUNT = 2148, 3270


def test_the_bundled_file_holds_five_symbols_of_daily_bars() -> None:
    events = parsed_events(Path(str(stocks())), ImportOptions())

    counts = {stream: len(rows) for stream, rows in events.items()}
    assert counts == {"aapl.1d": 3270, "fb.1d": 196, "goog.1d": 2148, "ibm.1d": 3270, "msft.1d": 3270}


def test_only_the_symbols_asked_for_are_taken_and_the_others_counted() -> None:
    options = ImportOptions(only=("GOOG",))

    with closing(parse_files([Path(str(stocks()))], options)) as parsed:
        counts = (list(spooled(parsed)), parsed.skipped_count)

    assert counts == (["goog.1d"], 12_154 - GOOG_COUNT)


def test_a_symbol_that_is_not_in_the_file_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match=r"no rows of TSLA .* AAPL, FB, GOOG"):
        parse_files([Path(str(stocks()))], ImportOptions(only=("TSLA",)))


def test_gzip_and_zip_and_plain_text_give_the_same_events(tmp_path: Path) -> None:
    plain = write_bars(tmp_path, *GOOD_BARS)
    zipped, gzipped = tmp_path / "bars.zip", tmp_path / "bars.csv.gz"
    gzipped.write_bytes(gzip.compress(plain.read_bytes()))
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(plain, "bars.csv")

    events = [parsed_events(path, GOOG) for path in (plain, gzipped, zipped)]

    assert events[0] == events[1] == events[2]
    assert len(events[0]["goog.1d"]) == 3


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_delimiter_and_line_ending_are_told_from_the_file(
    tmp_path: Path, separator: str, ending: str
) -> None:
    path = tmp_path / "bars.csv"
    text = ending.join((BARS_HEADER, "", *GOOD_BARS)).replace(",", separator)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())

    events = parsed_events(path, GOOG)

    assert len(events["goog.1d"]) == 3


def test_quoted_fields_are_unquoted(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "q.csv", ['"date","open","high","low","close"', '"2012-03-01","10","12","9","11"']
    )

    (bar,) = parsed_events(path, GOOG)["goog.1d"]

    assert isinstance(bar, Bar)
    assert bar.close == 11


def test_a_file_without_a_header_is_read_by_the_names_given(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "nt.csv", ["20110103 090100;126.35;126.39;126.35;126.39;1579"])
    options = ImportOptions(
        symbol="SPY",
        timeframe="1m",
        label=Label.CLOSE,
        columns=("time", "open", "high", "low", "close", "volume"),
    )

    (bar,) = parsed_events(path, options)["spy.1m"]

    assert iso_utc(bar.ts) == "2011-01-03T09:01:00Z"


BAD_LINES = [
    ("2012-03-02,11,13,10", "row", "6 fields, not 4"),
    ("2012-03-02,11,13,10,12,200,7", "row", "6 fields, not 7"),
    ("2012-03-02,11,13,10,abc,200", "close", "'abc'"),
    ("2012-02-30,11,13,10,12,200", "date", "a date that exists"),
    ("2012-02-29,11,13,10,12,200", "date", "not before the previous row's"),
    ("2012-03-01,11,13,10,12,200", "date", "one bar for each time"),
    ('2012-03-02,11,"13,10,12,200', "row", "balanced quotes"),
    ("2012-03-02,11,13,10,12,20\udcff", "row", "UTF-8"),
]


@pytest.mark.parametrize(("line", "field", "words"), BAD_LINES)
def test_one_bad_row_refuses_the_file_naming_line_field_and_value(
    tmp_path: Path, line: str, field: str, words: str
) -> None:
    path = tmp_path / "bars.csv"
    text = "\n".join((BARS_HEADER, GOOD_BARS[0], "", line, GOOD_BARS[2]))
    path.write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(BadRowsRefused) as caught:
        parse_files([path], GOOG)

    assert [(row.file, row.line, row.field) for row in caught.value.rows] == [("bars.csv", 4, field)]
    assert words in str(caught.value)


@pytest.mark.parametrize(("line", "field", "words"), BAD_LINES)
def test_a_bad_row_put_aside_keeps_its_place_its_reason_and_its_text(
    tmp_path: Path, line: str, field: str, words: str
) -> None:
    path = tmp_path / "bars.csv"
    text = "\n".join((BARS_HEADER, GOOD_BARS[0], "", line, GOOD_BARS[2]))
    path.write_bytes(text.encode(errors="surrogateescape"))

    events = parsed_events(path, QUARANTINE)

    (message,) = events["goog.1d.quarantine"]
    assert isinstance(message, MessageQuarantined)
    assert (message.source, message.raw) == ("bars.csv:4", line.replace("\udcff", "\\xff"))
    assert field in message.reason
    assert words in message.reason
    assert len(events["goog.1d"]) == 2


def test_bad_rows_of_one_cause_are_one_line_with_their_count_and_the_first_places(tmp_path: Path) -> None:
    lines = [f"2012-03-{day:02},10,12,9,,100" for day in range(1, 21)]
    lines += [f"2012-04-{day:02},10,{day},{day + 1},{day},100" for day in range(20, 24)]
    path = write_bars(tmp_path, *lines, "2012-05-01,x,12,9,11,100")

    with pytest.raises(BadRowsRefused) as caught:
        parse_files([path], GOOG)

    assert (len(caught.value.rows), caught.value.count) == (10, 25)
    assert str(caught.value).splitlines() == [
        "25 bad rows, so nothing was imported:",
        "  20 rows like bars.csv, line 2: close is '', expected a finite number (also line 3, line 4, ...)",
        "  4 rows like bars.csv, line 22: low is '21', expected no more than high 20.0 "
        "(also line 23, line 24, ...)",
        "  bars.csv, line 26: open is 'x', expected a finite number",
    ]


def test_bad_rows_of_more_than_ten_causes_are_counted() -> None:
    causes = BadRowCauses()
    for place in range(13):
        causes.take(BadRow("a.csv", place, f"field_{place}", "x", "a number"))

    words = listing(causes.listed(), count=causes.count).splitlines()

    assert len(words) == 11
    assert words[-1] == "  ... and 3 more of other causes"


@given(st.lists(st.sampled_from(["good", "bad"]), max_size=40))
def test_every_row_is_either_taken_or_put_aside(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str]
) -> None:
    lines = [
        f"{1_330_000_000 + 60 * n},10,12,9,{'11' if row == 'good' else '13'}" for n, row in enumerate(rows)
    ]
    lines.append("1440000000,10,12,9,11")
    path = write_lines(tmp_path_factory.mktemp("rows") / "x.csv", ["time,open,high,low,close", *lines])
    options = ImportOptions(symbol="X", timeframe="1m", bad_rows=BadRows.QUARANTINE)

    events = parsed_events(path, options)

    assert len(events["x.1m"]) == rows.count("good") + 1
    assert len(events.get("x.1m.quarantine", [])) == rows.count("bad")


def test_bars_that_overlap_show_a_wrong_timeframe(tmp_path: Path) -> None:
    rows = ("2012-03-01T09:30,10,12,9,11,100", "2012-03-01T09:31,10,12,9,11,100")
    path = write_bars(tmp_path, *rows)

    with pytest.raises(BadRowsRefused, match="check the timeframe"):
        parse_files([path], ImportOptions(symbol="X", timeframe="5m"))


def test_a_skipped_local_time_is_a_bad_row(tmp_path: Path) -> None:
    path = write_bars(tmp_path, "2012-03-11 02:30,10,12,9,11,100")

    with pytest.raises(BadRowsRefused, match=r"line 2: date .* exists in America/New_York"):
        parse_files([path], ImportOptions(symbol="X", timeframe="1m", tz="America/New_York"))


def test_a_repeated_local_hour_is_read_twice_in_order(tmp_path: Path) -> None:
    stamps = ("00:30", "01:00", "01:30", "01:00", "01:30", "02:00")
    path = write_bars(tmp_path, *[f"2012-11-04 {stamp},10,12,9,11,100" for stamp in stamps])

    events = parsed_events(path, ImportOptions(symbol="X", timeframe="30m", tz="America/New_York"))

    hours = [iso_utc(bar.ts)[11:16] for bar in events["x.30m"]]
    assert hours == ["05:00", "05:30", "06:00", "06:30", "07:00", "07:30"]


def repeated_hour_line(tmp_path: Path, *rows: str, options: ImportOptions) -> str:
    header = "time,price,size" if options.kind is DataKind.TRADES else BARS_HEADER
    with closing(parse_files([write_lines(tmp_path / "f.csv", [header, *rows])], options)) as parsed:
        return parsed.recognised[0].line


@pytest.mark.parametrize(
    ("kind", "values"), [(DataKind.BARS, "10,12,9,11,100"), (DataKind.TRADES, "10,1")], ids=["bars", "trades"]
)
def test_rows_in_an_hour_that_occurs_twice_are_told_with_their_number(
    tmp_path: Path, kind: DataKind, values: str
) -> None:
    options = ImportOptions(symbol="X", kind=kind, timeframe="30m", tz="America/New_York")
    rows = [f"2012-11-04 {stamp},{values}" for stamp in ("00:30", "01:00", "01:30", "01:30", "02:00")]
    offsets = [f"2012-11-04 {stamp},{values}" for stamp in ("01:00-04:00", "01:30-04:00", "01:00-05:00")]
    sentence = "rows in an hour that occurs twice, as clocks are set back in America/New_York"

    assert f"; 3 {sentence}" in repeated_hour_line(tmp_path, *rows, options=options)
    assert sentence not in repeated_hour_line(tmp_path, *offsets, options=options)
    assert sentence not in repeated_hour_line(tmp_path, rows[0], rows[-1], options=options)


def test_trades_may_share_a_time_and_keep_their_order(tmp_path: Path) -> None:
    rows = [f"2012-03-01T09:30:00,{price},1" for price in (10, 9, 11)]
    path = write_lines(tmp_path / "t.csv", ["time,price,size", *rows])

    events = parsed_events(path, ImportOptions(symbol="X", kind=DataKind.TRADES))

    assert [getattr(trade, "price", None) for trade in events["x.trades"]] == [10, 9, 11]


def test_several_files_are_read_as_one(tmp_path: Path) -> None:
    first = write_bars(tmp_path, *GOOD_BARS[:2], name="a.csv")
    second = write_bars(tmp_path, GOOD_BARS[2], name="b.csv")

    with closing(parse_files([first, second], GOOG)) as parsed:
        events = spooled(parsed)

    assert len(events["goog.1d"]) == 3


def test_a_row_out_of_order_names_the_file_that_it_is_in(tmp_path: Path) -> None:
    first = write_bars(tmp_path, GOOD_BARS[2], name="a.csv")
    second = write_bars(tmp_path, GOOD_BARS[0], name="b.csv")

    with pytest.raises(BadRowsRefused, match=r"b\.csv, line 2: date is '2012-03-01'"):
        parse_files([first, second], GOOG)


def test_two_symbols_never_share_a_stream_by_accident(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "s.csv", ["symbol," + BARS_HEADER, "BRK," + GOOD_BARS[0], "brk," + GOOD_BARS[1]]
    )

    with pytest.raises(InputError, match="'BRK' and 'brk'"):
        parse_files([path], ImportOptions())


def test_a_stream_that_was_named_takes_every_symbol(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "s.csv", ["symbol," + BARS_HEADER, "A," + GOOD_BARS[0], "B," + GOOD_BARS[0]]
    )

    events = parsed_events(path, ImportOptions(stream="all"))

    assert len(events["all"]) == 2


@pytest.mark.parametrize("cut", [12, 40, -9, -1])
def test_a_gzip_file_cut_short_is_refused_whole(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(stocks().read_bytes()[:cut])

    with pytest.raises(InputError, match=r"cut\.csv\.gz.*damaged or cut short"):
        parse_files([path], ImportOptions(bad_rows=BadRows.QUARANTINE))


def test_a_gzip_file_with_a_flipped_byte_is_refused_whole(tmp_path: Path) -> None:
    path = tmp_path / "flipped.csv.gz"
    data = bytearray(stocks().read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(bytes(data))

    with pytest.raises(InputError, match=r"flipped\.csv\.gz"):
        parse_files([path], ImportOptions())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (BARS_HEADER.encode(), "no rows"),
        (BARS_HEADER.encode("utf-16"), "no rows"),
        (b"<!DOCTYPE html><html>Log in</html>", "is a web page"),
        (b'{"error": "no such symbol"}', "holds no list of rows"),
        (b'{"bars": [', "is not JSON"),
        (b'"date,open', "line 1 is no row of fields"),
        (b"\xd0\xcf\x11\xe0 sheet", "save it as .xlsx or CSV"),
        (b"\x89PNG\r\n\0\0\0", "not UTF-8"),
        (b"PK\x03\x04 not really a zip", "damaged"),
        (b"PAR1 not really parquet", "not a readable Parquet"),
        (BARS_HEADER.encode() + b"\n" + b"1" * 2_000_000, "line 2: is longer"),
        (b"some prose about prices", "no column for"),
    ],
)
def test_a_file_that_holds_no_rows_is_refused_by_name(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(content)

    with pytest.raises(InputError) as caught:
        parse_files([path], GOOG)

    assert "odd.csv" in str(caught.value)
    assert words in str(caught.value)


def test_the_files_of_a_zip_file_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    path = tmp_path / "goog.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("2012-03-05.csv", "\n".join((BARS_HEADER, GOOD_BARS[2])))
        archive.writestr("2012-03-01.csv", "\n".join((BARS_HEADER, *GOOD_BARS[:2])))
        archive.writestr("README.md", "about these files")
        archive.writestr("__MACOSX/._x.csv", "\0")

    events = parsed_events(path, GOOG)

    assert [iso_utc(bar.ts)[:10] for bar in events["goog.1d"]] == ["2012-03-01", "2012-03-02", "2012-03-05"]


def test_a_bad_row_in_a_zip_file_names_the_file_that_it_is_in(tmp_path: Path) -> None:
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "\n".join((BARS_HEADER, GOOD_BARS[0])))
        archive.writestr("b.csv", "\n".join((BARS_HEADER, "2012-03-02,x,13,10,12,200")))

    with pytest.raises(BadRowsRefused, match=r"two\.zip/b\.csv, line 2: open is 'x'"):
        parse_files([path], GOOG)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv: cannot be read"):
        parse_files([tmp_path / "nowhere.csv"], GOOG)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (ImportOptions(symbol="A", only=("A",)), "only"),
        (ImportOptions(symbol="A", kind=DataKind.TRADES, adjusted=True), "adjusted"),
        (ImportOptions(symbol="A", kind=DataKind.QUOTES, session="09:30-16:00"), "session"),
        (ImportOptions(symbol="A", delimiter=",,"), "delimiter"),
        (ImportOptions(symbol="A", tz="Nowhere/Land"), "Nowhere/Land"),
        (ImportOptions(symbol="A", time_format="%Y-%m-%d %Z"), "%Z"),
        (ImportOptions(symbol="A", stream="a\nb"), "stream"),
    ],
)
def test_options_that_contradict_each_other_are_refused_before_reading(
    tmp_path: Path, options: ImportOptions, word: str
) -> None:
    with pytest.raises(InputError, match=word):
        parse_files([tmp_path / "never opened"], options)


def test_progress_ends_at_the_size_of_the_files(tmp_path: Path) -> None:
    path = write_bars(tmp_path, *GOOD_BARS)
    reports: list[Progress] = []

    parse_files([path], GOOG, on_progress=reports.append).close()

    assert reports[-1] == Progress("reading", path.stat().st_size, path.stat().st_size)


def test_real_minute_bars_stamped_at_their_close(shared_data: Path) -> None:
    path = shared_data / "minute/equity_nt/nt-spy-minute-2011-03.csv.gz"
    options = ImportOptions(
        symbol="SPY",
        timeframe="1m",
        label=Label.CLOSE,
        columns=("time", "open", "high", "low", "close", "volume"),
    )

    bars = parsed_events(path, options)["spy.1m"]

    assert (len(bars), iso_utc(bars[0].ts)) == (17_577, "2011-03-01T09:01:00Z")


@pytest.mark.slow
@pytest.mark.parametrize("side", ["bid", "ask"])
def test_a_real_year_of_minute_bars_with_zones_and_no_volume(shared_data: Path, side: str) -> None:
    path = shared_data / f"minute/fx_fxcm/fxcm-gbpusd-m1-{side}-2012.csv.zip"
    options = ImportOptions(symbol="GBPUSD", timeframe="1m", stream=f"gbpusd.{side}.1m")

    bars = parsed_events(path, options)[f"gbpusd.{side}.1m"]

    assert iso_utc(bars[0].ts) == "2012-01-02T03:10:00Z"
    assert len(bars) > 300_000


def test_real_crypto_minute_bars(shared_data: Path) -> None:
    path = shared_data / "minute/crypto/btc-perp-20211231-20220201_1m.csv.gz"

    bars = parsed_events(path, ImportOptions(symbol="BTC-PERP", timeframe="1m"))["btc-perp.1m"]

    assert (len(bars), iso_utc(bars[-1].ts)) == (45_031, "2022-02-01T05:32:00Z")


def test_real_daily_bars_with_an_unnamed_index(shared_data: Path) -> None:
    bars = parsed_events(shared_data / "daily/backtesting_py/GOOG.csv", GOOG)["goog.1d"]

    first = bars[0]
    assert isinstance(first, Bar)
    assert (len(bars), first.close, iso_utc(first.ts)) == (2148, 100.34, "2004-08-19T23:59:59.999999999Z")


def test_a_real_file_with_the_newest_row_first_is_turned_round_by_itself(shared_data: Path) -> None:
    path = shared_data / "daily/quandl_wiki/WIKI-AAPL-2011-quandl.csv"

    assert parsed_events(path, GOOG) == parsed_events(path, ImportOptions(symbol="GOOG", newest_first=True))


def test_a_real_file_with_the_newest_row_first_is_turned_round_when_told(shared_data: Path) -> None:
    path = shared_data / "daily/quandl_wiki/WIKI-AAPL-2011-quandl.csv"

    bars = parsed_events(path, ImportOptions(symbol="AAPL", newest_first=True))["aapl.1d"]

    assert (len(bars), iso_utc(bars[0].ts)[:10], iso_utc(bars[-1].ts)[:10]) == (
        252,
        "2011-01-03",
        "2011-12-30",
    )
