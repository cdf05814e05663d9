"""Import market data files into a store: parse and check everything, compare, then append.

Nothing is appended before every row of every file was checked and every stream compared. If the process
dies while appending, each stream holds the first part of its new events; importing the same files again
appends the rest. The facts about a stream (``eventstore.data_facts``) are appended before its events, so that
they cover all of them. Streams that the files contradict are refused, or replaced in one step
(``replacing``).
"""

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from shlex import quote

import msgspec

from eventstore.data_facts import read_facts
from eventstore.data_issues import IssueFinder, check_scale, described, without_known_splits
from eventstore.data_measure import DataMeasure, facts_about, measured_facts
from eventstore.encoding import encode_events
from eventstore.importing.defects import BadRow, BadRowCause
from eventstore.importing.memory_rows import Source
from eventstore.importing.options import ImportOptions
from eventstore.importing.other_zone import check_zone
from eventstore.importing.parsed import OnProgress, ParsedFiles, Progress
from eventstore.importing.reading import parse_files
from eventstore.importing.recognition import Recognised
from eventstore.importing.reconcile import StreamContradicted, known_count, known_messages, message_key
from eventstore.importing.replacing import Replaced, Replacement, replace_contradicted
from eventstore.importing.spacing import Spacing
from eventstore.importing.spool import Lane, Spool, SpooledEvent
from eventstore.moments import iso_utc
from eventstore.port import EventStore, Selection, StreamHead
from eventstore.price_breaks import USUAL_SESSIONS
from eventstore.stream_keys import FACTS_SUFFIX, QUARANTINE_SUFFIX
from kernel.decimals import exact
from kernel.events import DataIssue, DataIssueFound, Event, MessageQuarantined

LISTED_ISSUES = 5
"""Findings about a stream in the summary of an import, splits apart; all are in its facts."""

_SPLIT_ADVICE = (
    "a strategy takes a split for a fall or rise of the price. If it is one, import the "
    "corporate actions: onetape import FILE --kind corporate-actions"
)


class StreamImport(msgspec.Struct, frozen=True):
    """The result of an import for one stream.

    - ``row_count``: rows of the files for this stream.
    - ``new_count``: rows among them that were appended.
    - ``last_seq``: the stream's last seq after the import.
    - ``first_ts``, ``last_ts``: of the files' rows, ns UTC.
    - ``replaced_count``: events of the stream that the rows replaced.
    """

    stream: str
    row_count: int
    new_count: int
    last_seq: int
    first_ts: int
    last_ts: int
    replaced_count: int = 0


class ImportResult(msgspec.Struct, frozen=True):
    """The result of an import.

    - ``row_count``: all rows. Each is in a stream, skipped, bad, superseded or foreign.
    - ``new_count``: events appended to data streams.
    - ``skipped_count``: rows of symbols that were not asked for.
    - ``bad_count``: bad rows; ``bad_rows`` are the first ten, ``bad_causes`` all by their cause.
    - ``quarantined_count``: events appended to quarantine streams; bad rows already there are not counted.
    - ``superseded_count``: of recorded feeds, updates and snapshots not newer than their order book.
    - ``foreign_count``: of recorded feeds, messages other than books, trades and quotes.
    - ``notes``: sentences about data that may not be meant as it was imported.
    - ``left_out``: (reason, rows) that are no data: without prices, remarks, duplicates.
    - ``recognised``: how each file was read.
    """

    files: tuple[str, ...]
    streams: tuple[StreamImport, ...]
    row_count: int
    new_count: int
    skipped_count: int
    bad_count: int
    quarantined_count: int
    bad_rows: tuple[BadRow, ...] = ()
    superseded_count: int = 0
    foreign_count: int = 0
    notes: tuple[str, ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()
    recognised: tuple[Recognised, ...] = ()
    bad_causes: tuple[BadRowCause, ...] = ()


class Stored(msgspec.Struct):
    """How far an import has come: for whoever interrupts it, or finds the disk full.

    - ``before``: the last seq of each stream before the import.
    - ``total``: events to append to all of them.
    """

    before: dict[str, int] = {}
    total: int = 0


class _Plan(msgspec.Struct, frozen=True):
    """The import into one stream: its head, and the events to leave out since it has them already."""

    lane: Lane
    head: StreamHead
    known: int
    known_messages: frozenset[tuple[str, str, str]]
    spacing: Spacing
    issues: list[DataIssueFound]


async def import_file(
    store: EventStore, path: Path, options: ImportOptions, *, on_progress: OnProgress | None = None
) -> ImportResult:
    """Import one file; see ``import_files``."""
    return await import_files(store, (path,), options, on_progress=on_progress)


@exact
async def import_files(
    store: EventStore,
    paths: Sequence[Source],
    options: ImportOptions,
    *,
    on_progress: OnProgress | None = None,
) -> ImportResult:
    """Import files or tables in memory, in this order, as if they were one file.

    Blocks the event loop while it parses. Raises ``BadRowsRefused`` or another ``InputError``, with the store
    unchanged, and ``StoreError`` if the store fails or another writer has appended to a stream.
    """
    parsed = parse_files(paths, options, on_progress=on_progress)
    try:
        return await append_parsed(store, parsed, on_progress=on_progress)
    finally:
        parsed.close()


@exact
async def append_parsed(
    store: EventStore,
    parsed: ParsedFiles,
    *,
    on_progress: OnProgress | None = None,
    replacement: Replacement | None = None,
    stored: Stored | None = None,
) -> ImportResult:
    """Append the events of parsed files that the store does not hold yet.

    Every stream is compared before any is changed. With ``replacement``, rows that contradict a stream
    replace its events. Raises as ``import_files`` does.
    """
    parsed.spool.finish()
    lanes = [lane for lane in parsed.spool.lanes.values() if lane.count]
    plans: list[_Plan] = []
    contradicted: list[Lane] = []
    for lane in lanes:
        try:
            plans.append(await _plan(store, parsed.spool, lane))
        except StreamContradicted:
            if replacement is None:
                raise
            contradicted.append(lane)
    total = sum(plan.lane.count - plan.known for plan in plans)
    if stored is not None:
        stored.before, stored.total = {plan.head.stream: plan.head.seq for plan in plans}, total
    streams: list[StreamImport] = []
    notes: list[str] = []
    if replacement is not None:
        for done_lane in await replace_contradicted(store, parsed.spool, contradicted, replacement):
            streams.append(_replaced(done_lane))
            notes += _what_stays(done_lane)
    done = 0
    for plan in plans:
        head = plan.head
        await _append_facts(store, parsed.spool, plan)
        for events in _missing_events(parsed.spool, plan):
            # Just decoded from the spool, so all fields have the right types: no second full check.
            encoded = encode_events(plan.lane.stream, events, causes=None)
            head = await store.append(plan.lane.stream, encoded, expected_seq=head.seq)
            done += len(events)
            if on_progress is not None:
                on_progress(Progress("storing", done, total))
        lane = plan.lane
        new_count = head.seq - plan.head.seq
        streams.append(
            StreamImport(lane.stream, lane.count, new_count, head.seq, lane.first_ts, lane.last_ts)
        )
    notes += [note for plan in plans for note in _notes(plan)]
    return _result(parsed, streams, notes=tuple(notes))


def _replaced(replaced: Replaced) -> StreamImport:
    lane = replaced.lane
    return StreamImport(
        lane.stream,
        lane.count,
        lane.count,
        replaced.last_seq,
        lane.first_ts,
        lane.last_ts,
        replaced.old_count,
    )


def _what_stays(replaced: Replaced) -> list[str]:
    """That a part of a stream lies outside of the rows that replaced the rest, and so stays as it was."""
    lane = replaced.lane
    parts = [
        f"{count:,} {'row' if count == 1 else 'rows'} {where} {iso_utc(ts)[:19]}"
        for count, where, ts in (
            (replaced.kept_before, "before", lane.first_ts),
            (replaced.kept_after, "after", lane.last_ts),
        )
        if count
    ]
    return [f"{lane.stream}: kept {' and '.join(parts)}, where the files have none"] if parts else []


async def _plan(store: EventStore, spool: Spool, lane: Lane) -> _Plan:
    head = await store.head(lane.stream)
    spacing = Spacing(lane.stream)
    await _check_scale(store, spool, lane, head=head)
    if _is_quarantine(lane.stream):
        return _Plan(
            lane, head, 0, frozenset(await known_messages(store, lane.stream, head=head)), spacing, []
        )
    try:
        known = await known_count(store, spool, lane, head=head)
    except StreamContradicted:
        await check_zone(store, spool, lane)
        raise
    if head.seq and not known:
        await check_zone(store, spool, lane)
    return _Plan(lane, head, known, frozenset(), spacing, [])


async def _append_facts(store: EventStore, spool: Spool, plan: _Plan) -> None:
    """Append the facts about a stream, its old events included, that are not on record."""
    stream = plan.lane.stream
    head = await _append_issues(store, spool, plan)
    recorded = await read_facts(store, stream) if head.seq else ()
    known = recorded or (await measured_facts(store, stream) if plan.head.seq else ())
    spool.measure.include(stream, known)
    ts = max(head.ts, plan.head.ts, plan.lane.last_ts)
    unchanged = {msgspec.structs.replace(fact, ts=ts) for fact in recorded}
    facts = [fact for fact in spool.measure.described(stream, ts=ts) if fact not in unchanged]
    if facts:
        await store.append(head.stream, facts, expected_seq=head.seq)


async def _append_issues(store: EventStore, spool: Spool, plan: _Plan) -> StreamHead:
    """Append what is odd in the new events; returns the new head of the stream of facts."""
    stream = plan.lane.stream
    head = await store.head(stream + FACTS_SUFFIX)
    between = IssueFinder()
    between.add(stream, await _at_the_joint(store, spool, plan.lane, head=plan.head, count=USUAL_SESSIONS))
    issues = [
        issue
        for issue in between.found(stream, after_ts=plan.head.ts)
        if issue.issue is not DataIssue.NO_VOLUME
    ]
    known = set(map(_what_is_odd, issues))  # with the row before, which the file does not have
    in_file = spool.issues.found(stream, after_ts=plan.head.ts)
    issues += [issue for issue in in_file if _what_is_odd(issue) not in known]
    issues = await without_known_splits(store, sorted(issues, key=lambda issue: issue.ts))
    plan.issues.extend(issues)
    if not issues:
        return head
    later = [msgspec.structs.replace(issue, ts=max(issue.ts, head.ts)) for issue in issues]
    return await store.append(head.stream, later, expected_seq=head.seq)


def _what_is_odd(issue: DataIssueFound) -> tuple[str, str, DataIssue, int, float]:
    """The row and the value of an issue."""
    return issue.symbol, issue.timeframe, issue.issue, issue.to_ts, issue.found


async def _check_scale(store: EventStore, spool: Spool, lane: Lane, *, head: StreamHead) -> None:
    """Raise ``InputError`` if the prices of the rows are in another unit than those of the stream."""
    if head.seq:
        joint = DataMeasure(), DataMeasure()
        for measure, event in zip(joint, await _at_the_joint(store, spool, lane, head=head), strict=False):
            measure.add(lane.stream, [event])
        old, new = (measure.described(lane.stream, ts=0) for measure in joint)
        check_scale(lane.stream, new, old)
        check_scale(
            lane.stream, spool.measure.described(lane.stream, ts=0), await facts_about(store, lane.stream)
        )


async def _at_the_joint(
    store: EventStore, spool: Spool, lane: Lane, *, head: StreamHead, count: int = 1
) -> list[Event]:
    """The last events of the stream and the first of the rows, if these begin after it; else nothing."""
    if not head.seq or lane.first_ts <= head.ts:
        return []
    joint: list[Event] = []
    from_seq = max(1, head.seq - count + 1)
    async with aclosing(store.read(lane.stream, Selection(from_seq=from_seq))) as batches:
        async for batch in batches:
            joint += batch.events
    for frame in spool.frames(lane):
        return [*joint, *frame.events[:count]]
    return []


def _missing_events(spool: Spool, plan: _Plan) -> Iterator[Sequence[SpooledEvent]]:
    """The lane's events that its stream does not hold, one frame at a time."""
    known = plan.known
    for frame in spool.frames(plan.lane):
        plan.spacing.add(frame.events)
        events: list[SpooledEvent] = frame.events[known:]
        known = max(0, known - len(frame.events))
        if _is_quarantine(plan.lane.stream):
            events = [_stamped(event, plan) for event in events if not _is_known(event, plan)]
        if events:
            yield events


def _is_quarantine(stream: str) -> bool:
    return stream.endswith(QUARANTINE_SUFFIX)


def _is_known(event: SpooledEvent, plan: _Plan) -> bool:
    return isinstance(event, MessageQuarantined) and message_key(event) in plan.known_messages


def _stamped(event: SpooledEvent, plan: _Plan) -> SpooledEvent:
    """The event with its ``ts`` raised to that of the stream's head if it is earlier.

    This happens to bad rows of an older file that is imported later: ``ts`` must not decrease.
    """
    return event if event.ts >= plan.head.ts else msgspec.structs.replace(event, ts=plan.head.ts)


def _notes(plan: _Plan) -> list[str]:
    """The first findings about a stream, as sentences. With a wrong timeframe all distances are gaps."""
    wrong_timeframe = plan.spacing.note()
    if wrong_timeframe:
        return [wrong_timeframe]
    stream, issues = plan.lane.stream, plan.issues
    splits = [issue for issue in issues if issue.issue is DataIssue.LIKELY_SPLIT]
    listed = issues[:LISTED_ISSUES]
    listed += [issue for issue in splits if issue not in listed]
    shown = [f"{stream}: {described(issue)}" for issue in listed]
    if len(issues) > len(listed):
        more = len(issues) - len(listed)
        shown.append(f"{stream}: {more:,} more findings, in onetape log {quote(stream + FACTS_SUFFIX)}")
    if splits:
        shown.append(f"{stream}: {_SPLIT_ADVICE}")
    return shown


def _result(parsed: ParsedFiles, streams: list[StreamImport], *, notes: tuple[str, ...]) -> ImportResult:
    data = [stream for stream in streams if not _is_quarantine(stream.stream)]
    quarantine = [stream for stream in streams if _is_quarantine(stream.stream)]
    return ImportResult(
        files=parsed.files,
        streams=tuple(streams),
        row_count=parsed.row_count,
        new_count=sum(stream.new_count for stream in data),
        skipped_count=parsed.skipped_count,
        bad_count=parsed.bad_count,
        quarantined_count=sum(stream.new_count for stream in quarantine),
        bad_rows=tuple(parsed.bad_rows),
        superseded_count=parsed.superseded_count,
        foreign_count=parsed.foreign_count,
        notes=notes,
        left_out=tuple((reason, count) for reason, count in parsed.left_out.items() if count),
        recognised=tuple(parsed.recognised),
        bad_causes=parsed.causes.listed(),
    )
