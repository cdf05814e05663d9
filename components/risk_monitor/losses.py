"""Losses of the account: the equity from which each is measured, and its size.

Equity here is a ``float``: an observation at market prices, compared with a limit. The portfolio has the
exact equity, and the monitor copies it at every fill and payment.
"""

from collections.abc import Iterator, Mapping

import msgspec

from strategies.sdk.limits import ContinuousLimit, LimitKind, LimitUnit, LossOrigin, RiskLimits

DAILY_LOSS = "max_daily_loss"
DRAWDOWN = "max_drawdown"
"""The rules of ``RiskLimits`` that deny orders by the account's losses."""


class LossMeasure(msgspec.Struct, frozen=True):
    """The measure by which a rule computes a loss.

    - ``is_daily``: it starts again with each trading day.
    - ``from_peak``: it is measured from the highest equity, not from the first.
    - ``is_fraction``: its unit is a fraction of that equity, not the account's currency.
    - ``limit``: the largest loss allowed, in that unit.
    """

    rule: str
    is_daily: bool
    from_peak: bool
    is_fraction: bool
    limit: float

    def moved_origin(self, origin: float, paid_in: float, equity: float) -> float:
        """The equity to measure from after a payment in (or out, below 0).

        ``equity``: the present equity, with the payment. The loss stays the same in the rule's unit. So for
        an amount the payment is added to the origin; for a fraction the origin is scaled as equity was.
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
    """The measures that a configuration needs; ``rules`` are its continuous limits by rule."""
    if limits.max_daily_loss is not None:
        yield LossMeasure(DAILY_LOSS, True, False, False, float(limits.max_daily_loss))
    if limits.max_drawdown is not None:
        yield LossMeasure(DRAWDOWN, False, True, True, float(limits.max_drawdown))
    for rule, limit in rules.items():
        if limit.is_loss:
            yield LossMeasure(
                rule,
                limit.kind is LimitKind.DAILY_LOSS,
                limit.loss_from is LossOrigin.PEAK,
                limit.unit is LimitUnit.FRACTION,
                float(limit.limit),
            )
