"""A strategy's parameters for people: descriptions, and conversion from text with helpful errors."""

from collections.abc import Mapping
from decimal import Decimal
from inspect import Parameter, Signature
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from kernel.configuration import did_you_mean, meant_by
from kernel.errors import InputError
from kernel.plain_values import plain_value
from strategies.sdk.decimal_bounds import check_decimals, without_decimal_bounds

Range = msgspec.Meta
"""Bounds of a parameter: ``Annotated[int, Range(ge=1, le=500)]``."""

Tunable = msgspec.Meta(extra={"is_tunable": True})
"""Marks a parameter that an operator may change while the strategy trades: ``Annotated[float, Tunable]``. The
strategy reads it anew each time and goes on; ``on_start`` does not run again."""

# The class of a strategy's parameters, with any fields.
ParamsType = type[Any]


class ParameterRow(msgspec.Struct, frozen=True):
    """One parameter as shown to people: ``fast``, ``int``, ``20``, ``1 to 500``.

    ``default`` is empty if a value must be given; ``range`` is empty if any value of the type is allowed.
    """

    name: str
    type: str
    default: str
    range: str
    description: str = ""
    is_tunable: bool = False

    def __str__(self) -> str:
        text = f"{self.name}: {self.type}"
        text += f" {self.range}" if self.range else ""
        return text + (f" (default {self.default})" if self.default else " (required)")


def rows_of(params_type: ParamsType) -> tuple[ParameterRow, ...]:
    """The parameters, in the order of their declaration."""
    return tuple(_row(field) for field in msgspec.structs.fields(params_type))


def signature_of(params_type: ParamsType) -> Signature:
    """The parameters as keywords of a constructor, with their types and defaults."""
    return Signature(
        [
            Parameter(
                field.name,
                Parameter.KEYWORD_ONLY,
                default=Parameter.empty if field.required else _default(field),
                annotation=_without_bounds(field.type),
            )
            for field in msgspec.structs.fields(params_type)
        ]
    )


def convert_params(name: str, params_type: ParamsType, params: Mapping[str, object]) -> dict[str, object]:
    """Convert a strategy's parameters, values or text as on a command line, to their declared types.

    Items of a list in text are separated by commas. Raises ``InputError`` with the parameter, the value seen
    and what was expected; for an unknown name, with the known ones.
    """
    fields = {field.name: field for field in msgspec.structs.fields(params_type)}
    rows = {row.name: row for row in rows_of(params_type)}
    listed = "; ".join(map(str, rows.values())) or "it takes none"
    for given in params:
        if given not in fields:
            nearest = did_you_mean(given, fields)
            raise InputError(f"strategy {name!r} has no parameter {given!r}; it has: {listed}{nearest}")
    missing = [field.name for field in fields.values() if field.required and field.name not in params]
    if missing:
        raise InputError(f"strategy {name!r} needs a value for {', '.join(missing)}; it has: {listed}")
    converted: dict[str, object] = {}
    for given, value in params.items():
        try:
            converted[given] = _convert(value, fields[given].type)
        except ValueError as error:  # msgspec's ValidationError is one
            seen = f"parameter {given}={_shown(value)} is wrong"
            raise InputError(f"strategy {name!r}: {seen}: {error}; expected {rows[given]}") from error
    return converted


def recorded_params(given: msgspec.Struct) -> dict[str, object]:
    """The parameters as they come back from a log, which holds them as JSON.

    Raises ``TypeError``, ``ValueError`` or ``OverflowError`` for a value that JSON cannot hold.
    """
    recorded = msgspec.json.decode(msgspec.json.encode(given), type=dict[str, msgspec.Raw])
    return {
        field.name: msgspec.json.decode(recorded[field.encode_name], type=without_decimal_bounds(field.type))
        for field in msgspec.structs.fields(given)
        if field.encode_name in recorded
    }


def _convert(value: object, declared: object) -> object:
    if isinstance(value, str) and get_origin(_without_bounds(declared)) in (list, tuple, set, frozenset):
        value = [part.strip() for part in value.split(",") if part.strip()]
    value = plain_value(value)
    kind = without_decimal_bounds(declared)
    converted: object = msgspec.convert(meant_by(value, kind), kind, strict=False)
    if isinstance(converted, float | Decimal) and not Decimal(converted).is_finite():
        raise ValueError("Expected a finite number")
    check_decimals(converted, declared)
    return converted


def _row(field: msgspec.structs.FieldInfo) -> ParameterRow:
    extras = get_args(field.type)[1:] if get_origin(field.type) is Annotated else ()
    bounds = [extra for extra in extras if isinstance(extra, Range)]
    description = next((bound.description for bound in bounds if bound.description), "")
    return ParameterRow(
        name=field.name,
        type=_type_name(_without_bounds(field.type)),
        default="" if field.required else _shown(_default(field)),
        range=", ".join(filter(None, map(_range_text, bounds))),
        description=description,
        is_tunable=any(bound.extra and bound.extra.get("is_tunable") for bound in bounds),
    )


def _without_bounds(declared: object) -> object:
    return get_args(declared)[0] if get_origin(declared) is Annotated else declared


def _default(field: msgspec.structs.FieldInfo) -> object:
    return field.default_factory() if field.default is msgspec.NODEFAULT else field.default


def _range_text(bounds: Range) -> str:
    if bounds.ge is not None and bounds.le is not None:
        text = f"{bounds.ge} to {bounds.le}"
    else:
        limits = (("above", bounds.gt), ("at least", bounds.ge), ("below", bounds.lt), ("at most", bounds.le))
        text = " and ".join(f"{word} {limit}" for word, limit in limits if limit is not None)
    others = (
        ("a multiple of", bounds.multiple_of),
        ("matching", bounds.pattern),
        ("of length at least", bounds.min_length),
        ("of length at most", bounds.max_length),
    )
    return ", ".join([text] * bool(text) + [f"{word} {limit}" for word, limit in others if limit is not None])


def _type_name(declared: object) -> str:
    """A type in words: ``int``, ``Decimal``, ``str | None``, ``'month' or 'quarter'``."""
    if get_origin(declared) is Literal:
        return " or ".join(map(repr, get_args(declared)))
    if isinstance(declared, type) and not get_args(declared):
        return declared.__name__
    return str(declared).replace("typing.", "")


def _shown(value: object) -> str:
    """A value as one types it on a command line."""
    if isinstance(value, list | tuple):
        return ",".join(str(part) for part in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # its elements may be anything
    return str(value)
