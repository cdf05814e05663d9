"""Lines of a file that are no data: ``Total``, ``End of data``, ``Source: ...``."""

from collections.abc import Sequence

from eventstore.importing.columns import Columns
from eventstore.importing.options import DateOrder
from eventstore.importing.rewriting import PRICES
from eventstore.importing.written_dates import iso_text
from eventstore.importing.written_numbers import is_blank, number_text


def is_remark(fields: Sequence[str], columns: Columns) -> bool:
    """Whether a row that was refused is a line of text: words where the time stands, and not all prices."""
    place = columns.place("time")
    text = (fields[place] if 0 <= place < len(fields) else fields[0] if fields else "").strip()
    if text[:1].isdigit() or text[:1] in "-+" or iso_text(text, DateOrder.DAY_FIRST) is not None:
        return False
    targets = PRICES.get(columns.kind, ())
    places = [columns.place(target) for target in targets if columns.place(target) >= 0]
    if len(fields) != len(columns.names) or not places:
        return not any(number_text(field, ".") and is_blank(text) for field in fields)
    return any(number_text(fields[place], ".") is None for place in places)
