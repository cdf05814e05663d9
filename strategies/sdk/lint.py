"""The strategy linter: refuses, before loading, code that would make a replay differ or that nothing calls.

    for finding in lint_source(source, "my_strategy.py"):
        print(finding)  # my_strategy.py:12:9: `time` reads the wall clock, ...

It helps honest authors and is not a sandbox: it knows some wrong code by reading the source, and can be
bypassed on purpose. ``replay verify`` finds the rest, as the first event that differs.
``strategies/sdk/linting/allowed.py`` lists what is allowed and what is refused, with reasons.
"""

import ast

from strategies.sdk.linting.annotations import check_annotations
from strategies.sdk.linting.arithmetic import check_arithmetic
from strategies.sdk.linting.fixed_values import check_fixed_values
from strategies.sdk.linting.held_objects import check_held_objects
from strategies.sdk.linting.hooks import check_hooks
from strategies.sdk.linting.imports import check_imports
from strategies.sdk.linting.names import check_names
from strategies.sdk.linting.set_order import check_set_order
from strategies.sdk.linting.source_module import Finding, SourceModule
from strategies.sdk.linting.state_stores import check_state_stores

__all__ = ["Finding", "lint_source", "lint_tree"]

RULES = (
    check_imports,
    check_names,
    check_annotations,
    check_arithmetic,
    check_set_order,
    check_fixed_values,
    check_state_stores,
    check_held_objects,
    check_hooks,
)


def lint_source(
    source: str,
    path: str,
    *,
    own_modules: frozenset[str] = frozenset(),
    libraries: frozenset[str] = frozenset(),
) -> tuple[Finding, ...]:
    """All findings in a strategy's source, in order of line and column; empty if it may be loaded.

    - ``path`` only names the source in the findings. Source that is not Python is one finding.
    - ``own_modules``: the files beside the strategy, which it may import. They are linted themselves.
    - ``libraries``: further packages that it may import, because it runs in a process of its own.
    """
    try:
        tree = ast.parse(source, filename=path)
    except SyntaxError as error:
        message = f"this is not Python: {error.msg}"
        return (Finding(path, error.lineno or 1, error.offset or 1, "syntax", f"{message}."),)
    except (ValueError, RecursionError) as error:
        return (Finding(path, 1, 1, "syntax", f"this is not Python: {error}."),)
    return lint_tree(tree, path, own_modules=own_modules, libraries=libraries)


def lint_tree(
    tree: ast.Module, path: str, *, own_modules: frozenset[str], libraries: frozenset[str] = frozenset()
) -> tuple[Finding, ...]:
    """All findings in a parsed source."""
    module = SourceModule(tree, path, own_modules=own_modules, libraries=libraries)
    findings = {finding for rule in RULES for finding in rule(module)}
    return tuple(sorted(findings, key=_place))


def _place(finding: Finding) -> tuple[int, int, str, str]:
    return finding.line, finding.column, finding.rule, finding.message
