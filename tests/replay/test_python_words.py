"""What the importer says about options of its command is said in Python's words to ``backtest``."""

import pandas as pd
import pytest

from kernel.errors import InputError
from replay import backtest
from replay.python_words import in_python
from strategies.buy_and_hold import BuyAndHold
from tests.replay.frames import days_frame


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "name its column: --column open=NAME --column high=NAME",
            'name its column: importing={"column": {"open": "NAME", "high": "NAME"}}',
        ),
        (
            "name it with --timeframe, such as --timeframe 1m",
            'name it with importing={"timeframe": ...}, such as importing={"timeframe": "1m"}',
        ),
        ("(--drop-duplicates drops equal ones)", '(importing={"drop_duplicates": True} drops equal ones)'),
        ("leave out --layout to have it found", 'leave out importing={"layout": ...} to have it found'),
        (
            "say which with --decimal , or --decimal .",
            'say which with importing={"decimal": ","} or importing={"decimal": "."}',
        ),
    ],
)
def test_an_option_is_named_as_the_argument(words: str, said: str) -> None:
    assert in_python(words) == said


def test_a_frame_with_its_newest_row_first_is_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match=r"frame\.sort_index\(\)"):
        backtest(BuyAndHold, {"A": days_frame()[::-1]})


def test_a_frame_without_an_open_is_refused_in_the_words_of_python() -> None:
    frame = days_frame()

    with pytest.raises(InputError, match=r"importing=\{\"column\": \{") as refused:
        backtest(BuyAndHold, {"A": frame.drop(columns=["Open", "High"])})

    assert "--" not in str(refused.value)


def test_a_time_twice_in_a_frame_is_refused_in_the_words_of_python() -> None:
    frame = days_frame()

    with pytest.raises(InputError, match="drop_duplicates") as refused:
        backtest(BuyAndHold, {"A": pd.concat([frame[:3], frame[2:]])})

    assert "--" not in str(refused.value)
