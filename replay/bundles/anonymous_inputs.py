"""Inputs of a log with other names and scales, also those that hold code or a whole configuration."""

from collections.abc import Mapping, Sequence
from enum import Enum
from hashlib import sha256

import msgspec

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from components.assembly.opening import opening_hash, session_started
from kernel.events import (
    ConfigLoaded,
    Event,
    ModelLoaded,
    RunFinished,
    RunStarted,
    SessionChanged,
    SessionStarted,
    SourceFile,
    StrategyLoaded,
    StreamRange,
)
from kernel.secret import SecretReference
from replay.bundles.anonymous_code import anonymous_source
from replay.bundles.rewriting import Rewriter
from replay.bundles.survey import OUR_LOG
from replay.bundles.units import LEFT_OUT
from replay.config import DEFAULT_STORE, ReplayConfig
from replay.run_config import RunConfig, config_on_record
from strategies.sdk.limits import LimitUnit

NO_HOST = "ws://venue.invalid/orders"

_encode = msgspec.msgpack.Encoder().encode
_DAEMON = [
    "feeds",
    "engine",
    "segments",
    "retention",
    "snapshots",
    "disk",
    "reports",
    "reload",
    "stop",
    "secrets",
    "control",
    "alerts",
    "traces",
]
"""Sections without an effect on a replay, which name hosts, folders and people."""


class AnonymousInputs:
    """Makes the inputs of an anonymised log, in order.

    ``sources``: the streams of a run, as they are now; ``streams``: their new names by the old ones.
    """

    def __init__(
        self, rewriter: Rewriter, sources: Sequence[StreamRange], streams: Mapping[str, str]
    ) -> None:
        self._rewriter = rewriter
        self._sources = tuple(sources)
        self._streams = streams
        self._opening: list[bytes] = []

    def of(self, inputs: Sequence[Event]) -> list[Event]:
        """The inputs that remain, with other values. Raises ``InputError`` for code that is not Python."""
        return [self._next(event) for event in inputs if not isinstance(event, (RunFinished, *LEFT_OUT))]

    def _next(self, event: Event) -> Event:
        changed = self._changed(self._rewriter.struct(event))
        if isinstance(changed, RunStarted | ConfigLoaded) and not (
            isinstance(changed, ConfigLoaded) and len(self._opening) == 1
        ):
            self._opening = []
        if isinstance(changed, SessionStarted | SessionChanged):
            if changed.opening_hash is not None:
                changed = msgspec.structs.replace(changed, opening_hash=opening_hash(self._opening))
            self._opening = []
            return changed
        self._opening.append(_encode(changed))
        return changed

    def _changed(self, event: Event) -> Event:
        match event:
            case RunStarted():
                return msgspec.structs.replace(event, sources=self._sources)
            case ConfigLoaded(body=body):
                text = self._config(config_on_record(body))
                return msgspec.structs.replace(event, body=text, config_hash=_hash(text))
            case StrategyLoaded():
                return self._strategy(event)
            case ModelLoaded(source=source, reference=reference, params=params):
                text = anonymous_source(source, self._rewriter.name, name=reference)
                return msgspec.structs.replace(
                    event, source=text, source_hash=_hash(text), params=self._params(params, is_scaled=True)
                )
            case SessionStarted(epoch=epoch, mode=mode, opening_hash=old):
                now = session_started(event.ts, epoch=epoch, mode=mode)
                return msgspec.structs.replace(now, opening_hash=old)
            case SessionChanged():
                return msgspec.structs.replace(event, file_hash="")
            case _:
                return event

    def _strategy(self, event: StrategyLoaded) -> StrategyLoaded:
        renamed = self._rewriter.name
        text = anonymous_source(event.source, renamed, name=event.reference)
        modules: list[SourceFile] = []
        for one in event.modules:
            own = anonymous_source(one.source, renamed, name=one.name)
            modules.append(SourceFile(one.name, _hash(own), own))
        return msgspec.structs.replace(
            event,
            source=text,
            source_hash=_hash(text),
            params=self._params(event.params),
            modules=tuple(modules),
        )

    def _params(self, text: str, *, is_scaled: bool | None = None) -> str:
        params = msgspec.json.decode(text, type=dict[str, object])
        changed = self._rewriter.params(params, is_scaled=is_scaled)
        return msgspec.json.encode(changed, order="deterministic").decode()

    def _config(self, config: ReplayConfig) -> str:
        """The configuration as JSON."""
        rewriter = self._rewriter
        changed = rewriter.struct(config)
        strategies = [
            msgspec.structs.replace(one, params=rewriter.params(one.params)) for one in changed.strategies
        ]
        limits = [
            rewriter.money(one) if one.is_loss and one.unit is LimitUnit.MONEY else one
            for one in changed.risk.continuous
        ]
        rules = [
            msgspec.structs.replace(one, params=rewriter.params(one.params, is_scaled=True))
            for one in changed.risk.rules
        ]
        changed = msgspec.structs.replace(
            changed,
            store=DEFAULT_STORE,
            streams=tuple(self._streams.get(name, name) for name in config.streams),
            strategies=tuple(strategies),
            risk=msgspec.structs.replace(changed.risk, continuous=tuple(limits), rules=tuple(rules)),
            broker=self._broker(changed.broker),
            benchmark=self._streams.get(config.benchmark, changed.benchmark),
        )
        if isinstance(changed, RunConfig):
            changed = _without_daemon(changed)
        return msgspec.json.encode(changed, order="deterministic").decode()

    def _broker(self, broker: SimulatedBrokerConfig) -> SimulatedBrokerConfig:
        """The venue with scaled parameters of its models, and other files of a user's own ones."""
        changes: dict[str, object] = {}
        for field in broker.__struct_fields__:
            match getattr(broker, field):
                case ModelConfig() as model:
                    params = self._rewriter.params(model.params, is_scaled=True)
                    changes[field] = msgspec.structs.replace(model, params=params)
                case str() as name if not isinstance(name, Enum):
                    changes[field] = self._rewriter.reference(name)
                case _:
                    pass
        return msgspec.structs.replace(broker, **changes)


def _without_daemon(config: RunConfig) -> RunConfig:
    default = RunConfig()
    changes: dict[str, object] = {name: getattr(default, name) for name in _DAEMON}
    if config.venue is not None:
        changes["venue"] = msgspec.structs.replace(
            config.venue, url=NO_HOST, key=SecretReference(secret="removed")
        )
    return msgspec.structs.replace(config, log=OUR_LOG, **changes)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
