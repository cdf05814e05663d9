"""``backtest`` takes names of streams, and tells them from files."""

from pathlib import Path

import pytest

from kernel.errors import InputError, StreamMissing
from replay import backtest
from strategies.ma_cross import MovingAverageCross
from tests.ops.commands import onetape, store_heads
from tests.replay.market import walk, write_csv

CROSS = MovingAverageCross(fast=3, slow=8, quantity=10)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with ``a.csv`` and the same bars as ``a.1d`` in ``onetape.db`` and ``market.db``."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", walk("A", 100, seed=13))
    for store in ("onetape.db", "market.db"):
        assert onetape("import", "a.csv", "--symbol", "A", "--store", store).exit_code == 0
    return tmp_path


def test_a_name_is_a_stream_of_the_default_store(folder: Path) -> None:
    named = backtest(CROSS, "a.1d")

    assert named.result.digest == backtest(CROSS, "a.csv").result.digest
    assert named.result.run_stream in store_heads(folder / "onetape.db")


@pytest.mark.parametrize("data", ["a.1d", ["a.1d"], ("a.1d",)])
def test_names_are_streams_of_the_store_that_is_told(folder: Path, data: str | list[str]) -> None:
    named = backtest(CROSS, data, store=folder / "market.db")

    assert named.result.run_stream in store_heads(folder / "market.db")
    assert named.result.run_stream not in store_heads(folder / "onetape.db")


def test_an_unknown_stream_is_refused_with_those_there_are() -> None:
    with pytest.raises(StreamMissing, match=r"no stream 'b\.1d' in the store; it holds a\.1d"):
        backtest(CROSS, "b.1d")


def test_a_name_without_a_store_says_that_it_is_neither_file_nor_stream(folder: Path) -> None:
    (folder / "onetape.db").rename("other.db")

    with pytest.raises(InputError, match=r"'a\.1d' is not a file, and there is no store at onetape\.db"):
        backtest(CROSS, "a.1d")


def test_a_file_that_is_missing_is_not_taken_for_a_stream() -> None:
    with pytest.raises(InputError, match=r"b\.csv: cannot be read: No such file"):
        backtest(CROSS, "b.csv")


def test_files_beside_streams_are_refused() -> None:
    with pytest.raises(InputError, match=r"data: files or streams, not both: a\.csv, a\.1d"):
        backtest(CROSS, ["a.csv", "a.1d"])
