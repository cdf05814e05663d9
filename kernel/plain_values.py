"""Python's own values from those of array libraries: callers give numbers and times of NumPy and pandas.

Recognised by their attributes, so no library is imported here.
"""

from datetime import date, datetime, time
from decimal import Decimal
from numbers import Integral, Real
from typing import Protocol, TypeGuard


class _Array(Protocol):
    """A scalar or array of NumPy, or a column of pandas."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> object: ...
    def tolist(self) -> object: ...


def plain_value(value: object) -> object:
    """The value as one of Python's types, if it is a scalar or a list of an array library; else unchanged.

    Small floats are read as they print: a ``float32`` of 0.1 is 0.1. A missing value
    such as ``NaT`` stays.
    """
    if _is_array(value):
        return _from_array(value)
    if isinstance(value, datetime):
        return _plain_date(value)
    if isinstance(value, str | bool | Decimal | int | float):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def day_or_moment(value: date) -> str:
    """A date or time as text of a configuration. A time without a zone at midnight is its whole day."""
    if isinstance(value, datetime) and value.tzinfo is None and value.time() == time():
        return value.date().isoformat()
    return value.isoformat()


def _plain_date(value: datetime) -> object:
    if type(value).__name__ == "NaTType":
        return value
    return datetime.fromisoformat(value.isoformat()) if type(value) is not datetime else value


def _from_array(value: _Array) -> object:
    if value.shape:
        items = value.tolist()
        return [plain_value(item) for item in items] if isinstance(items, list) else items  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # its elements may be anything
    kind = getattr(value.dtype, "kind", "")
    if kind == "f":
        return float(str(value))
    if kind == "M":
        text = str(value)
        if text == "NaT":
            return value
        return datetime.fromisoformat(text) if len(text) >= len("2024-01-02") else value
    return value.tolist()


def _is_array(value: object) -> TypeGuard[_Array]:
    return all(hasattr(value, name) for name in ("shape", "dtype", "tolist"))
