"""Turns data frames into rows of text for the importer: the same columns, checks and words as for files.

A frame is pandas' own, or any table with the Arrow interface (Polars, PyArrow), which is turned into one.

- An index of times is the time column. Its zone is the zone of the rows, unless ``importing`` names one.
- Other indexes with a name, and indexes of text, are columns. A plain count of rows is not.
- Two levels of columns, as ``yf.download`` makes them, become one table for each symbol. Rows in which a
  symbol has no value at all are left out: they come from the days of the other symbols.
- Numbers are written as they print: a ``float32`` of 0.1 is 0.1. Missing values are empty fields.
"""

import importlib
import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, Protocol, TypeGuard
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import numpy as np
from numpy.typing import NDArray

from eventstore.importing import MemoryRows
from kernel.errors import InputError

TIME = "time"
_PRICE_NAMES = ("close", "bid", "price")
"""One of these is among the names of the columns, whatever the kind of market data."""


class FrameLike(Protocol):
    """A data frame of pandas, Polars or another library."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        ...

    @property
    def columns(self) -> Any:  # the libraries' types have nothing in common
        """The names of the columns."""
        ...


class FrameRows(msgspec.Struct, frozen=True):
    """One table of a frame.

    - ``symbol``: from the frame's second level of columns or its ``attrs``; empty if it names none.
    - ``tz``: the zone of its time stamps; empty if they have none.
    - ``time_column``: the name of the column of time stamps; empty if the importer must find it.
    - ``labels``: for messages, the index at a row, from its number in ``rows`` (from 1).
    """

    rows: MemoryRows
    symbol: str
    tz: str
    time_column: str
    labels: Callable[[int], str]


def is_frame(value: object) -> TypeGuard[FrameLike]:
    """Whether a value is a table with named columns."""
    return hasattr(value, "shape") and hasattr(value, "columns")


def frame_rows(frame: FrameLike, *, name: str) -> list[FrameRows]:
    """The tables of a frame, one for each symbol of its second level of columns.

    ``name`` is what messages call the frame. Raises ``InputError`` for a frame that cannot be understood.
    """
    table = _as_pandas(frame, name=name)
    if not len(table):
        raise InputError(f"{name}: the DataFrame has no rows")
    if table.columns.nlevels == 1:
        return [_rows_of(table, name=name, symbol=str(table.attrs.get("symbol", "")))]
    return [
        _rows_of(part, name=f"{name}[{symbol!r}]" if symbol else name, symbol=symbol)
        for symbol, part in _by_symbol(table, name=name).items()
    ]


def _as_pandas(frame: Any, *, name: str) -> Any:  # frames of several libraries, none with types
    """The frame as one of pandas."""
    if type(frame).__module__.partition(".")[0] == "pandas":
        return frame
    if not hasattr(frame, "__arrow_c_stream__"):
        raise InputError(f"{name}: a {type(frame).__name__} is not a DataFrame of pandas, Polars or PyArrow")
    try:
        arrow: Any = importlib.import_module("pyarrow")  # it has no types
    except ImportError as error:
        raise InputError(
            f"{name}: a table of {type(frame).__module__.partition('.')[0]} needs pyarrow; install it with: "
            "pip install 'onetape[parquet]'"
        ) from error
    return arrow.table(frame).to_pandas()


def _by_symbol(table: Any, *, name: str) -> dict[str, Any]:  # as above
    """Frames with one level of columns, by symbol."""
    labels: list[tuple[object, ...]] = list(table.columns)
    priced = [
        level
        for level in range(table.columns.nlevels)
        if any(re.sub(r"[^a-z]", "", str(label[level]).lower()) in _PRICE_NAMES for label in labels)
    ]
    if table.columns.nlevels != 2 or len(priced) != 1:
        raise InputError(
            f"{name}: the DataFrame has {table.columns.nlevels} levels of columns, expected one level, or "
            "two of which one has names such as Close, and the other symbols"
        )
    at = priced[0]
    places: dict[str, list[int]] = {}
    for place, label in enumerate(labels):
        places.setdefault(str(label[1 - at]), []).append(place)
    parts: dict[str, Any] = {}
    for symbol, chosen in places.items():
        part = table.iloc[:, chosen]
        part.columns = [labels[place][at] for place in chosen]
        parts[symbol] = part if len(places) == 1 else part.dropna(how="all")
    return parts


def _rows_of(table: Any, *, name: str, symbol: str) -> FrameRows:  # as above
    columns: list[tuple[str, Any]] = [
        (str(label), table.iloc[:, place]) for place, label in enumerate(table.columns)
    ]
    index, time_column, tz = table.index, "", ""
    levels = [index] if index.nlevels == 1 else [index.get_level_values(k) for k in range(index.nlevels)]
    own: list[tuple[str, Any]] = []
    for level in levels:
        if _is_time(level) and not time_column:
            time_column = _unused(str(level.name or TIME), [label for label, _ in columns])
            tz = _zone_of(level.dtype)
            own.append((time_column, level))
        elif level.name is not None or (_is_text(level) and index.nlevels == 1):
            own.append((str(level.name or ""), level))
        elif index.nlevels > 1:
            own.append(("symbol", level))
    columns = own + columns
    tz = tz or next((zone for _, column in columns if (zone := _zone_of(column.dtype))), "")
    rows = MemoryRows(name, [(label, _text_of(column)) for label, column in columns], size=len(table))
    return FrameRows(rows, symbol, tz, time_column, lambda number: _label(index[number - 1]))


def _is_time(level: Any) -> bool:  # an index of pandas
    return level.dtype.kind == "M" or hasattr(level.dtype, "freq")


def _is_text(level: Any) -> bool:  # as above
    return level.dtype.kind not in "iufb"


def _unused(name: str, names: Sequence[str]) -> str:
    while name in names:
        name = f"index {name}"
    return name


def _label(value: object) -> str:
    """An index for people: a date without its midnight."""
    if isinstance(value, tuple):
        return ", ".join(map(_label, value))  # pyright: ignore[reportUnknownArgumentType]  # its elements may be anything
    return str(value).removesuffix(" 00:00:00")


def _zone_of(dtype: object) -> str:
    """The IANA name of a column's zone; empty if it has none, or one without such a name."""
    zone = getattr(dtype, "tz", None) or getattr(getattr(dtype, "pyarrow_dtype", None), "tz", None)
    if zone is None:
        return ""
    offset = None if isinstance(zone, str) else zone.utcoffset(None)
    if offset is not None and not offset % timedelta(hours=1):
        hours = offset // timedelta(hours=1)
        return f"Etc/GMT{-hours:+d}" if hours else "UTC"  # the signs of these names are reversed
    name = str(getattr(zone, "key", None) or getattr(zone, "zone", None) or zone)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ""
    return name


# --- text ---------------------------------------------------------------------------------------


def _text_of(column: Any) -> Callable[[int, int], list[str]]:  # a column or index of pandas
    """A function that writes a part of the column as text."""
    dtype = column.dtype
    if hasattr(dtype, "freq"):
        column = column.to_timestamp() if hasattr(column, "to_timestamp") else column.dt.to_timestamp()
        dtype = column.dtype
    if dtype.kind == "M":
        return _stamps(column)
    if isinstance(dtype, np.dtype) and dtype.kind in "iub":
        values: NDArray[Any] = column.to_numpy()
        return lambda first, after: [str(value) for value in values[first:after].tolist()]
    if isinstance(dtype, np.dtype) and dtype.kind == "f":
        return _floats(column.to_numpy())
    objects: NDArray[np.object_] = column.astype(object).to_numpy()
    return lambda first, after: [_text(value) for value in objects[first:after].tolist()]


def _floats(values: NDArray[np.floating[Any]]) -> Callable[[int, int], list[str]]:
    is_double = values.dtype == np.float64

    def text(first: int, after: int) -> list[str]:
        part = values[first:after]
        texts = map(repr, part.tolist()) if is_double else part.astype(np.str_).tolist()
        return ["" if value == "nan" else value for value in texts]

    return text


def _stamps(column: Any) -> Callable[[int, int], list[str]]:  # as above
    """Times in ISO 8601, in UTC if they have a zone. Days alone are written as days."""
    pandas: Any = importlib.import_module("pandas")  # it has no types
    index = pandas.DatetimeIndex(column)
    has_zone = index.tz is not None
    values: NDArray[np.datetime64] = (index.tz_convert(None) if has_zone else index).to_numpy()
    known = values[~np.isnat(values)]
    are_days = not has_zone and bool(np.all(known == known.astype("datetime64[D]")))
    zone = "Z" if has_zone else ""

    def text(first: int, after: int) -> list[str]:
        part = values[first:after].astype("datetime64[D]") if are_days else values[first:after]
        texts: list[str] = np.datetime_as_string(part).tolist()
        return ["" if value == "NaT" else value + zone for value in texts]

    return text


def _text(value: object) -> str:
    """A value of a column of objects; ``""`` if it is missing."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    return "" if text.lower() in ("nan", "nat") else text
