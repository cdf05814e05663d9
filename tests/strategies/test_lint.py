"""The linter: every rule refuses what would make a replay differ, and lets its honest relatives pass."""

import inspect
from textwrap import dedent, indent

import pytest

from strategies.sdk import lint
from strategies.sdk.lint import Finding, lint_source

HEADER = """\
from msgspec import field

from strategies.sdk import Bar, Decisions, Strategy, StrategyParams, StrategyState, buy, sell


class State(StrategyState):
    count: int = 0
    closes: list[float] = field(default_factory=list)
    held: set[str] = field(default_factory=set)


class Example(Strategy[StrategyParams, State]):
"""
ON_BAR = "    def on_bar(self, bar: Bar) -> Decisions: ...\n"


def findings_in_hook(body: str) -> list[str]:
    """The rules broken by the body of an ``on_bar`` hook."""
    hook = "    def on_bar(self, bar: Bar) -> Decisions:\n" + indent(dedent(body).strip("\n"), " " * 8)
    return rules(HEADER + hook + "\n")


def findings_in_module(source: str) -> list[str]:
    """The rules broken by a whole module."""
    return rules(dedent(source))


def rules(source: str) -> list[str]:
    return [finding.rule for finding in lint_source(source, "example.py")]


def only_finding(source: str) -> Finding:
    (finding,) = lint_source(source, "example.py")
    return finding


# What a finding says


def test_finding_reads_as_file_line_column_sentence_and_rule() -> None:
    finding = only_finding("x = 1\n\nimport time\n")

    assert str(finding) == (
        "example.py:3:1: `time` reads the wall clock, which a replay cannot repeat; "
        "use the event's `ts` or `self.ctx.now`. [import]"
    )


def test_findings_come_in_order_of_line() -> None:
    found = lint_source("def f():\n    print()\n\nimport os\nx = []\n", "example.py")

    assert [finding.line for finding in found] == [2, 4, 5]


def test_syntax_error_is_a_finding_with_its_line() -> None:
    finding = only_finding("x = 1\ndef broken(:\n")

    assert (finding.rule, finding.line) == ("syntax", 2)


@pytest.mark.parametrize("source", ["x = 1\0", "x = '\ud800'"])
def test_text_that_no_file_can_hold_is_a_finding(source: str) -> None:
    assert rules(source) == ["syntax"]


def test_empty_source_has_no_findings() -> None:
    assert rules("") == []


def test_linter_says_that_it_is_no_sandbox() -> None:
    assert "not a sandbox" in (inspect.getdoc(lint) or "")


# Imports


@pytest.mark.parametrize(
    "statement",
    [
        "from __future__ import annotations",
        "from strategies.sdk import Bar, Strategy, buy",
        "import strategies.sdk as sdk",
        "from strategies import sdk",
        "from typing import Annotated",
        "from collections import deque",
        "from collections.abc import Iterator, Mapping",
        "import math, statistics, itertools",
        "import numpy as np",
        "from numpy.linalg import lstsq",
        "import msgspec",
        "from types import MappingProxyType",
        "from functools import partial, reduce",
        "from decimal import Decimal, localcontext",
    ],
)
def test_import_on_the_allow_list_passes(statement: str) -> None:
    assert rules(statement) == []


@pytest.mark.parametrize(
    "statement",
    [
        "import time",
        "import time as clock",
        "from zoneinfo import ZoneInfo",
        "import random",
        "from uuid import uuid4",
        "import os.path",
        "import sys",
        "import socket",
        "import threading",
        "import asyncio",
        "import subprocess",
        "import weakref",
        "import yfinance as yf",
        "import some_package",
        "from numpy import random",
        "from numpy.random import default_rng",
        "import numpy.random",
        "from statistics import random",
        "from functools import lru_cache",
        "from types import FunctionType",
        "import kernel.events",
        "from components.risk import RiskComponent",
        "from strategies.ma_cross import MovingAverageCross",
        "from strategies.sdk import loading",
        "import strategies.sdk.loading",
        "from strategies.sdk import *",
        "from . import other",
        "from .other import thing",
    ],
)
def test_import_outside_the_allow_list_is_refused(statement: str) -> None:
    assert rules(statement) == ["import"]


def test_unknown_module_is_refused_with_the_list_of_allowed_ones() -> None:
    finding = only_finding("import talib\n")

    assert finding.message.startswith(
        "`talib` may not be imported; a strategy may import files beside it (there is no "
    )


def test_import_inside_a_function_is_refused_once() -> None:
    source = "def f():\n    def g():\n        import math\n        return math.pi\n    return g\n"

    assert rules(source) == ["local-import"]


# Names: built-ins, refused modules under any alias, dunders


@pytest.mark.parametrize(
    "call",
    [
        "open('x')",
        "exec('x')",
        "eval('x')",
        "compile('x', '', 'exec')",
        "__import__('os')",
        "input()",
        "print(bar)",
        "breakpoint()",
        "globals()",
        "locals()",
        "vars(bar)",
        "id(bar)",
        "hash(bar.symbol)",
        "sorted([1], key=id)",
    ],
)
def test_builtin_that_leaves_the_log_is_refused(call: str) -> None:
    assert findings_in_hook(f"return {call}") == ["builtin"]


def test_own_variable_of_a_builtins_name_passes() -> None:
    assert findings_in_hook("id = bar.symbol\nhash = id\nreturn buy(hash, 1)") == []


def test_field_of_a_builtins_name_does_not_hide_the_builtin_in_hooks() -> None:
    source = HEADER + "    id: int = 0\n    def on_bar(self, bar):\n        return id(bar)\n"

    assert rules(source) == ["builtin"]


def test_refused_module_is_found_under_its_alias() -> None:
    source = "import time as clock\n\ndef f():\n    return clock.time()\n"

    assert rules(source) == ["import", "access"]


def test_name_imported_from_a_refused_module_is_found_where_it_is_used() -> None:
    source = "from time import time as now\n\ndef f():\n    return now()\n"

    assert rules(source) == ["import", "access"]


def test_refused_module_is_found_inside_an_allowed_one() -> None:
    source = "import statistics as st\n\ndef f():\n    return st.random.random()\n"

    assert rules(source) == ["access"]


def test_refused_module_is_found_even_without_its_import() -> None:
    assert findings_in_hook("return time.time()") == ["access"]


def test_seeded_random_of_the_context_passes() -> None:
    assert findings_in_hook("return buy(bar.symbol, self.ctx.random.randint(1, 5))") == []


def test_variable_named_like_a_refused_module_passes() -> None:
    assert (
        findings_in_hook("random = self.ctx.random\ntime = bar.ts\nreturn buy('A', random.random() * time)")
        == []
    )


@pytest.mark.parametrize(
    "expression",
    [
        "np.random.rand()",
        "np.random.default_rng(1)",
        "np.load('x')",
        "np.save('x', 1)",
        "np.fromfile('x')",
        "np.loadtxt('x')",
        "np.memmap('x')",
        "np.empty(3)",
        "np.seterr(all='raise')",
        "np.zeros(3).tofile('x')",
        "np.datetime64('now')",
    ],
)
def test_numpy_chance_files_clock_and_settings_are_refused(expression: str) -> None:
    assert rules(f"import numpy as np\n\ndef f():\n    return {expression}\n") == ["access"]


@pytest.mark.parametrize(
    "expression",
    ["np.mean([1.0])", "np.datetime64(0, 'ns')", "np.select([True], [1])", "np.linalg.norm([1])"],
)
def test_numpy_arithmetic_passes(expression: str) -> None:
    assert rules(f"import numpy as np\n\ndef f():\n    return {expression}\n") == []


def test_shared_decimal_context_is_refused() -> None:
    assert rules("import decimal\n\ndef f():\n    decimal.getcontext().prec = 5\n") == ["access"]


def test_cache_decorator_is_refused_where_it_is_used() -> None:
    assert rules("import functools\n\n@functools.lru_cache\ndef f(x):\n    return x\n") == ["access"]


@pytest.mark.parametrize("name", ["__class__", "__globals__", "__subclasses__", "__dict__", "__code__"])
def test_dunder_attribute_is_refused(name: str) -> None:
    assert findings_in_hook(f"return bar.{name}") == ["dunder"]


def test_dunder_global_is_refused() -> None:
    assert findings_in_hook("return __builtins__") == ["dunder"]


def test_super_init_and_name_of_a_type_pass() -> None:
    source = HEADER + (
        "    def __init__(self, **params):\n"
        "        super().__init__(**params)\n"
        "    def on_bar(self, bar):\n"
        "        return buy(bar.symbol, 1, tag=type(self).__name__)\n"
    )

    assert rules(source) == []


@pytest.mark.parametrize(
    "call", ["getattr(bar, '__class__')", "getattr(bar, bar.symbol)", "hasattr(bar, 'a' + 'b')"]
)
def test_attribute_by_dunder_or_computed_name_is_refused(call: str) -> None:
    assert findings_in_hook(f"return {call}") == ["getattr"]


def test_attribute_getter_of_a_dunder_is_refused() -> None:
    source = "import operator\n\ndef f(x):\n    return operator.attrgetter('a', 'b.__class__')(x)\n"

    assert rules(source) == ["getattr"]


@pytest.mark.parametrize(
    "call", ["getattr(statistics, 'random')", "operator.attrgetter('random.random')(statistics)"]
)
def test_a_module_as_a_value_is_refused(call: str) -> None:
    source = f"import operator\nimport statistics\n\ndef f():\n    return {call}\n"

    assert rules(source) == ["module value"]


def test_attribute_by_constant_name_passes() -> None:
    assert findings_in_hook("return buy(bar.symbol, getattr(bar, 'volume', 1))") == []


@pytest.mark.parametrize("name", ["__del__", "__getattr__", "__setattr__", "__getattribute__"])
def test_method_that_runs_late_or_hides_state_is_refused(name: str) -> None:
    assert rules(f"class A:\n    def {name}(self, *args):\n        return None\n") == ["method"]


def test_ordinary_dunder_method_passes() -> None:
    assert rules("class A:\n    def __lt__(self, other):\n        return True\n") == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("async def f():\n    return 1\n", 1),
        ("async def f(x):\n    return await x\n", 2),
        ("async def f(xs):\n    async for x in xs:\n        yield x\n", 2),
        ("async def f(x):\n    async with x:\n        return 1\n", 2),
        ("async def f(xs):\n    return [x async for x in xs]\n", 2),
    ],
)
def test_everything_asynchronous_is_refused(source: str, count: int) -> None:
    assert rules(source) == ["async"] * count


# The order of sets


@pytest.mark.parametrize(
    "body",
    [
        "for symbol in {'A', 'B'}:\n    yield buy(symbol, 1)",
        "for symbol in set(self.ctx.symbols):\n    yield buy(symbol, 1)",
        "for symbol in frozenset(self.ctx.symbols) - {'A'}:\n    yield buy(symbol, 1)",
        "names = set(self.ctx.symbols)\nfor symbol in names:\n    yield buy(symbol, 1)",
        "names: set[str] = other()\nfor symbol in names:\n    yield buy(symbol, 1)",
        "for symbol in self.state.held:\n    yield buy(symbol, 1)",
        "for symbol in {'A'}.union(self.ctx.symbols):\n    yield buy(symbol, 1)",
        "for symbol in {s for s in self.ctx.symbols}:\n    yield buy(symbol, 1)",
        "for symbol in self.a.keys() & self.b.keys():\n    yield buy(symbol, 1)",
        "for symbol in (x := {'A', 'B'}):\n    yield buy(symbol, 1)",
        "return [buy(symbol, 1) for symbol in {'A', 'B'}]",
        "return {symbol: 1 for symbol in {'A', 'B'}}",
        "return list({'A', 'B'})",
        "return tuple({'A', 'B'})",
        "return sum({1, 2})",
        "return sum(int(x) for x in {0.1, 0.2})",
        "return next(iter({'A', 'B'}))",
        "return enumerate({'A', 'B'})",
        "return ','.join({'A', 'B'})",
        "return f\"{ {'A', 'B'} }\"",
        "return self.state.held.pop()",
        "first, second = {'A', 'B'}\nreturn buy(first, 1)",
        "return [*{'A', 'B'}]",
        "yield from {'A', 'B'}",
        "return sorted({'A', 'B'}, key=len)",
        "return max({'A', 'B'}, key=len)",
        "return {buy('A', 1), buy('B', 1)}",
        "return self.ctx.random.choice({'A', 'B'})",
        "return list({'A'} if bar.close > 1 else {'B'})",
        "return list(other or {'B'})",
    ],
)
def test_order_of_a_set_is_refused(body: str) -> None:
    assert findings_in_hook(body) == ["set-order"]


@pytest.mark.parametrize(
    "body",
    [
        "for symbol in sorted({'A', 'B'}):\n    yield buy(symbol, 1)",
        "held = set(self.ctx.symbols)\nheld = sorted(held)\nfor symbol in held:\n    yield buy(symbol, 1)",
        "return [buy(symbol, 1) for symbol in sorted(self.state.held)]",
        "if bar.symbol in self.state.held:\n    return buy(bar.symbol, len(self.state.held))",
        "return buy('A', sorted(x for x in {1, 2})[0])",
        "if any(x > 1 for x in {1, 2}):\n    return buy('A', max({1, 2}))",
        "return [buy(s, 1) for s in self.ctx.symbols if s in {x.upper() for x in self.state.held}]",
        "for symbol in self.ctx.portfolio.positions():\n    yield sell(symbol, 1)",
        "for position in {'A': 1, 'B': 2}:\n    yield buy(position, 1)",
        "self.state.closes.pop()\nreturn list(self.state.closes)",
    ],
)
def test_set_that_is_sorted_measured_or_asked_passes(body: str) -> None:
    assert findings_in_hook(body) == []


def test_parameter_annotated_as_a_set_is_known_to_be_one() -> None:
    assert rules("def f(names: frozenset[str]):\n    return list(names)\n") == ["set-order"]


def test_function_that_says_it_returns_a_set_is_known_to() -> None:
    source = "def names() -> set[str]:\n    return set()\n\ndef f():\n    return [n for n in names()]\n"

    assert rules(source) == ["set-order"]


# Values that can change


@pytest.mark.parametrize(
    "value",
    [
        "[]",
        "{}",
        "{1}",
        "[x for x in (1, 2)]",
        "list()",
        "dict(a=1)",
        "deque()",
        "make()",
        "make()()",
        "([],)",
        "iter(())",
    ],
)
def test_module_level_value_that_can_change_is_refused(value: str) -> None:
    assert rules(f"from collections import deque\n\nVALUE = {value}\n") == ["mutable-global"]


@pytest.mark.parametrize(
    "value",
    [
        "1",
        "('a', 1.5)",
        "frozenset({'a'})",
        "Decimal('0.5')",
        "MappingProxyType({'a': 1})",
        "math.sqrt(252)",
        "-2 * 3",
        "Metadata(name='x')",
        "int | float",
        "dict[str, int]",
        "tuple(range(3))",
        "lambda x: x",
        "Kind.UP",
        "Frozen(1)",
        "Pair(1, 2)",
        "(1 if True else 2)",
    ],
)
def test_module_level_value_that_cannot_change_passes(value: str) -> None:
    source = f"""\
        import math
        from dataclasses import dataclass
        from decimal import Decimal
        from enum import Enum
        from types import MappingProxyType

        import msgspec

        from strategies.sdk import Metadata

        class Kind(Enum):
            UP = "up"

        class Frozen(msgspec.Struct, frozen=True):
            x: int

        @dataclass(frozen=True)
        class Pair:
            left: int
            right: int

        VALUE = {value}
        __all__ = ["VALUE"]
        """

    assert findings_in_module(source) == []


def test_global_and_nonlocal_are_refused() -> None:
    source = "X = 1\n\ndef f():\n    global X\n    y = 1\n    def g():\n        nonlocal y\n    return g\n"

    assert rules(source) == ["global", "nonlocal"]


@pytest.mark.parametrize("value", ["[]", "{}", "[1]", "set()"])
def test_class_attribute_that_can_change_is_refused(value: str) -> None:
    assert rules(HEADER + f"    seen = {value}\n{ON_BAR}") == ["mutable-class-attribute"]


def test_fields_of_a_state_struct_may_be_collections() -> None:
    assert rules(HEADER + f"    window = 5\n{ON_BAR}") == []


def test_filled_collection_as_the_default_of_a_field_is_refused() -> None:
    source = "from strategies.sdk import StrategyState\n\nclass S(StrategyState):\n    x: list[int] = [1]\n"

    assert rules(source) == ["mutable-class-attribute"]


def test_fields_of_a_dataclass_may_be_collections() -> None:
    source = """\
        from dataclasses import dataclass, field

        @dataclass
        class Window:
            closes: list[float] = field(default_factory=list)
        """

    assert findings_in_module(source) == []


def test_default_argument_that_can_change_is_refused() -> None:
    assert rules("def f(x, seen=[]):\n    return seen\n") == ["mutable-default"]


def test_default_argument_that_cannot_change_passes() -> None:
    assert rules("def f(x, seen=(), *, y=None):\n    return seen\n") == []


# Where a hook stores


@pytest.mark.parametrize(
    "body",
    [
        "self.count = 1",
        "self.count += 1",
        "self.count: int = 1",
        "self.a, self.state.count = 1, 2",
        "self.closes[bar.symbol] = 1",
        "self.window.last = bar.close",
        "self.closes.append(bar.close)",
        "self.closes[bar.symbol].append(bar.close)",
        "self.params = None",
        "del self.count",
        "setattr(self, 'count', 1)",
        "for self.count in (1, 2):\n    pass",
        "def later():\n    self.count = 1\nlater()",
    ],
)
def test_hook_that_stores_outside_its_state_is_refused(body: str) -> None:
    assert findings_in_hook(body) == ["state"]


@pytest.mark.parametrize(
    "body",
    [
        "self.state.count += 1",
        "self.state = State()",
        "self.state.closes.append(bar.close)",
        "state = self.state\nstate.count = 1\nstate.closes[0] = 2",
        "closes = []\ncloses.append(bar.close)",
        "setattr(self.state, 'count', 1)",
    ],
)
def test_hook_that_stores_in_its_state_or_locally_passes(body: str) -> None:
    assert findings_in_hook(body) == []


@pytest.mark.parametrize("method", ["__init__", "validate"])
def test_setting_up_may_derive_attributes_from_parameters(method: str) -> None:
    assert rules(f"{HEADER}    def {method}(self):\n        self.weight = 2 / 3\n{ON_BAR}") == []


def test_method_of_a_state_struct_may_change_its_own_fields() -> None:
    source = """\
        from strategies.sdk import StrategyState

        class Average(StrategyState):
            value: float = 0.0

            def add(self, price: float) -> None:
                self.value += price
        """

    assert findings_in_module(source) == []


def test_strategy_that_derives_from_another_of_its_file_is_a_strategy() -> None:
    source = HEADER + "    pass\n\nclass More(Example):\n    def on_bar(self, bar):\n        self.count = 1\n"

    assert rules(source) == ["state"]


@pytest.mark.parametrize("target", ["Example.count", "type(self).count", "buy.calls", "State.count"])
def test_store_to_what_everyone_shares_is_refused(target: str) -> None:
    assert findings_in_hook(f"{target} = 1") == ["shared-store"]


def test_parameter_that_hides_a_shared_name_passes() -> None:
    assert rules("class A:\n    pass\n\ndef f(A):\n    A.x = 1\n") == []
