"""Strategies from files, modules and recorded text.

    loaded = load_strategy("strategies.ma_cross:MovingAverageCross", {"fast": "20", "slow": "50"})
    loaded.strategy, loaded.source, loaded.source_hash

The source is read, linted, and compiled into a module of its own, which shares nothing with an imported
one. So a changed file can be loaded while the old version still trades. A wrong file, module, class or
parameter raises ``InputError``. Source that may not run raises the subclass ``StrategyRefused``, with file
and line of every finding.
"""

import hashlib
import inspect
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import decode_source
from pathlib import PurePath
from threading import Lock
from traceback import extract_tb
from types import MappingProxyType, ModuleType
from typing import SupportsIndex, TypeGuard

import msgspec

from kernel.decimals import exact
from kernel.errors import InputError, StrategyRefused
from kernel.events import SourceFile
from kernel.loggable import message_of, words_of
from strategies.sdk.lint import lint_source
from strategies.sdk.own_modules import importing, lint_own_modules, own_path, read_own_modules
from strategies.sdk.parameters import ParameterRow, convert_params, rows_of
from strategies.sdk.references import Reference, find_source_file, parse_reference
from strategies.sdk.strategy import Metadata, ParamsT, StateT, Strategy, StrategyParams, StrategyState
from strategies.sdk.type_hints import check_hints

__all__ = ["LoadedStrategy", "ParameterRow", "describe", "load_recorded", "load_source", "load_strategy"]

AnyStrategy = Strategy[StrategyParams, StrategyState]
"""A strategy with any parameter and state types."""

_NO_PARAMS: Mapping[str, object] = MappingProxyType({})
_REGISTRATION = Lock()
"""Held while a module is in ``sys.modules``: two modules of one source have the same name."""


class LoadedStrategy(msgspec.Struct, frozen=True):
    """A strategy built from its source, with all facts that are needed to record and repeat the load.

    - ``reference`` always names the class; ``source_hash`` is the SHA-256 of ``source`` in hex.
    - ``modules``: the files beside it that it imports.
    """

    strategy: AnyStrategy
    reference: str
    source: str
    source_hash: str
    version: str
    modules: tuple[SourceFile, ...] = ()

    @property
    def code_hash(self) -> str:
        """The SHA-256, in hex, of the source with the modules that it imports."""
        return code_hash_of(self.source_hash, self.modules)


def code_hash_of(source_hash: str, modules: Sequence[SourceFile]) -> str:
    """The hash of a source with its own modules, from the hash of each; of a source alone, its own."""
    if not modules:
        return source_hash
    parts = [source_hash, *(f"{one.name} {one.source_hash}" for one in modules)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def describe(strategy_type: type[Strategy[ParamsT, StateT]]) -> tuple[ParameterRow, ...]:
    """The parameters of a strategy, in the order of their declaration."""
    return rows_of(strategy_type.params_type)


def load_strategy(
    reference: str,
    params: Mapping[str, object] = _NO_PARAMS,
    *,
    libraries: frozenset[str] = frozenset(),
) -> LoadedStrategy:
    """Load ``package.module:Class`` or ``path/to/file.py:Class`` as it is on disk now.

    ``:Class`` may be left out if there is only one. Modules are searched in the current folder, then where
    ``import`` would search, without running the packages that hold them. Parameters may be text.
    ``libraries``: packages that it may import beside those of every strategy.

    Raises ``InputError`` and ``StrategyRefused``.
    """
    parsed = parse_reference(reference)
    path = find_source_file(parsed)
    try:
        source = decode_source(path.read_bytes())
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise InputError(f"strategy {reference!r}: {path} cannot be read: {error}") from error
    modules = read_own_modules(source, path.parent)
    refuse_findings(source, str(path), modules, libraries=libraries)
    return _build(source, parsed, params, modules)


def load_source(source: str, reference: str, params: Mapping[str, object] = _NO_PARAMS) -> LoadedStrategy:
    """Lint and load a strategy from its text; ``reference`` is its name.

    Nothing is read from disk. Raises ``InputError`` and ``StrategyRefused``.
    """
    parsed = parse_reference(reference)
    refuse_findings(source, parsed.source_name)
    return _build(source, parsed, params)


def load_recorded(
    source: str,
    reference: str,
    params: Mapping[str, object] = _NO_PARAMS,
    *,
    modules: Sequence[SourceFile] = (),
) -> LoadedStrategy:
    """Load text that a log recorded, with its own modules, without linting it again.

    It was linted when it was first loaded. An old log must replay even if the linter is stricter today.
    Raises ``InputError`` and ``StrategyRefused``.
    """
    return _build(source, parse_reference(reference), params, modules)


def refuse_findings(
    source: str,
    path: str,
    modules: Sequence[SourceFile] = (),
    *,
    libraries: frozenset[str] = frozenset(),
) -> None:
    """Raise ``StrategyRefused`` with all that the linter finds in a source and in its own modules."""
    names = frozenset(one.name for one in modules)
    folder = PurePath(path).parent.as_posix()
    findings = [
        *lint_source(source, path, own_modules=names, libraries=libraries),
        *lint_own_modules(modules, "" if folder == "." else folder, libraries=libraries),
    ]
    if findings:
        raise StrategyRefused("\n".join(map(str, findings)))


@exact
def _build(
    source: str,
    reference: Reference,
    params: Mapping[str, object],
    modules: Sequence[SourceFile] = (),
) -> LoadedStrategy:
    source_hash = hashlib.sha256(source.encode()).hexdigest()
    module = ModuleType(f"onetape_strategy_{source_hash[:16]}")
    # Only the reference names the source, so the place of an error is the same on every machine and replay.
    module.__file__ = reference.source_name
    own = {one.name: ModuleType(f"{module.__name__}.{one.name}") for one in modules}
    with _registered(module, *own.values()):
        for place, one in enumerate(modules):
            needed = {each.name: own[each.name] for each in modules[:place]}
            _run_own(own[one.name], one, reference, needed)
        with _refusing_failures(reference.source_name, "loading the module"):
            _execute(source, module, own)
            strategy_type = _choose_class(module, reference)
        with _refusing_failures(reference.source_name, "resolving the types of its structs"):
            _resolve_hints(module, (strategy_type.params_type, strategy_type.state_type))
    with _refusing_failures(reference.source_name, f"building {strategy_type.__name__}"):
        converted = convert_params(strategy_type.metadata.name, strategy_type.params_type, params)
        strategy = _instantiate(strategy_type, converted)
        _check_state(strategy, reference)
        _check_record(strategy, reference)
        _check_needs(strategy, reference)
    return LoadedStrategy(
        strategy=strategy,
        reference=reference.of_class(strategy_type.__name__),
        source=source,
        source_hash=source_hash,
        version=strategy_type.metadata.version,
        modules=tuple(modules),
    )


def _execute(source: str, module: ModuleType, own: Mapping[str, ModuleType]) -> None:
    """Run a module's text. Its imports find the own modules first."""
    if own:
        module.__dict__["__builtins__"] = importing(own)
    exec(compile(source, str(module.__file__), "exec", dont_inherit=True), module.__dict__)


def _run_own(
    module: ModuleType, one: SourceFile, reference: Reference, own: Mapping[str, ModuleType]
) -> None:
    folder, _, _ = reference.source_name.rpartition("/")
    module.__file__ = file = own_path(folder, one.name)
    with _refusing_failures(file, "loading the module"):
        _execute(one.source, module, own)
        _resolve_hints(module)


@contextmanager
def _registered(*modules: ModuleType) -> Generator[None]:
    """Put the modules into ``sys.modules`` while its classes are made and their hints resolved.

    Dataclasses and structs look up their module by name to resolve hints written as text. Afterwards nothing
    does (see ``_resolve_hints``), and a module that is not listed is freed with its last strategy.
    """
    with _REGISTRATION:
        sys.modules.update({module.__name__: module for module in modules})
        try:
            yield
        finally:
            for module in modules:
                del sys.modules[module.__name__]


@contextmanager
def _refusing_failures(file: str, doing: str) -> Generator[None]:
    """Turn any exception of the strategy's code into ``StrategyRefused``, with the innermost of its lines."""
    try:
        yield
    except (InputError, KeyboardInterrupt):
        raise
    except BaseException as error:  # isolation: the code is not ours, and may raise or end anything
        lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == file]
        if isinstance(error, SyntaxError):
            lines.append(error.lineno)
        where = f"{file}:{lines[-1] if lines else 1}"
        raise StrategyRefused(f"{where}: {doing} fails: {words_of(error)}") from error


def _choose_class(module: ModuleType, reference: Reference) -> type[AnyStrategy]:
    values: dict[str, object] = vars(module)
    own = {
        name: value
        for name, value in values.items()
        if _is_strategy_type(value) and value.__module__ == module.__name__ and value.__name__ == name
    }
    where, listed = reference.source_name, ", ".join(own) or "none"
    if reference.class_name is None:
        if len(own) != 1:
            raise InputError(f"{where}: expected one Strategy class, found {listed}; name it: {where}:Class")
        return next(iter(own.values()))
    if reference.class_name in own:
        return own[reference.class_name]
    if reference.class_name in values:
        what = f"{reference.class_name!r} is not a subclass of Strategy defined there"
        raise InputError(f"{where}: {what}; those defined: {listed}")
    raise InputError(f"{where}: no class {reference.class_name!r}; Strategy classes defined there: {listed}")


def _is_strategy_type(value: object) -> TypeGuard[type[AnyStrategy]]:
    return isinstance(value, type) and issubclass(value, Strategy)


def _resolve_hints(module: ModuleType, more: Sequence[type] = ()) -> None:
    """Replace hints written as text by the types that they name, in every struct of the module.

    Before that, every hint is checked that will ever be evaluated: it may not run code.
    """
    values: dict[str, object] = vars(module)
    structs = [
        value
        for value in (*values.values(), *more)
        if isinstance(value, type) and issubclass(value, msgspec.Struct)
    ]
    check_hints(module, structs)
    for struct in structs:
        for cls in struct.__mro__:
            if cls.__module__ == module.__name__:
                cls.__annotations__ = inspect.get_annotations(cls, eval_str=True)


def _instantiate(strategy_type: type[AnyStrategy], params: Mapping[str, object]) -> AnyStrategy:
    """Build with converted parameters. A ``ValueError`` of ``validate`` becomes an ``InputError``."""
    try:
        return strategy_type(**params)
    except ValueError as error:
        raise InputError(f"strategy {strategy_type.metadata.name!r}: {message_of(error)}") from error


def _check_needs(strategy: AnyStrategy, reference: Reference) -> None:
    """Check the answers to the questions that the assembly asks of a strategy."""
    count = strategy.bars_needed()
    if not _is_whole(count):
        raise StrategyRefused(
            f"{reference.source_name}: bars_needed(): expected a whole number; got {type(count).__name__}"
        )
    strategy.needs_book()
    strategy.needs_day_pnl()
    strategy.uses_log()


def _is_whole(value: object) -> bool:
    return isinstance(value, SupportsIndex)


def _check_record(strategy: AnyStrategy, reference: Reference) -> None:
    """Check that the log can hold the strategy's metadata and parameters."""
    try:
        msgspec.msgpack.decode(msgspec.msgpack.encode(strategy.metadata), type=Metadata)
        msgspec.json.encode(strategy.params)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise StrategyRefused(
            f"{reference.source_name}: metadata or parameters cannot be written: {message_of(error)}"
        ) from error


def _check_state(strategy: AnyStrategy, reference: Reference) -> None:
    """Check that the whole state can be written and read back (law 5)."""
    try:
        encoded = msgspec.msgpack.encode(strategy.state)
        msgspec.msgpack.decode(encoded, type=type(strategy.state))
    except (TypeError, msgspec.MsgspecError) as error:
        what = f"{type(strategy.state).__name__} cannot be written and read back: {message_of(error)}"
        raise StrategyRefused(
            f"{reference.source_name}: {what}; use numbers, text, lists, dicts and structs"
        ) from error
