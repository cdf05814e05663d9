"""Converts plain values into configuration, and says in one sentence what is wrong.

``msgspec`` says which value is wrong, and where. The sentence made here adds the names and values that are
allowed, and the one nearest to the value given.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TypeGuard, TypeVar

import msgspec
from msgspec.inspect import (
    BoolType,
    DictType,
    EnumType,
    FloatType,
    IntType,
    ListType,
    LiteralType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from kernel.decimals import exact
from kernel.errors import ConfigError

ConfigT = TypeVar("ConfigT")

_LISTED = 10

_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing (null)",
}
_BOOL_WORDS = {True: ("on", "yes"), False: ("off", "no")}
"""Words for true and false."""
_BOOLS = {"true": True, "false": False}
_NOT_FINITE = re.compile(r"([+-]?)\.(nan|inf)", re.IGNORECASE)
"""As YAML writes them."""
_NUMBER = re.compile(r"([+-]?)0*(\d+(?:_\d+)*)?(?:\.(\d+(?:_\d+)*)?)?(e[+-]?\d+)?", re.IGNORECASE)
_WRITTEN_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE)
_ANY = "[...]"
"""The step to each value of a mapping with free keys, in a path of ``msgspec``."""
_STEP = re.compile(r"\.([^.\[\]]+)|(\[[^\]]*\])")


@exact
def convert_config(content: object, kind: type[ConfigT], *, where: str = "") -> ConfigT:
    """Convert ``content`` (mappings, lists, text, numbers) to a ``kind``. A number may be given as text.

    Text means what the declared type needs: ``on`` is true for a switch, a word for a choice, and a name for
    a symbol; ``010`` is the number 10 or the text 010. A choice that has the word ``off`` (``on``, ``yes``,
    ``no``) takes a bool too. Raises ``ConfigError`` with ``where``, the path of the value, the value seen and
    what was expected.
    """
    try:
        return msgspec.convert(content, kind, strict=False)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at ")
        steps = tuple(name or at for name, at in _STEP.findall(place.rpartition("$")[2].rstrip("`")))
        meant = _with_meaning(steps, content, type_info(kind))
        if meant != content:
            return convert_config(meant, kind, where=where)
        sentence = _sentence(said, steps, content, type_info(kind))
        if "`key`" in place:
            sentence = f"a key: {sentence}"
        path = "".join(step if step.startswith("[") else f".{step}" for step in steps).removeprefix(".")
        raise ConfigError(": ".join(part for part in (where, path, sentence) if part)) from error


def meant_by(value: object, kind: type[object]) -> object:
    """The value that a type reads in place of the given one, or the given one.

    ``off`` for false if the type has that choice, true for ``on`` if it is a switch, 10 for ``010``.
    """
    if not isinstance(value, bool | str):
        return value
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        return _meaning(type_info(kind), value)


def did_you_mean(seen: str, names: Iterable[str]) -> str:
    """``; did you mean 'close'?`` with the nearest of the names, or nothing if none is near."""
    near = get_close_matches(seen, list(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def listed(names: Sequence[str]) -> str:
    """The first ten names, and the number of the others: a store may hold very many."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more}"


def no_such(name: str, names: Sequence[str]) -> str:
    """The sentence that a name does not exist, with the nearest name and all names."""
    listed, nearest = ", ".join(names) or "none", did_you_mean(name, names)
    return (
        f"there is no {name!r}{nearest} There are: {listed}"
        if nearest
        else (f"there is no {name!r}; there are: {listed}")
    )


def _sentence(said: str, steps: tuple[str, ...], content: object, kind: Type) -> str:
    node, value = _at(steps, content, kind)
    quoted = re.search(r"`([^`]*)`", said)
    name = quoted.group(1) if quoted is not None else ""
    if said.startswith("Object contains unknown field"):
        return no_such(name, _keys(node, value))
    if said.startswith("Object missing required field"):
        tags = _tags(node, name)
        return f"{name!r} is missing" + (f": one of {', '.join(tags)}" if tags else "")
    if said.startswith("Invalid enum value"):
        return f"{value!r} is not one{_of(value, _values(node))}"
    if said.startswith("Invalid value") and steps:
        parent, _ = _at(steps[:-1], content, kind)
        return f"{value!r} is not one{_of(value, _tags(parent, steps[-1]))}"
    if said.startswith("Invalid decimal"):
        return f"{value!r} is not a number"
    expected = re.fullmatch(r"Expected `([^`]*)`, got `([^`]*)`", said)
    if expected is None:
        return said.replace("`", "")
    types = expected.group(2)
    seen = f" {value!r}" if isinstance(value, str | int | float) else ""
    if isinstance(value, str) and (number := _plain_number(value)) and _WRITTEN_NUMBER.fullmatch(number):
        types, seen = "int" if number.lstrip("-").isdecimal() else "float", f" {value}"
    fields = list(dict.fromkeys(one.tag_field for one in _structs(node) if one.tag_field))
    hint = "".join(f" (a mapping with {field}: {', '.join(_tags(node, field))})" for field in fields)
    return f"expected {_words(expected.group(1))}, got {_words(types)}{seen}{hint}"


def _with_meaning(steps: Sequence[str], content: object, node: Type | None) -> object:
    """The content with the value at the end of a path as its declared type reads it."""
    if not steps:
        return _meaning(node, content)
    step, *rest = steps
    inner = _member(node, content, step)
    if is_mapping(content):
        keys = list(content) if step == _ANY else [step] if step in content else []
        return {**content, **{key: _with_meaning(rest, content[key], inner) for key in keys}}
    if not _is_list(content) or not step[1:-1].isdigit():
        return content
    place = int(step[1:-1])
    return [*content[:place], _with_meaning(rest, content[place], inner), *content[place + 1 :]]


def _meaning(node: Type | None, value: object) -> object:
    """The value as a type reads it: a word of a choice, a bool, a number as a computer writes it."""
    choices = _values(node)
    if isinstance(value, bool):
        return next((word for word in _BOOL_WORDS[value] if word in choices), value)
    if not isinstance(value, str):
        return value
    if value.lower() in choices:
        return value.lower()
    if value.lower() in _BOOLS and choices:
        return _meaning(node, _BOOLS[value.lower()])
    options = _options(node)
    if any(isinstance(one, BoolType) for one in options):
        return next((meant for meant, words in _BOOL_WORDS.items() if value.lower() in words), value)
    if any(isinstance(one, IntType | FloatType) for one in options):
        return _plain_number(value)
    return value


def _plain_number(text: str) -> str:
    """``+010``, ``1_000``, ``.5``, ``.inf`` as 10, 1000, 0.5, inf; a text that is no number as it is."""
    if unbounded := _NOT_FINITE.fullmatch(text):
        return "".join(unbounded.groups()).lower().removeprefix("+")
    found = _NUMBER.fullmatch(text)
    if found is None or not any(letter.isdigit() for letter in text.lower().partition("e")[0]):
        return text
    sign, whole, fraction, power = (part or "" for part in found.groups())
    number = (whole or "0") + (f".{fraction}" if fraction else "") + power
    return sign.removeprefix("+") + number.replace("_", "")


def _of(value: object, names: Sequence[str]) -> str:
    return f" of {', '.join(names)}{did_you_mean(str(value), names)}"


def _words(types: str) -> str:
    words = [_WORDS.get(one, one) for one in types.split(" | ")]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _at(steps: Sequence[str], content: object, kind: Type) -> tuple[Type | None, object]:
    """The declared type and the value at the end of a path; ``None`` if they are not known."""
    node: Type | None = kind
    for step in steps:
        node, content = _member(node, content, step), _item(content, step)
    return node, content


def _member(node: Type | None, content: object, step: str) -> Type | None:
    for one in _options(node):
        match one:
            case DictType(value_type=inner) if step == _ANY:
                return inner
            case ListType(item_type=inner) | VarTupleType(item_type=inner) if step.startswith("["):
                return inner
            case StructType(fields=fields) if _is_meant(one, content):
                for field in fields:
                    if field.encode_name == step:
                        return field.type
            case _:
                pass
    return None


def _item(content: object, step: str) -> object:
    if is_mapping(content):
        return content.get(step)
    if _is_list(content) and step[1:-1].isdigit():
        return content[int(step[1:-1])]
    return None


def _options(node: Type | None) -> tuple[Type, ...]:
    if node is None:
        return ()
    return node.types if isinstance(node, UnionType) else (node,)


def _structs(node: Type | None) -> list[StructType]:
    return [one for one in _options(node) if isinstance(one, StructType)]


def _is_meant(struct: StructType, content: object) -> bool:
    """Whether the content has the tag of this struct; always true for a struct without tags."""
    tag_field = struct.tag_field
    return tag_field is None or (is_mapping(content) and content.get(tag_field) == struct.tag)


def _keys(node: Type | None, content: object) -> list[str]:
    for struct in _structs(node):
        if _is_meant(struct, content):
            tag = [struct.tag_field] if struct.tag_field else []
            return [*tag, *(field.encode_name for field in struct.fields)]
    return []


def _tags(node: Type | None, tag_field: str) -> list[str]:
    return [str(one.tag) for one in _structs(node) if one.tag_field == tag_field]


def _values(node: Type | None) -> list[str]:
    """The values of an enum or a literal, without the empty text, which means not given."""
    found: list[str] = []
    for one in _options(node):
        if isinstance(one, EnumType):
            found += [str(member.value) for member in one.cls]
        elif isinstance(one, LiteralType):
            found += [str(value) for value in one.values if value != ""]
    return found


def is_mapping(content: object) -> TypeGuard[Mapping[str, object]]:
    """Whether a value of JSON or YAML is a mapping, whose keys are texts."""
    return isinstance(content, Mapping)


def _is_list(content: object) -> TypeGuard[Sequence[object]]:
    return isinstance(content, list | tuple)
