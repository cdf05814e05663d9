"""Data frames of market data for tests, from the same walks as their files."""

from typing import Any

import pandas as pd

from kernel.events import Bar
from tests.replay.market import walk

Frame = Any  # pandas has no types

PRICES = ("Open", "High", "Low", "Close", "Volume")


def days_frame(count: int = 200, *, seed: int = 13) -> Frame:
    """Daily bars by date, with the column names of Yahoo."""
    bars = [bar for bar in walk("A", count, seed=seed) if isinstance(bar, Bar)]
    columns = {name: [getattr(bar, name.lower()) for bar in bars] for name in PRICES}
    return pd.DataFrame(columns, index=pd.DatetimeIndex([bar.open_ts for bar in bars], name="Date"))


def untyped(value: object) -> Any:
    """The value without its type: pandas has none, and checkers guess wrong ones from its source."""
    return value
