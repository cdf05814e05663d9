"""The versions of a strategy's code that a live log holds, and what is different between two of them."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from difflib import unified_diff

import msgspec

from eventstore import EventStore, Selection
from kernel.errors import InputError
from kernel.events import StrategyLoaded, VersionRefused
from kernel.identifiers import StrategyId
from strategies.sdk.loading import LoadedStrategy, code_hash_of, load_recorded

SHORTEST = 4
"""The fewest letters of a hash that name a version."""


class CodeVersion(msgspec.Struct, frozen=True, kw_only=True):
    """Code of a strategy, and when it was loaded for the first and for the last time (ns UTC).

    - ``version``: that of its metadata.
    - ``is_refused``: it is not loaded from its file again.
    """

    code_hash: str
    version: str
    reference: str
    first_ts: int
    last_ts: int
    is_refused: bool
    loaded: StrategyLoaded

    def build(self) -> LoadedStrategy:
        """The code with the parameters that it was last loaded with. Raises ``InputError``."""
        one = self.loaded
        params = msgspec.json.decode(one.params, type=dict[str, object])
        return load_recorded(one.source, one.reference, params, modules=one.modules)


async def versions_of(store: EventStore, log: str, strategy: StrategyId) -> tuple[CodeVersion, ...]:
    """All code of a strategy that the log has, in the order in which it was first loaded."""
    found: dict[str, CodeVersion] = {}
    only = Selection(types=frozenset({StrategyLoaded, VersionRefused}))
    async with aclosing(store.read(log, only)) as batches:
        async for batch in batches:
            for event in batch.events:
                match event:
                    case StrategyLoaded(strategy=owner) if owner == strategy:
                        key = code_hash_of(event.source_hash, event.modules)
                        before = found.get(key)
                        found[key] = CodeVersion(
                            code_hash=key,
                            version=event.version,
                            reference=event.reference,
                            first_ts=event.ts if before is None else before.first_ts,
                            last_ts=event.ts,
                            is_refused=before is not None and before.is_refused,
                            loaded=event,
                        )
                    case VersionRefused(strategy=owner, code_hash=key) if owner == strategy and key in found:
                        found[key] = msgspec.structs.replace(found[key], is_refused=True)
                    case _:
                        pass
    return tuple(found.values())


def chosen(versions: Sequence[CodeVersion], begin: str, *, strategy: StrategyId) -> CodeVersion:
    """The version whose hash begins so. Raises ``InputError`` for none, and for more than one."""
    fitting = [one for one in versions if len(begin) >= SHORTEST and one.code_hash.startswith(begin)]
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(one.code_hash[:8] for one in versions) or "none"
    count = "no" if not fitting else "more than one"
    raise InputError(f"{strategy}: {count} recorded version begins with {begin!r}; the log has {known}")


def before_of(versions: Sequence[CodeVersion], running: str, *, strategy: StrategyId) -> CodeVersion:
    """The version before the one that runs, of those that were not refused. Raises ``InputError``."""
    others = [one for one in versions if one.code_hash != running and not one.is_refused]
    if not others:
        raise InputError(f"{strategy}: the log has no other version to go back to")
    return max(others, key=lambda one: one.last_ts)


def difference(old: LoadedStrategy, new: LoadedStrategy) -> str:
    """What is different between two versions, line by line; empty if nothing is."""
    return "".join(line for name, before, after in _files(old, new) for line in _changes(name, before, after))


def _files(old: LoadedStrategy, new: LoadedStrategy) -> Iterator[tuple[str, str, str]]:
    yield old.reference, old.source, new.source
    before = {one.name: one.source for one in old.modules}
    after = {one.name: one.source for one in new.modules}
    for name in dict.fromkeys((*before, *after)):
        yield name, before.get(name, ""), after.get(name, "")


def _changes(name: str, before: str, after: str) -> Iterator[str]:
    lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return (line if line.endswith("\n") else f"{line}\n" for line in unified_diff(*lines, name, name))
