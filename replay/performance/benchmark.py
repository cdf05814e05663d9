"""The benchmark of a run: symbols bought at the beginning and held to the end.

The starting capital is divided equally among the symbols. Each part buys its symbol at the first price of the
run (the close of the first bar, the first trade, the first mid quote), and is cash until then. There are no
costs and no lots. Splits change units, dividends and spin-offs are reinvested on their ex-date, a symbol
change or merger continues in the new symbol, a delisting ends in cash. Prices in another currency are
converted at the rate of each mark, at par if no rate is known. An inverse contract is bought with a notional
of its part; its gain is in its coin.

It is valued at the marks of the account, so that both curves have the same points and the same trading days.
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import numpy as np

from components.portfolio.rates import rate_between, set_rate
from kernel.corporate_actions import is_void, named_price, value_given
from kernel.events import CorporateAction, CorporateActionKind, InstrumentDefined
from replay.equity import EquityCurve, Floats, Integers, daily_closes
from replay.performance.mark_prices import MarkedPrices
from replay.performance.metrics import max_drawdown, periods_per_year, too_few, too_short
from replay.run_facts import RunFacts

FEWEST_RETURNS = 2
LARGEST_EXPONENT = 700.0
"""Beyond it the result is no float."""


class Benchmark(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A benchmark and the run compared with it.

    - ``name``: in words, for tables. ``symbols``: those held.
    - ``value``: of the starting capital, at the points of the run's equity curve.
    - ``alpha``, ``beta``, ``correlation``: of the run's daily returns against the benchmark's.
    - ``undefined``: the reason for each figure that is ``None``, by name.
    """

    name: str
    symbols: tuple[str, ...]
    value: Floats
    total_return: float
    max_drawdown: float | None
    alpha: float | None
    beta: float | None
    correlation: float | None
    undefined: Mapping[str, str] = {}


class Account(msgspec.Struct, frozen=True, eq=False):
    """The account that is compared: its curve, its currency and the facts of its run."""

    curve: EquityCurve
    currency: str
    facts: RunFacts


def buy_and_hold(
    symbols: Sequence[str], prices: Mapping[str, MarkedPrices], account: Account
) -> Benchmark | None:
    """The benchmark of these symbols; ``None`` if none of them had a price.

    ``prices`` are at all points of the curve but the first. A symbol that began as the new symbol of another
    one is held through the change, and gets no part of its own.
    """
    renamed = {
        action.new_symbol
        for action in account.facts.actions
        if action.kind is CorporateActionKind.SYMBOL_CHANGE and action.symbol in symbols
    }
    held = [symbol for symbol in symbols if symbol in prices and symbol not in renamed]
    if not held or len(account.curve) < 2:
        return None
    growth = np.mean([_growth(prices[symbol], prices, account) for symbol in held], axis=0)
    capital = float(account.curve.performance[0])
    value = np.concatenate(([1.0], growth)) * (capital if capital > 0 else 1.0)
    shown = ", ".join(held[:3]) + (f" and {len(held) - 3:,} more" if len(held) > 3 else "")
    return _compared(f"buy and hold of {shown}", tuple(held), value, account.curve)


# --- comparison -------------------------------------------------------------------------------


def alpha_beta(
    returns: Floats, benchmark: Floats, per_year: float
) -> tuple[float | None, float | None, float | None]:
    """Alpha, beta and correlation of returns of the same periods. A pair without a number is left out.

    - ``beta = cov(returns, benchmark) / var(benchmark)``.
    - ``alpha = (1 + mean(returns - beta * benchmark)) ** per_year - 1``: a year's return beyond the
      benchmark's, at a risk-free rate of 0.
    - ``correlation``: Pearson's; ``None`` if the run never moved.

    Source: empyrical ``alpha_beta``.
    """
    known = np.isfinite(returns) & np.isfinite(benchmark)
    own, other = returns[known], benchmark[known]
    if len(own) < FEWEST_RETURNS or np.ptp(other) == 0:
        return None, None, None
    spread = other - np.mean(other)
    beta = float(np.mean((own - np.mean(own)) * spread) / np.mean(spread**2))
    mean = float(np.mean(own - beta * other))
    exponent = per_year * math.log1p(mean) if mean > -1.0 else math.inf
    alpha = math.expm1(exponent) if exponent < LARGEST_EXPONENT else None
    correlation = float(np.corrcoef(own, other)[0, 1]) if np.ptp(own) > 0 else None
    return alpha, beta, correlation


def _compared(name: str, symbols: tuple[str, ...], value: Floats, curve: EquityCurve) -> Benchmark:
    held = EquityCurve(curve.ts, value, value, value, days=curve.days)
    own, other = daily_closes(curve), daily_closes(held)
    alpha, beta, correlation = alpha_beta(own.returns, other.returns, periods_per_year(own.days))
    lack, short = too_few(len(own.returns)), too_short(int(curve.ts[0]), int(curve.ts[-1]))
    if not np.isfinite(own.returns).all():
        lack = "a day ended without capital"
    if lack:
        alpha = beta = correlation = None
    if short:
        alpha = None
    found = Benchmark(
        name=name,
        symbols=symbols,
        value=value,
        total_return=float(value[-1] / value[0]) - 1.0,
        max_drawdown=max_drawdown(value),
        alpha=alpha,
        beta=beta,
        correlation=correlation,
    )
    reasons = {
        "max_drawdown": "there was no capital",
        "alpha": lack or short or "the benchmark never moved, or the figure is larger than any number",
        "beta": lack or "the benchmark never moved",
        "correlation": lack or "the benchmark or the account never moved",
    }
    undefined = {key: reason for key, reason in reasons.items() if getattr(found, key) is None}
    return msgspec.structs.replace(found, undefined=undefined)


# --- value ------------------------------------------------------------------------------------


def _growth(own: MarkedPrices, prices: Mapping[str, MarkedPrices], account: Account) -> Floats:
    """The value of a unit of money put into a symbol, at each mark; 1 before its first price."""
    marks = account.curve.ts[1:]
    held = _Holding(marks, prices, account.facts.actions)
    value, first = held.value_of(own, since=own.first_ts)
    rates = _rates(own.symbol, account, np.append(own.first_ts, marks))
    rate = rates[1:] / rates[0]
    terms = account.facts.instruments.get(own.symbol)
    is_inverse = terms is not None and terms.is_inverse
    growth = value / first * rate if not is_inverse else 1.0 + (1.0 - first / value) * rate
    return np.where(np.isnan(growth), 1.0, growth)


class _Holding:
    """Values units through corporate actions."""

    def __init__(
        self, marks: Integers, prices: Mapping[str, MarkedPrices], actions: Sequence[CorporateAction]
    ) -> None:
        self._marks = marks
        self._prices = prices
        self._actions = [action for action in actions if not is_void(action)]

    def value_of(self, own: MarkedPrices, *, since: int) -> tuple[Floats, float]:
        """The value of a unit at each mark, and at its first price, both on its terms after its last action.

        NaN before the first price. Only actions after ``since`` count.
        """
        value, first = own.price.copy(), own.first_price
        for action in self._actions:
            if action.symbol != own.symbol or action.ts <= since:
                continue
            before = own.price_ts < action.ts
            known = value[before & (own.price_ts > 0)]
            last = float(known[-1]) if len(known) else first
            amount = float(action.amount)
            match action.kind:
                case CorporateActionKind.SPLIT:
                    factor = 1.0 / float(action.ratio)
                case CorporateActionKind.DIVIDEND:
                    factor = 1.0 - amount / last if 0 < amount < last else 1.0
                case CorporateActionKind.SPIN_OFF:
                    given = self._given(action, last)
                    factor = 1.0 - given / last if 0 < given < last else 1.0
                case _:
                    return np.where(self._marks < action.ts, value, self._after(action, last)), first
            value[before] *= factor
            first *= factor
        return value, first

    def _given(self, action: CorporateAction, last: float) -> float:
        """The value that a spin-off takes out of an old unit, by the new share's first price since."""
        successor = self._prices.get(action.new_symbol)
        prices = np.array([]) if successor is None else successor.price[self._marks >= action.ts]
        known = prices[np.isfinite(prices)]
        new_price = Decimal(repr(float(known[0]))) if len(known) else None
        return float(value_given(action, price=Decimal(repr(last)), new_price=new_price))

    def _after(self, action: CorporateAction, last: float) -> Floats:
        """The value of an old unit at each mark after its symbol ended."""
        amount, ratio = float(action.amount), float(action.ratio)
        successor = self._prices.get(action.new_symbol)
        if action.kind is CorporateActionKind.DELISTING:
            named = named_price(action)
            return np.full(len(self._marks), last if named is None else float(named))
        if not ratio:
            return np.full(len(self._marks), amount)
        if successor is None:  # its prices were not played
            return np.full(len(self._marks), last)
        value, first = self.value_of(successor, since=action.ts)
        worth = amount + ratio * value * (successor.first_price / first)
        return np.where(np.isnan(worth), last, worth)


def _rates(symbol: str, account: Account, times: Integers) -> Floats:
    """The rate into the account's currency at each time.

    Before the first rate, that one; without any, par.
    """
    terms = account.facts.instruments.get(symbol)
    currency = InstrumentDefined(0, symbol).currency if terms is None else terms.currency
    if currency == account.currency:
        return np.ones(len(times))
    rates: dict[str, dict[str, Decimal]] = {}
    to_come = list(account.facts.rates[::-1])
    found = np.full(len(times), np.nan)
    for place in np.argsort(times, kind="stable"):
        while to_come and to_come[-1].ts <= times[place]:
            set_rate(rates, to_come.pop())
        rate = rate_between(rates, currency, account.currency)
        if rate is not None:
            found[place] = float(rate)
    known = found[np.isfinite(found)]
    return np.where(np.isnan(found), known[0] if len(known) else 1.0, found)
