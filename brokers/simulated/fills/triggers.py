"""Calculations that all fill models share: triggers, trailing stops and limits against one price."""

from math import isfinite

from brokers.simulated.fills.port import Price
from brokers.simulated.resting import NOTHING, STOP, Resting

NEXT_TO_ZERO = 5e-324
"""The level of a trailing stop at 0: a stop of 0.0 means that there is no level yet."""


def is_within_limit(resting: Resting, price: float) -> bool:
    """Whether the order may trade at ``price``: at its limit or better."""
    return price <= resting.limit if resting.is_buy else price >= resting.limit


def rises_to_trigger(resting: Resting) -> bool:
    """Whether the trigger is reached from below: for buy stops and if-touched sales."""
    return (resting.waits_for == STOP) is resting.is_buy


def is_reached(resting: Resting, price: float) -> bool:
    """Whether a price is at the order's trigger or beyond it."""
    return price >= resting.stop if rises_to_trigger(resting) else price <= resting.stop


def trigger(resting: Resting) -> None:
    """Make a waiting order a market or limit order."""
    resting.is_triggered = True
    resting.waits_for = NOTHING


def trail(resting: Resting, price: float) -> None:
    """Let a trailing stop's trigger follow a price. It never moves back."""
    is_buy = resting.is_buy
    if resting.order.trail_percent is None:
        level = price + resting.trail if is_buy else price - resting.trail
    else:
        share = resting.trail / 100.0
        level = price * (1.0 + share) if is_buy else price * (1.0 - share)
    if not resting.stop or (level < resting.stop if is_buy else level > resting.stop):
        resting.stop = level or NEXT_TO_ZERO


def fill_at(resting: Resting, price: float, ts: int) -> Price | None:
    """The fill of an order at one market price. 0 means that the price is missing."""
    if not price or not isfinite(price):
        return None
    if resting.waits_for and not has_triggered_at(resting, price):
        return None
    if not resting.is_limited:
        return Price(price, slips=True, executed_ts=ts)
    return Price(price, slips=False, executed_ts=ts) if is_within_limit(resting, price) else None


def has_triggered_at(resting: Resting, price: float) -> bool:
    """Trigger the order if the price reaches its trigger; otherwise let a trailing stop follow it."""
    if not resting.is_trailing:
        if not is_reached(resting, price):
            return False
    elif not resting.stop or not is_reached(resting, price):
        trail(resting, price)
        return False
    trigger(resting)
    return True
