"""A backtest in one call, for notebooks and scripts.

from replay import backtest
from strategies.ma_cross import MovingAverageCross

r = backtest(MovingAverageCross(fast=20, slow=50), data="bars.csv", cash=100_000)
r.metrics, r.trades, r.equity, r.report("r.html")
"""

import asyncio
import inspect
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from brokers.simulated.config import SimulatedBrokerConfig
from components.allocation.config import SignalsConfig
from components.assembly.instruments import InstrumentConfig
from components.execution.config import ExecutionConfig
from components.portfolio.portfolio import PortfolioConfig
from components.strategy_host.host import AnyStrategy
from eventstore import EventStore, MemoryEventStore, SqliteEventStore
from eventstore.importing import DataKind, ImportOptions, import_files
from kernel.clock import HistoricalClock
from kernel.decimals import exact
from kernel.errors import ConfigError, InputError
from replay.arguments import Keys, Paths, config_of, paths_of, settings_of
from replay.commands import Command
from replay.config import ReplayConfig
from replay.journal import JournalEntry, read_journal
from replay.metrics import Metrics
from replay.planning import own_ids, plan_run
from replay.recording import RunRecorder
from replay.report import PriceHistory, read_prices, write_report
from replay.results import RunResult, read_results
from replay.run import Plan, Progress, play
from replay.trades import RoundTrip
from strategies.sdk import Capital, RiskLimits, StrategyLimits
from strategies.sdk.loading import LoadedStrategy
from strategies.sdk.rebuilding import check_unchanged, rebuilt

ResultT = TypeVar("ResultT")


class Backtest:
    """The results of a finished run."""

    def __init__(
        self, result: RunResult, prices: PriceHistory, journal: tuple[JournalEntry, ...] = ()
    ) -> None:
        self.result = result
        self.journal = journal
        """Closed round trips in order of exits, with the largest price moves against and for them."""
        self._prices = prices

    @property
    def metrics(self) -> Metrics:
        """Return, risk and trade figures."""
        return self.result.metrics

    @property
    def trades(self) -> tuple[RoundTrip, ...]:
        """Closed round trips, oldest first."""
        return self.result.trades

    @property
    def equity(self) -> NDArray[np.float64]:
        """Equity at every mark, in the account's currency; ``result.equity`` has the times too."""
        return self.result.equity.equity

    @exact
    def report(self, path: str | Path) -> Path:
        """Write the HTML report; returns its path."""
        return write_report(self.result, Path(path), self._prices)


@exact
def backtest(
    strategy: AnyStrategy | Sequence[AnyStrategy],
    data: str | Path | Sequence[str | Path],
    *,
    cash: Decimal | int | float | str = 100_000,
    start: str | date | None = None,
    end: str | date | None = None,
    risk: RiskLimits | Keys | None = None,
    broker: SimulatedBrokerConfig | Keys | None = None,
    portfolio: PortfolioConfig | Keys | None = None,
    instruments: Sequence[InstrumentConfig | Keys] = (),
    environment: Mapping[str, str] | None = None,
    importing: ImportOptions | Keys | None = None,
    actions: Paths = (),
    fx_rates: Paths = (),
    funding_rates: Paths = (),
    streams: Sequence[str] = (),
    signals: SignalsConfig | Keys | None = None,
    execution: ExecutionConfig | Keys | None = None,
    commands: Sequence[Command | Keys] = (),
    capital: Mapping[str, Capital | Keys] | None = None,
    limits: Mapping[str, StrategyLimits | Keys] | None = None,
) -> Backtest:
    """Run strategies over market data and return the results.

    - ``data``: CSV or Parquet files, read into memory, or a store (``.db``), of which ``streams`` are played.
    - ``importing``: how to read the files. Without it they are daily bars, and a single file without a symbol
      column is of the symbol in its name (``goog.csv``: ``GOOG``).
    - ``actions``, ``fx_rates``, ``funding_rates``: more files, read with the same zone and session. Rates
      without a column that names their symbol are of the one in the file's name (``eurusd.csv``). For a
      store, name their streams in ``streams``.
    - ``start``, ``end``: UTC days or moments, inclusive.

    ``capital`` and ``limits`` are of single strategies, by id: the name in the metadata, with a number if a
    name occurs again (``ma_cross.2``).

    Every setting is a struct of its own or a mapping as in ``onetape.yaml``: ``risk={"max_drawdown": 0.2}``.
    Blocks; works inside a running event loop too. Raises ``InputError`` or ``ConfigError`` with a sentence. A
    component or strategy that fails in the run does not raise: ``result.failures`` counts its failures, and
    ``result.first_failure`` describes the first. Do not rely on the figures of a run with failures.
    """
    strategies = [strategy] if not isinstance(strategy, Sequence) else list(strategy)
    loaded = [from_instance(one) for one in strategies]
    config = config_of(
        {
            "strategies": _with_terms(loaded, capital=capital or {}, limits=limits or {}),
            "streams": streams,
            "from": start,
            "to": end,
            "cash": cash,
            "risk": risk,
            "broker": broker,
            "portfolio": portfolio,
            "instruments": instruments,
            "environment": environment,
            "signals": signals,
            "execution": execution,
            "commands": commands,
        }
    )
    options = None if importing is None else settings_of(importing, ImportOptions, key="importing")
    facts = {
        DataKind.CORPORATE_ACTIONS: paths_of(actions),
        DataKind.FX_RATES: paths_of(fx_rates),
        DataKind.FUNDING_RATES: paths_of(funding_rates),
    }
    return run_blocking(_backtest(loaded, paths_of(data), config, importing=options, facts=facts))


@exact
async def run_and_record(
    store: EventStore,
    plan: Plan,
    *,
    clock: HistoricalClock | None = None,
    progress: Progress | None = None,
) -> str:
    """Play a plan into a new run stream of the store; returns the stream's name."""
    recorder = RunRecorder(store, await _free_name(store, plan))
    played = await play(store, plan, recorder, clock=clock, progress=progress)
    await recorder.finish(input_count=played.input_count, ts=played.last_ts)
    return recorder.stream


def from_instance(strategy: AnyStrategy) -> LoadedStrategy:
    """A strategy that the caller made, with its source if there is one.

    The run uses a strategy rebuilt from the class and parameters. So one instance can be run many times and
    is never changed. Raises ``InputError`` for an instance that differs from the rebuilt one.
    """
    kind = type(strategy)
    module = inspect.getmodule(kind)
    try:
        source = inspect.getsource(module or kind)
    except (OSError, TypeError):
        source = ""  # made in a console: the run can be repeated, but not from its log
    anew = rebuilt(strategy)
    check_unchanged(strategy, anew)
    return LoadedStrategy(
        strategy=anew,
        reference=f"{kind.__module__}:{kind.__name__}",
        source=source,
        source_hash=sha256(source.encode()).hexdigest(),
        version=kind.metadata.version,
    )


def _with_terms(
    loaded: Sequence[LoadedStrategy], *, capital: Mapping[str, object], limits: Mapping[str, object]
) -> list[Keys]:
    """The entries under ``strategies`` with capital and limits; empty if no strategy has any."""
    if not capital and not limits:
        return []
    ids = own_ids([one.strategy.metadata.name for one in loaded])
    for key, named in (("capital", capital), ("limits", limits)):
        unknown = sorted(set(named).difference(ids))
        if unknown:
            raise ConfigError(f"{key}: there is no strategy {unknown[0]!r}; there are: {', '.join(ids)}")
    return [
        {"strategy": one.reference, "id": key, "capital": capital.get(key), "limits": limits.get(key, {})}
        for key, one in zip(ids, loaded, strict=True)
    ]


def run_blocking(work: Coroutine[object, object, ResultT]) -> ResultT:
    """Run a coroutine to its end from synchronous code, in another thread if a loop is running here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(asyncio.run, work).result()


async def _backtest(
    loaded: list[LoadedStrategy],
    paths: list[Path],
    config: ReplayConfig,
    *,
    importing: ImportOptions | None,
    facts: Mapping[DataKind, list[Path]],
) -> Backtest:
    if any(path.suffix == ".db" for path in paths):
        for kind, files in facts.items():
            if files:
                key = "actions" if kind is DataKind.CORPORATE_ACTIONS else kind.value.replace("-", "_")
                raise InputError(f"{key}: files can only be added to files; for a store, name their streams")
        if len(paths) > 1:
            raise InputError(f"data: one store or several files, not both: {', '.join(map(str, paths))}")
        if not paths[0].exists():
            raise InputError(f"data: there is no store at {paths[0]}")
        async with await SqliteEventStore.open(paths[0]) as store:
            return await _run(store, loaded, config)
    memory = MemoryEventStore()
    streams = await import_data(memory, paths, importing, facts=facts)
    return await _run(memory, loaded, msgspec.structs.replace(config, streams=streams))


async def import_data(
    store: EventStore,
    paths: Sequence[Path],
    importing: ImportOptions | None,
    *,
    facts: Mapping[DataKind, Sequence[Path]],
) -> tuple[str, ...]:
    """Import files of market data and of facts; returns the names of their streams."""
    if not paths:
        raise InputError("data: expected a file, several files or a store")
    if importing is None:
        importing = ImportOptions(fallback_symbol=paths[0].stem.upper() if len(paths) == 1 else "")
    imported = await import_files(store, paths, importing)
    streams = tuple(stream.stream for stream in imported.streams)
    for kind, files in facts.items():
        for path in files:
            streams += await _import_facts(store, path, kind, beside=importing)
    return streams


async def _import_facts(
    store: EventStore, path: Path, kind: DataKind, *, beside: ImportOptions
) -> tuple[str, ...]:
    """Import a file of facts with the zone and session of the bars, so that its times fit theirs."""
    is_by_day = kind is not DataKind.FUNDING_RATES
    options = ImportOptions(
        kind=kind,
        fallback_symbol="" if kind is DataKind.CORPORATE_ACTIONS else path.stem.upper(),
        tz=beside.tz,
        session=beside.session if is_by_day else "",
    )
    imported = await import_files(store, [path], options)
    return tuple(stream.stream for stream in imported.streams)


async def _run(store: EventStore, loaded: list[LoadedStrategy], config: ReplayConfig) -> Backtest:
    plan = await plan_run(store, config, loaded=loaded)
    result = await read_results(store, await run_and_record(store, plan))
    return Backtest(result, await read_prices(store, result), await read_journal(store, result))


async def _free_name(store: EventStore, plan: Plan) -> str:
    """``run.<strategy>.<n>`` with a free n whose predecessor is taken.

    That is the first free one, unless numbers were skipped. The search doubles its steps, then halves them:
    the thousandth run needs twenty look-ups, not a thousand.
    """
    prefix = f"run.{'+'.join(planned.strategy_id for planned in plan.strategies)}"
    taken, free = 0, 1
    while await store.streams((f"{prefix}.{free}",)):
        taken, free = free, 2 * free
    while free - taken > 1:
        middle = (taken + free) // 2
        if await store.streams((f"{prefix}.{middle}",)):
            taken = middle
        else:
            free = middle
    return f"{prefix}.{free}"
