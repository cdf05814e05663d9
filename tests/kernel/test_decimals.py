"""Arithmetic at our border is the same whatever the caller's context, which is as before afterwards."""

import asyncio
from decimal import ROUND_UP, Context, Decimal, getcontext, localcontext

import pytest

from kernel.decimals import exact

ROUGH = Context(prec=3, rounding=ROUND_UP)


@exact
def third() -> Decimal:
    return Decimal(1) / 3


@exact
async def third_after(pause: asyncio.Event) -> Decimal:
    await pause.wait()
    return Decimal(1) / 3


@exact
def fails() -> None:
    raise ValueError("as told")


def test_a_function_computes_with_sixty_digits() -> None:
    with localcontext(ROUGH):
        assert len(third().as_tuple().digits) == 60


def test_the_callers_context_is_as_before_when_a_function_returns_and_when_it_raises() -> None:
    with localcontext(ROUGH):
        third()
        with pytest.raises(ValueError, match="as told"):
            fails()

        assert (getcontext().prec, getcontext().rounding) == (3, ROUND_UP)


async def test_a_coroutine_that_waits_leaves_its_task_and_others_alone() -> None:
    with localcontext(ROUGH):
        pause = asyncio.Event()
        waiting = asyncio.create_task(third_after(pause))
        await asyncio.sleep(0)
        while_it_waits = getcontext().prec
        pause.set()

        assert len((await waiting).as_tuple().digits) == 60
        assert len((await third_after(pause)).as_tuple().digits) == 60
        assert (while_it_waits, getcontext().prec) == (3, 3)


async def test_a_cancelled_coroutine_leaves_the_context_as_it_was() -> None:
    with localcontext(ROUGH):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await third_after(asyncio.Event())

        assert getcontext().prec == 3
