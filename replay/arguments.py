"""Converts the arguments of ``backtest`` into the configuration that a file would give.

Settings may be our structs, mappings as in ``onetape.yaml``, or a mix. Numbers may be ``int``, ``float``
(read as written: 0.1 is a tenth), numbers of NumPy or pandas, or text. Everything is checked as if it came
from a file.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeGuard, TypeVar

import msgspec

from components.assembly.moments import moment_ns
from components.assembly.yaml_text import readable
from components.strategy_host.host import AnyStrategy
from eventstore.importing import ImportOptions
from kernel.configuration import convert_config, no_such
from kernel.decimals import exact
from kernel.errors import ConfigError, InputError
from kernel.plain_values import day_or_moment, plain_value
from replay.config import ReplayConfig
from strategies.sdk import Strategy

ConfigT = TypeVar("ConfigT", bound=msgspec.Struct)
P = ParamSpec("P")
T = TypeVar("T")

Keys = Mapping[str, object]
"""A struct of settings as a mapping, with the keys of ``onetape.yaml``."""

Paths = str | Path | Sequence[str | Path]
"""One file or several."""

StrategyArgument = AnyStrategy | type[AnyStrategy]
"""A strategy, or a class of which every parameter has a default."""


def named_arguments(function: Callable[P, T]) -> Callable[P, T]:
    """Refuse an unknown argument by name with ``InputError``, which tells the nearest known one."""
    known = inspect.signature(function).parameters

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        for name in kwargs:
            if name not in known:
                raise InputError(f"{function.__name__}: {no_such(name, list(known))}")
        return function(*args, **kwargs)

    return called


@exact
def config_of(arguments: Keys) -> ReplayConfig:
    """A configuration from arguments by key. An argument of ``None`` is left out.

    Raises ``ConfigError`` with the key, or ``InputError`` for a value that no configuration can hold.
    """
    given = {key: _plain(key, value) for key, value in arguments.items() if value is not None}
    return convert_config(readable(given), ReplayConfig)


@exact
def settings_of(value: ConfigT | Keys, kind: type[ConfigT], *, key: str) -> ConfigT:
    """One struct from itself or a mapping; raises as ``config_of`` does."""
    return convert_config(_plain(key, value), kind, where=key)


def import_options(value: ImportOptions | Keys | None) -> ImportOptions | None:
    """Options of an import; raises as ``config_of`` does.

    ``column`` may be a mapping: ``{"close": "Last"}``.
    """
    if value is None or isinstance(value, ImportOptions):
        return value
    column = value.get("column") if _is_keys(value) else None
    pairs = {"column": list(column.items())} if _is_keys(column) else {}
    return settings_of({**value, **pairs} if _is_keys(value) else value, ImportOptions, key="importing")


def paths_of(files: Paths) -> list[Path]:
    """The paths of one file or of several."""
    return [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]


def moment_of(value: object, *, key: str) -> str | None:
    """A day or moment as the text of a configuration. Raises ``ConfigError`` naming ``key``.

    A ``datetime`` or ``Timestamp`` without a zone and at midnight means its whole day, as a date does.
    """
    if value is None:
        return None
    plain = plain_value(value)
    if isinstance(plain, date) and type(plain).__name__ != "NaTType":
        plain = day_or_moment(plain)
    if not isinstance(plain, str):
        raise ConfigError(
            f"{key}: {value!r} is not a date like 2008-01-31 or a time like 2008-01-31T14:30:00"
        )
    moment_ns(plain, key=key)
    return plain


def strategies_of(given: StrategyArgument | Sequence[StrategyArgument]) -> list[AnyStrategy]:
    """The instances of an argument. A class is built with its defaults.

    Raises ``InputError`` for anything else, and for a class with a parameter that has no default.
    """
    if isinstance(given, list | tuple):
        return [_instance(item) for item in given]
    return [_instance(given)]


def _instance(given: object) -> AnyStrategy:
    if _is_strategy(given):
        return given
    if not _is_strategy_class(given):
        raise InputError(
            f"strategy: expected an instance of a subclass of Strategy, MyStrategy(days=20); got {given!r}"
        )
    required = [field.name for field in msgspec.structs.fields(given.params_type) if field.required]
    if required:
        raise InputError(
            f"strategy: {given.__name__} is a class, and its parameter {required[0]!r} has no default; "
            f"give an instance: {given.__name__}({', '.join(f'{name}=...' for name in required)})"
        )
    return given()


def _is_strategy(value: object) -> TypeGuard[AnyStrategy]:
    return isinstance(value, Strategy)


def _is_strategy_class(value: object) -> TypeGuard[type[AnyStrategy]]:
    return isinstance(value, type) and issubclass(value, Strategy) and value is not Strategy


def _is_keys(value: object) -> TypeGuard[Keys]:
    return isinstance(value, Mapping)


def _plain(key: str, value: object) -> object:
    """Convert a value into mappings, lists, text and numbers. Decimals stay decimals."""
    try:
        return msgspec.to_builtins(value, builtin_types=(Decimal,), enc_hook=_value)
    except TypeError as error:
        raise InputError(f"{key}: a configuration cannot hold {value!r}: {error}") from error


def _value(value: object) -> object:
    """Convert a value of another library, such as NumPy's."""
    plain = plain_value(value)
    if plain is value:
        raise TypeError(f"a {type(value).__name__} is not text, a number, a list or a mapping")
    return plain
