"""The figures that the margin watch keeps of what is held."""

from components.portfolio.portfolio import AccountType, PortfolioConfig
from components.risk_monitor.margin_watch import MarginWatch
from kernel import snapshot
from kernel.events import BUY, InstrumentDefined
from strategies.sdk.limits import MarginCall
from tests.components.account import Account, bar, fill


def watched_account() -> tuple[Account, MarginWatch]:
    account = Account(PortfolioConfig(account_type=AccountType.MARGIN))
    watch = MarginWatch(MarginCall.LIQUIDATE, account=account.portfolio, market=account.market)
    account.bus.register_watching(watch)
    return account, watch


def test_a_restored_watch_computes_the_figures_of_the_first_one() -> None:
    """0.1 times 3 is 0.30000000000000004 as a float: a part of them computed in another way would differ."""
    first, watch = watched_account()
    first.hear(InstrumentDefined(0, "A"), bar("A", 0.1), fill(BUY, "1", "0.1", fill_id="f1"))
    second, restored = watched_account()
    snapshot.put_back(second.bus, snapshot.take(first.bus))

    for account in (first, second):
        account.hear(fill(BUY, "2", "0.1", fill_id="f2"))

    assert restored.state == watch.state
