"""The code and the configuration in a log: as texts for people, and as the linter judges the code.

A replay of a bundle runs this code. A log that was made here was linted when it was loaded; the log of a
bundle may have been made by anybody. So it is linted again, as a file on disk would be.
"""

import re
import sys
from collections.abc import Sequence
from contextlib import aclosing

import msgspec

from components.assembly.code_on_disk import OURS
from components.assembly.user_models import RISK_RULE
from eventstore import EventStore, Selection
from kernel.errors import ConfigError, InputError, StrategyRefused
from kernel.events import ConfigLoaded, Event, ModelLoaded, StrategyLoaded
from replay.run_config import config_on_record
from strategies.sdk.lint import lint_source
from strategies.sdk.loading import refuse_findings
from strategies.sdk.references import parse_reference

_TYPES: frozenset[type[Event]] = frozenset({ConfigLoaded, ModelLoaded, StrategyLoaded})
_OTHER = re.compile(r"[^A-Za-z0-9_-]+")


class CodeInLog(msgspec.Struct, frozen=True):
    """The loads of a log, in its order: configurations, strategies and models."""

    loads: tuple[ConfigLoaded | ModelLoaded | StrategyLoaded, ...]

    @property
    def configurations(self) -> tuple[ConfigLoaded, ...]:
        """The configurations that were in force, one after the other."""
        return tuple(event for event in self.loads if isinstance(event, ConfigLoaded))

    @property
    def modules(self) -> tuple[str, ...]:
        """The names of all modules that a replay runs, each once."""
        found: dict[str, None] = {}
        for event in self.loads:
            if isinstance(event, StrategyLoaded):
                found[f"{event.reference} (strategy {event.strategy})"] = None
                found.update((f"{one.name} (beside {event.reference})", None) for one in event.modules)
            elif isinstance(event, ModelLoaded):
                found[f"{event.reference} ({event.role})"] = None
        return tuple(found)

    def texts(self) -> dict[str, bytes]:
        """The texts as files, by name: equal texts once, in the order of the log."""
        found: dict[bytes, str] = {}
        for event in self.loads:
            match event:
                case ConfigLoaded(body=body):
                    _add(found, "config", "config", ".json", msgspec.json.format(body.encode()))
                case StrategyLoaded(strategy=strategy, source=source, modules=modules):
                    _add(found, "code", strategy, ".py", source.encode())
                    for one in modules:
                        _add(found, "code", one.name, ".py", one.source.encode())
                case ModelLoaded(role=role, source=source):
                    _add(found, "code", role, ".py", source.encode())
        return {name: text for text, name in found.items()}


async def code_in(store: EventStore, stream: str) -> CodeInLog:
    """The code and the configurations of a run or live log."""
    loads: list[ConfigLoaded | ModelLoaded | StrategyLoaded] = []
    async with aclosing(store.read(stream, Selection(types=_TYPES))) as batches:
        async for batch in batches:
            loads += [
                event
                for event in batch.events
                if isinstance(event, ConfigLoaded | ModelLoaded | StrategyLoaded)
            ]
    return CodeInLog(tuple(loads))


def refuse_unsafe(code: CodeInLog) -> None:
    """Refuse code that the linter would not load from disk, and models of a venue, which it does not check.

    Raises ``StrategyRefused`` with all findings.
    """
    problems: list[str] = []
    libraries = frozenset[str]()
    for event in code.loads:
        match event:
            case ConfigLoaded(body=body):
                libraries |= _required(body)
            case StrategyLoaded(source=source, reference=reference):
                name = parse_reference(reference).source_name
                problems += _refused(source, name, event, libraries)
            case ModelLoaded(role=role, reference=reference, source=source):
                name = parse_reference(reference).source_name
                if role == RISK_RULE.name:
                    problems += map(str, lint_source(source, name))
                else:
                    problems.append(f"{name}: this is a model of a venue ({role}), which no rule checks")
    if problems:
        raise StrategyRefused("\n".join(dict.fromkeys(problems)))


def _refused(source: str, name: str, event: StrategyLoaded, libraries: frozenset[str]) -> Sequence[str]:
    try:
        refuse_findings(source, name, event.modules, libraries=libraries)
    except StrategyRefused as refused:
        return str(refused).splitlines()
    return ()


def _required(body: str) -> frozenset[str]:
    """The packages that strategies in processes of their own ask for; of an unreadable configuration none."""
    try:
        config = config_on_record(body)
    except (ConfigError, InputError, msgspec.MsgspecError):
        return frozenset()
    names = {name for one in config.strategies for name in one.worker.requires}
    return frozenset(names - sys.stdlib_module_names - OURS)


def _add(found: dict[bytes, str], folder: str, name: str, ending: str, text: bytes) -> None:
    if text not in found:
        plain = _OTHER.sub("_", name).strip("_-")[:60] or "unnamed"
        number = sum(1 for each in found.values() if each.startswith(f"{folder}/")) + 1
        found[text] = f"{folder}/{number}-{plain}{ending}"
