"""``onetape log``: the events of a stream, for people or for programs."""

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import click
import msgspec

from eventstore import StoreOnDisk, read_story
from eventstore.importing.timestamps import StampParser
from eventstore.port import Batch, Selection
from eventstore.vocabulary import symbol_of
from kernel.errors import InputError
from kernel.events import Event
from kernel.time_units import DAY_NS
from ops.completion import complete_streams
from ops.event_lines import (
    EVENT_NAMES,
    HEADING,
    NARROW_HEADING,
    LoggedEvent,
    human_line,
    json_line,
    line_for,
    logged_events,
)
from ops.event_loop import run
from ops.store_file import existing_store, require_streams, store_option
from ops.tables import TableConsole


class TimeBound(click.ParamType[int]):
    """A UTC time: ISO 8601, or a number since 1970. A date alone means its first or its last nanosecond."""

    name = "time"

    def __init__(self, *, date_means_end: bool) -> None:
        self._extra_ns = DAY_NS - 1 if date_means_end else 0

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Nanoseconds since the epoch."""
        try:
            wall_ns, offset_ns, has_time = StampParser().parse(str(value))
        except InputError:
            self.fail(f"{value!r} is not a time such as 2012-12-31 or 2012-12-31T14:30:00Z", param, ctx)
        return wall_ns - (offset_ns or 0) + (0 if has_time else self._extra_ns)


class EventName(click.ParamType[type[Event]]):
    """The name of an event type, in upper or lower case."""

    name = "event"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> type[Event]:
        """The event type."""
        kind = {name.lower(): kind for name, kind in EVENT_NAMES.items()}.get(str(value).lower())
        if kind is None:
            self.fail(f"{value!r} is not an event type; known are: {', '.join(EVENT_NAMES)}", param, ctx)
        return kind


class LogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The stream to print and its events. ``limit`` and ``tail`` count matching events; 0 means all."""

    stream: str
    selection: Selection
    limit: int
    tail: int
    is_following: bool
    is_story: bool


@click.command("log")
@click.argument("stream", shell_complete=complete_streams)
@store_option
@click.option("--from", "from_ts", type=TimeBound(date_means_end=False), help="First time, UTC.")
@click.option(
    "--to", "to_ts", type=TimeBound(date_means_end=True), help="Last time, UTC; a date means its end."
)
@click.option("--symbol", "symbols", multiple=True, help="Only this symbol; may be repeated.")
@click.option(
    "--type", "types", multiple=True, type=EventName(), help="Only this event type; may be repeated."
)
@click.option("--limit", type=click.IntRange(min=1), help="Stop after this many events.")
@click.option("--tail", type=click.IntRange(min=1), help="Print only the last events, this many.")
@click.option("--follow", is_flag=True, help="Then print new events, until Ctrl-C.")
@click.option("--story", is_flag=True, help="For a run: print its data too, each input before its effects.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object in each line.")
def log_command(
    stream: str,
    *,
    store_path: Path,
    from_ts: int | None,
    to_ts: int | None,
    symbols: tuple[str, ...],
    types: tuple[type[Event], ...],
    limit: int | None,
    tail: int | None,
    follow: bool,
    story: bool,
    as_json: bool,
) -> None:
    """Print the events of a stream.

    "in 17" marks the 17th input of a run or live log, "<-17" an event that the core derived after it. With
    --story the first column is that number, and the inputs of a run are printed too.

    \b
    Example:
      onetape log goog.1d --from 2012-01-01 --to 2012-12-31 --limit 10
      onetape log goog.1d --tail 3 --json
      onetape log run.ma_cross.1 --story --from 2012-01-01 --limit 20
    """
    if limit and tail:
        raise click.UsageError("--limit and --tail exclude each other")
    if story and (tail or follow):
        raise click.UsageError("--story reads from the beginning and cannot be used with --tail or --follow")
    selection = Selection(
        from_ts=from_ts,
        to_ts=to_ts,
        symbols=frozenset(symbols) or None,
        types=frozenset(types) or None,
    )
    query = LogQuery(
        stream=stream,
        selection=selection,
        limit=limit or 0,
        tail=tail or 0,
        is_following=follow,
        is_story=story,
    )
    try:
        run(_print_log(store_path, query, as_json=as_json))
    except KeyboardInterrupt:
        if not follow:  # Ctrl-C is the normal end of --follow
            raise


async def _print_log(path: Path, query: LogQuery, *, as_json: bool) -> None:
    as_line = json_line if as_json else line_for(TableConsole())
    async with existing_store(path) as store:
        if not query.is_following:
            await require_streams(store, (query.stream,))
        if not as_json:
            click.echo(HEADING if as_line is human_line else NARROW_HEADING)
        left = query.limit
        async with aclosing(_batches(store, query)) as batches:
            async for batch in batches:
                events = list(logged_events(batch))
                if query.limit:
                    events = events[:left]
                    left -= len(events)
                if events:
                    click.echo("\n".join(map(as_line, events)))
                if query.limit and left <= 0:
                    return


async def _batches(store: StoreOnDisk, query: LogQuery) -> AsyncGenerator[Batch, None]:
    selection = query.selection
    if query.is_story:
        async with aclosing(read_story(store, query.stream)) as batches:
            async for batch in batches:
                yield _selected(batch, selection)
        return
    if query.tail:
        head = await store.head(query.stream)
        if head.seq:
            yield await _last(store, query, to_seq=head.seq)
        selection = msgspec.structs.replace(selection, from_seq=head.seq + 1)
        if not query.is_following:
            return
    source = store.follow if query.is_following else store.read
    async with aclosing(source(query.stream, selection)) as batches:
        async for batch in batches:
            yield batch


def _selected(batch: Batch, selection: Selection) -> Batch:
    """The selected events of a batch of a story."""
    kept = [logged for logged in logged_events(batch) if _is_selected(logged.event, selection)]
    return Batch(
        batch.stream,
        [logged.seq for logged in kept],
        [logged.event for logged in kept],
        [logged.cause for logged in kept],
    )


def _is_selected(event: Event, selection: Selection) -> bool:
    if selection.from_ts is not None and event.ts < selection.from_ts:
        return False
    if selection.to_ts is not None and event.ts > selection.to_ts:
        return False
    if selection.types is not None and type(event) not in selection.types:
        return False
    return selection.symbols is None or symbol_of(event) in selection.symbols


async def _last(store: StoreOnDisk, query: LogQuery, *, to_seq: int) -> Batch:
    """The last matching events up to a seq, as one batch."""
    last: deque[LoggedEvent] = deque(maxlen=query.tail)
    selection = msgspec.structs.replace(query.selection, to_seq=to_seq)
    is_plain = selection == Selection(to_seq=to_seq)
    if is_plain:
        selection = Selection(from_seq=max(1, to_seq - query.tail + 1), to_seq=to_seq)
    async for batch in store.read(query.stream, selection):
        last.extend(logged_events(batch))
    return Batch(
        query.stream,
        [logged.seq for logged in last],
        [logged.event for logged in last],
        [logged.cause for logged in last],
    )
