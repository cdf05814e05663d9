"""Strategies that keep state outside ``self.state``, each in another way: files as text.

Every one buys a quantity that follows from what it remembers, so that what is lost shows.
"""

HEAD = """
from bisect import insort
from collections import Counter, deque
from enum import Enum
from functools import partial, singledispatch
from heapq import heappush
from itertools import accumulate, count, cycle
from typing import NamedTuple

import msgspec
import numpy as np

from strategies.sdk import Bar, Decisions, Metadata, Strategy, StrategyParams, StrategyState, buy
"""

HOOK = """

class Hidden(Strategy[StrategyParams, StrategyState]):
    metadata = Metadata(name="hidden")
{body}
    def on_bar(self, bar: Bar) -> Decisions:
        return buy(bar.symbol, 1 + int({quantity}) % 7)
"""

AVERAGE = """

class Average:
    def __init__(self) -> None:
        self.value = 0.0

    def step(self, price: float) -> float:
        self.value += 0.2 * (price - self.value)
        return self.value
"""

COUNTER = """

class Calls:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        return self.count
"""

SETTING_UP = """
    def validate(self) -> None:
        {made}
"""


def source(quantity: str, *, module: str = "", made: str = "", body: str = "") -> str:
    """A strategy's file: what it makes when set up, and the quantity that it buys."""
    setting_up = SETTING_UP.format(made=made) if made else ""
    return HEAD + module + HOOK.format(body=body + setting_up, quantity=quantity)


WAYS = {
    "a helper object": source(
        "self.average.step(bar.close)", module=AVERAGE, made="self.average = Average()"
    ),
    "a helper object in a tuple": source(
        "self.averages[0].step(bar.close)", module=AVERAGE, made="self.averages = (Average(),)"
    ),
    "a callable object": source("self.calls()", module=COUNTER, made="self.calls = Calls()"),
    "an iterator": source("next(self.numbers)", made="self.numbers = count()"),
    "a cycle": source("next(self.numbers)", made="self.numbers = cycle((0, 1, 2, 3, 4, 5, 6))"),
    "a generator": source("next(self.numbers)", made="self.numbers = (n * n for n in range(10_000))"),
    "a closure over a list": source(
        "self.remember(bar.close)",
        made="seen = []\n        self.remember = lambda price: seen.append(price) or len(seen)",
    ),
    "a partial with a list": source(
        "self.remember(bar.close)",
        module="\n\ndef remembered(seen, price):\n    seen.append(price)\n    return len(seen)\n",
        made="self.remember = partial(remembered, [])",
    ),
    "a bound method of a list": source(
        "self.put(bar.close) or len(self.seen)", made="self.seen = []\n        self.put = self.seen.append"
    ),
    "a numpy buffer": source(
        "np.add(self.sums, bar.close, out=self.sums)[0]", made="self.sums = np.zeros(1)"
    ),
    "a numpy buffer under another name": source(
        "self.step(bar.close)",
        body="""
    def step(self, price: float) -> float:
        sums = self.sums
        sums[0] += price
        return sums[0]
""",
        made="self.sums = np.zeros(1)",
    ),
    "a dict under another name": source(
        "self.step(bar.close)",
        body="""
    def step(self, price: float) -> int:
        seen = self.seen
        seen[len(seen)] = price
        return len(seen)
""",
        made="self.seen = {}",
    ),
    "a counter given to a function": source(
        "tally(self.seen, bar.close)",
        module="\n\ndef tally(seen, price):\n    seen[round(price)] += 1\n    return len(seen)\n",
        made="self.seen = Counter()",
    ),
    "a deque in a loop": source(
        "self.step(bar.close)",
        body="""
    def step(self, price: float) -> float:
        for window in (self.window,):
            window.append(price)
        return sum(int(p) for p in self.window)
""",
        made="self.window = deque(maxlen=5)",
    ),
    "a list in a tuple of the class": source(
        "self.step(bar.close)",
        module="\n\nclass Kept(NamedTuple):\n    prices: list[float]\n",
        body="""
    kept = Kept([])

    def step(self, price: float) -> int:
        prices = self.kept.prices
        prices.append(price)
        return len(prices)
""",
    ),
    "a struct": source(
        "self.step()",
        module="\n\nclass Box(msgspec.Struct):\n    count: int = 0\n",
        body="""
    def step(self) -> int:
        box = self.box
        box.count += 1
        return box.count
""",
        made="self.box = Box()",
    ),
    "a heap": source("heappush(self.heap, bar.close) or len(self.heap)", made="self.heap = []"),
    "a sorted list": source("insort(self.closes, bar.close) or len(self.closes)", made="self.closes = []"),
    "bytes that change": source(
        "self.step()",
        body="""
    def step(self) -> int:
        tally = self.tally
        tally[0] = (tally[0] + 1) % 256
        return tally[0]
""",
        made="self.tally = bytearray(1)",
    ),
    "an enum member": source(
        "Side.ONE.step()",
        module="""

class Side(Enum):
    ONE = 1

    def step(self) -> int:
        self.count = getattr(self, "count", 0) + 1
        return self.count
""",
    ),
    "a function's attribute": source(
        "step(step)",
        module="""

def step(function):
    function.count = getattr(function, "count", 0) + 1
    return function.count
""",
    ),
    "a registry of functions": source(
        "self.step()",
        module="\n\n@singledispatch\ndef sizes(value):\n    return 0\n",
        body="""
    def step(self) -> int:
        kind = type(f"Kind{len(sizes.registry)}", (), {})
        sizes.register(kind, lambda value: 0)
        return len(sizes.registry)
""",
    ),
    "an alias of the state": HEAD
    + """

class State(StrategyState):
    count: int = 0


class Hidden(Strategy[StrategyParams, State]):
    metadata = Metadata(name="hidden")

    def validate(self) -> None:
        self.memory = self.state

    def on_bar(self, bar: Bar) -> Decisions:
        memory = self.memory
        memory.count += 1
        return buy(bar.symbol, 1 + memory.count % 7)
""",
    "another class of the file": source(
        "Shop.visit(Shop)",
        module="""

class Shop:
    visits = 0

    def visit(shop) -> int:
        shop.visits += 1
        return shop.visits
""",
    ),
    "a running iterator": source(
        "next(self.sums)", made="self.sums = accumulate(count(), lambda total, n: total + n)"
    ),
}
"""All of them repeat in a replay without a restart."""
