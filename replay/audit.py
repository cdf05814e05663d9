"""Who changed what in a live log, when and why: sessions, configuration, code, and commands of operators.

The log is the only source. Its hash chain signs the list: ``checked`` says up to where the chain holds.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import msgspec

from eventstore import EventStore, Selection
from kernel.events import (
    EVENT_TYPES,
    AlertRaised,
    AlertResolved,
    ComponentQuarantined,
    ConfigLoaded,
    ControlRequested,
    Event,
    SessionChanged,
    SessionStarted,
    SessionStopped,
    SignalPosted,
    StoreRestored,
    StrategyLoaded,
    StrategyLoadRefused,
    VersionRefused,
)
from kernel.events.deployments import (
    DeploymentRolledBack,
    DeploymentStepped,
    DeploymentStopped,
    GateJudged,
    StrategyDeployed,
)
from replay.deploying.canary_schedule import shown_share, words_of_steps

OPERATOR = "operator"

SIGNALS = "/v1/signals"
"""Requests that bring data and change nothing: a model may post hundreds of signals a day."""

AUDITED: frozenset[type[Event]] = frozenset(
    {
        *(kind for kind in EVENT_TYPES if OPERATOR in kind.__struct_fields__ and kind is not SignalPosted),
        *(SessionStarted, SessionChanged, SessionStopped, ConfigLoaded),
        *(StrategyLoaded, StrategyLoadRefused, ComponentQuarantined, StoreRestored),
        *(AlertRaised, AlertResolved, DeploymentStopped),
    }
)
"""Commands of operators, deployments among them, all that determines or stops what trades, and alerts."""

SHOWN = 60
"""The longest value that is shown."""

NOTHING = "nothing"
"""How a value that is not set is shown."""


class AuditLine(msgspec.Struct, frozen=True):
    """One entry. ``who``: an operator, or the daemon; ``what``: in words; ``why``: as it was given."""

    seq: int
    ts: int
    event: str
    who: str
    what: str
    why: str


class Checked(msgspec.Struct, frozen=True):
    """The state of the hash chain: its last seq and hash in hex, and what is damaged, if anything."""

    seq: int
    block_hash: str
    damage: str


async def audit(
    store: EventStore, log: str, *, from_ts: int | None = None, to_ts: int | None = None
) -> AsyncGenerator[AuditLine, None]:
    """The entries of a log, in its order. Raises ``StreamMissing`` if there is no such log."""
    describe = _Describer()
    only = Selection(to_ts=to_ts, types=AUDITED)
    async with aclosing(store.read(log, only)) as batches:
        async for batch in batches:
            for seq, event in zip(batch.seqs, batch.events, strict=True):
                for line in describe.lines(seq, event):  # of earlier ones too: it compares with them
                    if from_ts is None or event.ts >= from_ts:
                        yield line


async def checked(store: EventStore, log: str) -> Checked:
    """Verify the hash chain of a log."""
    damage = await store.verify(log)
    head = await store.head(log)
    return Checked(head.seq, head.block_hash.hex(), "" if damage is None else str(damage))


class _Describer:
    """Says what an event changed. Remembers the configuration and the code before it."""

    def __init__(self) -> None:
        self._values: dict[str, str] | None = None
        self._codes: dict[str, StrategyLoaded] = {}

    def lines(self, seq: int, event: Event) -> Iterator[AuditLine]:
        """The entries of an event: none for what is as it was before."""
        who = str(getattr(event, OPERATOR, "") or "daemon")
        why = str(getattr(event, "reason", ""))
        for what in self._changes(event):
            yield AuditLine(seq, event.ts, type(event).__name__, who, what, why)

    def _changes(self, event: Event) -> Iterator[str]:
        match event:
            case ConfigLoaded():
                yield from self._of_config(event)
            case StrategyLoaded():
                yield from self._of_code(event)
            case SessionStarted():
                yield f"session {event.epoch} began: {event.mode}, onetape {event.version}"
            case SessionStopped():
                yield f"session {event.epoch} ended"
            case SessionChanged():
                started = ", ".join(event.strategies)
                anew = f"; new or started again: {started}" if started else ""
                yield f"session {event.epoch} changed{anew}"
            case ControlRequested(request=request) if request == SIGNALS:
                return
            case ControlRequested():
                yield f"asked for {event.request} {_short(event.body)} key={event.key}"
            case AlertRaised():
                yield f"alert {event.alert_id}, {event.severity.value}: {event.rule}: {event.sentence}"
            case AlertResolved():
                yield f"alert {event.alert_id} is over: {event.rule}"
            case StrategyDeployed() | DeploymentStepped() | DeploymentStopped() | DeploymentRolledBack():
                yield f"{event.strategy}: {_of_deployment(event)}"
            case GateJudged():
                yield f"{event.strategy}: {_of_gate(event)}"
            case VersionRefused():
                code = event.code_hash[:8]
                yield f"{event.strategy}: code {code} is not loaded again until its file is edited"
            case StrategyLoadRefused():
                yield f"{event.strategy}: new code of {event.reference} was refused"
            case _:
                yield " ".join((_words_of(type(event).__name__), *_fields(event)))

    def _of_config(self, event: ConfigLoaded) -> Iterator[str]:
        before, self._values = self._values, dict(_values(msgspec.json.decode(event.body), ""))
        if before is None:
            yield f"configuration {event.config_hash[:8]}"
            return
        had, has = set(map(_entry_of, before)), set(map(_entry_of, self._values))
        told: set[str] = set()
        for path in dict.fromkeys((*before, *self._values)):
            was, given, entry = before.get(path, NOTHING), self._values.get(path, NOTHING), _entry_of(path)
            if was == given or entry in told:
                continue
            if entry in had and entry in has:
                yield f"{path}: {was} -> {given}"
            else:
                told.add(entry)
                yield f"{entry}: {'removed' if entry in had else 'new'}"

    def _of_code(self, event: StrategyLoaded) -> Iterator[str]:
        before = self._codes.get(event.strategy)
        self._codes[event.strategy] = event
        code = f"code {event.source_hash[:8]} version {event.version}"
        if before is None:
            yield f"{event.strategy}: {code} from {event.reference}"
        elif (before.source_hash, before.modules) != (event.source_hash, event.modules):
            yield f"{event.strategy}: code {before.source_hash[:8]} -> {event.source_hash[:8]}"


def _of_deployment(
    event: StrategyDeployed | DeploymentStepped | DeploymentStopped | DeploymentRolledBack,
) -> str:
    match event:
        case StrategyDeployed():
            where = f" from {event.origin}" if event.origin else ""
            was = f"code {event.code_before[:8]} -> {event.code_hash[:8]}"
            code = was if event.code_before else f"code {event.code_hash[:8]}"
            settings = f"configuration {event.config_hash[:8]}"
            return f"deployed{where}: {code}, {settings}, {words_of_steps(event.steps)}"
        case DeploymentStepped():
            return f"scaled to {shown_share(event.share)} of its capital"
        case DeploymentStopped():
            return "its canary was stopped"
        case DeploymentRolledBack():
            now = f"code {event.code_hash[:8]}" if event.code_hash else "not deployed"
            return f"rolled back: {now}"


def _of_gate(event: GateJudged) -> str:
    passed = sum(row.is_passed for row in event.rows)
    failed = ", ".join(row.check for row in event.rows if not row.is_passed)
    measured = f"{passed} of {len(event.rows)} conditions met" if event.rows else "nothing was measured"
    missed = f"; not: {failed}" if failed else ""
    forced = "" if event.is_passed else ", forced"
    return f"the gate out of {event.origin or 'no environment'}{forced}: {measured}{missed}"


def _fields(event: Event) -> Iterator[str]:
    """The settings of a command as ``name=value``, without empty ones."""
    for name in event.__struct_fields__[1:]:
        value = getattr(event, name)
        if name not in (OPERATOR, "reason") and value not in ("", None) and value is not False:
            yield f"{name}={_short(str(value))}"


def _values(content: object, path: str) -> Iterator[tuple[str, str]]:
    """The single values of a configuration, by path. A strategy is named by its id."""
    match content:
        case dict():
            for key, value in msgspec.convert(content, dict[str, object]).items():
                yield from _values(value, f"{path}.{key}".lstrip("."))
        case list():
            for number, value in enumerate(msgspec.convert(content, list[object])):
                yield from _values(value, f"{path}[{_name_of(value) or number}]")
        case None | "":
            yield path, NOTHING
        case float() if content.is_integer():  # 256 and 256.0 are one setting
            yield path, f"{content:.0f}"
        case _:
            yield path, _short(msgspec.json.encode(content).decode().strip('"'))


def _entry_of(path: str) -> str:
    """The entry of a list that a value is in, such as a strategy; else the value itself."""
    return path[: path.index("]") + 1] if "]" in path else path


def _name_of(value: object) -> object:
    """The id of a strategy, the symbol of an instrument; ``None`` for other entries of lists."""
    if not isinstance(value, dict):
        return None
    entry = msgspec.convert(value, dict[str, object])
    return entry.get("id") or entry.get("symbol")


def _words_of(name: str) -> str:
    """The name of an event in words: ``HaltTrading`` is "halt trading"."""
    return "".join(f" {each.lower()}" if each.isupper() else each for each in name).lstrip()


def _short(value: str) -> str:
    return value if len(value) <= SHOWN else f"{value[: SHOWN - 3]}..."
