"""What speaks for a cause if a replay differs: other code, another core, a record that was changed."""

from contextlib import aclosing
from hashlib import sha256

from components.assembly.core_sources import core_hash
from components.assembly.opening import session_started
from eventstore import EventStore, Selection
from eventstore.block import items
from kernel.errors import InputError
from kernel.events import ModelLoaded, RunFinished, SessionStarted, StrategyLoaded
from replay.record import Record, plan_of


def changed_code(record: Record) -> list[str]:
    """The strategies and models whose code on disk is not the recorded one, in words."""
    plan = plan_of(record, current_code=True)
    recorded = [event for event in record.opening if isinstance(event, StrategyLoaded)]
    changed = [
        f"strategy {old.strategy}, version {old.version} recorded, {new.loaded.version} on disk"
        for old, new in zip(recorded, plan.strategies, strict=False)
        if (old.source_hash, old.modules) != (new.loaded.source_hash, new.loaded.modules)
    ]
    models = [event for event in record.opening if isinstance(event, ModelLoaded)]
    today = [model.recorded(0) for model in plan.models]
    changed += [
        f"model {old.reference}"
        for old, new in zip(models, today, strict=False)
        if old.source_hash != new.source_hash
    ]
    return changed


async def other_core(store: EventStore, record: Record, *, before_seq: int) -> str:
    """In words, that the core was of other code or another Python; empty if it was this one."""
    session = record.session
    chosen = Selection(to_seq=before_seq or None, types=frozenset({SessionStarted}))
    async with aclosing(store.read(record.run_stream, chosen)) as batches:
        async for batch in batches:
            for event in batch.events:
                if isinstance(event, SessionStarted):
                    session = event
    here = session_started(0, epoch=0, mode="")
    if (session.version, session.python) != (here.version, here.python):
        return (
            f"the log was written by onetape {session.version} under Python {session.python}; this is "
            f"onetape {here.version} under Python {here.python}"
        )
    if session.core_hash and session.core_hash != core_hash():
        return (
            f"the sources of the core are not those that wrote the log (hash {session.core_hash} recorded, "
            f"{core_hash()} here)"
        )
    return ""


async def changed_record(store: EventStore, record: Record) -> str | None:
    """In words, that the record of a run was changed after it: its events do not fit its digest."""
    if record.log is not None:
        return None
    digest, finished = sha256(), None
    async with aclosing(store.read(record.run_stream)) as batches:
        async for batch in batches:
            if batch.payload is None:
                raise InputError("a stream that is read whole comes in whole blocks")
            causes = batch.causes or (0,) * len(batch.events)
            for raw, event, cause in zip(items(batch.payload), batch.events, causes, strict=True):
                if cause > 0:
                    digest.update(raw)
                elif isinstance(event, RunFinished):
                    finished = event
    if finished is None or finished.digest == digest.hexdigest():
        return None
    return "the record was changed after the run: its derived events do not have the digest of its end"
