"""What deciding code may not do: read a clock, the machine or chance, or let a set choose an order."""

import ast
from collections.abc import Iterator

from tests.house.rules import Rule, Violation
from tests.house.tree import FunctionNode, Source, dotted, imported_names, scoped

DETERMINISM = Rule(
    "determinism", "The core reads no wall clock, randomness, environment, file or socket: it must replay."
)
SET_ORDER = Rule("set order", "The core never lets a set's order through: sort it, or use a tuple or dict.")

BANNED = {
    "datetime.date.today": "wall clock",
    "datetime.datetime.now": "wall clock",
    "datetime.datetime.today": "wall clock",
    "datetime.datetime.utcnow": "wall clock",
    "time": "wall clock",
    "numpy.random": "randomness",
    "random": "randomness",
    "secrets": "randomness",
    "os.urandom": "randomness",
    "uuid.uuid1": "randomness",
    "uuid.uuid4": "randomness",
    "os.environ": "environment",
    "os.getenv": "environment",
    "os.getpid": "environment",
    "io.open": "file",
    "os.open": "file",
    "tempfile": "file",
    "socket": "socket",
}
BANNED_BUILTINS = {
    "hash": "hash() differs between processes",
    "id": "id() differs between processes",
    "input": "input()",
    "open": "file",
}
BANNED_METHODS = frozenset({"read_bytes", "read_text", "write_bytes", "write_text"})

CORE_FOLDERS = ("kernel/", "components/", "strategies/", "brokers/simulated")
CLOCK = "kernel/clock"
SEEDED_RANDOM = ("strategies/sdk/", "components/strategy_host/")
"""Where ``random.Random(seed)`` may be made: the context that hands it to strategies."""

_ORDERED_CALLS = frozenset({"list", "tuple", "enumerate", "iter", "zip", "map", "filter", "reversed"})
_ORDER_FREE_CALLS = frozenset({"sorted", "set", "frozenset", "any", "all", "len", "min", "max"})
_SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})
_SET_TYPES = frozenset({"set", "frozenset", "AbstractSet", "MutableSet"})


def is_core(path: str) -> bool:
    """Whether a file is deciding code."""
    return path.startswith(CORE_FOLDERS) and not path.startswith(CLOCK)


def nondeterminism(source: Source) -> Iterator[Violation]:
    """Uses of what may differ between two replays; one per line."""
    names = imported_names(source)
    seen: set[int] = set()
    for node, scope in scoped(source):
        found = _banned_use(node, names, may_seed=source.path.startswith(SEEDED_RANDOM))
        if found and isinstance(node, ast.expr) and node.lineno not in seen:
            seen.add(node.lineno)
            yield Violation(source.path, node.lineno, found, scope)


def set_orders(source: Source) -> Iterator[Violation]:
    """Places where the order of a set, as far as it can be seen to be one, reaches a sequence."""
    for function, scope, known in _spaces(source):
        order_free = {
            id(argument)
            for call in _own_nodes(function)
            if isinstance(call, ast.Call) and _called(call) in _ORDER_FREE_CALLS
            for argument in call.args
        }
        for node in _own_nodes(function):
            if id(node) in order_free:
                continue
            for iterated in _iterated(node):
                if _is_set(iterated, known):
                    found = f"order of {ast.unparse(iterated)}"
                    yield Violation(source.path, iterated.lineno, found, scope)


def _banned_use(node: ast.AST, names: dict[str, str], *, may_seed: bool) -> str:
    if isinstance(node, ast.Call):
        if dotted(node.func, names) == "random.Random" and not node.args:
            return "random.Random without a seed: randomness"
        if isinstance(node.func, ast.Name) and node.func.id not in names and node.func.id in BANNED_BUILTINS:
            return f"{node.func.id}: {BANNED_BUILTINS[node.func.id]}"
        if isinstance(node.func, ast.Attribute) and node.func.attr in BANNED_METHODS:
            return f"{node.func.attr}: file"
    if isinstance(node, ast.Name | ast.Attribute):
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not (isinstance(root, ast.Name) and root.id in names):
            return ""
        full = dotted(node, names)
        if (full == "random.Random" and may_seed) or (full == "random" and isinstance(node, ast.Name)):
            return ""
        for banned, why in BANNED.items():
            if full == banned or full.startswith(f"{banned}."):
                return f"{full}: {why}"
    return ""


def _spaces(source: Source) -> Iterator[tuple[ast.AST, str, set[str]]]:
    """The module and each function, with the names (``x``, ``self.x``) known there to hold sets."""
    yield source.tree, "", _set_names(source.tree, "")
    attributes: dict[str, set[str]] = {}
    for node, scope in scoped(source):
        if isinstance(node, ast.ClassDef):
            attributes[f"{scope}.{node.name}".lstrip(".")] = _set_names(node, "self.")
        elif isinstance(node, FunctionNode):
            known = _set_names(node, "") | attributes.get(scope, set())
            yield node, f"{scope}.{node.name}".lstrip("."), known


def _set_names(space: ast.AST, prefix: str) -> set[str]:
    """Names that are annotated as sets or assigned one directly in this space."""
    names: set[str] = set()
    if isinstance(space, FunctionNode):
        arguments = [*space.args.posonlyargs, *space.args.args, *space.args.kwonlyargs]
        names |= {each.arg for each in arguments if each.annotation and _is_set_type(each.annotation)}
    for node in _own_nodes(space):
        if isinstance(node, ast.AnnAssign) and _is_set_type(node.annotation):
            names.add(prefix + ast.unparse(node.target))
        elif isinstance(node, ast.Assign) and _is_set(node.value, names):
            names |= {prefix + ast.unparse(target) for target in node.targets}
    return names


def _own_nodes(space: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a space without those of the functions and classes inside it."""
    for child in ast.iter_child_nodes(space):
        yield child
        if not isinstance(child, FunctionNode | ast.ClassDef):
            yield from _own_nodes(child)


def _iterated(node: ast.AST) -> list[ast.expr]:
    """The expressions that this node walks in order, where the order shows in what it makes."""
    if isinstance(node, ast.For | ast.AsyncFor):
        return [node.iter]
    if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp):
        return [generator.iter for generator in node.generators]
    if isinstance(node, ast.Starred):
        return [node.value]
    if isinstance(node, ast.Call) and (
        _called(node) in _ORDERED_CALLS or _called(node) in {"join", "extend"}
    ):
        return list(node.args)
    return []


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr if call.func.attr in {"join", "extend"} else ""
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _is_set(node: ast.expr, known: set[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if attr in _SET_METHODS:
            return _is_set(owner, known)
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.BitXor() | ast.Sub(), right=right):
            return _is_set(left, known) or _is_set(right, known)
        case ast.IfExp(body=body, orelse=orelse):
            return _is_set(body, known) or _is_set(orelse, known)
        case ast.Name() | ast.Attribute():
            return ast.unparse(node) in known
        case _:
            return False


def _is_set_type(annotation: ast.expr) -> bool:
    match annotation:
        case ast.Subscript(value=value):
            return _is_set_type(value)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _SET_TYPES
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _is_set_type(left) or _is_set_type(right)
        case _:
            return False
