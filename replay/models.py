"""Models of the simulated venue, and risk rules, from a user's own modules.

A run that uses one records its source as a ``ModelLoaded`` input, so that the run can be repeated when the
file has changed or is gone. It must compute its answers from its parameters and arguments alone, or the run
cannot be verified. The module of a risk rule is linted as a strategy's is; that of a model is trusted.
"""

import inspect
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from importlib.util import decode_source
from threading import Lock
from types import ModuleType
from typing import cast

import msgspec

from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.models import VenueModels, build_models, choices, convert_own, is_reference
from brokers.simulated.own_models import FORMS
from components.risk.own_rules import RULES, convert_rule
from kernel.errors import ConfigError, InputError
from kernel.events import Event, ModelLoaded
from kernel.loggable import words_of
from strategies.sdk import RiskLimits, RiskRule
from strategies.sdk.lint import lint_source
from strategies.sdk.references import Reference, find_source_file, parse_reference

_REGISTRATION = Lock()
"""Held while a module stands in ``sys.modules``, where its structs look their hints up."""


class LoadedModel(msgspec.Struct, frozen=True):
    """A model or a risk rule built from its source; ``source_hash`` is the SHA-256 of ``source`` in hex."""

    role: str
    reference: str
    source: str
    source_hash: str
    params: Mapping[str, object]
    model: object

    def recorded(self, ts: int) -> ModelLoaded:
        """The input that puts it on record."""
        params = msgspec.json.encode(self.params, order="deterministic").decode()
        return ModelLoaded(ts, self.role, self.reference, self.source_hash, self.source, params)


def load_models(config: SimulatedBrokerConfig) -> tuple[LoadedModel, ...]:
    """The user's own models that a configuration names, as they are on disk now.

    Checks the names and parameters of all other models too. Raises ``ConfigError`` naming the key.
    """
    config.capabilities()
    loaded = tuple(
        load_model(role, choice.model, params=choice.params)
        for role, choice in choices(config).items()
        if is_reference(choice.model)
    )
    build_models(config, {one.role: one.model for one in loaded})
    return loaded


def load_rules(limits: RiskLimits) -> tuple[LoadedModel, ...]:
    """The user's own risk rules that a configuration names, as they are on disk now.

    Raises ``ConfigError`` naming the rule.
    """
    return tuple(load_model(RULES, one.rule, params=one.params) for one in limits.rules)


def load_model(role: str, reference: str, *, params: Mapping[str, object]) -> LoadedModel:
    """Load ``path/to/file.py:Class`` or ``package.module:Class`` as a model of a role, or a risk rule."""
    try:
        source = decode_source(find_source_file(_parsed(role, reference)).read_bytes())
    except InputError as error:
        raise ConfigError(f"{_key(role)}: there is no file or module for {reference!r}") from error
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise ConfigError(f"{_key(role)}: {reference!r} cannot be read: {error}") from error
    findings = lint_source(source, reference) if role == RULES else ()
    if findings:
        raise ConfigError("\n".join(f"{RULES}: {finding}" for finding in findings))
    return build_model(role, reference, source=source, params=params)


def build_model(role: str, reference: str, *, source: str, params: Mapping[str, object]) -> LoadedModel:
    """A model from its text; ``reference`` says what to call it, nothing is read from disk."""
    if role != RULES and role not in FORMS:
        raise ConfigError(f"broker.{role}: there is no such role of a model; there are: {', '.join(FORMS)}")
    parsed = _parsed(role, reference)
    source_hash = sha256(source.encode()).hexdigest()
    module = ModuleType(f"onetape_model_{source_hash[:16]}")
    module.__file__ = parsed.source_name
    with _registered(module):
        try:
            exec(compile(source, parsed.source_name, "exec", dont_inherit=True), module.__dict__)
            kind = _class_of(role, module, reference=parsed)
            if role == RULES:
                model: object = convert_rule(kind, params, name=reference)
            else:
                model = convert_own(role, kind, params, name=reference)
        except (ConfigError, KeyboardInterrupt):
            raise
        except BaseException as error:  # isolation: the code is not ours, and may raise anything
            raise ConfigError(
                f"{_key(role)}: loading {parsed.source_name} fails: {words_of(error)}"
            ) from error
    return LoadedModel(role, parsed.of_class(kind.__name__), source, source_hash, dict(params), model)


def recorded_models(opening: Iterable[Event], *, current_code: bool) -> tuple[LoadedModel, ...]:
    """The models and risk rules of a recorded run, from its inputs; with ``current_code`` those on disk."""
    build = _from_disk if current_code else _from_record
    return tuple(build(event) for event in opening if isinstance(event, ModelLoaded))


def venue_models(config: SimulatedBrokerConfig, loaded: Sequence[LoadedModel]) -> VenueModels:
    """All models of the venue: ours by name, the user's as loaded."""
    return build_models(config, {one.role: one.model for one in loaded})


def risk_rules(loaded: Sequence[LoadedModel]) -> tuple[RiskRule, ...]:
    """The user's own risk rules, in the order of the configuration."""
    rules = (one.model for one in loaded if one.role == RULES)
    return tuple(cast(RiskRule, rule) for rule in rules)  # cast: their form was checked when they were loaded


def _from_disk(event: ModelLoaded) -> LoadedModel:
    return load_model(event.role, event.reference, params=_params(event))


def _from_record(event: ModelLoaded) -> LoadedModel:
    return build_model(event.role, event.reference, source=event.source, params=_params(event))


def _params(event: ModelLoaded) -> dict[str, object]:
    return msgspec.json.decode(event.params, type=dict[str, object])


def _key(role: str) -> str:
    """The key of a role in the configuration."""
    return role if role == RULES else f"broker.{role}"


def _parsed(role: str, reference: str) -> Reference:
    try:
        return parse_reference(reference)
    except InputError as error:
        expected = "expected path/to/file.py:Class or package.module:Class"
        raise ConfigError(f"{_key(role)}: {reference!r}: {expected}") from error


@contextmanager
def _registered(module: ModuleType) -> Generator[None]:
    with _REGISTRATION:
        sys.modules[module.__name__] = module
        try:
            yield
        finally:
            del sys.modules[module.__name__]


def _class_of(role: str, module: ModuleType, *, reference: Reference) -> type[msgspec.Struct]:
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
        what = "rule" if role == RULES else "model"
        asked = f"no {what} {name!r}" if name else f"expected one {what}"
        raise ConfigError(f"{_key(role)}: {reference.source_name}: {asked}; its msgspec structs: {listed}")
    return kind
