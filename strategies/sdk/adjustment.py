"""Adjusted prices: a view of raw bars and corporate actions. Recorded bars never change.

Prices before an action are converted to the terms after it.

- A split divides prices by its ratio and multiplies volume.
- A dividend multiplies prices by ``1 - dividend / close``, with the last raw close before the ex-date, as
  Yahoo's adjusted closes, LEAN's factor files and zipline's ratios do. (Quandl reinvests at the close of the
  ex-date, ``1 / (1 + dividend / close)``; the difference is some parts in 100,000.)

A bar is before an action if it was known when the action took effect: ``bar.ts <= action.ts``.
"""

from collections.abc import Sequence
from enum import StrEnum

from kernel.corporate_actions import is_void
from kernel.events import Bar, CorporateAction, CorporateActionKind


class Adjustment(StrEnum):
    """The adjustment of prices: for nothing, for splits, or for splits and dividends."""

    RAW = "raw"
    SPLITS = "splits"
    TOTAL = "total"


def split_ratio(actions: Sequence[CorporateAction], since: int) -> float:
    """New shares per share held at ``since``: the product of the splits at or after that time."""
    ratio = 1.0
    for action in actions:
        if action.ts >= since and action.kind is CorporateActionKind.SPLIT and not is_void(action):
            ratio *= float(action.ratio)
    return ratio


def adjusted(
    bars: Sequence[Bar], actions: Sequence[CorporateAction], adjustment: Adjustment = Adjustment.SPLITS
) -> Sequence[Bar]:
    """Bars on the terms after the last action.

    Bars and actions are of one instrument, bars of one timeframe; both oldest first. Actions before the first
    bar change nothing. Without later actions the bars are returned as they are.
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
    """The factor for prices before some actions that have no bar between them.

    ``close`` is the last price before them. A dividend is per share as of just before it: earlier splits
    count, a split at the same moment does not. A dividend not below the price is wrong data, and ignored.
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
