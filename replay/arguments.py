"""Converts the arguments of ``backtest`` into the configuration that a file would give.

Settings may be our structs, mappings as in ``onetape.yaml``, or a mix. Numbers may be ``int``, ``float``
(read as written: 0.1 is a tenth), NumPy numbers or text. Everything is checked as if it came from a file.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from numbers import Integral, Real
from pathlib import Path
from typing import TypeVar

import msgspec

from components.assembly.yaml_text import readable
from kernel.configuration import convert_config
from kernel.decimals import exact
from kernel.errors import InputError
from replay.config import ReplayConfig

ConfigT = TypeVar("ConfigT", bound=msgspec.Struct)

Keys = Mapping[str, object]
"""A struct of settings as a mapping, with the keys of ``onetape.yaml``."""

Paths = str | Path | Sequence[str | Path]
"""One file or several."""


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


def paths_of(files: Paths) -> list[Path]:
    """The paths of one file or of several."""
    return [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]


def _plain(key: str, value: object) -> object:
    """Convert a value into mappings, lists, text and numbers. Decimals stay decimals."""
    try:
        return msgspec.to_builtins(value, builtin_types=(Decimal,), enc_hook=_number)
    except TypeError as error:
        raise InputError(f"{key}: a configuration cannot hold {value!r}: {error}") from error


def _number(value: object) -> object:
    """Convert a number of another type, such as NumPy's."""
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise TypeError(f"a {type(value).__name__} is not text, a number, a list or a mapping")
