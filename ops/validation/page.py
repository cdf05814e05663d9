"""The comparisons as docs/validation.md."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ops.validation.comparison import Comparison


class Published(msgspec.Struct, frozen=True):
    """Published values that a test reproduces from the publisher's data."""

    source: str
    values: str
    tests: tuple[str, ...]


PUBLISHED: tuple[Published, ...] = (
    Published(
        "zipline-reloaded, three examples (`buyapple`, `buy_and_hold`, `dual_moving_average`)",
        "every fill, and the portfolio's value of every day",
        ("tests/engines/test_zipline_examples.py",),
    ),
    Published(
        "backtrader, the SMA cross of its test-suite on the EURO STOXX 50 of 2006, as future and as stock",
        "every fill, and value and cash of every day",
        ("tests/replay/test_other_engines.py",),
    ),
    Published(
        "PyAlgoTrade, the samples of its documentation",
        "the trades and the final values",
        ("tests/replay/test_other_engines.py",),
    ),
    Published(
        "LEAN (QuantConnect), market and stop orders of its regression algorithms",
        "the fills of daily and hourly orders",
        ("tests/replay/test_other_engines.py",),
    ),
    Published(
        "backtesting.py, the SMA crosses of its test-suite on GOOG",
        "every trade, and the equity of every day",
        ("tests/replay/test_backtesting_py.py",),
    ),
    Published(
        "empyrical, empyrical-reloaded, quantstats and backtesting.py",
        "returns, volatility, Sharpe, Sortino, Calmar, drawdowns and trade figures",
        ("tests/replay/test_metrics_golden.py",),
    ),
    Published(
        "LEAN, indicator reference files for SPY",
        "Wilder's RSI and Bollinger bands of every bar",
        (
            "tests/strategies/test_rsi.py",
            "tests/strategies/test_mean_reversion.py",
        ),
    ),
)

HEAD = """# Validation

Reference strategies on the bundled daily bars (`replay/sample`), in other engines and in onetape. The other
engines run the rules as their own strategies with their own indicators; they get the same bars and nothing
else. This page is generated:

```bash
make validation   # installs the engines into .engines the first time, and writes this page
```

## The same strategies in other engines

All with a cash of 1,000,000 and 100 shares a position (buy and hold: 95 % of the cash). Orders of one day,
side and price count as one fill, because backtesting.py closes a position with one order and opens the
opposite one with another. *Different* counts the fills that only one of the two engines made.
"""

NOTES = """
- Market orders fill at {fills}. onetape does the last with `broker: {{bars: close}}`.
- Commissions are booked to the cent for each fill here, as in a broker's statement, and are not rounded in
  the other engines. That is the whole difference of equity where there is a commission.
- The channel break has a stop-loss order with each entry, at the low of the channel. All other orders are
  market orders.

Random scripts of market, limit, stop and stop-limit orders, brackets, pairs and cancellations on real bars
are compared with backtrader, zipline and backtesting.py as well: `tests/engines`, run by `make slow`.

## Published values

Tests reproduce these from the publishers' own data, which are not distributed with onetape:

"""


COLUMNS = ("strategy", "symbol", "engine", "fills", "different", "equity there", "here", "largest gap")


def page(comparisons: Sequence[Comparison]) -> str:
    """The whole document."""
    engines = {one.reference.engine.title: one.reference.engine for one in comparisons}
    fills = ", ".join(f"{engine.fills} ({title})" for title, engine in engines.items())
    return "".join(
        (
            HEAD,
            "\n",
            _table(
                COLUMNS,
                map(_row, comparisons),
            ),
            NOTES.format(fills=fills),
            _table(("source", "values", "test"), map(_published, PUBLISHED)),
        )
    )


def _row(one: Comparison) -> tuple[str, ...]:
    reference = one.reference
    return (
        described(one),
        reference.symbol,
        f"{reference.engine.title} {one.theirs.version}",
        str(len(one.ours.fills)),
        str(one.different),
        f"{one.theirs.equity[-1]:,.2f}",
        f"{one.ours.equity[-1]:,.2f}",
        f"{one.equity_gap:.2f}",
    )


def described(one: Comparison) -> str:
    """The strategy with its parameters and its commission, such as ``ma_cross 20, 50``."""
    reference = one.reference
    numbers = [f"{key} {value:g}" for key, value in reference.params.items() if key != "allow_short"]
    if reference.params.get("allow_short"):
        numbers.append("long and short")
    if reference.commission_rate:
        numbers.append(f"commission {reference.commission_rate:%}")
    return f"`{reference.rules}` {', '.join(numbers)}"


def _published(one: Published) -> tuple[str, ...]:
    return one.source, one.values, ", ".join(f"`{test}`" for test in one.tests)


def _table(columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in _lines(tuple(columns), rows))


def _lines(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    yield columns
    yield ("---",) * len(columns)
    yield from rows
