"""The figures that strategies logged (``ctx.log``), as series over time.

Only numbers become series. A text figure with the name ``symbol`` says to which symbol the others of its line
belong; without it they belong to the only symbol of the run, or to none.
"""

from decimal import Decimal
from math import isfinite

import msgspec
import numpy as np

from kernel.events import LoggedFigure, StrategyLogged
from kernel.identifiers import StrategyId
from replay.equity import Floats, Integers
from replay.performance.sampling import ExtremesSample

POINTS = 2_000
SERIES_LIMIT = 60
"""Most series of a run. A strategy that makes up names as it goes must not fill the report."""
SYMBOL = "symbol"

SeriesKey = tuple[StrategyId, str, str]
"""Strategy, symbol ("" for none), name of the figure."""


class LoggedSeries(msgspec.Struct, frozen=True, eq=False):
    """One figure over time, ns UTC. Of a long series the lowest and highest of each stretch are kept."""

    strategy: StrategyId
    symbol: str
    name: str
    ts: Integers
    values: Floats


class LoggedTally:
    """Gathers the logged figures of a run in one pass."""

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._symbols = symbols
        self._samples: dict[SeriesKey, ExtremesSample] = {}
        self._pending: dict[SeriesKey, tuple[list[int], list[float]]] = {}

    def take(self, event: StrategyLogged) -> None:
        """Take the next line of a strategy's diary."""
        symbol = self._symbol_of(event)
        for figure in event.figures:
            value = _number(figure)
            if value is None:
                continue
            key = (event.strategy, symbol, figure.name)
            if key not in self._pending:
                if len(self._pending) >= SERIES_LIMIT:
                    continue
                self._pending[key] = ([], [])
                self._samples[key] = ExtremesSample(POINTS)
            stamps, values = self._pending[key]
            stamps.append(event.ts)
            values.append(value)
            if len(stamps) >= POINTS:
                self._flush(key)

    def series(self) -> tuple[LoggedSeries, ...]:
        """All series, in order of their first values."""
        found: list[LoggedSeries] = []
        for key, sample in self._samples.items():
            self._flush(key)
            found.append(LoggedSeries(*key, *sample.points()))
        return tuple(found)

    def _flush(self, key: SeriesKey) -> None:
        stamps, values = self._pending[key]
        self._samples[key].take(np.array(stamps, dtype=np.int64), np.array(values, dtype=np.float64))
        self._pending[key] = ([], [])

    def _symbol_of(self, event: StrategyLogged) -> str:
        for figure in event.figures:
            if figure.name == SYMBOL and figure.value in self._symbols:
                return str(figure.value)
        return self._symbols[0] if len(self._symbols) == 1 else ""


def _number(figure: LoggedFigure) -> float | None:
    value: object = figure.exact if figure.exact is not None else figure.value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return float(value) if isfinite(value) else None
