"""Events as Parquet: DuckDB and pandas read what the store holds."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from eventstore import RetentionConfig, SegmentedEventStore, Selection
from eventstore.segment_export import ExportedFile, export_segments, kind_of
from eventstore.segment_pruning import prune_segments
from kernel.events import OrderFilled, Quote, Side
from kernel.identifiers import ClientOrderId, FillId, StrategyId
from kernel.time_units import DAY_NS
from tests.eventstore.samples import intent, quote
from tests.eventstore.segment_worlds import LOG, live_log

duckdb: Any = pytest.importorskip("duckdb")
pandas: Any = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.tape"


async def export(path: Path, folder: Path, **options: Any) -> list[ExportedFile]:
    async with await SegmentedEventStore.open(path, read_only=True) as store:
        return await export_segments(store, LOG, folder, **options)


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    """What DuckDB answers about the events of a folder, as the table ``events``."""
    source = f"read_parquet('{folder}/**/*.parquet', hive_partitioning = true, union_by_name = true)"
    with duckdb.connect() as connection:
        found: list[tuple[object, ...]] = connection.sql(query.replace("events", source)).fetchall()
        return found


async def test_duckdb_reads_all_segments_as_one_table_in_order_of_seq(path: Path, tmp_path: Path) -> None:
    events = await live_log(path, days=3)

    await export(path, tmp_path / "out")

    found = rows(tmp_path / "out", "SELECT seq, epoch_ns(ts), kind, cause FROM events ORDER BY seq")
    expected = [
        (seq, event.ts, kind_of(type(event)), -((seq - 1) % 7 + 1))
        for seq, event in enumerate(events, start=1)
    ]
    assert found == expected


async def test_pandas_reads_the_prices_of_one_symbol(path: Path, tmp_path: Path) -> None:
    events = await live_log(path, days=2)

    await export(path, tmp_path / "out", selection=Selection(types=frozenset({Quote})))

    frame = pandas.read_parquet(tmp_path / "out").sort_values("seq")
    quotes = [event for event in events if isinstance(event, Quote)]
    assert list(frame["bid"]) == [each.bid for each in quotes]
    assert set(frame["symbol"].astype(str)) == {"AAPL"}
    assert str(frame["ts"].dtype) == "datetime64[ns, UTC]"
    assert list(frame["ts"].astype("int64")) == [each.ts for each in quotes]


async def test_each_kind_and_symbol_has_a_file_for_each_segment(path: Path, tmp_path: Path) -> None:
    await live_log(path, days=2)

    found = await export(path, tmp_path / "out", numbers=[1])

    assert [
        (Path(each.path).relative_to(tmp_path / "out").as_posix(), each.event_count) for each in found
    ] == [
        ("stream=log/kind=order_intent/symbol=AAPL/000001.parquet", 2),
        ("stream=log/kind=quote/symbol=AAPL/000001.parquet", 4),
        ("stream=log/kind=session_started/symbol=__HIVE_DEFAULT_PARTITION__/000001.parquet", 1),
    ]


async def test_an_export_may_be_repeated(path: Path, tmp_path: Path) -> None:
    await live_log(path, days=2)

    first = await export(path, tmp_path / "out")
    again = await export(path, tmp_path / "out")

    assert again == first
    assert rows(tmp_path / "out", "SELECT count(*) FROM events") == [(14,)]


async def test_what_pruning_kept_is_exported(path: Path, tmp_path: Path) -> None:
    await live_log(path, days=4)
    retention = RetentionConfig(market_data_days=1, needs_backup=False, needs_snapshot=False)
    async with await SegmentedEventStore.open(path) as store:
        await prune_segments(store, retention, now_ts=4 * DAY_NS)

    await export(path, tmp_path / "out")

    counts = rows(tmp_path / "out", "SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind")
    assert counts == [("order_intent", 8), ("quote", 4 * 2), ("session_started", 4)]


async def test_decimals_stay_exact_and_records_in_records_are_json(path: Path, tmp_path: Path) -> None:
    fill = OrderFilled(
        3,
        ClientOrderId("c-1"),
        StrategyId("s"),
        "A/B",
        Side.BUY,
        Decimal("0.123456789012345678"),
        Decimal("101.5"),
        Decimal(0),
        Decimal(0),
        FillId("f-1"),
    )
    async with await SegmentedEventStore.open(path) as store:
        await store.append(LOG, [intent(1, "A/B"), quote(2, "A/B"), fill], expected_seq=0)

    await export(path, tmp_path / "out")

    ((quantity, price, side),) = rows(
        tmp_path / "out", "SELECT quantity, price, side FROM events WHERE kind = 'order_filled'"
    )
    assert (quantity, price, side) == (Decimal("0.123456789012345678"), Decimal("101.5"), "buy")
    ((order,),) = rows(tmp_path / "out", "SELECT \"order\" FROM events WHERE kind = 'order_intent'")
    assert '"A/B"' in str(order)
    symbols = rows(tmp_path / "out", "SELECT symbol FROM events WHERE kind = 'quote'")
    assert symbols == [("A/B",)]
