"""A strategy's source for the rules: its tree, the meaning of its names, the kinds of its classes."""

import ast
from collections.abc import Iterator

import msgspec

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Finding(msgspec.Struct, frozen=True):
    """One problem in a strategy's source.

    ``line`` and ``column`` count from 1. ``message`` is a sentence with the problem and its solution.
    """

    path: str
    line: int
    column: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message} [{self.rule}]"


class SourceModule:
    """A parsed source file with the facts that several rules need."""

    def __init__(
        self,
        tree: ast.Module,
        path: str,
        *,
        own_modules: frozenset[str] = frozenset(),
        libraries: frozenset[str] = frozenset(),
    ) -> None:
        self.tree = tree
        self.path = path
        self.own_modules = own_modules
        self.libraries = libraries
        self.imported = dict(_imported_names(tree))
        self.definitions = frozenset(
            node.name
            for node in tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        )
        self._classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}

    def finding(self, node: ast.AST, rule: str, message: str) -> Finding:
        """A finding at the place of ``node``."""
        line = getattr(node, "lineno", 1)
        column = getattr(node, "col_offset", 0) + 1
        return Finding(self.path, line, column, rule, f"{message.rstrip('.')}.")

    def dotted_path(self, node: ast.expr) -> str | None:
        """The full path of a name or attribute chain: ``np.random.rand`` is ``numpy.random.rand``.

        A root that was not imported is kept as it is. ``None`` for anything but a chain of names.
        """
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        return ".".join([self.imported.get(node.id, node.id), *reversed(attributes)])

    def is_strategy(self, node: ast.ClassDef) -> bool:
        """Whether the class derives from ``Strategy``, directly or through classes of the strategy's file."""
        return "strategies.sdk.Strategy" in self._ancestors(node)

    def is_value_type(self, node: ast.ClassDef) -> bool:
        """Whether the class is a msgspec struct or a dataclass, whose body declares fields."""
        structs = {"msgspec.Struct", "strategies.sdk.StrategyParams", "strategies.sdk.StrategyState"}
        return bool(structs & self._ancestors(node)) or any(
            self.dotted_path(_called(decorator)) == "dataclasses.dataclass"
            for decorator in node.decorator_list
        )

    def is_frozen_type(self, name: str) -> bool:
        """Whether the class of this name, from the strategy's file, makes values that cannot change."""
        node = self._classes.get(name)
        if node is None:
            return False
        if self._ancestors(node) & {"enum.Enum", "enum.IntEnum", "enum.StrEnum", "typing.NamedTuple"}:
            return True
        keywords = [*node.keywords]
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call):
                keywords += decorator.keywords
        return any(keyword.arg == "frozen" and _is_true(keyword.value) for keyword in keywords)

    def bases(self, node: ast.ClassDef) -> list[str]:
        """The full paths of the classes that it derives from directly."""
        paths = (
            self.dotted_path(base.value if isinstance(base, ast.Subscript) else base) for base in node.bases
        )
        return [path for path in paths if path is not None]

    def bases_in_file(self, node: ast.ClassDef) -> list[ast.ClassDef]:
        """The classes of the strategy's file that it derives from, directly or through others."""
        return [self._classes[path] for path in sorted(self._ancestors(node) & self._classes.keys())]

    def has_imported_base(self, node: ast.ClassDef, *, known: str) -> bool:
        """Whether a direct base is neither of the strategy's file, nor the known one, nor of ``typing``."""
        paths = self.bases(node)
        return len(paths) < len(node.bases) or any(
            path not in self._classes and path != known and not path.startswith("typing.") for path in paths
        )

    def _ancestors(self, node: ast.ClassDef, seen: frozenset[str] = frozenset()) -> set[str]:
        ancestors: set[str] = set()
        for path in self.bases(node):
            ancestors.add(path)
            if path in self._classes and path not in seen:
                ancestors |= self._ancestors(self._classes[path], seen | {path})
        return ancestors


class ScopedVisitor(ast.NodeVisitor):
    """Visits a tree, and knows the names that the scopes around a node bind."""

    def __init__(self, module: SourceModule) -> None:
        self.module = module
        self.findings: list[Finding] = []
        self._function_names: list[frozenset[str]] = []
        self._class_names: frozenset[str] = frozenset()
        self._module_names = frozenset(bound_names(module.tree)) - frozenset(module.imported)

    def report(self, node: ast.AST, rule: str, message: str) -> None:
        """Add a finding at the place of ``node``."""
        self.findings.append(self.module.finding(node, rule, message))

    def is_bound(self, name: str) -> bool:
        """Whether the file binds this name in a scope around this place, except by import."""
        return name in self._module_names or name in self._class_names or self.is_bound_in_function(name)

    def is_bound_in_function(self, name: str) -> bool:
        """Whether a function around this place binds the name, as a parameter or variable."""
        return any(name in names for names in self._function_names)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer = self._class_names
        self._class_names = frozenset(bound_names(node))
        self.generic_visit(node)
        self._class_names = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_function(node)

    def _visit_function(self, node: FunctionNode) -> None:
        class_names, self._class_names = self._class_names, frozenset()
        self._function_names.append(frozenset(bound_names(node)))
        self.generic_visit(node)
        self._function_names.pop()
        self._class_names = class_names


def bound_names(scope: ast.Module | ast.ClassDef | FunctionNode) -> Iterator[str]:
    """The names that a scope binds itself, without those of scopes inside it."""
    if isinstance(scope, FunctionNode):
        arguments = scope.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            yield argument.arg
        for rest in (arguments.vararg, arguments.kwarg):
            if rest is not None:
                yield rest.arg
    body = [scope.body] if isinstance(scope, ast.Lambda) else scope.body
    pending: list[ast.AST] = list(body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
            continue
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name is not None:
            yield node.name
        if not isinstance(node, ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))


def _imported_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.split(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (root, root)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _called(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True
