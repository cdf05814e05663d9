"""Data streams that are built from other ones, and were built again after a run had read them."""

from eventstore import EventStore
from eventstore.derivations import holds, read_derivations
from kernel.events import StreamDerived, StreamRange
from replay.divergence import Cause, Diverged, opening_diverged


async def rebuilt(store: EventStore, run_stream: str, source: StreamRange) -> Diverged | None:
    """Why a stream that a run read is another one now; ``None`` if it is not there, or was never built.

    The cause is ``features`` if it is built in another way, and ``data`` if the stream that it is built from
    has other events.
    """
    built = await read_derivations(store, source.stream)
    now = built[-1] if built else None
    if now is None or not await holds(store, StreamRange(now.stream, 1, now.last_seq, now.head_hash)):
        return None
    then = _when_read(built, source)
    if then is None:
        return None
    name = repr(source.stream)
    was, present = _words(then), _words(now)
    if was != present:
        cause, evidence = Cause.FEATURES, f"the run read {name} as built {was}; it is built {present} now"
    elif not await holds(store, then.source):
        base = repr(then.source.stream)
        cause, evidence = Cause.DATA, f"{name} is built {was}, and {base} has other events than it had then"
    else:
        changed = "so the code that builds its bars has changed"
        cause, evidence = Cause.FEATURES, f"{name} is built {was} as it was, and has other bars: {changed}"
    return opening_diverged(
        f"{run_stream}: stream {name} was built again since the run read it, and is another one up to seq "
        f"{source.last_seq}",
        seq=1,
        cause=cause,
        evidence=evidence,
    )


def _when_read(built: tuple[StreamDerived, ...], source: StreamRange) -> StreamDerived | None:
    """The derivation that a run read; of a run that read a part, the first one that had that part."""
    earlier = built[:-1]
    same = [one for one in earlier if one.head_hash == source.head_hash]
    longer = [one for one in earlier if one.last_seq >= source.last_seq]
    return next(iter((*same, *longer)), None)


def _words(derived: StreamDerived) -> str:
    return f"from {derived.source.stream!r} by {derived.definition}"
