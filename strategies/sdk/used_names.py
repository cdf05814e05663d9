"""The names that a strategy's code uses, read from its compiled functions.

A host asks which parts of the context a strategy uses, so that others pay nothing for them. What counts is
the code of the class, of those it is built on, and of all functions and classes of their modules.
"""

from collections.abc import Iterator
from types import CodeType, FunctionType


def uses_name(kind: type, name: str, *, below: type) -> bool:
    """Whether the code of ``kind``, down to the class ``below`` that it is built on, has an attribute of this
    name, or the name as a text."""
    own = [each for each in kind.__mro__ if issubclass(each, below) and each is not below]
    functions = [function for each in own for function in _functions_of(each)]
    modules = {function.__module__: function.__globals__ for function in functions}
    for values in modules.values():
        for value in tuple(values.values()):
            if isinstance(value, FunctionType):
                functions.append(value)
            elif isinstance(value, type) and value.__module__ in modules:
                functions += _functions_of(value)
    return any(_has_name(function.__code__, name) for function in functions)


def _functions_of(kind: type) -> Iterator[FunctionType]:
    """The functions that a class defines, those of its properties and of its static and class methods too."""
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
