"""A backtest in one call, for notebooks and scripts.

from replay import backtest
from strategies.ma_cross import MovingAverageCross

r = backtest(MovingAverageCross(fast=20, slow=50), data="bars.csv", cash=100_000)
r.metrics, r.trades_frame(), r.equity, r.plot(), r.report("r.html")
"""

import inspect
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import msgspec

from brokers.simulated.config import SimulatedBrokerConfig
from components.allocation.config import SignalsConfig
from components.assembly.instruments import InstrumentConfig
from components.execution.config import ExecutionConfig
from components.portfolio.portfolio import PortfolioConfig
from components.strategy_host.host import AnyStrategy
from eventstore import EventStore, MemoryEventStore, SnapshotFiles, open_store
from eventstore.importing import DataKind, ImportOptions
from kernel.clock import HistoricalClock
from kernel.decimals import exact
from kernel.errors import ConfigError, InputError
from replay.arguments import (
    Keys,
    Paths,
    StrategyArgument,
    config_of,
    import_options,
    moment_of,
    named_arguments,
    paths_of,
    strategies_of,
)
from replay.backtest_result import Backtest
from replay.blocking import run_blocking
from replay.commands import Command
from replay.config import AUTO, ReplayConfig
from replay.data_arguments import (
    Data,
    DataPart,
    StoredData,
    benchmark_of,
    data_of,
    import_benchmark,
    import_data,
    no_store,
)
from replay.failures import OnFailure, check_on_failure, tell_failures
from replay.frame_rows import FrameLike
from replay.order_records import read_orders
from replay.performance.journal import read_journal
from replay.planned_strategies import own_ids
from replay.planning import plan_run
from replay.recording import RunRecorder
from replay.run import Plan, Played, Progress, play
from replay.run_reading import check_benchmark, read_run
from replay.run_snapshots import RunSaver, snapshots_beside
from strategies.sdk import Capital, RiskLimits, StrategyLimits
from strategies.sdk.class_check import check_class
from strategies.sdk.loading import LoadedStrategy
from strategies.sdk.own_modules import read_own_modules
from strategies.sdk.rebuilding import check_unchanged, rebuilt

Moment = str | date
"""A UTC day or moment."""


@named_arguments
@exact
def backtest(
    strategy: StrategyArgument | Sequence[StrategyArgument],
    data: Data,
    *,
    store: str | Path | None = None,
    cash: Decimal | int | float | str = 100_000,
    start: Moment | None = None,
    end: Moment | None = None,
    warm_up: int | str = AUTO,
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
    benchmark: str | Path | FrameLike | None = None,
    on_failure: OnFailure = "raise",
) -> Backtest:
    """Run strategies over market data and return the results.

    - ``strategy``: instances, or classes of which every parameter has a default.
    - ``data``: files (``"aapl.csv"``, several in a list), a DataFrame, either of them by symbol
      (``{"AAPL": frame}``), names of streams (``"spy.1d"``), or a store (``"market.db"``) with ``streams``.
      Files and frames are read into memory.
    - ``store``: where streams named by ``data`` are; without it ``onetape.db``. The run is kept there too.
    - ``importing``: how to read files and frames, as the options of ``onetape import``. Rows that name no
      symbol are of the one in their key or file name (``goog.csv``: ``GOOG``).
    - ``actions``, ``fx_rates``, ``funding_rates``: more files, read with the same zone and session. Rates
      without a column that names their symbol are of the one in the file's name (``eurusd.csv``). For a
      store, name their streams in ``streams``.
    - ``start``, ``end``: days or moments (UTC), inclusive: text, ``date``, ``datetime`` or ``Timestamp``.
    - ``warm_up``: the bars before ``start`` that fill the history: ``auto``, ``none`` or a number.
    - ``benchmark``: what the result is compared with: a symbol of the run, a stream of the store, or a symbol
      in it. Beside files and frames, a file or a frame too, which no strategy gets. Without it, the symbols
      of the run, bought and held.
    - ``on_failure``: if a component or strategy fails in the run, ``"raise"`` raises ``RunFailed`` with its
      traceback, ``"warn"`` warns and returns the result. Do not rely on the figures of such a run.

    ``capital`` and ``limits`` are of single strategies, by id: the name in the metadata, with a number if a
    name occurs again (``ma_cross.2``).

    Every setting is a struct of its own or a mapping as in ``onetape.yaml``: ``risk={"max_drawdown": 0.2}``.
    Numbers may be NumPy's or pandas'. Blocks; works inside a running event loop too. Raises ``InputError`` or
    ``ConfigError`` with a sentence, and ``RunFailed``.
    """
    check_on_failure(on_failure)
    loaded = [checked_instance(one) for one in strategies_of(strategy)]
    period = {"from": moment_of(start, key="start"), "to": moment_of(end, key="end"), "warm_up": warm_up}
    terms = _with_terms(loaded, capital=capital or {}, limits=limits or {})
    deciding = {"strategies": terms, "signals": signals, "execution": execution, "risk": risk}
    account = {"cash": cash, "portfolio": portfolio, "commands": commands}
    market = {"broker": broker, "instruments": instruments, "environment": environment}
    config = config_of({"streams": streams, **period, **deciding, **account, **market})
    options = import_options(importing)
    facts = _fact_files(actions=actions, fx_rates=fx_rates, funding_rates=funding_rates)
    source = data_of(data, store=store, importing=options)
    job = _backtest(loaded, source, config, importing=options, facts=facts, benchmark=benchmark_of(benchmark))
    done, error = run_blocking(job)
    tell_failures(done.result, error, on_failure=on_failure)
    return done


@exact
async def run_and_record(
    store: EventStore,
    plan: Plan,
    *,
    clock: HistoricalClock | None = None,
    progress: Progress | None = None,
) -> str:
    """Play a plan into a new run stream of the store; returns the stream's name."""
    stream, _ = await record_run(store, plan, clock=clock, progress=progress)
    return stream


@exact
async def record_run(
    store: EventStore,
    plan: Plan,
    *,
    clock: HistoricalClock | None = None,
    progress: Progress | None = None,
    snapshots: SnapshotFiles | None = None,
) -> tuple[str, Played]:
    """Play a plan into a new run stream of the store; returns the stream's name and the finished run.

    ``snapshots``: where a long run keeps its states (see ``run_snapshots``). Two runs that are recorded at
    the same time get different names: the first to append has the name.
    """
    recorder = RunRecorder(store, await _free_name(store, plan), next_name=lambda: _free_name(store, plan))
    saver = None if snapshots is None else RunSaver(plan, recorder, snapshots)
    at_rest = None if saver is None else saver.at_rest
    played = await play(store, plan, recorder, clock=clock, progress=progress, at_rest=at_rest)
    await recorder.finish(input_count=played.input_count, ts=played.last_ts)
    if saver is not None:
        await saver.finish()
    return recorder.stream, played


def checked_instance(strategy: AnyStrategy) -> LoadedStrategy:
    """A strategy that the caller made, after its class was linted as the command lints a file.

    Raises ``StrategyRefused`` with file and line of every finding, and ``InputError`` as ``from_instance``.
    """
    check_class(type(strategy))
    return from_instance(strategy)


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
        modules=read_own_modules(source, Path(inspect.getfile(kind)).parent) if source else (),
    )


def _fact_files(*, actions: Paths, fx_rates: Paths, funding_rates: Paths) -> dict[DataKind, list[Path]]:
    return {
        DataKind.CORPORATE_ACTIONS: paths_of(actions),
        DataKind.FX_RATES: paths_of(fx_rates),
        DataKind.FUNDING_RATES: paths_of(funding_rates),
    }


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


async def _backtest(
    loaded: list[LoadedStrategy],
    source: StoredData | list[DataPart],
    config: ReplayConfig,
    *,
    importing: ImportOptions | None,
    facts: Mapping[DataKind, list[Path]],
    benchmark: str | list[DataPart],
) -> tuple[Backtest, BaseException | None]:
    if isinstance(source, StoredData):
        for kind, files in facts.items():
            if files:
                key = "actions" if kind is DataKind.CORPORATE_ACTIONS else kind.value.replace("-", "_")
                raise InputError(f"{key}: files can only be added to files; for a store, name their streams")
        if not isinstance(benchmark, str):
            raise InputError(
                "benchmark: a file or DataFrame can only be compared with files and DataFrames; for a store, "
                "import it and name its stream"
            )
        if not source.path.exists():
            raise InputError(no_store(source))
        streams = source.streams + config.streams
        config = msgspec.structs.replace(config, streams=streams, benchmark=benchmark)
        async with await open_store(source.path) as store:
            return await _run(store, loaded, config, snapshots=snapshots_beside(source.path))
    memory = MemoryEventStore()
    streams = await import_data(memory, source, importing, facts=facts)
    if not isinstance(benchmark, str):
        benchmark = await import_benchmark(memory, benchmark, importing)
    config = msgspec.structs.replace(config, streams=streams, benchmark=benchmark)
    return await _run(memory, loaded, config)


async def _run(
    store: EventStore,
    loaded: list[LoadedStrategy],
    config: ReplayConfig,
    *,
    snapshots: SnapshotFiles | None = None,
) -> tuple[Backtest, BaseException | None]:
    """The results of a run, and the first exception in it."""
    plan = await plan_run(store, config, loaded=loaded)
    await check_benchmark(store, plan)
    stream, played = await record_run(store, plan, snapshots=snapshots)
    read = await read_run(store, stream)
    done = Backtest(
        read.result,
        read.prices,
        await read_journal(store, read.result),
        await read_orders(store, stream),
    )
    return done, played.core.bus.first_error


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
