"""Imports market data files (CSV, gzipped or zipped CSV, Parquet) into a store.

A row passes these modules:

1. ``text_rows``, ``parquet_rows`` or ``memory_rows``: file or table to fields.
2. ``columns``: the meaning of each field.
3. ``parsers`` with ``timestamps``, ``local_time`` and ``intervals``: fields to event, pure.
4. ``reading``: checks the order, sorts out bad rows.
5. ``spool``: keeps events on disk until all rows are checked.
6. ``reconcile``: finds the events that the store already has.
7. ``importer``: appends the others.

Messages of a recorded market stream pass ``feed_messages`` (line to event) and ``feed_reading`` (order books)
in place of 1 to 4.

To add a kind of data, write its parser in ``parsers`` and its column names in ``columns``. To add a file
format, write a source of rows with the methods of ``TextRows``.
"""

from eventstore.importing.defects import BadRow, BadRowsRefused, RowDefect
from eventstore.importing.importer import ImportResult, StreamImport, append_parsed, import_file, import_files
from eventstore.importing.memory_rows import MemoryRows, Source, TextOf
from eventstore.importing.options import BadRows, DataKind, ImportOptions, Label, TimeUnit
from eventstore.importing.parsed import OnProgress, ParsedFiles, Progress
from eventstore.importing.reading import parse_files
from eventstore.importing.reconcile import StreamContradicted

__all__ = [
    "BadRow",
    "BadRows",
    "BadRowsRefused",
    "DataKind",
    "ImportOptions",
    "ImportResult",
    "Label",
    "MemoryRows",
    "OnProgress",
    "ParsedFiles",
    "Progress",
    "RowDefect",
    "Source",
    "StreamContradicted",
    "StreamImport",
    "TextOf",
    "TimeUnit",
    "append_parsed",
    "import_file",
    "import_files",
    "parse_files",
]
