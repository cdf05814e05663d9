"""What a careful reader would say about a result, in words: pure functions of the result.

A finding is a warning if the figures should not be trusted for that reason. The others are facts that put the
figures into proportion. What a result cannot show (a strategy that knows the future, indicators that depend
on where history began) is tried by ``decision_checks``.
"""

import math
from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec
import numpy as np

from brokers.simulated.fills import FillTiming
from kernel.decimals import exact
from kernel.time_units import DAY_NS
from replay import figures
from replay.performance.cost_sensitivity import Costs, costs_of
from replay.performance.regimes import HALVES, VOLATILITY, YEARS, of_kind, regimes
from replay.performance.trade_sample import FEWEST_POSITIONS, net_pnls, trade_sample
from replay.results import RunResult

FEW_SHARE = 0.05
"""The profit hangs on few trades if this share of the trades, or a single one, makes all of it."""

LEAST_COST_MULTIPLE = 2.0
"""The profit must bear so many times the costs that were charged."""

LARGE_SHARE = 0.10
"""A fill of more than this share of its bar's volume would have moved the price."""

LARGE_FILLS = 0.01
"""So many of the fills may be large."""

LITTLE_TIME, MUCH_TIME = 0.05, 0.95
LIKE_BENCHMARK = 0.95
ONE_YEAR_SHARE = 0.80
COST_MULTIPLES = (0, 1, 2, 3)
NO_MODEL = "none"
EPSILON = 1e-12
"""Sums of floats are equal within this part."""


class FindingKind(StrEnum):
    """What a finding is about."""

    TRADES = "too_few_trades"
    CONCENTRATION = "few_trades_make_the_profit"
    COSTS = "cost_sensitivity"
    VOLUME = "fills_beyond_volume"
    TIMING = "fills_at_the_deciding_close"
    TIME_IN_MARKET = "time_in_market"
    REGIMES = "regime_dependence"
    LOOK_AHEAD = "look_ahead"
    RECURSIVE = "recursive_indicators"


class Finding(msgspec.Struct, frozen=True):
    """One finding: ``words`` are sentences, ``figures`` the numbers in them by name."""

    kind: FindingKind
    is_warning: bool
    words: str
    figures: Mapping[str, float | None] = {}


@exact
def diagnose(result: RunResult) -> tuple[Finding, ...]:
    """All findings about a result, warnings first. A run without a fill has none: its problems say why."""
    if not len(result.flow):
        return ()
    found = [one for one in _findings(result) if one is not None]
    return tuple(sorted(found, key=lambda one: not one.is_warning))


def _findings(result: RunResult) -> Iterator[Finding | None]:
    yield _trades(result)
    yield _concentration(result)
    yield _costs(result)
    yield _volume(result)
    yield _timing(result)
    yield _time_in_market(result)
    yield from _regimes(result)


# --- trades -----------------------------------------------------------------------------------


def _trades(result: RunResult) -> Finding:
    sample = trade_sample(result.trades)
    told = {
        "positions": float(sample.count),
        "mean_pnl": sample.mean if sample.count else None,
        "confidence_margin": sample.margin,
        "t_statistic": sample.t_statistic,
        "positions_needed": None if sample.needed is None else float(sample.needed),
    }
    counted = f"{sample.count:,} closed {'position' if sample.count == 1 else 'positions'}"
    if sample.margin is None or sample.t_statistic is None:
        words = f"{counted}: too few for any conclusion; at least {FEWEST_POSITIONS} are needed."
        return Finding(FindingKind.TRADES, True, words, told)
    mean = f"{_money(sample.mean)} ± {_money(sample.margin)} {result.currency}"
    margin = f"{mean} (95 %, t {sample.t_statistic:.2f})"
    is_clear = abs(sample.mean) > sample.margin
    if is_clear and sample.count >= FEWEST_POSITIONS:
        outcome = "a gain" if sample.mean > 0 else "a loss"
        words = f"{counted}, each {margin} on average: {outcome} that chance alone seldom makes."
        return Finding(FindingKind.TRADES, False, words, told)
    words = f"{counted}, each {margin} on average: it may as well be chance."
    if is_clear:
        words = f"{counted}, each {margin} on average: too few to trust the interval."
    if sample.needed is not None:
        words += f" With this mean and spread, a conclusion needs about {sample.needed:,}."
    return Finding(FindingKind.TRADES, True, words, told)


def _concentration(result: RunResult) -> Finding | None:
    trades = result.trades
    pnls = net_pnls(trades)
    total = float(pnls.sum())
    if total <= 0 or len(trades) < 2:
        return None
    order = np.argsort(-pnls, kind="stable")
    left = total - np.cumsum(pnls[order])
    left[-1] = 0.0  # by floats a sum may be left of very many trades
    count = int(np.argmax(left <= EPSILON * total)) + 1
    best = trades[int(order[0])]
    share = float(pnls[int(order[0])]) / total
    told = {"trades_that_make_the_profit": float(count), "share_of_the_best": share}
    is_warning = count == 1 or count <= FEW_SHARE * len(trades)
    named = (
        f"the best trade ({best.symbol}, closed {figures.moment(best.exit_ts)}) made {_percent(share)} of "
        f"the P&L of all {len(trades):,} trades"
    )
    if count == 1:
        words = f"{named}; without it they lost {_money(abs(float(left[0])))} {result.currency}."
    elif count == len(trades):
        words = f"Each of the {count:,} trades made a part of the profit; {named}."
    else:
        words = f"Without the best {count:,} of {len(trades):,} trades there is no profit; {named}."
    return Finding(FindingKind.CONCENTRATION, is_warning, words[0].upper() + words[1:], told)


# --- costs and fills --------------------------------------------------------------------------


def _costs(result: RunResult) -> Finding | None:
    costs = costs_of(result)
    if costs.gross <= 0:
        lost = f"lost {_money(-float(costs.gross))} {result.currency}" if costs.gross else "gained nothing"
        words = f"Before commissions the account {lost}."
        return Finding(FindingKind.COSTS, False, words, _cost_figures(costs))
    bps = 0.0 if costs.break_even_bps is None else costs.break_even_bps
    breaks_even = f"It would be gone at costs of {bps:,.1f} bps of each fill."
    if not costs.fees:
        has_slippage = _settings(result).has_slippage
        free = "No commission was charged" if has_slippage else "No costs were charged"
        words = f"{free}: {_money(float(costs.gross))} {result.currency} is before them. {breaks_even}"
        return Finding(FindingKind.COSTS, True, words, _cost_figures(costs))
    at = ", ".join(f"{multiple}x {_money(float(costs.pnl_at(multiple)))}" for multiple in COST_MULTIPLES)
    multiple = costs.break_even_multiple or 0.0
    words = f"P&L at multiples of the commissions: {at} {result.currency}. {breaks_even}"
    is_warning = costs.fees > 0 and multiple < LEAST_COST_MULTIPLE
    return Finding(FindingKind.COSTS, is_warning, words, _cost_figures(costs))


def _cost_figures(costs: Costs) -> Mapping[str, float | None]:
    at = {f"pnl_at_{multiple}x": float(costs.pnl_at(multiple)) for multiple in COST_MULTIPLES}
    return {
        **at,
        "break_even_multiple": costs.break_even_multiple,
        "break_even_bps": costs.break_even_bps,
    }


def _volume(result: RunResult) -> Finding | None:
    shares = result.flow.volume_share
    known = shares[~np.isnan(shares)]
    if not len(known):
        return None
    large, beyond = int(np.count_nonzero(known > LARGE_SHARE)), int(np.count_nonzero(known > 1.0))
    worst = float(known.max())
    told = {
        "fills": float(len(known)),
        "large_fills": float(large),
        "fills_beyond_volume": float(beyond),
        "largest_share": worst if math.isfinite(worst) else None,
    }
    of_all = f"of {len(known):,} fills"
    if beyond:
        words = f"{beyond:,} {of_all} are in bars that traded less than that: they could not have been made."
        return Finding(FindingKind.VOLUME, True, words, told)
    if not large:
        words = (
            f"No fill is above {_percent(LARGE_SHARE)} of its bar's volume; the largest is {_percent(worst)}."
        )
        return Finding(FindingKind.VOLUME, False, words, told)
    above = f"above {_percent(LARGE_SHARE)} of their bar's volume"
    words = f"{large:,} {of_all} are {above}, up to {_percent(worst)}."
    return Finding(FindingKind.VOLUME, large > LARGE_FILLS * len(known), words, told)


def _timing(result: RunResult) -> Finding | None:
    if _settings(result).broker.bar_fill != FillTiming.THIS_CLOSE:
        return None
    words = (
        "Market orders fill at the close of the bar on which they were decided (bar_fill: this_close). "
        "Nobody can decide on a close and still trade at it; compare with bar_fill: next_open."
    )
    return Finding(FindingKind.TIMING, True, words)


class _Model(msgspec.Struct, frozen=True):
    model: str = ""


class _Broker(msgspec.Struct, frozen=True):
    bar_fill: str = FillTiming.NEXT_OPEN
    slippage_bps: float = 0.0
    slippage: str | _Model | None = None


class _Settings(msgspec.Struct, frozen=True):
    """The needed part of a recorded configuration, which may be of another version."""

    broker: _Broker = _Broker()

    @property
    def has_slippage(self) -> bool:
        chosen = self.broker.slippage
        name = chosen.model if isinstance(chosen, _Model) else chosen
        return self.broker.slippage_bps > 0 or name not in (None, NO_MODEL)


def _settings(result: RunResult) -> _Settings:
    return msgspec.json.decode(result.config, type=_Settings) if result.config else _Settings()


# --- time -------------------------------------------------------------------------------------


def _time_in_market(result: RunResult) -> Finding | None:
    share = result.time_in_market
    if share is None:
        return None
    days = (result.end_ts - result.start_ts) / DAY_NS * share
    told = {"time_in_market": share, "days_in_market": days}
    held = f"There was a position in {_percent(share)} of the time"
    if share < LITTLE_TIME:
        words = f"{held}, {days:,.1f} days in all: yearly figures rest on these alone."
        return Finding(FindingKind.TIME_IN_MARKET, True, words, told)
    beside = result.benchmark
    correlation = None if beside is None else beside.correlation
    if share > MUCH_TIME and correlation is not None and correlation > LIKE_BENCHMARK:
        words = (
            f"{held}, with a correlation of {correlation:.2f} to the benchmark: it is nearly the benchmark."
        )
        return Finding(FindingKind.TIME_IN_MARKET, True, words, told)
    return Finding(FindingKind.TIME_IN_MARKET, False, f"{held}.", told)


def _regimes(result: RunResult) -> Iterator[Finding]:
    """A warning for each division of time in which one part makes what all others do not.

    Rising and falling markets are only shown: of them every strategy that buys depends.
    """
    found = regimes(result)
    total = sum(one.pnl for one in of_kind(found, HALVES))
    if not found or total <= 0:
        return
    has_warned = False
    for kind, among in ((HALVES, 2), (YEARS, 3), (VOLATILITY, 3)):
        parts = of_kind(found, kind)
        if len(parts) < among:
            continue
        best = max(parts, key=lambda one: one.pnl)
        others = total - best.pnl
        is_one_year = kind == YEARS and best.pnl > ONE_YEAR_SHARE * total
        if others <= 0 or is_one_year:
            has_warned = True
            yield Finding(FindingKind.REGIMES, True, _regime_words(result, best.name, best.pnl, others), {
                "best_part_pnl": best.pnl, "other_parts_pnl": others,
            })  # fmt: skip
    if not has_warned:
        words = "The profit does not come from one half, one year, or one kind of market alone."
        yield Finding(FindingKind.REGIMES, False, words)


def _regime_words(result: RunResult, name: str, pnl: float, others: float) -> str:
    rest = f"lost {_money(-others)}" if others < 0 else f"made {_money(others)}"
    made = f"{name} made {_money(pnl)}, the rest {rest} {result.currency}"
    return f"The profit depends on one part of the time: {made}."


def _money(value: float) -> str:
    return f"{value:,.2f}"


def _percent(share: float) -> str:
    return f"{share * 100:,.3g} %"
