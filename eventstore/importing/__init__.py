"""Market data files (CSV, gzipped or zipped CSV, Parquet) to events in a store.

The way of a row: ``text_rows`` or ``parquet_rows`` (file to fields) -> ``columns`` (which field is what)
-> ``parsers`` with ``timestamps``, ``local_time`` and ``intervals`` (fields to event, pure) ->
``reading`` (order, bad rows) -> ``spool`` (until all is checked) -> ``reconcile`` (what is there
already) -> ``importer`` (append). Messages of a market stream go through ``feed_messages`` (line to event)
and ``feed_reading`` (books that hang together) instead.

To add a kind of data, write its parser in ``parsers`` and its column names in ``columns``. To add a file
format, write a source of rows with the methods of ``TextRows``.
"""

from eventstore.importing.defects import BadRow, BadRowsRefused, RowDefect
from eventstore.importing.importer import ImportResult, StreamImport, append_parsed, import_file, import_files
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
    "OnProgress",
    "ParsedFiles",
    "Progress",
    "RowDefect",
    "StreamContradicted",
    "StreamImport",
    "TimeUnit",
    "append_parsed",
    "import_file",
    "import_files",
    "parse_files",
]
