"""Imports market data files (CSV, Parquet, Feather, Excel, JSON, compressed or not) into a store.

A row passes these modules:

1. ``sources`` opens a file, ``compressed`` unpacks it; ``text_rows``, ``arrow_rows``, ``table_rows`` and
   ``memory_rows`` make fields of it.
2. ``recognition`` tells how the file is read, from its first rows: ``header`` finds its table among the
   ``known_layouts`` or by the names in ``columns``; ``stamp_spacing``, ``file_symbol``, ``written_dates`` and
   ``written_numbers`` tell the rest.
3. ``rewriting`` brings fields into plain form where the file needs it.
4. ``parsers`` with ``timestamps``, ``local_time`` and ``intervals``: fields to event, pure.
5. ``reading`` sorts out bad rows and ``remarks``, ``row_order`` checks the order.
6. ``spool``: keeps events on disk until all rows are checked.
7. ``reconcile``: finds the events that the store already has.
8. ``importer``: appends the others.

Messages of a recorded market stream pass ``feed_messages`` (line to event) and ``feed_reading`` (order
books) in place of 1 to 5.

To add a layout, add its entry to ``known_layouts``. To add a kind of data, write its parser in ``parsers``
and its column names in ``columns``. To add a file format, see ``sources``.
"""

from eventstore.importing.defects import BadRow, BadRowCause, BadRowsRefused, RowDefect
from eventstore.importing.importer import ImportResult, StreamImport, append_parsed, import_file, import_files
from eventstore.importing.memory_rows import MemoryRows, Source, TextOf
from eventstore.importing.options import BadRows, DataKind, DateOrder, ImportOptions, Label, TimeUnit
from eventstore.importing.parsed import OnProgress, ParsedFiles, Progress
from eventstore.importing.reading import parse_files
from eventstore.importing.recognition import Recognised
from eventstore.importing.reconcile import StreamContradicted

__all__ = [
    "BadRow",
    "BadRowCause",
    "BadRows",
    "BadRowsRefused",
    "DataKind",
    "DateOrder",
    "ImportOptions",
    "ImportResult",
    "Label",
    "MemoryRows",
    "OnProgress",
    "ParsedFiles",
    "Progress",
    "Recognised",
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
