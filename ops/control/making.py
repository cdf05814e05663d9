"""Makes the control API of a daemon from its parts."""

from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from eventstore import StoreOnDisk, StreamTape
from eventstore.segmented import SegmentedEventStore
from kernel.clock import Clock
from kernel.events import Event
from ops.alerts.alerting import Alerting
from ops.control.access import Access, LoopbackAddress
from ops.control.changes import Changes
from ops.control.commands import Commands
from ops.control.log_views import NOTED
from ops.control.panic import PanicWatch
from ops.control.problems import Refused
from ops.control.receipts import NAME, Receipts
from ops.control.routes import routes_of
from ops.control.server import DEFAULT_LIMITS, ControlServer, RequestLimits
from ops.control.shown import Shown
from ops.control.signals import Signals
from ops.control.socket_file import SOCKET
from ops.control.stream import StateStream
from ops.control.tokens import Tokens
from ops.daemon.deploying import Deploying
from ops.daemon.reloading import Reloading
from ops.daemon.signals import StopRequest
from ops.daemon.status import DaemonStatus
from ops.daemon.upkeep import Upkeep
from replay.advice import ADVISED
from replay.run_config import ControlConfig, Mode, RunConfig
from replay.session import LiveSession


class Control:
    """The control API of one daemon: its server, its commands, and the watch of the panic marker."""

    def __init__(self, server: ControlServer, commands: Commands, panic: PanicWatch) -> None:
        self.server = server
        self.commands = commands
        self.panic = panic


class ControlParts:
    """What the control API is made of, before the daemon is there."""

    def __init__(
        self,
        config: RunConfig,
        session: LiveSession,
        store: StoreOnDisk,
        *,
        upkeep: Upkeep,
        reloading: Reloading,
        deploying: Deploying,
        alerting: Alerting,
        stop: StopRequest,
        clock: Clock,
        limits: RequestLimits = DEFAULT_LIMITS,
    ) -> None:
        """Raises ``ConfigError`` for an address or a tokens file that cannot be used."""
        self._config = config
        self._session = session
        self._store = store
        self._upkeep = upkeep
        self._reloading = reloading
        self._deploying = deploying
        self._alerting = alerting
        self._stop = stop
        self._clock = clock
        self._limits = limits
        self._tcp, self._tokens = tcp_of(config.control)
        self._receipts = Receipts(session=session.epoch)

    async def prepare(self) -> None:
        """Know the requests of the last minutes, and take those that come. Before the engine runs."""
        store, log, engine = self._store, self._config.log, self._session.engine
        await self._receipts.read_back(store, log, now=self._clock.now())
        await StreamTape(store, log).save_checkpoint(NAME, engine.last_seq)  # older ones were answered
        engine.subscribe(self._receipts)

    def control(self, status: Callable[[], DaemonStatus]) -> Control:
        """The control API of the daemon with this status."""
        store, folder, answered = self._store, Path(self._config.store), Counter[tuple[str, int]]()
        log = self._config.log
        commands = Commands(
            self._session,
            self._receipts,
            log=log,
            take_snapshot=lambda: self._upkeep.save(self._session),
            roll=self._roll,
            shut_down=self._shut_down,
            open_alerts=lambda: self._alerting.open_alerts,
        )
        shown = Shown(
            self._session, store, log=log, status=status, answered=answered, reloading=self._reloading
        )
        changes = Changes(self._session, self._receipts, self._reloading, self._deploying)
        signals = Signals(self._session, self._receipts)
        stream = StateStream(
            store, log=log, status=status, clock=self._clock, noted=noted_in(self._config.mode)
        )
        server = ControlServer(
            folder / SOCKET,
            routes=routes_of(shown, commands, changes, signals, stream.serve),
            commands=commands,
            stream=stream,
            answered=answered,
            access=Access(self._tokens),
            tcp=self._tcp,
            limits=self._limits,
        )
        return Control(server, commands, PanicWatch(folder, commands, clock=self._clock))

    async def _roll(self) -> None:
        if not isinstance(self._store, SegmentedEventStore):
            raise Refused(HTTPStatus.CONFLICT, "the store is a single file; only a folder has segments")
        await self._store.roll()

    def _shut_down(self, reason: str) -> None:
        if not self._stop.asked.is_set():  # asked twice it would stop at once, as in a crash
            self._stop.ask(reason)


def noted_in(mode: Mode) -> frozenset[type[Event]]:
    """The events that a stream of state shows; in mode ``advisory`` also each advice."""
    return NOTED | ADVISED if mode is Mode.ADVISORY else NOTED


def tcp_of(config: ControlConfig) -> tuple[LoopbackAddress | None, Tokens | None]:
    """The address and the tokens of a configuration. Raises ``ConfigError`` for what cannot be used."""
    if not config.tcp:
        return None, None
    return LoopbackAddress(config.tcp), Tokens(Path(config.tokens_file))
