"""Decimal arithmetic that does not depend on who calls.

A caller may have set any decimal context (few digits, another rounding, traps). Money and quantities must
come to the same whatever it is: the bus dispatches in ``EXACT``, and every function at our border that
computes, reads or writes decimals is marked ``@exact``. Not for generators: between two of their values the
context would be the caller's too.
"""

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, DivisionByZero, InvalidOperation, Overflow, localcontext
from functools import wraps
from inspect import iscoroutinefunction
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

EXACT = Context(
    prec=60, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow], capitals=1, clamp=0
)
"""Sixty digits: a float's 17 times a fractional quantity's 20, added up, and nothing is rounded away."""


def exact(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function or coroutine function in ``EXACT``; the caller's own context is as before afterwards.

    While a coroutine waits, other tasks keep their own contexts: each task has one of its own.
    """
    if iscoroutinefunction(function):

        @wraps(function)
        async def awaited(*args: P.args, **kwargs: P.kwargs) -> object:
            with localcontext(EXACT):
                return await function(*args, **kwargs)

        return awaited  # type: ignore[return-value]  # what it returns is a coroutine, as T is

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        with localcontext(EXACT):
            return function(*args, **kwargs)

    return called
