"""The ids of streams, by name, in a SQLite store.

An id is looked up in the index on names, and the row found must have that name. If the index is damaged, a
stream must not vanish: a name that is not in the index is searched in the table itself. The names read from
the table are kept. Ids only grow and rows are never deleted, so a later search reads only the rows above
the highest id seen. A row that got another name is found by ``forget``, or by whoever reads the stream's
end. Writing many new streams therefore takes linear time.
"""

from collections.abc import Collection, Sequence

from eventstore.sqlite_file import FileDamaged, SqliteFile, SqlValue

_IDS_BY_INDEX = """
WITH wanted (name) AS (VALUES {values})
SELECT s.id, s.name FROM wanted CROSS JOIN stream AS entry ON entry.name = wanted.name
CROSS JOIN stream AS s NOT INDEXED ON s.id = entry.id AND s.name = wanted.name
"""

_ROWS_ABOVE = "SELECT id, CAST(name AS BLOB) FROM stream NOT INDEXED WHERE id > ? ORDER BY id"

_NAMES_AT_ONCE = 1_000
"""Names in one query; SQLite takes 32,766 parameters."""


class StreamNames:
    """Finds ids of streams, over a connection for reading."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._ids: dict[str, int] = {}
        self._highest_id = 0
        """Rows up to this one are in ``_ids``."""

    async def ids_of(self, streams: Collection[str]) -> dict[str, int]:
        """The ids of the streams that exist."""
        unknown = [stream for stream in streams if stream not in self._ids]
        for start in range(0, len(unknown), _NAMES_AT_ONCE):
            await self._look_up(unknown[start : start + _NAMES_AT_ONCE])
        if any(stream not in self._ids for stream in unknown):
            await self._read_on()
        return {stream: self._ids[stream] for stream in streams if stream in self._ids}

    def forget(self, streams: Collection[str]) -> None:
        """Look for these names again, in all rows."""
        for stream in streams:
            self._ids.pop(stream, None)
        self._highest_id = 0

    async def _look_up(self, streams: Sequence[str]) -> None:
        values = ", ".join(["(?)"] * len(streams))
        try:
            rows = await self._file.fetch(_IDS_BY_INDEX.format(values=values), streams)
        except FileDamaged:
            return  # the search in the table follows, and raises if the table is damaged too
        for row_id, name in rows:
            if isinstance(row_id, int) and isinstance(name, str):
                self._ids[name] = row_id

    async def _read_on(self) -> None:
        for row_id, name in await self._file.fetch(_ROWS_ABOVE, (self._highest_id,)):
            assert isinstance(row_id, int), "SQLite row ids are integers"
            self._highest_id = max(self._highest_id, row_id)
            text = name_of(name)
            if text is not None:
                self._ids.setdefault(text, row_id)


def name_of(column: SqlValue) -> str | None:
    """The name in a column read as a blob; ``None`` if damaged, so that the other names stay readable."""
    try:
        return column.decode() if isinstance(column, bytes) else None
    except UnicodeDecodeError:
        return None
