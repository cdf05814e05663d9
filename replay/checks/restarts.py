"""Checks that a strategy makes the same decisions when it is restarted many times.

from replay import check_strategy

check_strategy("my_strategy.py:Cross", "bars.csv")
"""

from types import MappingProxyType

import msgspec

from eventstore import MemoryEventStore
from eventstore.importing import ImportOptions
from kernel.decimals import exact
from kernel.errors import ComponentError, InputError
from replay.arguments import Keys, StrategyArgument, config_of, import_options, strategies_of
from replay.backtesting import checked_instance, record_run
from replay.blocking import run_blocking
from replay.config import ReplayConfig
from replay.data_arguments import Data, StoredData, data_of, import_data
from replay.failures import first_failure
from replay.planning import plan_run
from replay.results import read_results
from replay.verification import Verified, verify_run
from strategies.sdk.loading import LoadedStrategy, load_strategy

RESTARTS = 16
"""More than in ``replay verify``: runs here are short, and some lost state shows only at some places."""

DEFAULTS: Keys = MappingProxyType({})


@exact
def check_strategy(
    strategy: StrategyArgument | str,
    data: Data,
    *,
    settings: Keys = DEFAULTS,
    importing: ImportOptions | Keys | None = None,
    restarts: int = RESTARTS,
) -> Verified:
    """Run a strategy over files or frames of market data, then again with restarts from snapshots.

    - ``strategy``: an instance whose class is in a file, or ``path/to/file.py:Class``, which is linted too.
    - ``settings``: settings of a run, as in ``onetape.yaml``.
    - ``data``, ``importing``: as in ``backtest``.

    Blocks. Raises:

    - ``ReplayDiverged`` if the runs differ. It names the first record that differs and, for state outside
      ``self.state``, the strategy.
    - ``StrategyRefused`` if the linter refuses the strategy.
    - ``ComponentError`` if the strategy fails while it runs.
    - ``InputError`` as ``backtest`` does.
    """
    loaded = (
        load_strategy(strategy) if isinstance(strategy, str) else checked_instance(strategies_of(strategy)[0])
    )
    if not loaded.source:
        raise InputError(f"strategy {loaded.reference}: its source must be in a file, to load it again")
    options = import_options(importing)
    return run_blocking(_checked(loaded, data, config_of(settings), importing=options, restarts=restarts))


async def _checked(
    loaded: LoadedStrategy,
    data: Data,
    config: ReplayConfig,
    *,
    importing: ImportOptions | None,
    restarts: int,
) -> Verified:
    source, store = data_of(data, importing=importing), MemoryEventStore()
    if isinstance(source, StoredData):
        raise InputError("data: expected files; a run in a store is checked with `replay verify --restarts`")
    streams = await import_data(store, source, importing, facts={})
    plan = await plan_run(store, msgspec.structs.replace(config, streams=streams), loaded=[loaded])
    run, played = await record_run(store, plan)
    result = await read_results(store, run)
    if result.first_failure:
        raise ComponentError(f"{run}: {first_failure(result, played.core.bus.first_error)}")
    return await verify_run(store, run, restarts=restarts)
