"""Excel, JSON, Feather, encodings and compressions hold what the same rows in CSV hold."""

# pyarrow ships no type information:
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
import zstandard

from eventstore.importing import ImportOptions, parse_files
from kernel.errors import InputError
from kernel.events import Bar, Event
from tests.eventstore.importing.files import BARS_HEADER, GOOD_BARS, parsed_events, write_bars

X = ImportOptions(symbol="X")
TEXT = "\n".join((BARS_HEADER, *GOOD_BARS)) + "\n"
NAMES = BARS_HEADER.split(",")
ROWS = [[row.split(",")[0], *map(float, row.split(",")[1:])] for row in GOOD_BARS]
OBJECTS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]

DATES = [row[0] for row in ROWS]
VALUES = [dict(zip(NAMES[1:], row[1:], strict=True)) for row in ROWS]


@pytest.fixture
def expected(tmp_path: Path) -> list[Event]:
    return parsed_events(write_bars(tmp_path, *GOOD_BARS, name="expected.csv"), X)["x.1d"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bars.csv.gz", gzip.compress(TEXT.encode())),
        ("bars.csv.bz2", bz2.compress(TEXT.encode())),
        ("bars.csv.xz", lzma.compress(TEXT.encode())),
        ("bars.csv.zst", zstandard.compress(TEXT.encode())),
        ("little.csv", TEXT.encode("utf-16-le").join([b"\xff\xfe", b""])),
        ("big.csv", TEXT.encode("utf-16-be").join([b"\xfe\xff", b""])),
        ("little_unmarked.csv", TEXT.encode("utf-16-le")),
        ("big_unmarked.csv", TEXT.encode("utf-16-be")),
        ("mac.csv", TEXT.replace("\n", "\r").encode()),
        ("windows.csv", TEXT.replace("\n", "\r\n").encode()),
    ],
    ids=["gzip", "bzip2", "xz", "zstandard", "utf-16-le", "utf-16-be", "le", "be", "returns", "both"],
)
def test_text_is_read_in_any_encoding_and_compression(
    tmp_path: Path, expected: list[Event], name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)

    assert parsed_events(tmp_path / name, X)["x.1d"] == expected


@pytest.mark.parametrize("compress", [bz2.compress, lzma.compress, zstandard.compress, gzip.compress])
def test_compressed_text_cut_short_is_refused_whole(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    rows = "".join(
        f"{1_704_067_200 + 60 * n},{n + 1},{n + 3},1,{n + 2},{n * 7919 % 1000}\n" for n in range(9_000)
    )
    content = compress(f"{BARS_HEADER}\n{rows}".encode())
    path = tmp_path / "cut.csv"
    path.write_bytes(content[: len(content) // 2])

    with pytest.raises(InputError, match=r"cut\.csv"):
        parse_files([path], X)


@pytest.mark.parametrize(
    "value",
    [
        OBJECTS,
        {name: [each[name] for each in OBJECTS] for name in NAMES},
        {"status": "OK", "results": OBJECTS},
        dict(zip(DATES, VALUES, strict=True)),
        {name: {day: row[name] for day, row in zip(DATES, VALUES, strict=True)} for name in NAMES[1:]},
        {"Meta Data": {"1": "X"}, "Time Series (Daily)": dict(zip(DATES, VALUES, strict=True))},
        {
            "chart": {
                "result": [
                    {
                        "timestamp": [row[0] for row in ROWS],
                        "indicators": {
                            "quote": [{name: [each[name] for each in OBJECTS] for name in NAMES[1:]}]
                        },
                    }
                ]
            }
        },
    ],
    ids=["objects", "lists", "nested", "by date", "by column and date", "dated", "chart"],
)
def test_json_is_read_in_the_forms_of_its_vendors(
    tmp_path: Path, expected: list[Event], value: object
) -> None:
    path = tmp_path / "bars.json"
    path.write_text(json.dumps(value))

    assert parsed_events(path, X)["x.1d"] == expected


def test_json_lines_are_read(tmp_path: Path, expected: list[Event]) -> None:
    path = tmp_path / "bars.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in OBJECTS))

    assert parsed_events(path, X)["x.1d"] == expected


def test_the_symbol_beside_a_list_of_json_is_taken(tmp_path: Path) -> None:
    results = [{"t": 1_704_153_600_000, "o": 1, "h": 2, "l": 1, "c": 2, "v": 9}]
    path = tmp_path / "aggs.json"
    path.write_text(json.dumps({"ticker": "AAPL", "results": results}))

    events = parsed_events(path, ImportOptions(timeframe="1d"))

    assert list(events) == ["aapl.1d"]


def test_a_list_of_candles_in_json_is_read_by_its_layout(tmp_path: Path) -> None:
    candle = [1714521600000, "1", "2", "1", "2", "10", 1714525199999, "20", 3, "5", "10", "0"]
    path = tmp_path / "klines.json"
    path.write_text(json.dumps([candle]))

    events = parsed_events(path, ImportOptions(symbol="X", timeframe="1h"))

    assert len(events["x.1h"]) == 1


def test_candles_without_names_are_read_in_any_unit_of_time(tmp_path: Path) -> None:
    second = 1714521600

    for unit in (1, 10**3, 10**6, 10**9):
        path = tmp_path / f"candles{unit}.json"
        path.write_text(json.dumps([[(second + 60 * n) * unit, 1, 2, 1, 2, 10] for n in range(2)]))

        events = parsed_events(path, X)

        assert [(each.ts // 10**9, each.close) for each in events["x.1m"] if isinstance(each, Bar)] == [
            (second + 60, 2),
            (second + 120, 2),
        ]


@pytest.mark.parametrize("about", ["README.txt", "docs/license", "Read me first.txt", "DAT_M1_202401.txt"])
def test_texts_about_the_data_in_a_zip_file_are_left_out_and_told(tmp_path: Path, about: str) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (("AAPL.csv", TEXT), (about, "Gaps: none.\n"), ("SPY.csv", TEXT)):
            archive.writestr(name, text)

    parsed = parse_files([path], ImportOptions())

    assert list(parsed.spool.lanes) == ["aapl.1d", "spy.1d"]
    assert f"left out of the zip file: {about}" in parsed.recognised[0].line
    assert "left out" not in parsed.recognised[1].line
    parsed.close()


def test_texts_without_other_files_in_a_zip_file_are_data(tmp_path: Path) -> None:
    path = tmp_path / "texts.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("AAPL.txt", TEXT)
        archive.writestr("SPY.txt", TEXT)

    assert list(parsed_events(path, ImportOptions())) == ["aapl.1d", "spy.1d"]


def test_feather_is_read_as_parquet_is(tmp_path: Path, expected: list[Event]) -> None:
    table: pa.Table = pa.table({name: [each[name] for each in OBJECTS] for name in NAMES})
    feather.write_feather(table, tmp_path / "bars.feather", compression="uncompressed")
    pq.write_table(table, tmp_path / "bars.parquet")

    found = [parsed_events(tmp_path / f"bars.{form}", X)["x.1d"] for form in ("feather", "parquet")]

    assert found == [expected, expected]


def test_columns_of_lists_do_no_harm_unless_they_are_read(tmp_path: Path) -> None:
    columns = {
        "timestamp": [1704205800000000000],
        "price": [10.0],
        "size": [100.0],
        "conditions": [["@", "I"]],
        "raw": [b"\xff"],
        "more": [{"a": 1}],
    }
    pq.write_table(pa.table(columns), tmp_path / "trades.parquet")

    events = parsed_events(tmp_path / "trades.parquet", X)

    assert len(events["x.trades"]) == 1
    with pytest.raises(InputError, match="column 'conditions' holds lists"):
        parse_files(
            [tmp_path / "trades.parquet"], ImportOptions(symbol="X", column=(("size", "conditions"),))
        )


def workbook(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    """A minimal Excel workbook: numbers, and texts in their cells."""

    def cell(value: object) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    sheet = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    files = {
        "[Content_Types].xml": f'<Types xmlns="{types}"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{kind}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" '
        f'ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{relations}"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="Prices" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{relations}"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return path


def test_a_sheet_of_excel_is_read_below_its_title(tmp_path: Path, expected: list[Event]) -> None:
    path = workbook(tmp_path / "bars.xlsx", [["Prices of X"], list(NAMES), *ROWS])

    assert parsed_events(path, X)["x.1d"] == expected


def test_a_damaged_workbook_is_refused_by_name(tmp_path: Path) -> None:
    path = workbook(tmp_path / "bars.xlsx", [])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<not a workbook")

    with pytest.raises(InputError, match=r"bars\.xlsx: is not a readable Excel file"):
        parse_files([path], X)
