"""The user's own modules: files beside a strategy that it imports.

    import indicators
    from indicators import slope

Each is read, linted and recorded with the strategy (``StrategyLoaded.modules``). So a replay of an old run
has the old text. The modules are made anew for each load, under names of their own. Nothing is taken from
``sys.modules``, where a changed file would still be the old one.

Only plain names are found, in the folder of the strategy. A file there comes before an installed package of
the same name, as for a script, but not before a package that strategies may import, such as ``numpy``.
"""

import ast
import builtins
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from importlib.util import decode_source
from pathlib import Path
from types import ModuleType

from kernel.errors import InputError
from kernel.events import SourceFile
from strategies.sdk.lint import Finding, lint_source
from strategies.sdk.linting.allowed import is_allowed_module
from strategies.sdk.linting.hooks import NO_HOOK


def read_own_modules(source: str, folder: Path) -> tuple[SourceFile, ...]:
    """The files in ``folder`` that a source imports, and those that they import; each after those it needs.

    Raises ``InputError`` for a file that cannot be read, and for files that import each other in a circle.
    """
    found: dict[str, SourceFile] = {}
    _read(source, folder, found, above=())
    return tuple(found.values())


def lint_own_modules(
    modules: Sequence[SourceFile], folder: str, *, libraries: frozenset[str] = frozenset()
) -> list[Finding]:
    """The findings in all of the modules. ``folder`` only names them.

    A strategy there may be without hooks: the strategy that derives from it has them.
    """
    names = frozenset(one.name for one in modules)
    return [
        finding
        for one in modules
        for finding in lint_source(
            one.source, own_path(folder, one.name), own_modules=names, libraries=libraries
        )
        if finding.rule != NO_HOOK
    ]


def own_path(folder: str, name: str) -> str:
    """The name of a module's file in messages."""
    return f"{folder}/{name}.py" if folder else f"{name}.py"


def importing(modules: Mapping[str, ModuleType]) -> dict[str, object]:
    """Built-ins for code whose ``import`` finds these modules first."""
    return {**vars(builtins), "__import__": _import_of(modules)}


def _import_of(modules: Mapping[str, ModuleType]) -> Callable[..., object]:
    def find(
        name: str,
        globals_: Mapping[str, object] | None = None,
        locals_: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> object:
        if name in modules:
            return modules[name]
        return builtins.__import__(name, globals_, locals_, fromlist, level)

    return find


def _read(source: str, folder: Path, found: dict[str, SourceFile], *, above: tuple[str, ...]) -> None:
    for name in _imported(source):
        file = folder / f"{name}.py"
        if name in found or is_allowed_module(name) or not file.is_file():
            continue
        if name in above:
            raise InputError(f"{file}: imports itself: {' -> '.join((*above, name))}")
        try:
            text = decode_source(file.read_bytes())
        except (OSError, SyntaxError, UnicodeDecodeError) as error:
            raise InputError(f"{file} cannot be read: {error}") from error
        _read(text, folder, found, above=(*above, name))
        found[name] = SourceFile(name, sha256(text.encode()).hexdigest(), text)


def _imported(source: str) -> list[str]:
    """The plain names of the modules that a source imports; none if it is not Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(dict.fromkeys(alias.name for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names[node.module] = None
    return [name for name in names if name.isidentifier()]
