"""Losses of the account, as rules see them, over restarts and payments."""

from decimal import Decimal
from pathlib import Path

import pytest

from kernel.events import AlertRaised, CashMoved, EquityNoted
from kernel.time_units import DAY_NS, SECOND_NS
from ops.alerts.losses import Losses
from ops.alerts.status import AlertsStatus
from tests.ops.alerts.worlds import BEGIN
from tests.ops.control.running import Running, running

RULE = "{kind: threshold, name: lost, metric: drawdown_pct, above: 3}"
HIGH = "{kind: threshold, name: high, metric: equity, above: 119_000}"
PAID = "{kind: threshold, name: paid, metric: equity, below: 99_600}"
SECTION = f"alerts: {{look_s: 0.02, rules: [{RULE}, {HIGH}, {PAID}]}}"
HUNDRED = '{strategy: "trade.py:Holder", symbols: [AAA], params: {quantity: 100}}'


def looked(losses: Losses, now: int, equity: int, paid_in: int = 1_000) -> tuple[float | None, float | None]:
    losses.look(now, equity=Decimal(equity), paid_in=Decimal(paid_in))
    return losses.drawdown_pct, losses.day_loss_pct


def test_drawdown_is_from_the_highest_and_day_loss_from_the_first_of_the_day() -> None:
    losses = Losses()

    looked(losses, BEGIN, 1_000)
    looked(losses, BEGIN + 1, 1_250)

    assert looked(losses, BEGIN + 2, 1_000) == (20.0, 0.0)
    assert looked(losses, BEGIN + DAY_NS, 1_000) == (20.0, 0.0)
    assert looked(losses, BEGIN + DAY_NS + 1, 900) == (28.0, 10.0)


def test_payment_is_neither_a_gain_nor_a_loss() -> None:
    losses = Losses()
    looked(losses, BEGIN, 1_000)

    assert looked(losses, BEGIN + 1, 1_500, paid_in=1_500) == (0.0, 0.0)
    assert looked(losses, BEGIN + 2, 400, paid_in=500) == (20.0, 20.0)


def test_record_restores_what_losses_are_measured_from_and_payments_meanwhile_count() -> None:
    losses, later = Losses(), Losses()
    looked(losses, BEGIN, 1_000)
    looked(losses, BEGIN + 1, 1_250)
    noted = losses.note(BEGIN + 2)
    assert noted is not None
    later.restore(noted)

    assert looked(later, BEGIN + 3, 1_000) == (20.0, 0.0)
    assert looked(later, BEGIN + 4, 1_100, paid_in=1_100) == pytest.approx((100 * 250 / 1_350, 0.0))


def test_record_is_made_when_something_changed_once_a_minute_and_at_the_end() -> None:
    losses = Losses()
    assert losses.note(BEGIN) is None
    looked(losses, BEGIN, 1_000)
    first = losses.note(BEGIN)
    looked(losses, BEGIN + 1, 1_100)

    assert first is not None
    assert losses.note(BEGIN + 30 * SECOND_NS) is None
    assert losses.note(BEGIN + 60 * SECOND_NS) == EquityNoted(
        BEGIN + 60 * SECOND_NS, Decimal(1_100), Decimal(1_000), first.day, Decimal(1_000)
    )
    assert losses.note(BEGIN + 200 * SECOND_NS) is None
    looked(losses, BEGIN + 201 * SECOND_NS, 1_200)
    assert losses.note(BEGIN + 201 * SECOND_NS, is_last=True) is not None


async def is_open(daemon: Running, rule: str) -> bool:
    return any(one.rule == rule for one in (await daemon.show("/alerts", AlertsStatus)).open)


async def opened(daemon: Running, rule: str) -> None:
    """Wait for an alert: then rules have looked at the account."""
    while not await is_open(daemon, rule):
        pass


async def test_drawdown_of_a_daemon_counts_over_a_restart_and_a_payment_is_no_loss(tmp_path: Path) -> None:
    async with running(tmp_path, SECTION, strategies=(HUNDRED,)) as daemon:
        for price in (100.0, 100.0, 300.0):
            await daemon.quote(price=price)
        peak = daemon.session.core.portfolio.equity
        await opened(daemon, "high")
        was_open = await is_open(daemon, "lost")
    async with running(tmp_path, SECTION, strategies=(HUNDRED,)) as daemon:
        await daemon.session.engine.post(CashMoved(0, Decimal(-20_000)))
        await daemon.quote(price=295.0)
        await opened(daemon, "paid")
        paid_out = await is_open(daemon, "lost")
        await daemon.quote(price=240.0)
        await opened(daemon, "lost")
        raised = [one for one in await daemon.logged(AlertRaised) if one.rule == "lost"]
        noted = await daemon.logged(EquityNoted)

    assert peak == Decimal(120_000)
    assert (was_open, paid_out) == (False, False)
    assert noted[-1].peak == peak
    assert len(raised) == 1
    assert "drawdown_pct is 6, above 3" in raised[0].sentence
