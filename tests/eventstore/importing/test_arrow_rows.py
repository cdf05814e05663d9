"""Parquet files give what the same rows in CSV give."""

# pyarrow ships no type information:
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eventstore.importing import BadRows, BadRowsRefused, DataKind, ImportOptions, parse_files
from eventstore.moments import iso_utc
from kernel.errors import InputError
from kernel.events import Bar, MessageQuarantined, Quote
from tests.eventstore.importing.files import parsed_events

PRICES = {"open": [10.1, 0.1 + 0.2], "high": [12.0, 13.0], "low": [9.0, 0.1], "close": [11.0, 12.0]}


def write(path: Path, columns: dict[str, object]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    "stamps",
    [
        pa.array([datetime(2012, 3, 1, 9, 30), datetime(2012, 3, 1, 9, 31)], pa.timestamp("ns")),  # noqa: DTZ001 - naive on purpose
        pa.array([datetime(2012, 3, 1, 14, 30, tzinfo=UTC), datetime(2012, 3, 1, 14, 31, tzinfo=UTC)]),
        pa.array([1330612200000, 1330612260000]),
        pa.array(["2012-03-01T09:30", "2012-03-01T09:31"]),
    ],
    ids=["naive", "zoned", "epoch", "text"],
)
def test_stamps_of_any_type_mean_the_same_instants(tmp_path: Path, stamps: pa.Array) -> None:
    path = write(tmp_path / "bars.parquet", {"timestamp": stamps, **PRICES})
    options = ImportOptions(symbol="X", timeframe="1m", tz="America/New_York")

    bars = parsed_events(path, options)["x.1m"]

    assert [iso_utc(bar.ts) for bar in bars] == ["2012-03-01T14:31:00Z", "2012-03-01T14:32:00Z"]


def test_numbers_come_through_exactly(tmp_path: Path) -> None:
    path = write(tmp_path / "bars.parquet", {"date": [date(2012, 3, 1), date(2012, 3, 2)], **PRICES})

    bars = parsed_events(path, ImportOptions(symbol="X"))["x.1d"]

    assert [bar.open for bar in bars if isinstance(bar, Bar)] == PRICES["open"]


def test_quotes_come_with_sizes_as_whole_numbers(tmp_path: Path) -> None:
    columns: dict[str, object] = {
        "ts": [1_330_612_200_000_000_001],
        "bid": [1.1],
        "ask": [1.2],
        "bid_size": [5],
        "ask_size": [7],
    }
    path = write(tmp_path / "quotes.parquet", columns)

    quotes = parsed_events(path, ImportOptions(symbol="X", kind=DataKind.QUOTES))["x.quotes"]

    assert quotes == [Quote(1_330_612_200_000_000_001, "X", 1.1, 1.2, 5.0, 7.0)]


def test_a_null_or_nan_is_a_bad_row_named_by_its_number(tmp_path: Path) -> None:
    prices = PRICES | {"close": [None, float("nan")]}
    path = write(tmp_path / "bars.parquet", {"date": [date(2012, 3, 1), date(2012, 3, 2)], **prices})

    with pytest.raises(BadRowsRefused) as caught:
        parse_files([path], ImportOptions(symbol="X"))

    assert [(row.line, row.field, row.seen) for row in caught.value.rows] == [
        (1, "close", ""),
        (2, "close", "nan"),
    ]


def test_a_bad_row_put_aside_keeps_its_values_as_text(tmp_path: Path) -> None:
    prices = PRICES | {"close": [11.0, 99.0]}
    path = write(tmp_path / "bars.parquet", {"date": [date(2012, 3, 1), date(2012, 3, 2)], **prices})

    events = parsed_events(path, ImportOptions(symbol="X", bad_rows=BadRows.QUARANTINE))

    (message,) = events["x.1d.quarantine"]
    assert isinstance(message, MessageQuarantined)
    assert message.raw == "2012-03-02,0.30000000000000004,13,0.1,99"


def test_a_parquet_file_cut_short_is_refused_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "cut.parquet", {"date": [date(2012, 3, 1), date(2012, 3, 2)], **PRICES})
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(InputError, match=r"cut\.parquet: is not a readable Parquet"):
        parse_files([path], ImportOptions(symbol="X"))
