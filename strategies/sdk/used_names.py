"""The names that a strategy's code uses, read from its compiled functions.

A host finds the parts of the context that a strategy uses, so that other strategies do not pay for them. The
search reads the code of the class, of its base classes, and of all functions and classes in their modules and
in the modules beside these that they import.
"""

from collections.abc import Iterator
from pathlib import PurePath
from types import CodeType, FunctionType, ModuleType
from typing import Any


def uses_name(kind: type, name: str, *, below: type) -> bool:
    """Whether the code of ``kind`` has an attribute of this name, or the name as a text.

    Its base classes are read too, except ``below`` and the bases of that.
    """
    own = [each for each in kind.__mro__ if issubclass(each, below) and each is not below]
    functions = [function for each in own for function in _functions_of(each)]
    modules = {function.__module__: function.__globals__ for function in functions}
    pending = list(modules)
    while pending:
        module = pending.pop()
        for value in tuple(modules[module].values()):
            if isinstance(value, FunctionType):
                functions.append(value)
            elif isinstance(value, type) and value.__module__ in modules:
                functions += _functions_of(value)
            other, values = _module_of(value)
            if other not in modules and _is_beside(values, modules[module]):
                modules[other] = values
                pending.append(other)
    return any(_has_name(function.__code__, name) for function in functions)


def _module_of(value: object) -> tuple[str, dict[str, Any]]:
    """The module that a value is, or that a function comes from: its name and its values."""
    if isinstance(value, ModuleType):
        return value.__name__, vars(value)
    return (value.__module__, value.__globals__) if isinstance(value, FunctionType) else ("", {})


def _is_beside(values: dict[str, Any], others: dict[str, Any]) -> bool:
    """Whether two modules are in files of one folder."""
    files = values.get("__file__"), others.get("__file__")
    return all(files) and PurePath(str(files[0])).parent == PurePath(str(files[1])).parent


def _functions_of(kind: type) -> Iterator[FunctionType]:
    """The functions that a class defines, also in properties, static methods and class methods."""
    for value in tuple(vars(kind).values()):
        accessors: tuple[object, ...] = (getattr(value, "__func__", value),)
        if isinstance(value, property):
            accessors = (value.fget, value.fset)
        for function in accessors:
            if isinstance(function, FunctionType):
                yield function


def _has_name(code: CodeType, name: str) -> bool:
    if name in code.co_names or name in code.co_consts:
        return True
    return any(isinstance(inner, CodeType) and _has_name(inner, name) for inner in code.co_consts)
