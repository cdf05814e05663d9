"""Risk rules, and models of a venue, from a user's own modules.

A run records their source as a ``ModelLoaded`` input, so that it can be repeated after the file has changed
or is gone. Their answers must depend only on parameters and arguments, or the run cannot be verified. The
module of a risk rule is linted like a strategy's; the module of a model is trusted.
"""

import inspect
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from importlib.util import decode_source
from threading import Lock
from types import ModuleType
from typing import Protocol, cast

import msgspec

from components.risk.own_rules import RULES, convert_rule
from kernel.errors import ConfigError, InputError
from kernel.events import Event, ModelLoaded
from kernel.loggable import words_of
from strategies.sdk import RiskLimits, RiskRule
from strategies.sdk.lint import lint_source
from strategies.sdk.references import Reference, find_source_file, parse_reference

_REGISTRATION = Lock()
"""Held while a module is in ``sys.modules``, where its structs look up their type hints."""


class Conversion(Protocol):
    """Makes an instance of a class; raises ``ConfigError`` for a wrong form or wrong parameters."""

    def __call__(self, kind: type[msgspec.Struct], params: Mapping[str, object], *, name: str) -> object: ...


class ModelRole(msgspec.Struct, frozen=True, kw_only=True):
    """A role that a user's class can have, and the conversion of the class.

    - ``name``: the role in the log.
    - ``key``: the configuration key that names the class.
    - ``what``: its word in sentences.
    - ``convert``: makes an instance from a class and its parameters; sentences call it ``name``.
    - ``is_linted``: its module must follow the rules for strategies.
    """

    name: str
    key: str
    what: str
    convert: Conversion
    is_linted: bool = False


RISK_RULE = ModelRole(name=RULES, key=RULES, what="rule", convert=convert_rule, is_linted=True)


class LoadedModel(msgspec.Struct, frozen=True):
    """A model or a risk rule built from its source; ``source_hash`` is the SHA-256 of ``source`` in hex."""

    role: str
    reference: str
    source: str
    source_hash: str
    params: Mapping[str, object]
    model: object

    def recorded(self, ts: int) -> ModelLoaded:
        """The input that records it."""
        params = msgspec.json.encode(self.params, order="deterministic").decode()
        return ModelLoaded(ts, self.role, self.reference, self.source_hash, self.source, params)


def load_rules(limits: RiskLimits) -> tuple[LoadedModel, ...]:
    """The user's own risk rules that a configuration names, as they are on disk now.

    Raises ``ConfigError`` naming the rule.
    """
    return tuple(load_model(RISK_RULE, one.rule, params=one.params) for one in limits.rules)


def load_model(role: ModelRole, reference: str, *, params: Mapping[str, object]) -> LoadedModel:
    """Load ``path/to/file.py:Class`` or ``package.module:Class`` for a role."""
    source = source_of(role.key, reference)
    findings = lint_source(source, reference) if role.is_linted else ()
    if findings:
        raise ConfigError("\n".join(f"{role.key}: {finding}" for finding in findings))
    return build_model(role, reference, source=source, params=params)


def source_of(key: str, reference: str) -> str:
    """The source that a reference names, as it is on disk now. Raises ``ConfigError`` naming ``key``."""
    try:
        return decode_source(find_source_file(parsed_reference(key, reference)).read_bytes())
    except InputError as error:
        raise ConfigError(f"{key}: there is no file or module for {reference!r}") from error
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise ConfigError(f"{key}: {reference!r} cannot be read: {error}") from error


def build_model(role: ModelRole, reference: str, *, source: str, params: Mapping[str, object]) -> LoadedModel:
    """Build a model from its source. ``reference`` is only its name; nothing is read from disk."""
    parsed = parsed_reference(role.key, reference)
    source_hash = sha256(source.encode()).hexdigest()
    with running(role.key, parsed, source) as module:
        kind = _class_of(role, module, reference=parsed)
        model = role.convert(kind, params, name=reference)
    return LoadedModel(role.name, parsed.of_class(kind.__name__), source, source_hash, dict(params), model)


@contextmanager
def running(key: str, reference: Reference, source: str) -> Generator[ModuleType]:
    """Run a source as a module of its own, which is listed until the end of the block.

    Raises ``ConfigError`` naming ``key`` for whatever the source, or the block, raises.
    """
    module = ModuleType(f"onetape_model_{sha256(source.encode()).hexdigest()[:16]}")
    module.__file__ = reference.source_name
    with _registered(module):
        try:
            exec(compile(source, reference.source_name, "exec", dont_inherit=True), module.__dict__)
            yield module
        except (ConfigError, KeyboardInterrupt):
            raise
        except BaseException as error:  # isolation: a user's code may raise anything
            raise ConfigError(f"{key}: loading {reference.source_name} fails: {words_of(error)}") from error


def recorded_models(
    opening: Iterable[Event], roles: Mapping[str, ModelRole], *, current_code: bool
) -> tuple[LoadedModel, ...]:
    """The models and risk rules of a record, from its inputs; with ``current_code``, from disk.

    ``roles``: the venue's roles by name. Raises ``ConfigError`` for an unknown role.
    """
    known = {RISK_RULE.name: RISK_RULE, **roles}
    found: list[LoadedModel] = []
    for event in opening:
        if not isinstance(event, ModelLoaded):
            continue
        role = known.get(event.role)
        if role is None:
            raise ConfigError(f"models: there is no role {event.role!r}; there are: {', '.join(known)}")
        params: dict[str, object] = msgspec.json.decode(event.params, type=dict[str, object])
        if current_code:
            found.append(load_model(role, event.reference, params=params))
        else:
            found.append(build_model(role, event.reference, source=event.source, params=params))
    return tuple(found)


def risk_rules(loaded: Sequence[LoadedModel]) -> tuple[RiskRule, ...]:
    """The user's own risk rules, in the order of the configuration."""
    rules = (one.model for one in loaded if one.role == RULES)
    return tuple(cast(RiskRule, rule) for rule in rules)  # cast: their form was checked when they were loaded


def parsed_reference(key: str, reference: str) -> Reference:
    """A reference in its two parts. Raises ``ConfigError`` naming ``key``."""
    try:
        return parse_reference(reference)
    except InputError as error:
        expected = "expected path/to/file.py:Class or package.module:Class"
        raise ConfigError(f"{key}: {reference!r}: {expected}") from error


@contextmanager
def _registered(module: ModuleType) -> Generator[None]:
    with _REGISTRATION:
        sys.modules[module.__name__] = module
        try:
            yield
        finally:
            del sys.modules[module.__name__]


def _class_of(role: ModelRole, module: ModuleType, *, reference: Reference) -> type[msgspec.Struct]:
    """The struct that the reference names, or the only one that the module defines."""
    values: dict[str, object] = vars(module)
    own = {
        name: value
        for name, value in values.items()
        if inspect.isclass(value)
        and issubclass(value, msgspec.Struct)
        and value.__module__ == module.__name__
    }
    name = reference.class_name or (next(iter(own)) if len(own) == 1 else "")
    kind = own.get(name)
    if kind is None:
        listed = ", ".join(own) or "none"
        asked = f"no {role.what} {name!r}" if name else f"expected one {role.what}"
        raise ConfigError(f"{role.key}: {reference.source_name}: {asked}; its msgspec structs: {listed}")
    return kind
