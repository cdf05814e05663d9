"""Whatever a strategy returns or raises in a hook: the run goes on, is recorded, and can be verified."""

import pytest

from eventstore import MemoryEventStore
from kernel.errors import ReplayDiverged
from kernel.events import ComponentFailed, DecisionRefused, OrderDenied, OrderFilled
from kernel.loggable import TEXT_LIMIT
from replay.config import ReplayConfig
from replay.verification import verify_run
from strategies.sdk import RiskLimits
from strategies.sdk.loading import load_recorded
from tests.replay.market import walk
from tests.replay.playing import derived_of, record_run, store_of

SOURCE = '''
import asyncio
from decimal import Decimal

import numpy as np

from strategies.sdk import *
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState


def half_way():
    yield buy("A", 1)
    raise ValueError("half way")


def leaving(error):
    yield buy("A", 1)
    raise error


def stubborn():
    while True:
        try:
            yield buy("A", 1)
        except GeneratorExit:
            pass


def deep():
    inner = one_triggers_other(buy("A", 1), *[sell("A", 1)] * 50)
    return one_triggers_other(buy("A", 1), one_cancels_other(sell("A", 1), inner))


def raising(error):
    raise error


def endless():
    return endless()


class Unspeakable(Exception):
    """``answer`` is raised, or returned, where its text should be."""

    def __init__(self, answer):
        self.answer = answer

    def __str__(self):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Chameleon:
    """Is of no class."""

    @property
    def __class__(self):
        raise SystemExit(0)


class Endless(str):
    """A text of no length."""

    def __len__(self):
        raise SystemExit(0)

    def __hash__(self):
        raise SystemExit(0)


class Huge(Decimal):
    """A number that says a lot."""

    def __repr__(self):
        return "9" * 1_000_000

    __str__ = __repr__


class State(StrategyState):
    n: int = 0


class Poison(Strategy[StrategyParams, State]):
    metadata = Metadata(name="poison")

    def on_bar(self, bar):
        self.state.n += 1
        if self.state.n in (3, 4):
            return EXPRESSION
        return buy("B", 1) if self.state.n % 4 == 0 else None
'''

QUICK = {
    "quantity nan": "buy('A', float('nan'))",
    "quantity of a huge exponent": "buy('A', Decimal('1E+5000'))",
    "quantity of a tiny exponent": "buy('A', Decimal('1E-5000'))",
    "quantity signalling": "buy('A', Decimal('sNaN'))",
    "quantity of a million digits": "buy('A', 10**1_000_000)",
    "quantity that says a lot": "buy('A', Huge('1E+30'))",
    "quantity array": "buy('A', np.ones(3))",
    "symbol of a surrogate": "buy(chr(0xd800), 1)",
    "symbol without a length": "buy(Endless('A'), 1)",
    "symbol unknown": "buy('ZZZ', 1)",
    "tag of bytes": "buy('A', 1, tag=b'x')",
    "tag of 1 MB": "buy('A', 1, tag='x' * (1 << 20))",
    "limit of 1e300": "buy('A', 1, limit=1e300)",
    "limit of next to nothing": "buy('A', 1, limit=5e-324)",
    "expiry beyond time": "buy('A', 1, time_in_force=TimeInForce.GTD, expire_ts=2**70)",
    "reason of a surrogate": "Signal('A', SignalDirection.LONG, 0.5, chr(0xdfff))",
    "reason of 11,000 characters": "Signal('A', SignalDirection.LONG, 0.5, 'x' * 11_000)",
    "timer beyond time": "SetTimer('t', 2**63 - 1, 2**63 - 1)",
    "timer name of 1 MB": "SetTimer('t' * (1 << 20), 5)",
    "cancel of a number": "Cancel(5)",
    "replace of nothing known": "Replace('nope', quantity=1)",
    "notional huge": "buy('A', Notional(10**40))",
    "target of two kinds": "Target('A', position=1, weight=1)",
    "no decision": "42",
    "text": "'buy'",
    "class": "Signal",
    "itself": "self",
    "of no class": "Chameleon()",
    "of no class among others": "[buy('A', 1), Chameleon()]",
    "10,000 orders": "[buy('A', 1)] * 10_000",
    "generator that raises": "half_way()",
    "generator that exits": "leaving(SystemExit(0))",
    "generator that leaves by GeneratorExit": "leaving(GeneratorExit())",
    "nested orders": "deep()",
    "worked absurdly": "Execute(buy('A', 5), Twap(duration_s=1, steps=10**6))",
    "weights without end": "Execute(buy('A', 5), Vwap(duration_s=60, weights=(1.0,) * 100_000))",
    "division": "1 / 0",
    "exit": "raising(SystemExit(0))",
    "exit with words": "raising(SystemExit('done'))",
    "cancelled": "raising(asyncio.CancelledError())",
    "generator exit": "raising(GeneratorExit())",
    "a base exception": "raising(BaseException())",
    "stop iteration": "raising(StopIteration(5))",
    "text of a surrogate": "raising(ValueError(chr(0xd800)))",
    "text raises": "raising(Unspeakable(RuntimeError('no text')))",
    "text exits": "raising(Unspeakable(SystemExit(0)))",
    "text is none": "raising(Unspeakable(5))",
    "recursion": "endless()",
    "exceptions in exceptions": "raising(ExceptionGroup('x' * 1000, [ValueError()] * 1000))",
    "memory": "[0] * (1 << 60)",
}
UNWRITABLE = {
    "state that cannot be counted": "setattr(self.state, 'n', {1, object()})",
    "state of 50 digits": "setattr(self.state, 'n', 10**50)",
}
SLOW = {
    "reason of 70 MB": "Signal('A', SignalDirection.LONG, 0.5, 'x' * (70 << 20))",
    "symbol of 70 MB": "buy('A' * (70 << 20), 1)",
    "error of 70 MB": "raising(ValueError('x' * (70 << 20)))",
    "text of 70 MB": "raising(Unspeakable('\\ud800' * (70 << 20)))",
    "class name of 70 MB": "raising(type('E' * (70 << 20), (Exception,), {})())",
    "quantity as 70 MB of text": "buy('A', '1' * (70 << 20))",
    "direction of 70 MB": "Signal('A', 'x' * (70 << 20))",
}
CASES = [
    *(pytest.param(expression, id=name) for name, expression in QUICK.items()),
    *(pytest.param(expression, id=name, marks=pytest.mark.slow) for name, expression in SLOW.items()),
]
LONGEST = 6 * TEXT_LIMIT
"""Each character may have been escaped."""

FREE = ReplayConfig(risk=RiskLimits(allow_short=True, require_cash=False))


@pytest.mark.parametrize("expression", CASES)
async def test_a_poisonous_decision_ends_with_itself(expression: str) -> None:
    """It becomes refusals, denials or failures, or is fine after all; ``B`` is traded before and after."""
    store, run = await poisoned_run(expression)

    derived = await derived_of(store, run)
    told = [event for event in derived if isinstance(event, DecisionRefused | OrderDenied)]
    failed = [event for event in derived if isinstance(event, ComponentFailed)]
    filled = [event for event in derived if isinstance(event, OrderFilled)]
    assert len(told) + len(failed) + len(filled) >= 3
    assert all(len(event.reason) <= LONGEST for event in told)
    assert all(len(event.error) <= LONGEST and event.component == "strategy:poison" for event in failed)
    assert (await verify_run(store, run)).derived_count == len(derived)


@pytest.mark.parametrize("expression", UNWRITABLE.values(), ids=UNWRITABLE)
async def test_a_state_that_cannot_be_written_is_named_by_verify(expression: str) -> None:
    """The run goes on and is recorded; that no restart would be possible shows when it is verified."""
    store, run = await poisoned_run(expression)

    with pytest.raises(ReplayDiverged, match="strategy:poison: its state cannot be written"):
        await verify_run(store, run)


async def poisoned_run(expression: str) -> tuple[MemoryEventStore, str]:
    """A run of two symbols in which the third and fourth bar are answered by an expression."""
    store = await store_of(a_1d=walk("A", 30, seed=1), b_1d=walk("B", 30, seed=2))
    loaded = load_recorded(SOURCE.replace("EXPRESSION", expression), "poison.py:Poison")
    return store, await record_run(store, [loaded], FREE)
