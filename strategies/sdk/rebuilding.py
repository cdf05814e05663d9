"""Rebuilds a strategy from its class and parameters, as every run, replay and restart does.

- What is kept: the class, and the parameters in the form in which the log holds them (JSON).
- What is made again: the state, and all attributes that ``__init__`` and ``validate`` set. So two runs of one
  instance share nothing.
- What never happens: a change made by hand to an instance is never lost silently. ``check_unchanged``
  compares the instance with the rebuilt one, and refuses a difference.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard, TypeVar

import msgspec

from kernel.errors import InputError
from strategies.sdk.parameters import recorded_params
from strategies.sdk.strategy import Strategy, StrategyParams

# Any parameter and state types: the bound of a type variable has no other way to say so.
AnyStrategy = Strategy[Any, Any]
StrategyT = TypeVar("StrategyT", bound=AnyStrategy)

_OF_THE_RUN = frozenset({"ctx", "params"})
_DEEPEST = 8
"""How deep objects inside objects are compared. The limit is for objects that hold themselves."""


def rebuilt(strategy: StrategyT) -> StrategyT:
    """A new instance of the same class with the same parameters, and nothing else of the old one.

    Raises ``InputError`` for a parameter that JSON changes, or an ``__init__`` with arguments that are not
    parameters.
    """
    kind, name = type(strategy), strategy.metadata.name
    given: StrategyParams | None = getattr(strategy, "params", None)
    if given is None:
        raise InputError(f"strategy {name!r} has no parameters: its __init__ must call super().__init__")
    params = _as_recorded(given, name=name)
    try:
        return kind(**params)
    except TypeError as error:
        raise InputError(
            f"strategy {name!r} cannot be rebuilt from its parameters: {error}; its __init__ may take only "
            "parameters, by name"
        ) from error


def check_unchanged(strategy: AnyStrategy, anew: AnyStrategy) -> None:
    """Raise ``InputError`` naming an attribute in which an instance differs from the rebuilt one."""
    place = _difference(_own(strategy), _own(anew), place="", depth=0)
    if place is not None:
        raise InputError(
            f"strategy {strategy.metadata.name!r}: {place.lstrip('.')!r} is different in the strategy that "
            "a run rebuilds from class and parameters; make it a parameter, or set it in `validate`"
        )


def _as_recorded(given: StrategyParams, *, name: str) -> dict[str, object]:
    try:
        params = recorded_params(given)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"strategy {name!r}: its parameters cannot be recorded: {error}") from error
    for field, value in params.items():
        if value != getattr(given, field):
            raise InputError(
                f"strategy {name!r}: parameter {field}={getattr(given, field)!r} would be recorded as "
                f"{value!r}"
            )
    return params


def _own(strategy: AnyStrategy) -> dict[str, object]:
    return {key: value for key, value in vars(strategy).items() if key not in _OF_THE_RUN}


def _difference(given: object, made: object, *, place: str, depth: int) -> str | None:
    """The place where two values differ, or ``None``. Values that cannot be compared count as equal."""
    if given is made or depth > _DEEPEST:
        return None
    if type(given).__qualname__ != type(made).__qualname__:
        return place
    pairs = _parts(given), _parts(made)
    if pairs[0] is None or pairs[1] is None:
        return None if _is_equal(given, made) else place
    if list(pairs[0]) != list(pairs[1]):
        both = pairs[0].keys() ^ pairs[1].keys()
        return f"{place}.{min(both, key=str)}" if both else place
    for key, part in pairs[0].items():
        different = _difference(part, pairs[1][key], place=f"{place}.{key}", depth=depth + 1)
        if different is not None:
            return different
    return None


def _parts(value: object) -> Mapping[object, object] | None:
    """The values inside a container or a user's object; ``None`` if there are no parts."""
    if _is_mapping(value):
        return value
    if _is_row(value):
        return dict(enumerate(value))
    if isinstance(value, msgspec.Struct):
        return {field: getattr(value, field) for field in value.__struct_fields__}
    return getattr(value, "__dict__", None) or None


def _is_mapping(value: object) -> TypeGuard[Mapping[object, object]]:
    return isinstance(value, Mapping)


def _is_row(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple | deque)


def _is_equal(given: Any, made: Any) -> bool:  # plain values of any type, NumPy's arrays too
    """Whether two plain values are equal; NaN equals NaN."""
    if not any("__eq__" in vars(kind) for kind in type(given).__mro__[:-1]):
        return True
    try:
        equal = (given == made) | ((given != given) & (made != made))
        return bool(equal.all() if hasattr(equal, "all") else equal)
    except (TypeError, ValueError):
        return True
