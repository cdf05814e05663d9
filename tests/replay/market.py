"""Made-up markets: random walks from a seed, and Hypothesis strategies for bars and quotes."""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from hypothesis import strategies as st

from kernel.events import Bar, Event, Quote
from kernel.time_units import DAY_NS, MINUTE_NS, SECOND_NS
from tests.replay.playing import START

CENTS = 100


def walk(symbol: str, count: int, *, seed: int, start: int = START) -> list[Event]:
    """Daily bars of a random walk on whole cents; each ends with its day."""
    dice = Random(seed)
    moves = [tuple(dice.randint(-300, 300) for _ in range(4)) for _ in range(count)]
    return bars_of(symbol, moves, start=start)


def bars_of(symbol: str, moves: Sequence[Sequence[int]], *, start: int = START) -> list[Event]:
    """Daily bars from moves in cents: gap at the open, two ranges, open to close."""
    bars: list[Event] = []
    close = 10_000
    for day, (gap, up, down, change) in enumerate(moves):
        first = max(close + gap, 100)
        close = max(first + change, 100)
        high, low = max(first, close) + abs(up), max(min(first, close) - abs(down), 50)
        opened = start + day * DAY_NS
        prices = (first / CENTS, high / CENTS, low / CENTS, close / CENTS)
        bars.append(Bar(opened + DAY_NS - 1, symbol, "1d", *prices, 1_000.0, opened))
    return bars


def quotes_of(symbol: str, moves: Sequence[tuple[int, int]], *, start: int = START) -> list[Event]:
    """Quotes from moves in cents and minutes; a gap of 0 minutes repeats the stamp."""
    quotes: list[Event] = []
    mid, ts = 10_000, start
    for change, minutes in moves:
        mid = max(mid + change, 100)
        ts += minutes * MINUTE_NS
        quotes.append(Quote(ts, symbol, (mid - 1) / CENTS, (mid + 1) / CENTS, 1.0, 1.0))
    return quotes


def write_csv(path: Path, bars: Sequence[Event]) -> None:
    """Daily bars as a file."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["date", "open", "high", "low", "close", "volume"])
        for bar in bars:
            assert isinstance(bar, Bar)
            day = datetime.fromtimestamp(bar.open_ts // SECOND_NS, UTC).date().isoformat()
            rows.writerow([day, bar.open, bar.high, bar.low, bar.close, bar.volume])


_moves = st.tuples(*[st.integers(-300, 300)] * 4)


def bar_series(symbol: str = "A", *, most: int = 60) -> st.SearchStrategy[list[Event]]:
    """Series of daily bars."""
    return st.lists(_moves, min_size=2, max_size=most).map(lambda moves: bars_of(symbol, moves))


def quote_series(symbol: str = "A", *, most: int = 60) -> st.SearchStrategy[list[Event]]:
    """Series of quotes, some of one stamp, some a day apart."""
    step = st.tuples(st.integers(-200, 200), st.sampled_from([0, 1, 5, 1_440]))
    return st.lists(step, min_size=2, max_size=most).map(lambda moves: quotes_of(symbol, moves))
