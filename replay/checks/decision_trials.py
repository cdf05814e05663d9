"""Checks a strategy for look-ahead and for indicators that depend on where history began.

from replay import check_decisions

for finding in check_decisions(MyStrategy(), "bars.csv").findings:
    print(finding.words)

What is tried and compared: see ``decision_checks``.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, cast

import msgspec
import numpy as np

from components.strategy_host.host import AnyStrategy
from eventstore import EventStore, MemoryEventStore, Selection, open_store
from eventstore.importing import ImportOptions
from kernel.decimals import exact
from kernel.errors import InputError
from kernel.events import MARKET_TYPES, StreamRange
from replay.arguments import Keys, StrategyArgument, config_of, import_options, strategies_of
from replay.backtesting import checked_instance
from replay.blocking import run_blocking
from replay.checks.decision_checks import (
    DecisionChecks,
    MirrorCheck,
    StartCheck,
    compared_cut,
    compared_mirror,
    compared_start,
)
from replay.checks.restarts import DEFAULTS
from replay.checks.variants import Change, Variant, mirrored, run_variant
from replay.config import ReplayConfig
from replay.data_arguments import Data, StoredData, data_of, import_data, no_store
from replay.equity import Integers
from replay.frame_rows import is_frame
from replay.record import plan_of, read_record
from strategies.sdk.loading import LoadedStrategy, load_strategy

CUTS = 8
"""How many ends of the data are tried. Each takes, on average, half as long as the run."""

MOST_MIRRORED = 2_000_000
"""Events of data that are copied with mirrored prices; of more the check is left out."""

STARTS = (0.25, 0.5)
"""Later beginnings, as parts of the time."""

WARM_UPS = (1, 2, 4, 8)
"""Multiples of the history that is given by itself."""

MakeStrategy = Callable[[Any], AnyStrategy]
"""Makes a strategy from a data frame, as it would have been made when the data ended there."""


@exact
def check_decisions(
    strategy: StrategyArgument | str | MakeStrategy,
    data: Data,
    *,
    settings: Keys = DEFAULTS,
    importing: ImportOptions | Keys | None = None,
    cuts: int = CUTS,
) -> DecisionChecks:
    """Run a strategy again on less data, later beginnings and other prices, and compare what it decides.

    - ``strategy``: an instance or class, ``path/to/file.py:Class``, or a function that makes one from the
      data. A function is given each cut data frame, so a table that it computes is computed anew: that finds
      tables that know the future. It needs ``data`` to be one data frame of pandas.
    - ``data``, ``importing``: as in ``backtest``; ``settings``: of a run, as in ``onetape.yaml``.
    - ``cuts``: how many ends of the data are tried.

    Blocks. Raises as ``backtest`` does, ``ComponentError`` if the strategy fails while it runs, and what the
    function raises.
    """
    config, options = config_of(settings), import_options(importing)
    if not isinstance(strategy, str) and not isinstance(strategy, type) and callable(strategy):
        if not is_frame(data) or not hasattr(data, "iloc"):
            raise InputError("data: a function that makes the strategy needs one data frame of pandas")
        return run_blocking(_Frames(strategy, data, config, options).checks(cuts))
    loaded = load_strategy(strategy) if isinstance(strategy, str) else checked_instance(_first(strategy))
    return run_blocking(_of_data(loaded, data, config, options, cuts=cuts))


@exact
async def check_run(store: EventStore, run_stream: str, *, cuts: int = CUTS) -> DecisionChecks:
    """The same for a recorded run, with its settings and the code that is on disk today.

    Raises ``InputError`` for a live log, whose inputs cannot be played by another core.
    """
    record = await read_record(store, run_stream)
    if record.log is not None:
        raise InputError(
            f"{run_stream}: is a live log; check its strategy in a run over data: replay --stream ..."
        )
    plan = plan_of(record, current_code=True)
    return await check_configuration(store, plan.config, cuts=cuts)


@exact
async def check_configuration(
    store: EventStore,
    config: ReplayConfig,
    *,
    loaded: Sequence[LoadedStrategy] | None = None,
    cuts: int = CUTS,
) -> DecisionChecks:
    """The same for the strategies and streams of a configuration. ``loaded`` replaces its strategies.

    Raises as ``plan_run`` does, and ``ComponentError`` if a strategy fails.
    """
    whole = await run_variant(store, config, loaded=loaded)
    cut = [
        compared_cut(whole, await run_variant(store, config, Change(to_ts=ts), loaded=loaded))
        for ts in _cut_times(whole, cuts)
    ]
    return DecisionChecks(
        tuple(cut),
        await _mirror(store, config, loaded, whole),
        await _warm_ups(store, config, loaded, whole),
        tuple([one async for one in _starts(store, config, loaded, whole)]),
    )


def _first(strategy: StrategyArgument | MakeStrategy) -> AnyStrategy:
    return strategies_of(cast(StrategyArgument, strategy))[0]  # a function was taken before


async def _of_data(
    loaded: LoadedStrategy, data: Data, config: ReplayConfig, options: ImportOptions | None, *, cuts: int
) -> DecisionChecks:
    source = data_of(data, importing=options)
    if isinstance(source, StoredData):
        if not source.path.exists():
            raise InputError(no_store(source))
        config = msgspec.structs.replace(config, streams=source.streams + config.streams)
        async with await open_store(source.path) as store:
            return await check_configuration(store, config, loaded=[loaded], cuts=cuts)
    memory = MemoryEventStore()
    streams = await import_data(memory, source, options, facts={})
    config = msgspec.structs.replace(config, streams=streams)
    return await check_configuration(memory, config, loaded=[loaded], cuts=cuts)


def _cut_times(whole: Variant, cuts: int) -> tuple[int, ...]:
    """Times of decisions, evenly among them; without decisions, evenly in time."""
    times = sorted({one.ts for one in whole.decisions if whole.start_ts < one.ts < whole.last_ts})
    if not times:
        step = (whole.last_ts - whole.start_ts) // (cuts + 1)
        times = [whole.start_ts + number * step for number in range(1, cuts + 1)]
    places: set[int] = set(np.linspace(0, len(times) - 1, cuts).round().astype(np.int64).tolist())
    return tuple(times[place] for place in sorted(places))


def _moment(whole: Variant, part: float) -> int:
    return whole.start_ts + int((whole.last_ts - whole.start_ts) * part)


async def _mirror(
    store: EventStore, config: ReplayConfig, loaded: Sequence[LoadedStrategy] | None, whole: Variant
) -> MirrorCheck | None:
    infos = await store.streams(config.streams)
    if sum(info.last_seq for info in infos) > MOST_MIRRORED:
        return None
    from_ts = _moment(whole, 0.5)
    sources = [StreamRange(info.stream, 1, info.last_seq, "") for info in infos]
    copy = await mirrored(store, sources, after_ts=from_ts)
    return compared_mirror(whole, await run_variant(copy, config, loaded=loaded), from_ts=from_ts)


async def _warm_ups(
    store: EventStore, config: ReplayConfig, loaded: Sequence[LoadedStrategy] | None, whole: Variant
) -> tuple[StartCheck, ...]:
    """Runs that begin in the middle, with growing history before. Empty for strategies that read none."""
    from_ts = _moment(whole, 0.5)
    first = await run_variant(store, config, Change(from_ts=from_ts), loaded=loaded)
    if not first.warm_up:
        return ()
    found = [first]
    for multiple in WARM_UPS[1:]:
        change = Change(from_ts=from_ts, warm_up=first.warm_up * multiple)
        variant = await run_variant(store, config, change, loaded=loaded)
        if variant.warm_up == found[-1].warm_up:
            break
        found.append(variant)
    if len(found) < 2:
        return ()
    return tuple(compared_start(found[-1], one, from_ts=from_ts) for one in found)


async def _starts(
    store: EventStore, config: ReplayConfig, loaded: Sequence[LoadedStrategy] | None, whole: Variant
) -> AsyncIterator[StartCheck]:
    for part in STARTS:
        from_ts = _moment(whole, part)
        variant = await run_variant(store, config, Change(from_ts=from_ts), loaded=loaded)
        yield compared_start(whole, variant, from_ts=from_ts)


class _Frames:
    """Checks of a strategy that is made from the data frame that it runs on."""

    def __init__(
        self, make: MakeStrategy, frame: Any, config: ReplayConfig, options: ImportOptions | None
    ) -> None:
        self._make, self._frame = make, frame  # Any: pandas has no types
        self._config, self._options = config, options

    async def checks(self, cuts: int) -> DecisionChecks:
        """Cuts and later beginnings; mirrored prices and warm-up are for strategies that see prices alone."""
        rows = len(self._frame)
        whole, times = await self._run(self._frame)
        ends = self._ends(whole, times, cuts)
        cut = [compared_cut(whole, (await self._run(self._frame.iloc[:end]))[0]) for end in ends]
        starts: list[StartCheck] = []
        for part in STARTS:
            variant, _ = await self._run(self._frame.iloc[int(rows * part) :])
            starts.append(compared_start(whole, variant, from_ts=variant.start_ts))
        return DecisionChecks(tuple(cut), None, (), tuple(starts))

    def _ends(self, whole: Variant, times: Integers, cuts: int) -> list[int]:
        """Numbers of rows: up to some of the decisions if every row is an event, else evenly."""
        rows = len(self._frame)
        if len(times) != rows:
            return sorted({max(1, rows * number // (cuts + 1)) for number in range(1, cuts + 1)})
        ends = np.searchsorted(times, np.array(_cut_times(whole, cuts), dtype=np.int64), side="right")
        return sorted({int(end) for end in ends if 0 < end < rows})

    async def _run(self, frame: Any) -> tuple[Variant, Integers]:
        """The run on a frame, and the times of its events."""
        store = MemoryEventStore()
        source = data_of(frame, importing=self._options)
        assert not isinstance(source, StoredData)
        streams = await import_data(store, source, self._options, facts={})
        config = msgspec.structs.replace(self._config, streams=streams)
        variant = await run_variant(store, config, loaded=[checked_instance(self._make(frame))])
        return variant, np.sort(np.array([ts async for ts in _times(store, streams)], dtype=np.int64))


async def _times(store: EventStore, streams: Sequence[str]) -> AsyncIterator[int]:
    for stream in streams:
        async with aclosing(store.read(stream, Selection(types=MARKET_TYPES))) as batches:
            async for batch in batches:
                for event in batch.events:
                    yield event.ts
