"""The names that a strategy's code uses, read from its compiled functions.

A host finds the parts of the context that a strategy uses, so that other strategies do not pay for them. The
search reads the code of the class, of its base classes, and of all functions and classes in their modules.
"""

from collections.abc import Iterator
from types import CodeType, FunctionType


def uses_name(kind: type, name: str, *, below: type) -> bool:
    """Whether the code of ``kind`` has an attribute of this name, or the name as a text.

    Its base classes are read too, except ``below`` and the bases of that.
    """
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
