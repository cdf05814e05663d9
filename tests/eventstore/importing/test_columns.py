"""Which column is what."""

import pytest

from eventstore.importing.columns import resolve_columns
from eventstore.importing.options import DataKind, ImportOptions
from kernel.errors import InputError


def places(names: list[str], options: ImportOptions, *targets: str) -> list[int]:
    columns = resolve_columns(names, options)
    return [columns.place(target) for target in targets]


def test_columns_are_found_by_their_usual_names_in_any_case() -> None:
    names = ["Ticker", "Date", "Open", "HIGH", "low", "Close", "Volume", "Adj Close"]

    found = places(names, ImportOptions(), "symbol", "time", "open", "high", "low", "close", "volume")

    assert found == [0, 1, 2, 3, 4, 5, 6]


def test_a_first_column_without_a_name_is_the_time() -> None:
    names = ["", "Open", "High", "Low", "Close"]

    assert places(names, ImportOptions(symbol="X"), "time") == [0]


def test_a_whole_stamp_wins_over_a_date_and_a_time() -> None:
    names = ["date", "time", "timestamp", "open", "high", "low", "close"]

    columns = resolve_columns(names, ImportOptions(symbol="X"))

    assert (columns.place("time"), columns.clock) == (2, -1)


def test_a_column_that_was_named_wins_over_detection() -> None:
    names = ["date", "open", "high", "low", "close", "Adj Close"]
    options = ImportOptions(symbol="X", column=(("close", "Adj Close"),))

    assert places(names, options, "close") == [5]


def test_a_column_can_be_ignored() -> None:
    names = ["date", "open", "high", "low", "close", "volume"]
    options = ImportOptions(symbol="X", column=(("volume", ""),))

    assert places(names, options, "volume") == [-1]


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (["date", "open", "high", "low"], ImportOptions(symbol="X"), ["close", "close=NAME"]),
        (["2012-03-01", "1", "2", "3", "4"], ImportOptions(symbol="X"), ["without a header line"]),
        (["date", "open", "high", "low", "close"], ImportOptions(), ["no symbol"]),
        (["sym", "date", "open", "high", "low", "close"], ImportOptions(symbol="X"), ["'sym'", "only=X"]),
        (
            ["date", "Close", "close", "open", "high", "low"],
            ImportOptions(symbol="X"),
            ["both look like close"],
        ),
        (["date"], ImportOptions(symbol="X", column=(("close", "Last"),)), ["'Last'", "'date'"]),
        (["date"], ImportOptions(symbol="X", column=(("colour", "date"),)), ["'colour'", "open"]),
        (["time", "bid"], ImportOptions(symbol="X", kind=DataKind.QUOTES), ["no column for ask"]),
        (["date", "open", "high", "low", "close"], ImportOptions(symbol="X", adjusted=True), ["adj_close"]),
    ],
)
def test_columns_that_do_not_fit_are_refused_by_name(
    names: list[str], options: ImportOptions, words: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        resolve_columns(names, options)

    assert all(word in str(caught.value) for word in words), str(caught.value)
