"""Rule: a computation gives the same number in every Python version that may replay the log, and compiled.

- The built-in ``sum`` adds floats with compensation from Python 3.12 on, and without it before: averages
  made with it trade differently. It is allowed where it clearly adds no floats: for whole numbers, decimals,
  or with a start that is a decimal, a fraction or a sequence.
- Python computes a whole power of a float with the C library's ``pow``; compiled code multiplies. Of 5
  million floats, the square of 1 in 1,200 differs from the product, and the cube of 1 in 4.

Both were measured, and so was everything else that the linter allows
(``tests/strategies/test_same_numbers.py``).
"""

import ast
from collections.abc import Iterator

from strategies.sdk.linting.source_module import Finding, ScopedVisitor, SourceModule

_SUM = (
    "`sum` of floats gives different results from Python 3.12 on; use `math.fsum`, for whole numbers "
    "`sum(int(x) for ...)`, for decimals `sum(..., Decimal(0))`"
)
_WEIGHTED = "`statistics.fmean` with weights gives different results from Python 3.12 on; use `math.fsum`"
_POWER = "`{}` of a float gives another number in compiled code, which multiplies; write {}"
_LATER = "`{}` is missing in some Python versions that may replay the log; {}"
_CHANCE = "`samples` gives different numbers in every run or Python version; use `self.ctx.random.gauss`"

_WHOLE_CALLS = frozenset({"bool", "int", "isinstance", "len", "ord", "range", "math.isqrt", "math.comb"}) | {
    "math.ceil",
    "math.floor",
    "math.gcd",
    "math.perm",
    "math.trunc",
    "operator.index",
}
_WHOLE_OPERATORS = (
    *(ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod),
    *(ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr, ast.BitXor),
)
_EXACT_CALLS = frozenset({"decimal.Decimal", "fractions.Fraction"})
_POWER_CALLS = frozenset({"pow", "math.pow", "operator.pow", "operator.ipow", "numpy.power"})
_PRODUCTS = {-1: "`1 / x`", 2: "`x * x`", 3: "`x * x * x`"}


def check_arithmetic(module: SourceModule) -> Iterator[Finding]:
    """Refuse sums and powers of floats, and functions that differ between Python versions."""
    visitor = _ArithmeticVisitor(module)
    visitor.visit(module.tree)
    yield from visitor.findings


class _ArithmeticVisitor(ScopedVisitor):
    def __init__(self, module: SourceModule) -> None:
        super().__init__(module)
        self._exact_names = frozenset(_exact_names(module))
        self._good_sums: set[ast.expr] = set()

    def visit_Name(self, node: ast.Name) -> None:
        is_ours = isinstance(node.ctx, ast.Load) and not self.is_bound(node.id)
        if is_ours and self.module.dotted_path(node) == "sum" and node not in self._good_sums:
            self.report(node, "sum", _SUM)

    def visit_Call(self, node: ast.Call) -> None:
        path = self.module.dotted_path(node.func) or ""
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if path == "sum" and self._is_good_sum(node):
            self._good_sums.add(node.func)
        elif path == "statistics.fmean" and (len(node.args) > 1 or node.keywords):
            self.report(node, "version", _WEIGHTED)
        elif path in _POWER_CALLS and len(node.args) > 1 and not self.is_bound(path):
            self._check_power(node, node.args[0], node.args[1])
        elif method == "expovariate" and not node.args and not node.keywords:
            self.report(node, "version", _LATER.format("expovariate()", "name its rate: `expovariate(1.0)`"))
        elif method == "binomialvariate":
            self.report(node, "version", _LATER.format(method, "count `random() < p` instead"))
        elif method == "samples" and "statistics.NormalDist" in (*self.module.imported.values(), path):
            self.report(node, "version", _CHANCE)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.Pow):
            self._check_power(node, node.left, node.right)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.op, ast.Pow):
            self._check_power(node, node.target, node.value)
        self.generic_visit(node)

    def _check_power(self, node: ast.AST, base: ast.expr, exponent: ast.expr) -> None:
        power = _whole_constant(exponent)
        if power is None or power in (0, 1) or self._is_whole(base) or self._is_exact(base):
            return
        product = _PRODUCTS.get(power, "the product")
        self.report(node, "power", _POWER.format(f"x ** {power}", product))

    def _is_good_sum(self, node: ast.Call) -> bool:
        """Whether the start or the values show that no floats are added."""
        starts = [*node.args[1:2], *(keyword.value for keyword in node.keywords if keyword.arg == "start")]
        if any(self._is_exact(start) or isinstance(start, ast.List | ast.Tuple) for start in starts):
            return True
        if not node.args or not all(self._is_whole(start) for start in starts):
            return False
        match node.args[0]:
            case ast.GeneratorExp(elt=element) | ast.ListComp(elt=element) | ast.SetComp(elt=element):
                return self._is_whole(element) or self._is_exact(element)
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                return all(self._is_whole(one) or self._is_exact(one) for one in elements)
            case ast.Call(func=ast.Name(id="map"), args=[function, *_]):
                return self._calls(function, _WHOLE_CALLS | _EXACT_CALLS)
            case ast.Call(func=ast.Name(id="range") as function):
                return not self.is_bound(function.id)
            case _:
                return False

    def _is_whole(self, node: ast.expr) -> bool:
        """Whether the value is clearly a whole number or a bool."""
        match node:
            case ast.Constant(value=int()) | ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return True
            case ast.Call(func=ast.Name(id="round"), args=[_], keywords=[]):
                return not self.is_bound("round")
            case ast.Call(func=ast.Name(id="abs" | "max" | "min"), args=values, keywords=[]):
                return all(self._is_whole(value) for value in values)
            case ast.Call(func=function):
                return self._calls(function, _WHOLE_CALLS)
            case ast.BinOp(left=left, op=operator, right=right) if isinstance(operator, _WHOLE_OPERATORS):
                return self._is_whole(left) and self._is_whole(right)
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))):
                return power >= 0 and self._is_whole(left)
            case ast.UnaryOp(operand=operand):
                return self._is_whole(operand)
            case ast.IfExp(body=body, orelse=orelse):
                return self._is_whole(body) and self._is_whole(orelse)
            case ast.BoolOp(values=values):
                return all(self._is_whole(value) for value in values)
            case _:
                return False

    def _is_exact(self, node: ast.expr) -> bool:
        """Whether the value is clearly a decimal or a fraction."""
        match node:
            case ast.Name(id=name):
                return name in self._exact_names and not self.is_bound_in_function(name)
            case ast.Call(func=function):
                return self._calls(function, _EXACT_CALLS)
            case ast.BinOp(left=left, right=right):
                sides = (left, right)
                exact = [self._is_exact(side) for side in sides]
                return any(exact) and all(
                    is_exact or self._is_whole(side) for is_exact, side in zip(exact, sides, strict=True)
                )
            case ast.UnaryOp(operand=operand):
                return self._is_exact(operand)
            case _:
                return False

    def _calls(self, function: ast.expr, paths: frozenset[str]) -> bool:
        path = self.module.dotted_path(function)
        return path in paths and not (isinstance(function, ast.Name) and self.is_bound(function.id))


def _exact_names(module: SourceModule) -> Iterator[str]:
    """Constants at the top of the file that are decimals or fractions: ``ZERO = Decimal(0)``."""
    for statement in module.tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=function))
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Call(func=function))
            ) if module.dotted_path(function) in _EXACT_CALLS:
                yield name
            case _:
                pass


def _whole_constant(node: ast.expr) -> int | None:
    """The exponent, if it is written as a whole number (``2``, ``-1``, ``2.0``)."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            positive = _whole_constant(operand)
            return None if positive is None else -positive
        case ast.Constant(value=int(value)):
            return value
        case ast.Constant(value=float(value)) if value.is_integer():
            return int(value)
        case _:
            return None
