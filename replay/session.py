"""A session on a live log: an engine that continues at the end of the log.

The log begins like the stream of a backtest, with configuration, code, trading hours and instruments as
inputs, and also contains its market data. So ``replay verify``, ``replay journal`` and ``replay report`` can
read it.

    session = await begin_session(store, "paper", config, clock=RealTimeClock(), mode="paper")
    async with asyncio.TaskGroup() as group:
        group.create_task(session.engine.run(), name="engine")
        await session.engine.post(quote)
        ...
        session.stop("end of day")
"""

from collections.abc import Sequence

from components.assembly.core import Core
from components.assembly.opening import session_started
from components.assembly.settings import with_account_values
from components.assembly.setup import core_of
from components.assembly.user_models import load_rules
from eventstore import EventStore, StreamTape
from kernel.clock import Clock
from kernel.decimals import exact
from kernel.engine import CoreEngine, EngineConfig
from kernel.errors import ConfigError
from kernel.events import SessionStopped
from kernel.time_units import DAY_NS
from replay.config import ReplayConfig, check_config
from replay.declared_needs import check_declared_live
from replay.planning import planned_strategies
from replay.record import checked_plan, read_record
from replay.run import BACKTEST, Plan, opening_of
from replay.simulated_venue import load_models
from strategies.sdk.loading import LoadedStrategy

DEFAULTS = EngineConfig()

HOURS_AHEAD_NS = 270 * DAY_NS
"""Trading hours are recorded this far ahead; exchanges announce holidays about a year before."""


class LiveSession:
    """An engine over a live log. ``epoch`` counts the sessions of the log from 1."""

    def __init__(self, engine: CoreEngine, core: Core, *, clock: Clock, epoch: int) -> None:
        self.engine = engine
        self.core = core
        self.epoch = epoch
        self._clock = clock

    def stop(self, reason: str = "") -> None:
        """End the session. ``engine.run`` returns after all inputs taken are durable and delivered."""
        self.engine.report(SessionStopped(self._clock.now(), self.epoch, reason))
        self.engine.stop()


@exact
async def begin_session(
    store: EventStore,
    log: str,
    config: ReplayConfig,
    *,
    clock: Clock,
    mode: str,
    loaded: Sequence[LoadedStrategy] | None = None,
    engine_config: EngineConfig = DEFAULTS,
) -> LiveSession:
    """Make the core of a live log, recover it to the end of the log, and record the start of a session.

    - A new log begins with ``config``. Its symbols are those that ``instruments`` and the strategies name;
      its orders go to the simulated venue. ``loaded`` replaces ``config.strategies``.
    - An existing log goes on with the configuration and the sources that it holds.
    - ``mode`` is only recorded; nothing depends on it.

    Run ``session.engine`` next. Raises ``ConfigError`` for a configuration that cannot run live,
    ``ReplayDiverged`` if the core derives other events than the log holds, ``StreamMissing`` for a stream
    that is not a live log.
    """
    if (await store.head(log)).seq:
        record = await read_record(store, log)
        plan = await checked_plan(store, record, current_code=False)
    else:
        plan = _first_plan(config, ts=clock.now(), mode=mode, loaded=loaded)
    core = core_of(plan, plan.venue)
    engine = CoreEngine(core.bus, tape=StreamTape(store, log), clock=clock, config=engine_config)
    if not await engine.recover():
        for event in opening_of(plan):
            engine.report(event)
        return LiveSession(engine, core, clock=clock, epoch=1)
    epoch = engine.last_epoch + 1
    engine.report(session_started(clock.now(), epoch=epoch, mode=mode))
    return LiveSession(engine, core, clock=clock, epoch=epoch)


def _first_plan(config: ReplayConfig, *, ts: int, mode: str, loaded: Sequence[LoadedStrategy] | None) -> Plan:
    check_config(config)
    config = with_account_values(config)
    for key, is_given in (
        ("streams", config.streams),
        ("from", config.start),
        ("to", config.end),
        ("speed", config.speed),
        ("commands", config.commands),
    ):
        if is_given:
            raise ConfigError(f"{key}: is only for a replay; a live log takes inputs as they arrive")
    if mode == BACKTEST:
        raise ConfigError(f"mode: {mode!r} is only for a replay; expected another one, for example paper")
    named = [instrument.symbol for instrument in config.instruments]
    named += [symbol for one in config.strategies for symbol in one.symbols]
    symbols = tuple(sorted(set(named)))
    if not symbols:
        raise ConfigError("instruments: expected at least one; a live log trades the instruments named there")
    strategies = planned_strategies(config, symbols, loaded)
    check_declared_live(strategies, config)
    return Plan(
        config=config,
        sources=(),
        symbols=symbols,
        strategies=strategies,
        models=(*load_models(config.broker), *load_rules(config.risk)),
        start_ts=ts,
        event_count=0,
        end_ts=ts + HOURS_AHEAD_NS,
        mode=mode,
    )
