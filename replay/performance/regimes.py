"""The P&L of a run in parts of its time: halves, years, calm and wild markets, rising and falling ones.

Each trading day belongs to one part of each kind, but for the first days, whose volatility is not known yet.
P&L is in the account's currency and without deposits, so halves, years and directions add up to the whole.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from replay import figures
from replay.equity import Floats, daily_closes
from replay.results import RunResult

HALVES, YEARS, VOLATILITY, DIRECTION = "half", "year", "volatility", "market"

LEAST_DAYS_EACH = 20
"""Trading days that each part must have, on average."""

VOLATILITY_DAYS = 21
"""The volatility of a day is that of so many benchmark returns up to and including its own."""


class Regime(msgspec.Struct, frozen=True):
    """One part of the time.

    - ``kind``: what divides the time: ``half``, ``year``, ``volatility`` or ``market``.
    - ``name``: of the part, for people.
    - ``pnl``: in the account's currency.
    - ``total_return``: of its days, compounded.
    """

    kind: str
    name: str
    days: int
    pnl: float
    total_return: float


def regimes(result: RunResult) -> tuple[Regime, ...]:
    """All parts of a run, by kind; kinds for which there are too few days are left out.

    Volatility and market are those of the benchmark.
    """
    return tuple(_regimes(result))


def of_kind(found: Sequence[Regime], kind: str) -> tuple[Regime, ...]:
    """The parts of one kind."""
    return tuple(one for one in found if one.kind == kind)


def _regimes(result: RunResult) -> Iterator[Regime]:
    closes = daily_closes(result.equity)
    count = len(closes.returns)
    if count < 2 * LEAST_DAYS_EACH or not np.isfinite(closes.returns).all():
        return
    days = _Days(_daily_gains(result), closes.returns)
    middle = count // 2
    dates = closes.days
    halves = np.arange(count) < middle
    first, second = (
        figures.period((int(part[0]), int(part[-1]))) for part in (dates[halves], dates[~halves])
    )
    yield days.part(HALVES, f"first half, {first}", halves)
    yield days.part(HALVES, f"second half, {second}", ~halves)
    years = dates.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    names = np.unique(years)
    if len(names) > 1 and count >= len(names) * LEAST_DAYS_EACH:
        for year in names:
            yield days.part(YEARS, str(year), years == year)
    if result.benchmark is not None:
        market = daily_closes(
            msgspec.structs.replace(result.equity, equity=result.benchmark.value, unitised=None)
        )
        yield from _market(days, market.returns)


def _daily_gains(result: RunResult) -> Floats:
    """The P&L of each trading day."""
    curve = result.equity
    days = curve.trading_days[1:]
    is_last = np.append(days[1:] != days[:-1], True)
    closes = np.concatenate((curve.equity[:1], curve.equity[1:][is_last]))
    gains: Floats = np.diff(closes)
    ends = curve.ts[1:][is_last]
    for one in result.later_deposits:
        place = int(np.searchsorted(ends, one.ts, side="left"))
        if place < len(gains):
            gains[place] -= float(one.amount)
    return gains


def _market(days: "_Days", market: Floats) -> Iterator[Regime]:
    if not np.isfinite(market).all() or not np.any(market):
        return
    rises = market >= 0
    if LEAST_DAYS_EACH <= np.count_nonzero(rises) <= len(market) - LEAST_DAYS_EACH:
        yield days.part(DIRECTION, "days on which the benchmark did not fall", rises)
        yield days.part(DIRECTION, "days on which it fell", ~rises)
    if len(market) < VOLATILITY_DAYS + 3 * LEAST_DAYS_EACH:
        return
    spread = np.lib.stride_tricks.sliding_window_view(market, VOLATILITY_DAYS).std(axis=1)
    low, high = np.quantile(spread, (1 / 3, 2 / 3))
    if low == high:
        return
    known = np.concatenate((np.full(VOLATILITY_DAYS - 1, np.nan), spread))
    yield days.part(VOLATILITY, "calm third of the market's days", known <= low)
    yield days.part(VOLATILITY, "middle third", (known > low) & (known < high))
    yield days.part(VOLATILITY, "wild third", known >= high)


class _Days:
    """The trading days of a run."""

    def __init__(self, gains: Floats, returns: Floats) -> None:
        self._gains, self._returns = gains, returns

    def part(self, kind: str, name: str, is_in: NDArray[np.bool_]) -> Regime:
        growth = float(np.prod(1.0 + self._returns[is_in]))
        return Regime(kind, name, int(np.count_nonzero(is_in)), float(self._gains[is_in].sum()), growth - 1.0)
