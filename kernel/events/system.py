"""The life of the system: sessions, runs, components, code, configuration, operator commands."""

from decimal import Decimal

from kernel.events.header import Event, Record
from kernel.events.order_terms import PositionSide
from kernel.identifiers import ClientOrderId, StrategyId


class StreamRange(Record, frozen=True):
    """A part of a stream that was read: events with ``first_seq <= seq <= last_seq``.

    ``head_hash`` is the chained hash of the block that holds ``last_seq``, in hex. It covers the stream up
    to there.
    """

    stream: str
    first_seq: int
    last_seq: int
    head_hash: str


class SourceFile(Record, frozen=True):
    """A user's own module that a strategy imports; ``source_hash`` is the SHA-256 of ``source`` in hex."""

    name: str
    source_hash: str
    source: str


class SessionStarted(Event, frozen=True, tag=100):
    """A writer opened the log: a new epoch. Ids made in one epoch never recur in another.

    ``opening_hash`` is the SHA-256, in hex, of the inputs before this one: configuration, code, instruments.
    It is ``None`` for later sessions of a live log in which nothing has changed, and in runs older than this
    field.

    ``file_hash``: the hash of the configuration in the file, if operators have changed some of its values
    while a session ran. Their changes hold until the file itself changes.

    ``core_hash``: of the sources of the core that derives the events; empty in logs older than this field.
    """

    epoch: int
    mode: str
    version: str
    python: str
    opening_hash: str | None = None
    file_hash: str = ""
    core_hash: str = ""


class SessionStopped(Event, frozen=True, tag=101):
    """The writer closed the log in good order."""

    epoch: int
    reason: str = ""


class RunStarted(Event, frozen=True, tag=102):
    """A run begins. Its inputs are those of ``sources``, merged by (ts, stream, seq), and of its own stream.

    - ``sources``: empty for a live log, which holds all of its inputs itself.
    - ``symbols_ahead``: strategies know all symbols of the run from its start, as in runs older than this
      field.
    - ``rules``: the version of the rules by which the core derives events (``kernel/rules.py``).
    """

    sources: tuple[StreamRange, ...]
    symbols: tuple[str, ...]
    from_ts: int
    to_ts: int
    symbols_ahead: bool = True
    rules: int = 1


class RunFinished(Event, frozen=True, tag=103):
    """The replay read all its inputs. ``digest`` is the SHA-256 of the derived events, in hex."""

    input_count: int
    derived_count: int
    digest: str


class ConfigLoaded(Event, frozen=True, tag=104):
    """The configuration in force, as JSON without secrets."""

    config_hash: str
    body: str


class StrategyLoaded(Event, frozen=True, tag=105):
    """A strategy's code was loaded. ``source`` is the module's text, ``params`` are JSON.

    ``modules``: the files beside it that it imports, each after those that it needs itself.
    """

    strategy: StrategyId
    reference: str
    source_hash: str
    source: str
    params: str
    version: str = ""
    modules: tuple[SourceFile, ...] = ()


class StrategyUnloaded(Event, frozen=True, tag=106):
    """A strategy no longer runs."""

    strategy: StrategyId
    reason: str = ""


class StrategyLoadRefused(Event, frozen=True, tag=107):
    """New code was refused; the old version, if any, goes on."""

    strategy: StrategyId
    reference: str
    reason: str


class ComponentFailed(Event, frozen=True, tag=110):
    """A component raised while it handled an event; the others went on."""

    component: str
    event_type: str
    error: str
    failures: int
    where: str = ""


class ComponentRestarted(Event, frozen=True, tag=111):
    """A failed component is back in service after its back-off."""

    component: str
    failures: int


class ComponentQuarantined(Event, frozen=True, tag=112):
    """A component failed too often; it gets no more events until an operator releases it."""

    component: str
    failures: int


class StrategyStateMigrated(Event, frozen=True, tag=113):
    """A strategy's state was passed on to new code."""

    strategy: StrategyId
    from_hash: str
    to_hash: str


class BrokerConnected(Event, frozen=True, tag=114):
    """Input: a broker session is up and reconciled."""

    broker: str
    account: str = ""


class BrokerDisconnected(Event, frozen=True, tag=115):
    """Input: a broker session is down."""

    broker: str
    reason: str = ""


class MessageQuarantined(Event, frozen=True, tag=116):
    """Input: a message made no sense and was refused.

    - ``source``: the file and line, or ``engine`` for an input of a live engine.
    - ``raw``: the message, cut if it is long.

    Of many refusals at once only the first have an event each; one more event gives the number of the others.
    """

    source: str
    reason: str
    raw: str = ""


class StrategyPaused(Event, frozen=True, tag=117):
    """A strategy gets no market data and no timers from now on, and opens no positions."""

    strategy: StrategyId
    reason: str = ""


class StrategyResumed(Event, frozen=True, tag=118):
    """A paused strategy gets everything again."""

    strategy: StrategyId
    reason: str = ""


class SessionChanged(Event, frozen=True, tag=119):
    """The session goes on with other code or another configuration, told by the inputs before this one.

    - ``operator``, ``reason``: who changed it, and why.
    - ``strategies``: those that are new or have other code or parameters. They start again, with the state
      that they had.
    - ``opening_hash``, ``file_hash``: as in ``SessionStarted``.
    """

    epoch: int
    mode: str
    operator: str
    reason: str = ""
    strategies: tuple[StrategyId, ...] = ()
    opening_hash: str | None = None
    file_hash: str = ""


class HaltTrading(Event, frozen=True, tag=120):
    """Operator: let no order through."""

    operator: str
    reason: str = ""


class ReduceOnlyTrading(Event, frozen=True, tag=121):
    """Operator: let only orders through that make positions smaller."""

    operator: str
    reason: str = ""


class ResumeTrading(Event, frozen=True, tag=122):
    """Operator: let orders through again. Every latch is released, except that of the kill switch.

    ``releases_kill_switch``: release the kill switch, and nothing else.
    """

    operator: str
    reason: str = ""
    releases_kill_switch: bool = False


class CancelAllOrders(Event, frozen=True, tag=123):
    """Operator: cancel every working order, of one symbol if named."""

    operator: str
    symbol: str = ""
    reason: str = ""


class CancelOrder(Event, frozen=True, tag=124):
    """Operator: cancel one order."""

    operator: str
    client_order_id: ClientOrderId
    reason: str = ""


class FlattenPositions(Event, frozen=True, tag=125):
    """Operator: close every position, of one symbol if named, of one strategy if named.

    Of a strategy's positions only those of now are closed, once.
    """

    operator: str
    symbol: str = ""
    strategy: StrategyId = StrategyId("")
    reason: str = ""


class AdjustPosition(Event, frozen=True, tag=126):
    """Operator: set a strategy's position, for the reason given. ``cost`` has the sign of ``quantity``.

    In hedging mode a quantity above 0 sets the long leg, one below 0 the short leg. A quantity of 0 closes
    the leg in ``position_side``, or both if that is left out.
    """

    operator: str
    strategy: StrategyId
    symbol: str
    quantity: Decimal
    cost: Decimal
    reason: str
    position_side: PositionSide | None = None


class PauseStrategy(Event, frozen=True, tag=127):
    """Operator: give the strategy no market data and no timers, and let it open no positions.

    Its orders and positions stay.
    """

    operator: str
    strategy: StrategyId
    reason: str = ""


class ResumeStrategy(Event, frozen=True, tag=128):
    """Operator: let a paused strategy go on."""

    operator: str
    strategy: StrategyId
    reason: str = ""


class ReleaseComponent(Event, frozen=True, tag=129):
    """Operator: take a component out of quarantine."""

    operator: str
    component: str
    reason: str = ""


class VersionRefused(Event, frozen=True, tag=131):
    """Operator: do not load this code of a strategy from its file again. ``code_hash``: of the file and the
    modules that it imports; an edited file is other code."""

    operator: str
    strategy: StrategyId
    code_hash: str
    reason: str = ""
