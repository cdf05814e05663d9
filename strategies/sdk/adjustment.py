"""Adjusted prices: a view of raw bars and the corporate actions after them; no bar is ever rewritten.

Prices before an action are brought to the terms after it. A split divides prices by its ratio and
multiplies volume. A dividend scales prices by ``1 - dividend / close``, the last raw close before it
goes ex, as Yahoo's adjusted closes, LEAN's factor files and zipline's ratios have it. (Quandl's reinvest
at the close of the ex-date, ``1 / (1 + dividend / close)``, some parts in 100,000 apart.) A bar is before
an action if it was known when the action took effect: ``bar.ts <= action.ts``.
"""

from collections.abc import Sequence
from enum import StrEnum

from kernel.corporate_actions import is_void
from kernel.events import Bar, CorporateAction, CorporateActionKind


class Adjustment(StrEnum):
    """What prices are adjusted for: nothing, splits, or splits and dividends."""

    RAW = "raw"
    SPLITS = "splits"
    TOTAL = "total"


def split_ratio(actions: Sequence[CorporateAction], since: int) -> float:
    """New shares per share of ``since``: the product of the splits that took effect at or after it."""
    ratio = 1.0
    for action in actions:
        if action.ts >= since and action.kind is CorporateActionKind.SPLIT and not is_void(action):
            ratio *= float(action.ratio)
    return ratio


def adjusted(
    bars: Sequence[Bar], actions: Sequence[CorporateAction], adjustment: Adjustment = Adjustment.SPLITS
) -> Sequence[Bar]:
    """The bars on the terms of the last action; both oldest first, of one instrument and timeframe.

    Actions before the first bar change nothing. Costs nothing where there are none after it.
    """
    if adjustment is Adjustment.RAW or not bars or not actions or actions[-1].ts < bars[0].ts:
        return bars
    done: list[Bar] = []
    price_factor = volume_factor = 1.0
    end = len(actions)
    for bar in reversed(bars):
        first = end
        while first > 0 and actions[first - 1].ts >= bar.ts:
            first -= 1
        if first < end:
            later = actions[first:end]
            price_factor *= _price_factor(later, bar.close, adjustment=adjustment)
            volume_factor *= split_ratio(later, bar.ts)
            end = first
        done.append(
            bar if price_factor == volume_factor == 1.0 else _scaled(bar, price_factor, volume_factor)
        )
    done.reverse()
    return done


def _price_factor(actions: Sequence[CorporateAction], close: float, *, adjustment: Adjustment) -> float:
    """What actions with no bar between them do to prices before, of which ``close`` was the last.

    A dividend is per share as it was before its own moment: splits of earlier moments count, one of the same
    moment does not. A dividend that is no less than the price counts as none: the data is wrong.
    """
    factor = 1.0
    for action in actions:
        if is_void(action):
            continue
        if action.kind is CorporateActionKind.SPLIT:
            factor /= float(action.ratio)
        elif action.kind is CorporateActionKind.DIVIDEND and adjustment is Adjustment.TOTAL:
            splits = [other for other in actions if other.ts < action.ts]
            price = close / split_ratio(splits, 0)
            amount = float(action.amount)
            factor *= 1.0 - amount / price if 0.0 < amount < price else 1.0
    return factor


def _scaled(bar: Bar, price_factor: float, volume_factor: float) -> Bar:
    return Bar(
        bar.ts,
        bar.symbol,
        bar.timeframe,
        bar.open * price_factor,
        bar.high * price_factor,
        bar.low * price_factor,
        bar.close * price_factor,
        bar.volume * volume_factor,
        bar.open_ts,
    )
