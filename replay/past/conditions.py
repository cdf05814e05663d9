"""Conditions that a person writes, such as ``type == "OrderFilled" and price > 100`` or ``equity < 90000``.

A condition is a small expression: names, numbers, texts, ``and``, ``or``, ``not``, comparisons, ``in``, and
arithmetic. It is read by Python's parser and computed here: it calls nothing, and reaches no attribute of an
object. These names are known:

- ``type``, ``ts`` and every field of an event by its name, those of its order too: ``symbol``, ``price``,
  ``quantity``, ``strategy``, ``reason``. An event without that field does not fulfil the condition.
- ``equity``, ``cash``, ``number`` and ``seq``; ``position["SPY"]``; ``state["portfolio.realised_pnl"]``:
  values of the core after the input.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from decimal import Decimal, DecimalException
from enum import Enum
from typing import cast

import msgspec

from components.assembly.core import Core
from kernel.configuration import did_you_mean
from kernel.decimals import exact
from kernel.errors import InputError
from kernel.events import EVENT_TYPES, Event, Order
from replay.past.states import plain_of, value_at

Value = Decimal | str | bool | None

LONGEST = 500
"""Letters of a condition: its reading is recursive."""

OF_CORE = frozenset({"equity", "cash", "number", "seq"})
BY_KEY = frozenset({"position", "state"})

_FIELDS = frozenset(field for kind in EVENT_TYPES for field in kind.__struct_fields__)
KNOWN = OF_CORE | BY_KEY | {"type"} | _FIELDS | set(Order.__struct_fields__)
"""Every name that a condition may have."""

_COMPARISONS: Mapping[type[ast.cmpop], Callable[[object, object], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: lambda one, other: _ordered(one) < _ordered(other),
    ast.LtE: lambda one, other: _ordered(one) <= _ordered(other),
    ast.Gt: lambda one, other: _ordered(one) > _ordered(other),
    ast.GtE: lambda one, other: _ordered(one) >= _ordered(other),
    ast.In: lambda value, several: value in cast("tuple[object, ...]", several),
    ast.NotIn: lambda value, several: value not in cast("tuple[object, ...]", several),
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: Decimal.__add__,
    ast.Sub: Decimal.__sub__,
    ast.Mult: Decimal.__mul__,
    ast.Div: Decimal.__truediv__,
}
_EXPECTED = "expected names, numbers, texts, comparisons, and, or, not, in, + - * /"


class _NoValue(Exception):
    """A name has no value here."""


class Facts(msgspec.Struct, frozen=True, eq=False):
    """What a condition is asked about: an event, and the core after its input."""

    event: Event
    core: Core
    seq: int


class Condition:
    """A condition that was read and checked. ``needs_core``: it asks about more than the event."""

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > LONGEST:
            raise InputError(f"condition: it has {len(text)} letters; expected at most {LONGEST}")
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise InputError(f"condition {text!r}: {_EXPECTED}") from error
        _check(self._tree, text)
        names = {node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)}
        if unknown := sorted(names - KNOWN):
            meant = did_you_mean(unknown[0], sorted(KNOWN))
            raise InputError(f"condition {text!r}: no event has a field {unknown[0]!r}{meant}")
        self.needs_core = not names.isdisjoint(OF_CORE | BY_KEY)
        self.needs_event = not names <= (OF_CORE | BY_KEY)

    @exact
    def holds(self, facts: Facts) -> bool:
        """Whether it is fulfilled. A value of the wrong kind, or none, does not fulfil it."""
        try:
            return bool(_value(self._tree, facts))
        except (_NoValue, TypeError, DecimalException):
            return False


def _check(node: ast.expr, text: str) -> None:
    """Refuse everything that is not of the small language."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None) | ast.Name():
            return
        case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
            pass
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            parts = [operand]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            parts = [left, right]
        case ast.Compare(left=left, ops=ops, comparators=others) if all(
            type(op) in _COMPARISONS for op in ops
        ):
            parts = [left, *others]
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str())) if name in BY_KEY:
            return
        case _:
            raise InputError(f"condition {text!r}: {ast.unparse(node)!r} is not allowed; {_EXPECTED}")
    for part in parts:
        _check(part, text)


def _value(node: ast.expr, facts: Facts) -> object:
    match node:
        case ast.Constant(value=value):
            return _comparable(value)
        case ast.Name(id=name):
            return _comparable(_named(name, facts))
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str() as key)):
            return _comparable(_keyed(name, key, facts.core))
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return tuple(_value(part, facts) for part in parts)
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, facts) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_fulfilled(part, facts) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, facts)
        case ast.UnaryOp(operand=operand):
            return -_number(_value(operand, facts))
        case ast.BinOp(left=left, op=op, right=right):
            return _ARITHMETIC[type(op)](_number(_value(left, facts)), _number(_value(right, facts)))
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [_value(each, facts) for each in (left, *others)]
            pairs = zip(values, ops, values[1:], strict=False)
            return all(_COMPARISONS[type(op)](one, other) for one, op, other in pairs)
        case _:
            raise AssertionError("checked when it was read")


def _fulfilled(node: ast.expr, facts: Facts) -> bool:
    """A part of an ``or``: without a value it is not fulfilled, and the others still may be."""
    try:
        return bool(_value(node, facts))
    except (_NoValue, TypeError, DecimalException):
        return False


def _named(name: str, facts: Facts) -> object:
    core, event = facts.core, facts.event
    match name:
        case "type":
            return type(event).__name__
        case "equity":
            return core.portfolio.equity
        case "cash":
            return core.portfolio.cash
        case "number":
            return core.bus.state.input_count
        case "seq":
            return facts.seq
        case _:
            return field_of(event, name)


def field_of(event: Event, name: str) -> object:
    """The field of an event, or of its order."""
    if name in event.__struct_fields__:
        return getattr(event, name)
    order = getattr(event, "order", None)
    if isinstance(order, Order) and name in order.__struct_fields__:
        return getattr(order, name)
    raise _NoValue


def _keyed(name: str, key: str, core: Core) -> object:
    if name == "position":
        return core.portfolio.net_position(key)
    component = key.partition(".")[0]
    whole = next(
        (each for each in core.bus.components if key == each or key.startswith(f"{each}.")), component
    )
    known = core.bus.components.get(whole)
    if known is None:
        raise InputError(
            f"state[{key!r}]: there is no component {component!r}; there are: "
            f"{', '.join(core.bus.components)}"
        )
    value = value_at({whole: plain_of(known.state)}, key)
    return exact_number(value) if isinstance(value, str) else value


def _comparable(value: object) -> object:
    """Numbers as exact ones, enums as their texts."""
    match value:
        case bool() | None:
            return value
        case Enum():
            return _comparable(value.value)
        case int():
            return Decimal(value)
        case float():
            return Decimal(repr(value))
        case str():
            return value
        case _:
            return value


def exact_number(text: str) -> Decimal | str:
    """The number that a text of a state is, else the text."""
    try:
        return Decimal(text)
    except DecimalException:
        return text


def _ordered(value: object) -> Decimal:
    return _number(exact_number(value)) if isinstance(value, str) else _number(value)


def _number(value: object) -> Decimal:
    if not isinstance(value, Decimal):
        raise TypeError
    return value
