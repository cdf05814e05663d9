"""One line about each stream of a SQLite store. Listing all streams takes two queries.

Nothing here is checked against the hash chain. Damaged values are shown as 0 or empty where they are noticed,
and a damaged name as damaged. ``verify`` reports damage.
"""

from collections.abc import Iterable, Mapping

import msgspec

from eventstore.planning import MAX_SEQ
from eventstore.port import StreamInfo
from eventstore.segment_starts import OwnEvents, StreamStart, joined, read_starts
from eventstore.sqlite_file import SqliteFile, SqlRow, SqlValue
from eventstore.stream_info import event_types_in, symbols_in_all
from eventstore.stream_names import name_of
from eventstore.vocabulary import TAG_OF_TYPE
from kernel.events import Event

_SHIFT = MAX_SEQ.bit_length()
_LAST_STREAM_ID = (1 << (63 - _SHIFT)) - 1

# Streams are read in order of ids, and the blocks of each by a range of ids. So SQLite groups without
# sorting; a sort would copy every payload. With one ``max`` in the query, SQLite takes the columns without an
# aggregate from the row of that maximum: the last block.
_ENDS = f"""
SELECT s.id, CAST(s.name AS BLOB), max(b.id), b.last_seq, b.last_ts, b.hash, count(*), sum(length(b.payload))
FROM stream AS s NOT INDEXED
CROSS JOIN block AS b ON b.id BETWEEN s.id << {_SHIFT} AND (s.id << {_SHIFT}) + {MAX_SEQ}
WHERE s.id BETWEEN ? AND ? GROUP BY s.id
"""

_CONTENTS = f"""
SELECT id >> {_SHIFT}, types, symbols, min(first_ts) FROM block
WHERE id BETWEEN ? << {_SHIFT} AND (? << {_SHIFT}) + {MAX_SEQ} GROUP BY id >> {_SHIFT}, types, symbols
"""

_NAMES = "SELECT id, CAST(name AS BLOB) FROM stream WHERE id BETWEEN ? AND ?"

_HELD_BEFORE = "SELECT id FROM start WHERE instr(types, ?)"

_HOLDING = f"SELECT DISTINCT id >> {_SHIFT} FROM block WHERE instr(types, ?)"


async def list_streams(file: SqliteFile, ids: Iterable[int] | None = None) -> tuple[StreamInfo, ...]:
    """A line about every stream that holds events, or about the streams of these ids, sorted by name."""
    ranges = [(0, _LAST_STREAM_ID)] if ids is None else [(each, each) for each in ids]
    infos: list[StreamInfo] = []
    for bounds in ranges:
        ends = await file.fetch(_ENDS, bounds)
        # Contents are read after the ends. A stream added in between has contents but no end, and is left
        # out.
        contents: dict[SqlValue, list[SqlRow]] = {}
        for row in await file.fetch(_CONTENTS, bounds):
            contents.setdefault(row[0], []).append(row)
        if file.is_segment:
            infos += await _infos_of_segment(file, bounds, ends, contents)
        else:
            infos += [_info(end, contents.get(end[0], [])) for end in ends]
    return tuple(sorted(infos, key=lambda info: info.stream))


async def ends_of_segment(file: SqliteFile, number: int) -> dict[int, StreamStart]:
    """All streams as they are at the end of a segment, by id."""
    bounds = (0, _LAST_STREAM_ID)
    ends = await file.fetch(_ENDS, bounds)
    contents: dict[SqlValue, list[SqlRow]] = {}
    for row in await file.fetch(_CONTENTS, bounds):
        contents.setdefault(row[0], []).append(row)
    return await _ends(file, bounds, ends, contents, number=number)


async def ids_holding(file: SqliteFile, event_type: type[Event]) -> list[int]:
    """The ids of all streams that hold an event of a type.

    May include other streams: the query only searches for the bytes of the tag in the list of types.
    """
    tag = msgspec.msgpack.encode(TAG_OF_TYPE[event_type])
    rows = await file.fetch(_HOLDING, (tag,))
    if file.is_segment:
        rows += await file.fetch(_HELD_BEFORE, (tag,))
    return sorted({stream_id for (stream_id,) in rows if isinstance(stream_id, int)})


async def _ends(
    file: SqliteFile,
    bounds: tuple[int, int],
    ends: Iterable[SqlRow],
    contents: Mapping[SqlValue, list[SqlRow]],
    *,
    number: int,
) -> dict[int, StreamStart]:
    """The streams of a range of ids, with their events in the segments before."""
    starts = await read_starts(file, *bounds)
    found = {stream_id: joined(stream_id, start, None, number=number) for stream_id, start in starts.items()}
    for end in ends:
        stream_id = _number(end[0])
        own = _own_events(end, contents.get(stream_id, []))
        found[stream_id] = joined(stream_id, starts.get(stream_id), own, number=number)
    return found


async def _infos_of_segment(
    file: SqliteFile,
    bounds: tuple[int, int],
    ends: Iterable[SqlRow],
    contents: Mapping[SqlValue, list[SqlRow]],
) -> list[StreamInfo]:
    names = {_number(row[0]): name_of(row[1]) for row in await file.fetch(_NAMES, bounds)}
    found = await _ends(file, bounds, ends, contents, number=0)
    return [
        StreamInfo(
            names.get(stream_id) or f"(stream {stream_id}, whose name is damaged)",
            end.seq,
            end.first_ts,
            end.ts,
            end.block_count,
            end.payload_bytes,
            end.hash.hex(),
            symbols_in_all([end.symbols]),
            event_types_in([end.types]),
        )
        for stream_id, end in found.items()
    ]


def _own_events(end: SqlRow, contents: list[SqlRow]) -> OwnEvents:
    _stream_id, _name, last_id, last_seq, last_ts, last_hash, block_count, payload_bytes = end
    return OwnEvents(
        _number(last_seq) or _number(last_id) & MAX_SEQ,
        _number(last_ts),
        last_hash if isinstance(last_hash, bytes) else b"",
        min((_number(row[3]) for row in contents), default=0),
        _number(block_count),
        _number(payload_bytes),
        [(row[1], row[2]) for row in contents],
    )


def _info(end: SqlRow, contents: list[SqlRow]) -> StreamInfo:
    stream_id, name, last_id, last_seq, last_ts, last_hash, block_count, payload_bytes = end
    first_stamps = [_number(row[3]) for row in contents]
    return StreamInfo(
        name_of(name) or f"(stream {_number(stream_id)}, whose name is damaged)",
        _number(last_seq) or _number(last_id) & MAX_SEQ,
        min(first_stamps, default=0),
        _number(last_ts),
        _number(block_count),
        _number(payload_bytes),
        last_hash.hex() if isinstance(last_hash, bytes) else "",
        symbols_in_all([row[2] for row in contents]),
        event_types_in([row[1] for row in contents]),
    )


def _number(column: SqlValue) -> int:
    return column if isinstance(column, int) else 0
