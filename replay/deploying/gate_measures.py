"""What a version of a strategy has done in a live log, and what its backtest does with the same inputs.

The log is played from the last snapshot before the version began. Where the version begins, a second core
takes over the state, with this strategy alone: its backtest. From there on both get the same inputs, the
second one without what operators did and what brokers reported. Nothing is appended.

    version = await version_of(store, "paper", strategy)
    measured = await measured_of(store, "paper", version, snapshots=snapshots)

The fills of the backtest are those of the simulated venue, so they are what its model says.
"""

from collections import deque
from collections.abc import Sequence
from contextlib import aclosing
from decimal import Decimal

import msgspec

from components.assembly.core import Core
from components.assembly.hosts import Place
from components.assembly.settings import StrategyConfig
from components.assembly.setup import core_of
from components.strategy_host.translation import host_name
from eventstore import EventStore, Selection
from eventstore.vocabulary import symbol_of
from kernel import snapshot
from kernel.decimals import exact
from kernel.errors import InputError
from kernel.events import (
    BUY,
    MARKET,
    MARKET_TYPES,
    AccountReported,
    ComponentFailed,
    ConfigLoaded,
    Event,
    ExecutionReport,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
    PositionReported,
    ReleaseComponent,
    ResumeStrategy,
    ResumeTrading,
    RiskLimitBreached,
    SessionChanged,
    SessionStarted,
    SessionStopped,
    SignalPosted,
    StrategyDecided,
    StrategyFailedApart,
    StrategyLoaded,
)
from kernel.events.deployments import DeploymentStopped
from kernel.events.live import ConfirmLiveTrading
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.recovery import step
from kernel.reopenings import ENDS, Reopenings
from kernel.time_units import DAY_NS
from replay.deploying.deployments import read_deployments
from replay.record import checked_plan, plan_after, read_record
from replay.reopening import Cores
from replay.run import Plan, core_after
from replay.run_config import Mode, RunConfig, config_on_record
from replay.session_snapshots import SessionSnapshots
from strategies.sdk.loading import code_hash_of

BPS = 10_000.0
NOT_OF_A_BACKTEST: frozenset[type[Event]] = frozenset(
    {
        ExecutionReport,
        AccountReported,
        PositionReported,
        StrategyDecided,
        StrategyFailedApart,
        ComponentFailed,
    }
)
"""Inputs of a live log that a backtest finds out by itself."""
OF_A_BACKTEST: frozenset[type[Event]] = frozenset(
    {
        *(SessionChanged, SignalPosted),
        *(ResumeTrading, ResumeStrategy, ReleaseComponent, ConfirmLiveTrading),
    }
)
"""Inputs with an operator that a backtest gets: changes, signals, and the end of what held the strategy up
when the version began."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """The version of a strategy that a log ends with.

    - ``from_seq``, ``from_ts``: the end of the opening with which it began.
    - ``code_seq``: the record of its code. ``params``: JSON.
    - ``entry``: its settings, with its whole capital.
    """

    strategy: StrategyId
    from_seq: int
    from_ts: int
    code_seq: int
    code_hash: str
    params: str
    entry: StrategyConfig


class Counted(msgspec.Struct):
    """Occurrences, and the place of the first one."""

    count: int = 0
    first_seq: int = 0

    def add(self, seq: int) -> None:
        """Count one more."""
        self.first_seq = self.first_seq or seq
        self.count += 1


class Conduct(msgspec.Struct):
    """The orders of a strategy and its P&L.

    - ``filled``, ``ended``: orders that were filled, and all that the venue filled, rejected or let expire.
    - ``slippages``: of fills of market orders against the last price when they were sent, in basis points.
    - ``pnl``: at the start and at the end of each UTC day; ``None`` where a price was missing.
    """

    filled: int = 0
    ended: int = 0
    slippages: list[float] = []
    pnl: list[Decimal | None] = []
    prices: dict[ClientOrderId, float] = {}

    def hear(self, event: Event, strategy: StrategyId, core: Core) -> None:
        """Take an event that was made just now."""
        match event:
            case OrderSubmitted(order=order) if order.strategy == strategy and order.order_type is MARKET:
                price = core.market.last_price(order.symbol)
                if price:
                    self.prices[order.client_order_id] = price
            case OrderFilled(strategy=owner) if owner == strategy:
                self._fill(event)
            case OrderRejected(strategy=owner) | OrderExpired(strategy=owner) if owner == strategy:
                self.ended += 1
            case _:
                pass

    def _fill(self, fill: OrderFilled) -> None:
        before = self.prices.get(fill.client_order_id)
        if before is not None:
            worse = float(fill.price) - before if fill.side is BUY else before - float(fill.price)
            self.slippages.append(BPS * worse / abs(before))
        if not fill.leaves_quantity:
            self.filled, self.ended = self.filled + 1, self.ended + 1
            self.prices.pop(fill.client_order_id, None)


class Measured(msgspec.Struct, kw_only=True):
    """What was measured from the begin of a version to the end of the log.

    ``days``: UTC days with market data of its symbols.
    """

    from_seq: int
    to_seq: int = 0
    days: list[int] = []
    crashes: Counted = msgspec.field(default_factory=Counted)
    failures: Counted = msgspec.field(default_factory=Counted)
    breaches: Counted = msgspec.field(default_factory=Counted)
    paper: Conduct = msgspec.field(default_factory=Conduct)
    backtest: Conduct = msgspec.field(default_factory=Conduct)


async def version_of(store: EventStore, log: str, strategy: StrategyId) -> Version:
    """The version of a strategy that a log ends with. Raises ``InputError`` if it has none."""
    types: frozenset[type[Event]] = frozenset({StrategyLoaded, ConfigLoaded, *ENDS})
    found: Version | None = None
    loaded: tuple[int, StrategyLoaded] | None = None
    config: ConfigLoaded | None = None
    async with aclosing(store.read(log, Selection(types=types))) as batches:
        async for batch in batches:
            for seq, event in zip(batch.seqs, batch.events, strict=True):
                match event:
                    case ConfigLoaded():
                        config, loaded = event, None
                    case StrategyLoaded(strategy=owner) if owner == strategy:
                        loaded = (seq, event)
                    case SessionStarted() | SessionChanged() if config is not None:
                        found = _version(found, loaded, config, end=(seq, event.ts))
                        config = None
                    case _:
                        pass
    if found is None:
        raise InputError(f"{log} has no strategy {strategy!r} at its end")
    deployed = (await read_deployments(store, log)).of(strategy)
    return found if deployed is None else msgspec.structs.replace(found, entry=deployed.settings)


def _version(
    before: Version | None,
    loaded: tuple[int, StrategyLoaded] | None,
    config: ConfigLoaded,
    *,
    end: tuple[int, int],
) -> Version | None:
    """The version after an opening; that before it, if code and parameters are the same."""
    if loaded is None:
        return None
    code_seq, code = loaded
    code_hash = code_hash_of(code.source_hash, code.modules)
    if before is not None and (before.code_hash, before.params) == (code_hash, code.params):
        return before
    params = msgspec.json.decode(code.params, type=dict[str, str | int | float | bool | None])
    entries = config_on_record(config.body).enabled_strategies
    entry = next((one for one in entries if one.id == code.strategy), None)
    if entry is None:
        named = (one for one in entries if not one.id and code.reference.startswith(one.strategy))
        entry = next(named, StrategyConfig(strategy=code.reference))
    entry = msgspec.structs.replace(entry, id=code.strategy, params=params)
    return Version(
        strategy=code.strategy,
        from_seq=end[0],
        from_ts=end[1],
        code_seq=code_seq,
        code_hash=code_hash,
        params=code.params,
        entry=entry,
    )


@exact
async def measured_of(
    store: EventStore, log: str, version: Version, *, snapshots: SessionSnapshots
) -> Measured:
    """Play a log from before a version began to its end. Raises ``ReplayDiverged`` for a damaged opening."""
    restored = await snapshots.restore_before(version.from_ts - 1)
    if restored is None or restored.seq >= version.from_seq:
        record = await read_record(store, log)
        plan = await checked_plan(store, record, current_code=False)
        cores, after_seq = Cores(plan, record.opening, started=record.started), 0
    else:
        cores, after_seq = restored.cores, restored.seq
    twin = _Twin(cores, version)
    reopenings = Reopenings(has_begun=after_seq > 0)
    head = await store.head(log)
    twin.measured.to_seq = head.seq
    async with aclosing(store.read(log, Selection(from_seq=after_seq + 1, to_seq=head.seq))) as batches:
        async for batch in batches:
            causes = batch.causes or [0] * len(batch.events)
            records = zip(batch.seqs, batch.events, causes, strict=True)
            places = [(seq, event) for seq, event, cause in records if cause <= 0]
            twin.seqs.extend(seq for seq, _ in places)
            for part, is_opening in reopenings.parts([event for _, event in places]):
                twin.play(part, is_opening=is_opening)
    return twin.end()


class _Twin:
    """The core of a log, and from the begin of a version on that of its backtest."""

    def __init__(self, cores: Cores, version: Version) -> None:
        self.measured = Measured(from_seq=version.from_seq)
        self.seqs = deque[int]()
        """Those of the inputs that are played next."""
        self._cores = cores
        self._version = version
        self._plan: Plan | None = None
        self._core: Core | None = None
        self._seq = 0
        self._day = -1
        self._is_in_session = False
        self._symbols = frozenset(version.entry.symbols)

    def play(self, inputs: Sequence[Event], *, is_opening: bool) -> None:
        """Take the next inputs, or an opening."""
        if is_opening:
            self._cores.reopen(self._cores.core.bus, inputs)
            if self._core is not None and self._plan is not None:
                self._plan = self._alone(plan_after(self._plan, inputs))
                self._core = core_after(self._plan, self._core.bus)
        for event in inputs:
            self._seq = self.seqs.popleft()
            self._take(event)
            if self._core is None and self._seq >= self._version.from_seq:
                self._begin()

    def end(self) -> Measured:
        """The measures at the end of the log."""
        self._mark()
        return self.measured

    def _take(self, event: Event) -> None:
        core = self._cores.core
        if event.ts // DAY_NS != self._day:
            self._mark()
            self._day = event.ts // DAY_NS
        made = step(core.bus, (event,)).events
        if self._core is None:
            self._note_session(event)
            return
        self._note(event, made)
        for each in made:
            self.measured.paper.hear(each, self._version.strategy, core)
        if _is_of_backtest(event):
            for each in step(self._core.bus, (event,)).events:
                self.measured.backtest.hear(each, self._version.strategy, self._core)

    def _begin(self) -> None:
        """Make the core of the backtest, in the state of the log's core."""
        cores, key = self._cores, self._version.strategy
        self._plan = self._alone(cores.plan)
        states = snapshot.take(cores.core.bus)
        was_apart = any(one.place is Place.APART for one in cores.plan.strategies if one.strategy_id == key)
        if was_apart:  # its state is in its process: it starts anew here
            kept = {name: state for name, state in states.states.items() if name != host_name(key)}
            states = msgspec.structs.replace(states, states=kept)
        self._core = core_of(self._plan, self._plan.venue)
        snapshot.take_over(self._core.bus, states)
        if was_apart:
            now = self._core.bus.state.now
            step(self._core.bus, (SessionChanged(now, 0, cores.plan.mode, "gate", strategies=(key,)),))
        self._day = self._version.from_ts // DAY_NS
        self._mark()

    def _alone(self, plan: Plan) -> Plan:
        """A plan with this strategy alone, in the core, at the simulated venue."""
        config = plan.config
        if isinstance(config, RunConfig) and config.mode.sends_orders:
            config = msgspec.structs.replace(config, mode=Mode.PAPER, venue=None)
        own = tuple(
            msgspec.structs.replace(one, place=Place.IN_CORE)
            for one in plan.strategies
            if one.strategy_id == self._version.strategy
        )
        return msgspec.structs.replace(plan, config=config, strategies=own)

    def _mark(self) -> None:
        """Note the P&L of both, at the end of a day."""
        if self._core is not None:
            key = self._version.strategy
            self.measured.paper.pnl.append(self._cores.core.portfolio.strategies.net_pnl(key))
            self.measured.backtest.pnl.append(self._core.portfolio.strategies.net_pnl(key))

    def _note(self, event: Event, made: Sequence[Event]) -> None:
        measured, key = self.measured, self._version.strategy
        if type(event) in MARKET_TYPES and (not self._symbols or symbol_of(event) in self._symbols):
            day = event.ts // DAY_NS
            if not measured.days or measured.days[-1] != day:
                measured.days.append(day)
        if isinstance(event, SessionStarted) and self._is_in_session:
            measured.crashes.add(self._seq)
        self._note_session(event)
        for each in made:
            match each:
                case ComponentFailed(component=component) if component == host_name(key):
                    measured.failures.add(self._seq)
                case StrategyFailedApart(strategy=owner) if owner == key:
                    measured.failures.add(self._seq)
                case RiskLimitBreached(strategy=owner) if not each.is_rearmed and owner in ("", key):
                    measured.breaches.add(self._seq)
                case DeploymentStopped(strategy=owner) if owner == key:
                    measured.breaches.add(self._seq)
                case _:
                    pass

    def _note_session(self, event: Event) -> None:
        if isinstance(event, SessionStarted | SessionStopped):
            self._is_in_session = isinstance(event, SessionStarted)


def _is_of_backtest(event: Event) -> bool:
    """Whether a backtest gets this input: not what operators did or what others found out."""
    is_of_operator = hasattr(event, "operator") and type(event) not in OF_A_BACKTEST
    return not is_of_operator and type(event) not in NOT_OF_A_BACKTEST
