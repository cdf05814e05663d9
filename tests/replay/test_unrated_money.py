"""Money in a currency without an exchange rate is a named problem."""

from decimal import Decimal

import pytest

from components.assembly.instruments import InstrumentConfig
from components.portfolio.config import PortfolioConfig
from kernel.events import CorporateAction, CorporateActionKind, Event, FxRateSet
from kernel.time_units import DAY_NS
from replay.config import ReplayConfig
from replay.results import RunResult, read_results
from replay.tables import problems
from strategies.buy_and_hold import BuyAndHold
from tests.replay.market import walk
from tests.replay.playing import START, record_run, store_of

IN_EURO = ReplayConfig(
    portfolio=PortfolioConfig(currency="EUR"), instruments=(InstrumentConfig(symbol="A", currency="EUR"),)
)


async def result_with(currency: str, *rates: Event) -> RunResult:
    """A run in EUR over a share in EUR that pays a dividend in a currency."""
    kind = CorporateActionKind.DIVIDEND
    action = CorporateAction(START + 3 * DAY_NS, "A", kind, amount=Decimal(2), currency=currency)
    store = await store_of(a_1d=walk("A", 6, seed=1), a_actions=[action], **({"fx": rates} if rates else {}))
    return await read_results(store, await record_run(store, [BuyAndHold()], IN_EURO))


async def test_a_dividend_without_a_rate_is_named_with_the_way_to_mend_it() -> None:
    result = await result_with("USD")

    assert "no rate of USD to EUR is known; import rates with --kind fx-rates" in result.first_problem
    assert problems(result) == result.first_problem


@pytest.mark.parametrize(
    ("currency", "rates"),
    [("", ()), ("EUR", ()), ("USD", (FxRateSet(START, "EUR", "USD", Decimal("1.1")),))],
)
async def test_money_that_can_be_converted_is_no_problem(currency: str, rates: tuple[Event, ...]) -> None:
    assert (await result_with(currency, *rates)).first_problem == ""


@pytest.mark.parametrize("kind", [CorporateActionKind.DELISTING, CorporateActionKind.MERGER])
async def test_a_price_without_a_rate_at_which_positions_were_closed_is_named(
    kind: CorporateActionKind,
) -> None:
    action = CorporateAction(START + 3 * DAY_NS, "A", kind, Decimal(0), Decimal(2), currency="GBP")
    store = await store_of(a_1d=walk("A", 6, seed=1), a_actions=[action])

    result = await read_results(store, await record_run(store, [BuyAndHold()], IN_EURO))

    assert "no rate of GBP to EUR is known" in result.first_problem


async def test_trades_and_equity_agree_on_a_delisting_in_another_currency() -> None:
    kind = CorporateActionKind.DELISTING
    action = CorporateAction(START + 3 * DAY_NS, "A", kind, amount=Decimal(2), currency="USD")
    rate = FxRateSet(START, "USD", "EUR", Decimal("0.8"))
    store = await store_of(a_1d=walk("A", 6, seed=1), a_actions=[action], fx=[rate])

    result = await read_results(store, await record_run(store, [BuyAndHold()], IN_EURO))

    (trade,) = result.trades
    assert trade.exit_price == Decimal("1.60")
    assert result.metrics.final_equity == 100_000 + trade.pnl
    assert result.first_problem == ""
