"""The runs of a store: strategy, period and the main figures of each.

``list_runs`` reads only the ends of each run: its opening, and its last marks. So a store of many long runs
is listed at once. ``measure_runs`` reads every run in full, for the figures that need all marks and fills.
"""

import re
from contextlib import aclosing
from decimal import Decimal

import msgspec

from eventstore import EventStore, Selection, StreamInfo
from eventstore.recorded_data import recorded_data
from kernel.decimals import exact
from kernel.errors import OnetapeError
from kernel.events import (
    AccountMarked,
    CashFlowKind,
    CashMoved,
    ComponentFailed,
    ConfigLoaded,
    Event,
    RiskLimitBreached,
    RunFinished,
    RunStarted,
    StrategyLoaded,
    StreamRange,
)
from kernel.identifiers import StrategyId
from replay import figures
from replay.beginning import Beginning, beginning_of, first_day
from replay.equity import day_of
from replay.performance.metrics import Metrics
from replay.results import RunStrategy, read_results, run_strategy
from replay.rows import Rows, number, text
from replay.tables import params_text, ruin_ts
from strategies.sdk.limits import RUIN

_PARTS = re.compile(r"(\d+)")
_OPENING: frozenset[type[Event]] = frozenset({RunStarted, ConfigLoaded, StrategyLoaded, CashMoved})
_LAST: frozenset[type[Event]] = frozenset({AccountMarked})
_TAIL = 200
"""Events at the end of a run among which is its last mark, unless it has hundreds of ledgers."""

_FLOWS = frozenset({"deposit", "withdraw"})
"""Commands after which a return is measured between flows, so that all marks are needed."""


class RunSummary(msgspec.Struct, frozen=True, eq=False):
    """The main figures of a run. ``metrics``: all of them; ``None`` if only its ends were read."""

    strategies: tuple[RunStrategy, ...]
    sources: tuple[StreamRange, ...]
    symbols: tuple[str, ...]
    start_ts: int
    end_ts: int
    days: tuple[int, int]
    """The first and last trading day, from 1970-01-01."""
    total_return: float | None
    metrics: Metrics | None = None


class ListedRun(msgspec.Struct, frozen=True, eq=False):
    """A run or live log. ``summary`` is ``None`` if it cannot be read; ``state`` says why in a word."""

    stream: str
    state: str
    summary: RunSummary | None


@exact
async def list_runs(store: EventStore) -> tuple[ListedRun, ...]:
    """All runs, by name and number, from their ends. A run that cannot be read does not hide the others."""
    reader = _EndsReader(store)
    return tuple([await _listed(store, info, reader) for info in await _runs(store)])


@exact
async def measure_runs(store: EventStore) -> tuple[ListedRun, ...]:
    """The same, each with all figures."""
    return tuple([await _listed(store, info, None) for info in await _runs(store)])


@exact
def run_rows(runs: tuple[ListedRun, ...]) -> Rows:
    """A row for each run, with more columns if all of its figures are known."""
    is_measured = any(one.summary is not None and one.summary.metrics is not None for one in runs)
    columns = (
        text("Run"), text("Strategy", rank=4), text("Parameters", rank=3), text("Data", rank=5),
        text("Period", rank=1), *([number("Trades", rank=2)] if is_measured else []), number("Return"),
        *([number("Drawdown", rank=2), number("Sharpe", rank=3)] if is_measured else []), text("State"),
    )  # fmt: skip
    return Rows("Runs", columns, tuple(_cells(one, len(columns), is_measured=is_measured) for one in runs))


@exact
def as_fields(one: ListedRun) -> dict[str, object]:
    """One run for programs; figures are ``None`` if they were not read, or cannot be."""
    found = one.summary
    m = None if found is None else found.metrics
    return {
        "run_stream": one.stream,
        "state": one.state,
        "strategies": [] if found is None else [each.strategy for each in found.strategies],
        "symbols": [] if found is None else list(found.symbols),
        "start": None if found is None else figures.iso(found.start_ts),
        "end": None if found is None else figures.iso(found.end_ts),
        "trades": None if m is None else m.trade_count,
        "total_return": None if found is None else found.total_return,
        "max_drawdown": None if m is None else m.max_drawdown,
        "sharpe": None if m is None else m.sharpe,
    }


def _cells(one: ListedRun, count: int, *, is_measured: bool) -> tuple[str, ...]:
    found = one.summary
    if found is None:
        return (one.stream, *[figures.UNDEFINED] * (count - 2), one.state)
    m = found.metrics
    trades = figures.UNDEFINED if m is None else f"{m.trade_count:,}"
    risk = (
        figures.percent(None if m is None else m.max_drawdown),
        figures.ratio(None if m is None else m.sharpe),
    )
    return (
        one.stream,
        ", ".join(each.strategy for each in found.strategies),
        "; ".join(params_text(each) for each in found.strategies),
        figures.names([source.stream for source in found.sources]),
        figures.period(found.days),
        *([trades] if is_measured else []),
        figures.percent(found.total_return),
        *(risk if is_measured else []),
        one.state,
    )


async def _runs(store: EventStore) -> list[StreamInfo]:
    return sorted(await store.streams(holding=RunStarted), key=_order)


async def _listed(store: EventStore, info: StreamInfo, reader: "_EndsReader | None") -> ListedRun:
    try:
        found = None if reader is None else await reader.read(info)
        if found is not None:
            return found
        result = await read_results(store, info.stream)
    except OnetapeError:
        is_finished = RunFinished.__name__ in info.event_types
        return ListedRun(info.stream, "damaged" if is_finished else "unfinished", None)
    m = result.metrics
    summary = RunSummary(
        result.strategies,
        result.sources,
        result.symbols,
        m.start_ts,
        m.end_ts,
        result.days,
        m.total_return,
        m,
    )
    state = _state(
        is_live=not result.digest, is_failed=result.failures > 0, is_ruined=ruin_ts(result) is not None
    )
    return ListedRun(info.stream, state, summary)


def _state(*, is_live: bool = False, is_failed: bool, is_ruined: bool) -> str:
    words = (("live log", is_live), ("failed", is_failed), ("ruined", is_ruined))
    return ", ".join(word for word, holds in words if holds) or "done"


class _EndsReader:
    """Reads the two ends of runs. Runs over the same data have the same beginning, which is read once."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._beginnings: dict[tuple[StreamRange, ...], Beginning] = {}

    async def read(self, info: StreamInfo) -> ListedRun | None:
        """A finished run; ``None`` for any other, and for one whose return needs all of its marks."""
        opening = await self._opening(info)
        if RunFinished.__name__ not in info.event_types or not opening.sources or opening.has_flows:
            return None
        last = await self._last_mark(info)
        if last is None:
            return None
        beginning = await self._beginning(opening.started)
        gained = float((last.equity - opening.cash) / opening.cash) if opening.cash > 0 else None
        is_marked = last.ts >= beginning.known_ts
        summary = RunSummary(
            tuple(opening.strategies.values()),
            opening.sources,
            opening.started.symbols,
            beginning.opens_ts,
            last.ts if is_marked else beginning.opens_ts,
            await self._days(info, beginning, last) if is_marked else (beginning.day, beginning.day),
            gained,
        )
        is_failed = ComponentFailed.__name__ in info.event_types
        is_ruined = last.equity <= 0 < opening.cash or await self._was_ruined(info)
        return ListedRun(info.stream, _state(is_failed=is_failed, is_ruined=is_ruined), summary)

    async def _opening(self, info: StreamInfo) -> "_Opening":
        """The opening of a run, up to its cash."""
        opening = _Opening()
        async with aclosing(self._store.read(info.stream, Selection(types=_OPENING))) as batches:
            async for batch in batches:
                for event in batch.events:
                    opening.take(event)
                if opening.cash:
                    break
        return opening

    async def _last_mark(self, info: StreamInfo) -> AccountMarked | None:
        last: AccountMarked | None = None
        selection = Selection(from_seq=max(1, info.last_seq - _TAIL), types=_LAST)
        async with aclosing(self._store.read(info.stream, selection)) as batches:
            async for batch in batches:
                last = next((one for one in reversed(batch.events) if isinstance(one, AccountMarked)), last)
        return last

    async def _days(self, info: StreamInfo, beginning: Beginning, last: AccountMarked) -> tuple[int, int]:
        """The first and last trading day of a run."""
        selection = Selection(from_ts=beginning.known_ts, types=_LAST)
        async with aclosing(self._store.read(info.stream, selection)) as batches:
            async for batch in batches:
                marks = ((one.ts, day_of(one)) for one in batch.events if isinstance(one, AccountMarked))
                return first_day(beginning, marks), day_of(last)
        return beginning.day, day_of(last)

    async def _beginning(self, started: RunStarted) -> Beginning:
        sources = started.sources
        if sources not in self._beginnings:
            data = (await recorded_data(self._store, sources)).store
            self._beginnings[sources] = await beginning_of(data, started, sources)
        return self._beginnings[sources]

    async def _was_ruined(self, info: StreamInfo) -> bool:
        if RiskLimitBreached.__name__ not in info.event_types:
            return False
        selection = Selection(types=frozenset({RiskLimitBreached}))
        async with aclosing(self._store.read(info.stream, selection)) as batches:
            async for batch in batches:
                if any(isinstance(one, RiskLimitBreached) and one.rule == RUIN for one in batch.events):
                    return True
        return False


class _Opening:
    """What the opening of a run says."""

    def __init__(self) -> None:
        self.started = RunStarted(0, (), (), 0, 0)
        self.strategies: dict[StrategyId, RunStrategy] = {}
        self.cash = Decimal(0)
        self.has_flows = False

    @property
    def sources(self) -> tuple[StreamRange, ...]:
        """The data streams; empty for a live log."""
        return self.started.sources

    def take(self, event: Event) -> None:
        """Take the next event; those after the first cash are of the run itself."""
        match event:
            case RunStarted():
                self.started = event
            case ConfigLoaded(body=body):
                commands = msgspec.json.decode(body, type=_Commands).commands
                self.has_flows = any(one.do in _FLOWS for one in commands)
            case StrategyLoaded():
                self.strategies[event.strategy] = run_strategy(event)
            case CashMoved(kind=CashFlowKind.DEPOSIT, amount=amount) if not self.cash:
                self.cash = amount
            case _:
                pass


class _Commands(msgspec.Struct):
    """The needed part of a recorded configuration, which may be of another version."""

    commands: tuple["_Done", ...] = ()


class _Done(msgspec.Struct):
    do: str = ""


def _order(info: StreamInfo) -> tuple[tuple[int, str], ...]:
    """By name, with numbers in order of their value: run 10 comes after run 9."""
    parts = (part for part in _PARTS.split(info.stream) if part)
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)
