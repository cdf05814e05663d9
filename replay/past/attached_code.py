"""Code that is attached to a past log: a subscriber with hooks for events, or a risk rule.

A subscriber is an object of any class with hooks ``on_<event>(self, event, past)``, named after types of
events: ``on_quote``, ``on_bar``, ``on_order_filled`` ... ``on_event`` hears all of them, and
``on_end(self, past)`` is called at the end. A hook returns nothing, a name and a value, a mapping from names
to values, or an iterable of pairs; so a generator may yield pairs.

A risk rule is the product's own (``strategies.sdk.RiskRule``), with the form that a configuration asks for.
Neither is linted: they make nothing that a log would have to repeat, so they may import what they like.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TypeGuard, cast

import msgspec

from components.assembly.user_models import parsed_reference, running, source_of
from components.risk.own_rules import convert_rule
from kernel.configuration import convert_config, did_you_mean, is_mapping, listed, no_such
from kernel.errors import ConfigError
from kernel.events import EVENT_TYPES, Event
from kernel.plain_values import plain_value
from replay.past.view import PastView
from strategies.sdk import RiskRule, Strategy
from strategies.sdk.references import Reference

KEY = "attach"
EVERY, END = "on_event", "on_end"

Value = int | float | str | bool | Decimal | None
"""A value that a hook may emit."""

Hook = Callable[[Event, PastView], object]

NO_PARAMS: Mapping[str, object] = MappingProxyType({})


def hook_name(kind: type[Event]) -> str:
    """The name of the hook for a type of events: ``on_order_filled``."""
    return "on_" + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()


HOOKS: Mapping[str, type[Event]] = {hook_name(kind): kind for kind in EVENT_TYPES}


class Subscriber(msgspec.Struct, frozen=True, eq=False):
    """A subscriber that was checked: its hooks by type of event, and the one at the end."""

    name: str
    hooks: Mapping[type[Event], tuple[Hook, ...]]
    end: Callable[[PastView], object] | None


class AttachedRule(msgspec.Struct, frozen=True, eq=False):
    """A risk rule that was checked."""

    name: str
    rule: RiskRule


Attachable = Subscriber | AttachedRule


def load_attached(reference: str, params: Mapping[str, object] = NO_PARAMS) -> Attachable:
    """Load ``file.py:Class`` or ``package.module:Class`` as it is on disk now; raises ``ConfigError``.

    ``params``: of a class that is a ``msgspec.Struct``, whose fields they are. They may be text.
    """
    parsed, source = parsed_reference(KEY, reference), source_of(KEY, reference)
    with running(KEY, parsed, source) as module:
        kind = _class_of(vars(module), module.__name__, parsed)
        if _is_rule(kind):
            if not issubclass(kind, msgspec.Struct):
                expected = f"expected class {kind.__name__}(msgspec.Struct, frozen=True)"
                raise ConfigError(f"{KEY}: {reference}: a risk rule is a struct without state: {expected}")
            return AttachedRule(kind.__name__, convert_rule(kind, params, name=reference))
        return checked(_built(kind, params), reference)


def checked(given: object, name: str = "") -> Attachable:
    """A subscriber or rule of an object or a class. Raises ``ConfigError`` for one that is neither."""
    made = _built(given, NO_PARAMS) if isinstance(given, type) else given
    kind = type(made)
    name = name or kind.__name__
    _refuse_strategy(kind, name)
    if _is_rule(kind):
        return AttachedRule(kind.__name__, cast("RiskRule", made))  # its answers will be checked
    every = _method(made, EVERY, 2, name)
    hooks: dict[type[Event], tuple[Hook, ...]] = {}
    for event_type in EVENT_TYPES:
        own = _method(made, hook_name(event_type), 2, name)
        found = tuple(hook for hook in (own, every) if hook is not None)
        if found:
            hooks[event_type] = found
    for each in dir(made):
        if each.startswith("on_") and each not in HOOKS and each not in (EVERY, END):
            near = did_you_mean(each, [*HOOKS, EVERY, END])
            raise ConfigError(
                f"{KEY}: {name}: {each} is named after no type of events, as on_quote, on_bar and "
                f"on_order_filled are{near}"
            )
    if not hooks:
        raise ConfigError(
            f"{KEY}: {name} has no hook: expected on_event, on_quote, on_order_filled ... with (self, event, "
            "past), or check(self, order_check) of a risk rule"
        )
    return Subscriber(kind.__name__, hooks, _method(made, END, 1, name))


def values_of(answer: object) -> Iterator[tuple[str, Value]]:
    """The named values that a hook gave. Raises ``TypeError`` for anything else."""
    if answer is None:
        return
    pairs: Iterable[object]
    if is_mapping(answer):
        pairs = answer.items()
    elif _is_pair(answer):
        pairs = (answer,)
    elif isinstance(answer, Iterable) and not isinstance(answer, str):
        pairs = cast("Iterable[object]", answer)  # isinstance tells no more
    else:
        raise TypeError(f"a hook gives names and values, in a mapping or in pairs; got {_shown(answer)}")
    for pair in pairs:
        if not _is_pair(pair):
            raise TypeError(f"a hook gives pairs of a name and a value; got {_shown(pair)}")
        name, given = pair
        value = plain_value(given)
        if not isinstance(value, int | float | str | bool | Decimal | None):
            raise TypeError(f"{name}: a value is a number, a text, true or false; got {_shown(given)}")
        yield name, value


def _is_pair(answer: object) -> TypeGuard[tuple[str, object]]:
    if not isinstance(answer, tuple):
        return False
    parts = cast("tuple[object, ...]", answer)  # isinstance tells no more
    return len(parts) == 2 and isinstance(parts[0], str)


def _class_of(values: Mapping[str, object], module: str, reference: Reference) -> type:
    own = {
        name: value
        for name, value in values.items()
        if isinstance(value, type) and value.__module__ == module and not name.startswith("_")
    }
    usable = [
        name
        for name, value in own.items()
        if _is_rule(value) or any(each.startswith("on_") for each in dir(value))
    ]
    name = reference.class_name or (usable[0] if len(usable) == 1 else "")
    if name not in own:
        asked = f"there is no class {name!r}" if name else f"name the class: {reference.source_name}:Class"
        raise ConfigError(f"{KEY}: {reference.source_name}: {asked}; its classes: {listed([*own]) or 'none'}")
    _refuse_strategy(own[name], reference.of_class(name))
    return own[name]


def _refuse_strategy(kind: type, name: str) -> None:
    if issubclass(kind, Strategy):
        raise ConfigError(
            f"{KEY}: {name} is a strategy; what it would have decided from a moment on is a fork: "
            f"replay fork LOG --at MOMENT --strategy ID={name}"
        )


def _is_rule(kind: type) -> bool:
    return callable(getattr(kind, "check", None)) and not any(each.startswith("on_") for each in dir(kind))


def _built(kind: type, params: Mapping[str, object]) -> object:
    where = f"{KEY}: {kind.__name__}"
    if issubclass(kind, msgspec.Struct):
        known = [field.encode_name for field in msgspec.structs.fields(kind)]
        for given in params:
            if given not in known:
                raise ConfigError(f"{where}: {no_such(given, known)}")
        return convert_config(params, kind, where=where)
    if params:
        raise ConfigError(
            f"{where}: parameters are the fields of a class {kind.__name__}(msgspec.Struct); this one is none"
        )
    try:
        return kind()
    except TypeError as error:
        raise ConfigError(f"{where}: it cannot be made without arguments: {error}") from error


def _method(made: object, name: str, count: int, owner: str) -> Callable[..., object] | None:
    method = getattr(made, name, None)
    if method is None:
        return None
    form = f"{name}(self, event, past)" if count == 2 else f"{name}(self, past)"
    try:
        inspect.signature(method).bind(*range(count))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{KEY}: {owner}: {name} cannot be called as {form}: {error}") from error
    return cast("Callable[..., object]", method)  # its form was checked


def _shown(value: object) -> str:
    if isinstance(value, str | int | float | Decimal | bool):
        return repr(value)
    return f"a value of type {type(value).__name__}"
