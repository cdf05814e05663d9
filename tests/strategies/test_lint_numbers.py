"""The linter refuses what gives other numbers on another Python or compiled, and text in type hints."""

import pytest

from strategies.sdk.lint import Finding, lint_source

IMPORTS = """\
import itertools
import math
import operator
import statistics
from decimal import Decimal
from fractions import Fraction
from statistics import NormalDist, fmean
from typing import Annotated, Literal, Optional

import numpy as np
from strategies.sdk import Range

ZERO = Decimal(0)

"""


def findings(line: str) -> tuple[Finding, ...]:
    """What is wrong with a line of a function."""
    return lint_source(f"{IMPORTS}def f(xs, x, n, dice, names):\n    {line}\n", "own.py")


@pytest.mark.parametrize(
    "line",
    [
        "return sum(xs)",
        "return sum(xs) / len(xs)",
        "return sum(xs[-5:])",
        "return sum(x.close for x in xs)",
        "return sum([x * 2 for x in xs])",
        "return sum(x * n for x in xs)",
        "return sum(xs, 0.0)",
        "return sum(xs, start=0.0)",
        "return sum(xs, n)",
        "return sum(map(float, xs))",
        "return sum((0.5, 1))",
        "return sum(round(x, 2) for x in xs)",
        "return sum(abs(x) for x in xs)",
        "return sum(len(x) / 2 for x in xs)",
        "return sum(Fraction(x) * n for x in xs)",
        "return sum(*xs)",
        "return [*map(sum, xs)]",
        "add = sum",
    ],
)
def test_sum_of_what_may_be_floats_is_refused_with_a_hint(line: str) -> None:
    [finding] = findings(line)

    assert (finding.rule, finding.line) == ("sum", IMPORTS.count("\n") + 2)
    assert "use `math.fsum`" in finding.message


@pytest.mark.parametrize(
    "line",
    [
        "return sum(1 for x in xs if x > 0)",
        "return sum(len(x) for x in xs)",
        "return sum(int(x) * 2 for x in xs)",
        "return sum(x > 0 for x in xs)",
        "return sum(not x for x in xs)",
        "return sum([x > n and x < 5 for x in xs])",
        "return sum(round(x) for x in xs)",
        "return sum(2 if x else -1 for x in xs)",
        "return sum(len(x) // 2 for x in xs)",
        "return sum(map(len, xs))",
        "return sum(range(n))",
        "return sum((1, 2, 3))",
        "return sum(abs(int(x)) for x in xs)",
        "return sum(xs, Decimal(0))",
        "return sum(xs, start=Decimal('0.00'))",
        "return sum(xs, ZERO)",
        "return sum(xs, Fraction(0))",
        "return sum((Decimal(x) * 2 for x in xs))",
        "return sum(xs, ())",
        "return math.fsum(xs)",
        "return np.sum(xs)",
        "sum = n\n    return sum",
    ],
)
def test_sum_of_what_is_evidently_no_float_passes(line: str) -> None:
    assert findings(line) == ()


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("return x ** 2", "`x * x`"),
        ("return (x - n) ** 2", "`x * x`"),
        ("return x ** 2.0", "`x * x`"),
        ("return x ** 3", "`x * x * x`"),
        ("return x ** 7", "the product"),
        ("return x ** -1", "`1 / x`"),
        ("x **= 2", "`x * x`"),
        ("return pow(x, 2)", "`x * x`"),
        ("return math.pow(x, 2)", "`x * x`"),
        ("return np.power(xs, 2)", "`x * x`"),
        ("return operator.pow(x, 2)", "`x * x`"),
    ],
)
def test_whole_power_of_what_may_be_a_float_is_refused_with_a_hint(line: str, hint: str) -> None:
    [finding] = findings(line)

    assert finding.rule == "power"
    assert finding.message.endswith(f"write {hint}.")


@pytest.mark.parametrize(
    "line",
    [
        "return 10 ** 9",
        "return 2 ** n",
        "return len(xs) ** 2",
        "return int(x) ** 3",
        "return Decimal(x) ** 2",
        "return x ** 0.5",
        "return (1 + x) ** (1 / 252)",
        "return x ** n",
        "return x * x",
        "return pow(x, 0.5)",
        "return pow(7, 2, 5)",
    ],
)
def test_other_powers_pass(line: str) -> None:
    assert findings(line) == ()


@pytest.mark.parametrize(
    "line",
    [
        "return statistics.correlation(xs, xs)",
        "return statistics.covariance(xs, xs)",
        "return statistics.linear_regression(xs, xs)",
        "return statistics.kde(xs, 1.0)",
        "return statistics.kde_random(xs, 1.0)",
        "return statistics.fmean(xs, xs)",
        "return fmean(xs, weights=xs)",
        "return NormalDist().samples(5, seed=1)",
        "return math.sumprod(xs, xs)",
        "return math.fma(x, x, x)",
        "return [*itertools.batched(xs, 2)]",
        "return dice.expovariate()",
        "return dice.binomialvariate(5, 0.5)",
    ],
)
def test_function_that_differs_between_versions_is_refused(line: str) -> None:
    assert [finding.rule for finding in findings(line)] in (["access"], ["version"])


@pytest.mark.parametrize(
    "line",
    [
        "return fmean(xs), statistics.mean(xs), statistics.stdev(xs), statistics.median(xs)",
        "return NormalDist(0, 1).cdf(x)",
        "return dice.expovariate(1.5), dice.gauss(0, 1)",
        "return x.samples",
        "return math.hypot(x, n), math.dist(xs, xs), math.prod(xs)",
    ],
)
def test_function_that_is_the_same_in_every_version_passes(line: str) -> None:
    assert findings(line) == ()


EVIL = """__import__('os').system('touch x')"""


@pytest.mark.parametrize(
    "line",
    [
        f'y: "{EVIL}" = 1',
        'y: "int" = 1',
        f'y: list["{EVIL}"] = []',
        f'y: Optional["{EVIL}"] = None',
        f'y: Annotated["{EVIL}", Range()] = 1',
        f'y: int | list["{EVIL}"] = 1',
        f'def g(y: "{EVIL}"): pass',
        'def g() -> "int": pass',
        f'def g(*y: "{EVIL}"): pass',
        f'Alias = list["{EVIL}"]',
        'y: f"{xs}" = 1',
    ],
)
@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_type_hint_given_as_text_is_refused_with_its_line(line: str, future: str) -> None:
    found = lint_source(f"{future}{IMPORTS}def f(xs):\n    {line}\n", "own.py")

    expected = (future + IMPORTS).count("\n") + 2
    assert {(finding.rule, finding.line) for finding in found} == {("text-hint", expected)}


@pytest.mark.parametrize(
    "line",
    [
        "y: Literal['a', 'b'] = 'a'",
        "y: Annotated[int, Range(ge=1, description='how many')] = 1",
        "y: Annotated[str, 'what it is called'] = ''",
        "y: dict[str, tuple[int, ...]] | None = None",
        "return names['a']",
    ],
)
def test_text_that_is_no_type_passes(line: str) -> None:
    assert findings(line) == ()


@pytest.mark.parametrize(
    "line", ["import typing\ntyping.get_type_hints(int)", "from typing import ForwardRef"]
)
def test_what_evaluates_hints_is_refused(line: str) -> None:
    assert {finding.rule for finding in lint_source(line, "own.py")} <= {"access", "import"}
    assert lint_source(line, "own.py")
