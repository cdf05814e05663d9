"""Changes values by their units: events, records in them, and settings.

What it remembers: the ids of venues and the files that it has met, in order. What changes it: another
one. What never
happens: a number is rounded.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import PurePath
from typing import TypeVar, cast

import msgspec

from components.assembly.moments import is_day, moment_ns
from kernel.time_units import DAY_NS
from replay.bundles.scales import Factors, words_in
from replay.bundles.units import BY_NAME, BY_TYPE, Unit
from strategies.sdk.limits import ContinuousLimit

T = TypeVar("T")

SOMEBODY = "operator"
_OUR_CODE = "strategies."
_LEAST_DATE = 1_000_000
"""Smaller numbers of days are counted from 1970, larger ones are YYYYMMDD."""
_LAST_WORDS: Mapping[str, Unit] = {
    **dict.fromkeys(("quantity", "size", "shares", "lots", "units", "contracts"), Unit.SIZE),
    **dict.fromkeys(("price",), Unit.PRICE),
    **dict.fromkeys(("notional", "cash", "money", "budget", "amount"), Unit.MONEY),
}
"""The unit of a strategy's parameter by the last word of its name."""


class Rewriter:
    """Changes values.

    - ``names``: the new name of each old one.
    - ``factors``: by old symbol; ``common``: for all else.
    - ``scales_params``: whether parameters of strategies are scaled, by the last word of their name.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        factors: Mapping[str, Factors],
        common: Factors,
        *,
        shift_ns: int = 0,
        scales_params: bool = False,
    ) -> None:
        self._names = names
        self._factors = factors
        self._common = common
        self._shift_ns = shift_ns
        self._scales_params = scales_params
        self._tokens: dict[str, str] = {}
        self._files: dict[str, str] = {}
        self._words = words_in(tuple(names))

    def struct(self, value: T, factors: Factors | None = None) -> T:
        """An event, record or setting with other values.

        The factors are those of its symbol, if it has one, else the given or common ones.
        """
        symbol = getattr(value, "symbol", None)
        found = self._factors.get(symbol) if isinstance(symbol, str) else None
        used = found or factors or self._common
        kind: type = type(value)
        changes = {name: self._value(getattr(value, name), unit, used) for name, unit in _units_of(kind)}
        # cast: the fields have the types that they had.
        return cast(T, msgspec.structs.replace(cast(msgspec.Struct, value), **changes))

    def name(self, text: str) -> str:
        """Another name, or a text with other names in it."""
        if text in self._names:
            return self._names[text]
        if self._words is None or not text:
            return text
        return self._words.sub(lambda found: self._names[found.group()], text)

    def params(self, params: Mapping[str, object], *, is_scaled: bool | None = None) -> dict[str, object]:
        """Parameters of a strategy or model: with other names, and numbers by the unit in their name."""
        scaled = self._scales_params if is_scaled is None else is_scaled
        return {name: self._param(name, value, is_scaled=scaled) for name, value in params.items()}

    def money(self, limit: ContinuousLimit) -> ContinuousLimit:
        """A limit in money."""
        return msgspec.structs.replace(limit, limit=limit.limit * Decimal(self._common.money))

    def ts(self, ts: int) -> int:
        """Another time; 0 stays."""
        return ts + self._shift_ns if ts else ts

    def moment(self, text: str) -> str:
        """Another day or moment, as text."""
        if not text or not self._shift_ns:
            return text
        if is_day(text):
            return str(date.fromisoformat(text.strip()) + timedelta(days=self._shift_ns // DAY_NS))
        ns = moment_ns(text, key="time") + self._shift_ns
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1_000)).isoformat()

    def reference(self, text: str) -> str:
        """Code of ours stays; a user's file or module gets a number. A model's name alone is no reference."""
        location, colon, class_name = text.rpartition(":")
        location = location or text
        if text.startswith(_OUR_CODE) or not (colon or location.endswith(".py") or "/" in location):
            return text
        file = self._files.setdefault(PurePath(location).stem, f"code{len(self._files) + 1}.py")
        return f"{file}{colon}{class_name if colon else ''}"

    def token(self, text: str) -> str:
        """A number in order of appearance."""
        return self._tokens.setdefault(text, f"v{len(self._tokens) + 1}") if text else text

    def _param(self, name: str, value: object, *, is_scaled: bool) -> object:
        if isinstance(value, str) and (value in self._names or not _is_number(value)):
            return self.name(value)
        if isinstance(value, dict):
            inner = cast(dict[str, object], value)  # isinstance tells no more
            return {self.name(key): self._param(key, one, is_scaled=is_scaled) for key, one in inner.items()}
        if isinstance(value, list | tuple):
            return [self._param(name, one, is_scaled=is_scaled) for one in cast(list[object], value)]
        unit = BY_NAME.get(name) or _LAST_WORDS.get(name.rpartition("_")[2])
        if not is_scaled or unit not in (Unit.PRICE, Unit.SIZE, Unit.MONEY):
            return value
        if isinstance(value, str):
            return str(self._value(Decimal(value), unit, self._common))
        return self._value(value, unit, self._common)

    def _value(self, value: object, unit: Unit | None, factors: Factors) -> object:
        if type(value) is float:  # nearly all of market data
            return value if unit is None else value * factors.of(unit)
        match value:
            case None | bool() | Enum():
                return value
            case msgspec.Struct():
                return self.struct(value, factors)
            case tuple():
                return tuple(self._value(one, unit, factors) for one in cast(tuple[object, ...], value))
            case dict():
                return {
                    self.name(key): self._value(one, unit, self._factors.get(key, factors))
                    for key, one in cast(dict[str, object], value).items()
                }
            case str() if unit is not None:
                change = _TEXTS.get(unit)
                return value if change is None else change(self, value)
            case int() | float() | Decimal() if unit is not None:
                return self._number(value, unit, factors)
            case _:
                return value

    def _number(self, value: float | Decimal, unit: Unit, factors: Factors) -> float | Decimal:
        match unit:
            case Unit.PRICE | Unit.SIZE | Unit.MONEY:
                return _times(value, factors.of(unit))
            case Unit.TIME:
                assert isinstance(value, int), "times are whole numbers"
                return self.ts(value)
            case Unit.DAY:
                return self._day(int(value))
            case _:
                return value

    def _day(self, day: int) -> int:
        if not day or not self._shift_ns:
            return day
        if day < _LEAST_DATE:
            return day + self._shift_ns // DAY_NS
        moved = date(day // 10_000, day // 100 % 100, day % 100) + timedelta(days=self._shift_ns // DAY_NS)
        return moved.year * 10_000 + moved.month * 100 + moved.day


_TEXTS: Mapping[Unit, Callable[[Rewriter, str], str]] = {
    Unit.NAME: Rewriter.name,
    Unit.MOMENT: Rewriter.moment,
    Unit.TOKEN: Rewriter.token,
    Unit.PERSON: lambda _, text: SOMEBODY if text else text,
    Unit.REMARK: lambda _, _text: "",
    Unit.REFERENCE: Rewriter.reference,
}


@cache
def _units_of(kind: type) -> tuple[tuple[str, Unit | None], ...]:
    """The fields of a struct that may change, each with its unit; ``None`` for what has structs inside."""
    fields: list[tuple[str, Unit | None]] = []
    for field in msgspec.structs.fields(kind):
        key = (kind.__name__, field.name)
        fields.append((field.name, BY_TYPE[key] if key in BY_TYPE else BY_NAME.get(field.encode_name)))
    return tuple(fields)


def _times(value: float | Decimal, factor: float) -> float | Decimal:
    if isinstance(value, Decimal):
        return value * Decimal(factor)
    if isinstance(value, int):
        product = value * factor
        return int(product) if product == int(product) else product
    return value * factor


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except ArithmeticError:
        return False
