"""The margin watch: it may keep what it knew, and never misses a call."""

from decimal import Decimal
from random import Random

import pytest

from components.portfolio.portfolio import AccountType, PortfolioConfig
from components.risk_monitor.margin_watch import MarginWatch
from kernel.events import BUY, SELL, CashMoved, Event, RiskLimitBreached
from strategies.sdk.limits import MarginCall
from tests.components.account import Account, bar, fill

DEPOSIT = Decimal(10_000)


class Watched:
    """An account with a margin watch."""

    def __init__(self) -> None:
        self.account = Account(PortfolioConfig(account_type=AccountType.MARGIN))
        self.watch = MarginWatch(MarginCall.ALERT, account=self.account.portfolio, market=self.account.market)
        self.account.bus.register_watching(self.watch)
        self.account.hear(CashMoved(0, DEPOSIT), bar("A", 100.0), bar("B", 50.0))

    def calls(self, *events: Event) -> list[str]:
        """The rules that are breached by these events."""
        made = self.account.hear(*events)
        return [event.rule for event in made if isinstance(event, RiskLimitBreached)]


def test_cash_that_falls_after_calm_fills_is_seen() -> None:
    watched = Watched()
    watched.calls(fill(BUY, "10", "100"), fill(SELL, "10", "100"), fill(BUY, "10", "100"))

    calls = watched.calls(fill(BUY, "10", "100", commission="9600"))

    assert calls == ["maintenance_margin"]


def test_a_position_of_another_size_is_measured_anew() -> None:
    watched = Watched()
    watched.calls(fill(BUY, "10", "100"), fill(SELL, "20", "100"), fill(BUY, "20", "100"))

    calls = watched.calls(fill(BUY, "440", "100"))

    assert calls == ["maintenance_margin"]


@pytest.mark.parametrize("seed", range(20))
def test_an_account_below_its_maintenance_margin_is_called_at_each_fill(seed: int) -> None:
    random, watched = Random(seed), Watched()
    portfolio = watched.account.portfolio
    was_short = False

    for _ in range(120):
        symbol, price = random.choice((("A", "100"), ("B", "50")))
        quantity, commission = str(random.choice((10, 10, 20, 90))), random.choice(("0", "0", "1", "400"))
        side = random.choice((BUY, SELL))
        watched.calls(fill(side, quantity, price, symbol=symbol, commission=commission))

        is_short = portfolio.equity < portfolio.maintenance_margin
        was_short = was_short or is_short
        if portfolio.open_symbols():
            assert watched.watch.state.is_called is is_short

    assert was_short
