"""Puts environment variables into the values of a configuration: ``${NAME}`` and ``${NAME:-default}``.

``$${`` stands for the text ``${``. A secret is never put in this way, because the configuration is recorded.
"""

import os
import re

from kernel.configuration import did_you_mean
from kernel.errors import ConfigError
from replay.yaml_files.secret_texts import is_secret_name

_VARIABLE = re.compile(r"\$\$\{|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^}]*)?\})?")


def substituted(text: str) -> str:
    """The text with the values of its variables.

    Raises ``ConfigError`` for a variable that is not set and has no default, or is named like a secret.
    """
    return _VARIABLE.sub(_value, text) if "${" in text else text


def variables_of(text: str) -> tuple[str, ...]:
    """The names of the variables in a text."""
    return tuple(found["name"] for found in _VARIABLE.finditer(text) if found["name"])


def _value(found: re.Match[str]) -> str:
    name, default = found["name"], found["default"]
    if found[0] == "$${":
        return "${"
    if not name:
        raise ConfigError(
            "${ begins the name of an environment variable: expected ${NAME} or ${NAME:-default}; "
            "write $${ for the text ${"
        )
    if is_secret_name(name):
        raise ConfigError(
            f"${{{name}}} is named like a secret, and the configuration is recorded: expected "
            "{secret: NAME}, see docs/configuration.md"
        )
    value = os.environ.get(name, "")
    if value:
        return value
    if default is None:
        raise ConfigError(
            f"the environment variable {name} is not set, or empty{did_you_mean(name, os.environ)}; "
            f"${{{name}:-text}} has a default"
        )
    return default.removeprefix(":-")
