"""Decimal arithmetic that does not depend on the caller.

A caller may have set any decimal context (few digits, another rounding, traps). Money and quantities must not
depend on it. So the bus dispatches in ``EXACT``, and every public function that computes, reads or writes
decimals is marked ``@exact``. Do not mark generators: their code would run in the caller's context.
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
"""Sixty digits: enough for sums of a float (17 digits) times a fractional quantity (20) without rounding."""


def exact(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function or coroutine function in ``EXACT``. Afterwards the caller has its own context again.

    A waiting coroutine does not change the context of other tasks: each task has its own.
    """
    if iscoroutinefunction(function):

        @wraps(function)
        async def awaited(*args: P.args, **kwargs: P.kwargs) -> object:
            with localcontext(EXACT):
                return await function(*args, **kwargs)

        return awaited  # type: ignore[return-value]  # it returns a coroutine, and T is one

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        with localcontext(EXACT):
            return function(*args, **kwargs)

    return called
