"""A recorded configuration with other values, given by their paths (``risk.max_order_quantity``) as text."""

from collections.abc import Mapping
from typing import cast

import msgspec

from components.assembly.settings import with_account_values
from kernel.configuration import convert_config, listed
from kernel.errors import ConfigError
from replay.config import DAEMON_SECTIONS, ReplayConfig, check_config

FIXED = ("cash", "store", "streams", "from", "to", "commands", "portfolio")
"""Settings of what came before the fork, or of its inputs: they cannot be changed in the middle."""


def changed_config(config: ReplayConfig, settings: Mapping[str, str]) -> ReplayConfig:
    """A configuration with other values, by path. Raises ``ConfigError``."""
    if not settings:
        return config
    plain = msgspec.json.decode(msgspec.json.encode(config), type=dict[str, object])
    for path, text in settings.items():
        first = path.partition(".")[0]
        if first in FIXED or first in DAEMON_SECTIONS:
            raise ConfigError(f"{path}: cannot change in the middle of a log")
        _set(plain, path, text)
    changed = convert_config(plain, type(config))
    check_config(changed)
    return with_account_values(changed)


def _set(plain: dict[str, object], path: str, text: str) -> None:
    """Set one value. Its text is JSON, or a word."""
    *steps, last = path.split(".")
    place = plain
    for name in steps:
        inner: object = place.get(name)
        if not isinstance(inner, dict):
            raise ConfigError(f"{path}: there is no setting {name!r}; there are: {listed(sorted(place))}")
        place = cast("dict[str, object]", inner)  # isinstance tells no more
    try:
        place[last] = msgspec.json.decode(text)
    except msgspec.DecodeError:
        place[last] = text
