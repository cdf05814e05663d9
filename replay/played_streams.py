"""The recorded streams that a playback feed plays."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress

from brokers.feeds.config import PlaybackFeedConfig
from brokers.feeds.playback import FRAME_EVENTS, MARK_EVENTS, EventSource, source_of, without_times
from eventstore import EventStore, open_store
from eventstore.merge import StreamSlice, merge
from eventstore.port import Selection
from kernel.errors import ConfigError
from kernel.events import Event, PlaybackAdvanced

_LOOK_BACK = 4_096
"""Events at the end of a log among which a mark is looked for first; then among four times as many."""

_TAIL = 32_768
"""Events after a mark among which those of the feed are: other feeds and derived events lie between them."""


def recorded_streams(config: PlaybackFeedConfig) -> EventSource:
    """Open the streams of a playback feed, merged as a replay merges them; for ``make_pipelines``.

    The store is opened to read, each time that the feed starts. Reading raises what a store raises.
    """
    selection = Selection(
        from_ts=config.from_ts or None, symbols=frozenset(config.symbols) if config.symbols else None
    )

    async def opened() -> AsyncGenerator[Sequence[Event], None]:
        async with await open_store(config.store, read_only=True) as store:
            slices = [StreamSlice(stream, selection) for stream in config.streams]
            async with aclosing(merge(store, slices)) as batches:
                async for batch in batches:
                    yield batch

    return opened


async def played_before(store: EventStore, log: str, config: PlaybackFeedConfig) -> int:
    """How many events of a playback feed's source are in the log already, by its last mark there.

    Those after the mark are found by their content. 0 if the log has no mark, or one of another source.
    """
    found = await _last_mark(store, log, config)
    if found is None:
        return 0
    seq, place = found
    tail = Selection(from_seq=seq + 1, to_seq=seq + _TAIL)
    after = [without_times(event) async for event in _events(store, log, tail)]
    found_to, number = 0, 0
    async with aclosing(recorded_streams(config)()) as batches:
        async for batch in batches:
            for event in batch:
                number += 1
                if number <= found[1] or not after:
                    continue
                with suppress(ValueError):
                    found_to = after.index(without_times(event), found_to) + 1
                    place = number
                if number >= found[1] + MARK_EVENTS + FRAME_EVENTS:
                    return place
    return place


async def _last_mark(store: EventStore, log: str, config: PlaybackFeedConfig) -> tuple[int, int] | None:
    """Seq and place of the last mark of the feed, looked for from the end of the log on."""
    marks = frozenset({PlaybackAdvanced})
    end, width = (await store.head(log)).seq, _LOOK_BACK
    while end > 0:
        found: tuple[int, PlaybackAdvanced] | None = None
        begin = max(1, end - width + 1)
        async with aclosing(store.read(log, Selection(from_seq=begin, to_seq=end, types=marks))) as batches:
            async for batch in batches:
                for seq, event in zip(batch.seqs, batch.events, strict=True):
                    if isinstance(event, PlaybackAdvanced) and event.feed == config.name:
                        found = (seq, event)
        if found is not None:
            seq, mark = found
            return (seq, mark.place) if mark.source == source_of(config) else None
        end, width = begin - 1, width * 4
    return None


async def _events(store: EventStore, log: str, selection: Selection) -> AsyncGenerator[Event, None]:
    async with aclosing(store.read(log, selection)) as batches:
        async for batch in batches:
            for event in batch.events:
                yield event


async def first_ts(config: PlaybackFeedConfig) -> int:
    """The time of the first event that a playback feed plays. Raises ``ConfigError`` if there is none."""
    async with aclosing(recorded_streams(config)()) as batches:
        async for batch in batches:
            return batch[0].ts
    raise ConfigError(f"feed {config.name!r}: streams: {', '.join(config.streams)} have nothing to play")
