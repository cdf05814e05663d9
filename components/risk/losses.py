"""Losses of the account: what each is measured from, and how large it is.

Equity here is a ``float``: an observation at market prices, compared with a limit. What the account holds
exactly is the portfolio's, and this is set to it at every fill and payment.
"""

from collections.abc import Iterator, Mapping

import msgspec

from strategies.sdk.limits import ContinuousLimit, LimitKind, LimitUnit, LossOrigin, RiskLimits

DAILY_LOSS = "max_daily_loss"
DRAWDOWN = "max_drawdown"
"""The rules of ``RiskLimits`` that deny orders by the account's losses."""

LOSS_KINDS = (LimitKind.DAILY_LOSS, LimitKind.DRAWDOWN)


class LossMeasure(msgspec.Struct, frozen=True):
    """How a rule counts a loss: since when, from which equity, in which unit; where it ends."""

    rule: str
    is_daily: bool
    from_peak: bool
    is_fraction: bool
    limit: float

    def moved_origin(self, origin: float, paid_in: float, equity: float) -> float:
        """What the loss is measured from after ``paid_in`` came in (or went out, below 0).

        ``equity`` is what it came to. The loss stays what it was, in the rule's unit: money moves the origin
        by its amount, and a fraction by the same part by which equity changed.
        """
        before = equity - paid_in
        if self.is_fraction and before > 0 and equity > 0:
            return origin * (equity / before)
        return origin + paid_in

    def loss(self, origin: float, equity: float) -> float:
        """The loss from ``origin``, in the rule's unit."""
        lost = origin - equity
        if not self.is_fraction:
            return lost
        return lost / origin if origin > 0 else float(lost > 0)


def measures_of(limits: RiskLimits, rules: Mapping[str, ContinuousLimit]) -> Iterator[LossMeasure]:
    """The measures that a configuration needs."""
    if limits.max_daily_loss is not None:
        yield LossMeasure(DAILY_LOSS, True, False, False, float(limits.max_daily_loss))
    if limits.max_drawdown is not None:
        yield LossMeasure(DRAWDOWN, False, True, True, float(limits.max_drawdown))
    for rule, limit in rules.items():
        if limit.kind in LOSS_KINDS:
            is_daily = limit.kind is LimitKind.DAILY_LOSS
            origin = limit.origin or (LossOrigin.START if is_daily else LossOrigin.PEAK)
            yield LossMeasure(
                rule,
                is_daily,
                origin is LossOrigin.PEAK,
                limit.unit is LimitUnit.FRACTION,
                float(limit.limit),
            )
