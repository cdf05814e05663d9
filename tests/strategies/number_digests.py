"""Prints a digest of what each numeric function makes of the same random numbers, as one JSON object.

Run by ``test_same_numbers`` with every Python that is there; needs nothing but the standard library. What a
function raises is part of what it makes.
"""

# The functions take numbers of all kinds, given by table: their parameters have no types to name.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false

import decimal
import fractions
import functools
import hashlib
import json
import math
import operator
import random
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence

SIZE = 400
dice = random.Random(7)

Digests = dict[str, str]


def samples(count: int, length: int) -> list[tuple[list[float], list[float]]]:
    """Pairs of samples: of all magnitudes, in cents, and near a level, where sums lose most."""
    makers: tuple[Callable[[], float], ...] = (
        lambda: dice.gauss(0, 1) * 10.0 ** dice.randint(-8, 8),
        lambda: round(dice.uniform(1, 200), 2),
        lambda: 100 + dice.randint(-9, 9) / 10,
    )
    return [([make() for _ in range(length)], [make() for _ in range(length)]) for make in makers * count]


PAIRS = samples(40, 17)
LISTS = [(xs,) for xs, _ in PAIRS]
POSITIVE = [([abs(x) + 1e-9 for x in xs],) for xs, _ in PAIRS]
ONES = [
    *((dice.uniform(-10, 10),) for _ in range(SIZE)),
    *((dice.gauss(0, 1) * 10.0 ** dice.randint(-30, 30),) for _ in range(SIZE)),
]
UNIT = [(dice.uniform(0.001, 0.999),) for _ in range(SIZE)]
TWOS = [(a, b) for (a,), (b,) in zip(ONES, ONES[7:], strict=False)]
WHOLE = [(dice.randrange(60), dice.randrange(60)) for _ in range(SIZE)]

MATH_OF_LISTS = ("fsum", "prod")
MATH_OF_WHOLE = ("comb", "gcd", "lcm", "perm")
MATH_OF_TWO = ("atan2", "copysign", "fmod", "isclose", "nextafter", "pow", "remainder")
MATH_OF_UNIT = ("acos", "asin", "atanh", "gamma", "lgamma", "log", "log10", "log1p", "log2", "sqrt")
STATISTICS_OF_POSITIVE = ("geometric_mean", "harmonic_mean")
DRAWS: dict[str, tuple[object, ...]] = {
    "random": (),
    "uniform": (1, 2),
    "triangular": (0, 1, 0.3),
    "gauss": (0, 1),
    "normalvariate": (0, 1),
    "lognormvariate": (0, 1),
    "expovariate": (1.5,),
    "gammavariate": (2, 3),
    "betavariate": (1, 2),
    "paretovariate": (2,),
    "weibullvariate": (1, 2),
    "vonmisesvariate": (0, 4),
    "randint": (0, 100),
    "randrange": (1000,),
    "getrandbits": (77,),
    "randbytes": (9,),
    "choice": ("abc",),
    "choices": ("abc", (0.1, 0.2, 0.7)),
    "sample": (range(100), 5),
}


def digest(function: Callable[..., object], arguments: Iterable[Sequence[object]]) -> str:
    """SHA-256 over what the function makes of each of the arguments."""
    made = hashlib.sha256()
    for each in arguments:
        try:
            answer = repr(function(*each))
        except (ArithmeticError, ValueError, statistics.StatisticsError) as error:
            answer = type(error).__name__
        made.update(answer.encode() + b";")
    return made.hexdigest()


def of_math() -> Digests:
    """Every function of ``math``, by what it takes."""
    done: Digests = {}
    for name, function in vars(math).items():
        if name.startswith("_") or not callable(function):
            continue
        arguments: Sequence[Sequence[object]] = ONES
        if name in MATH_OF_LISTS:
            arguments = LISTS
        elif name in ("dist", "sumprod"):
            arguments = PAIRS
        elif name in MATH_OF_WHOLE:
            arguments = WHOLE
        elif name in ("factorial", "isqrt"):
            arguments = [(one,) for one, _ in WHOLE]
        elif name in MATH_OF_TWO:
            arguments = TWOS
        elif name in MATH_OF_UNIT:
            arguments = UNIT
        elif name == "hypot":
            arguments = [tuple(xs) for xs, _ in PAIRS]
        elif name == "ldexp":
            arguments = [(x, count) for (x,), (count, _) in zip(ONES, WHOLE, strict=False)]
        elif name == "fma":
            arguments = [(a, b, a) for a, b in TWOS]
        done[f"math.{name}"] = digest(function, arguments)
    return done


def of_statistics() -> Digests:
    """Every function of ``statistics``, and the normal distribution."""
    done: Digests = {}
    for name in statistics.__all__:
        if name in ("NormalDist", "StatisticsError", "kde_random"):
            continue
        arguments: Sequence[Sequence[object]] = LISTS
        if name in STATISTICS_OF_POSITIVE:
            arguments = POSITIVE
        elif name in ("correlation", "covariance", "linear_regression"):
            arguments = PAIRS
        elif name == "kde":
            arguments = [(xs, 1.0) for xs, _ in PAIRS[:1]]
        done[f"statistics.{name}"] = digest(getattr(statistics, name), arguments)
    normal = statistics.NormalDist(1.5, 2.5)
    for name, arguments in (("pdf", ONES), ("cdf", ONES), ("zscore", ONES), ("inv_cdf", UNIT)):
        done[f"NormalDist.{name}"] = digest(getattr(normal, name), arguments)
    done["fmean weighted"] = digest(lambda xs, ys: statistics.fmean(xs, [abs(y) for y in ys]), PAIRS)
    return done


def of_the_language() -> Digests:
    """Sums, rounding, formatting and arithmetic."""
    formats = ("", ".2f", ".3g", "e", "%", ",.1f", ".17g")
    exact = decimal.Decimal
    return {
        "sum": digest(sum, LISTS),
        "sum whole": digest(lambda a, b: sum((a, b, a)), WHOLE),
        "sum decimal": digest(lambda xs: sum(map(exact, xs), exact(0)), LISTS),
        "sum fraction": digest(lambda xs: sum(map(fractions.Fraction, xs)), LISTS[:9]),
        "reduce": digest(lambda xs: functools.reduce(operator.add, xs), LISTS),
        "round": digest(lambda x: [round(x), *(round(x, digits) for digits in range(-2, 8))], ONES),
        "format": digest(lambda x: [format(x, spec) for spec in formats], ONES),
        "text": digest(lambda x: (str(x), f"{x!r:>30}", f"{x:.3f} {x:g}", float(str(x)), x.hex()), ONES),
        "division": digest(lambda a, b: (a / b, a // b, a % b, divmod(a, b)), TWOS),
        "power": digest(lambda x: (x**0.5, x**1.7), UNIT),
        "decimal": digest(lambda x: (exact(x).sqrt(), exact(x).ln(), exact(x) / 7, str(exact(x))), UNIT),
        "fraction": digest(lambda x: (float(fractions.Fraction(x) / 7), fractions.Fraction(x)), ONES),
    }


def of_the_dice() -> Digests:
    """Every method of ``ctx.random``, seeded by text as that is."""
    return {
        f"random.{method}": digest(
            lambda seed, method=method, given=given: getattr(random.Random(f"x:{seed}"), method)(*given),
            [(seed,) for seed in range(200)],
        )
        for method, given in DRAWS.items()
    }


def all_digests() -> Digests:
    """Everything, by name."""
    return {**of_math(), **of_statistics(), **of_the_language(), **of_the_dice()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(all_digests()))
