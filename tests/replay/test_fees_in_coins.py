"""Fees that the venue takes out of the coin that was bought."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from components.assembly.instruments import check_instruments, instrument_like
from components.portfolio.portfolio import LotMethod, PortfolioConfig
from kernel.errors import ConfigError
from kernel.events import (
    BUY,
    SELL,
    AccountMarked,
    AssetClass,
    InstrumentDefined,
    OrderDenied,
    OrderFilled,
    OrderReplaced,
    PositionChanged,
)
from replay.order_records import fold_orders
from strategies.sdk import (
    Bar,
    Decisions,
    Metadata,
    Signal,
    SignalDirection,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
)
from tests.components.account import Account, bar, corrected, fill, money
from tests.replay.account_script import Act, Played, config_of_keys, days, played
from tests.replay.playing import read_events, record_run, store_of

COIN = {
    "symbol": "BTC-USD",
    "asset_class": "crypto_spot",
    "lot_size": "0.01",
    "is_shortable": False,
    "fee_currency": "base",
}
ACCOUNT: Mapping[str, object] = {
    "cash": 10_000,
    "instruments": [COIN],
    "broker": {"commission_rate": "0.001"},
    "portfolio": {"mark_ledgers": True},
}
BOUGHT = Act(1, "buy", "BTC-USD", "67")


async def run_of(*acts: Act, config: Mapping[str, object] = ACCOUNT, prices: tuple[float, ...]) -> Played:
    return await played(config, *acts, btc=days("BTC-USD", *prices))


def held(run: Played) -> list[Decimal]:
    return [one.quantity for one in run.of(PositionChanged)]


async def test_a_buy_of_67_holds_66_933() -> None:
    run = await run_of(BOUGHT, prices=(100, 100, 120, 120))

    (bought,) = run.of(OrderFilled)
    last = run.of(AccountMarked)[-1]
    assert held(run) == [Decimal("66.933")]
    assert (bought.quantity, bought.commission, bought.currency) == (Decimal(67), Decimal("0.067"), "BTC")
    assert last.cash == 10_000 - 6_700
    assert last.equity == 3_300 + Decimal("66.933") * 120


async def test_fees_count_in_money_at_the_price_of_the_fill() -> None:
    run = await run_of(BOUGHT, prices=(100, 100, 120, 120))

    (own,) = run.result.by_strategy
    (order,) = fold_orders(run.events).orders
    assert run.of(AccountMarked)[-1].commissions == Decimal("6.7")
    assert run.result.metrics.fees == own.fees == order.commission == Decimal("6.7")
    assert run.result.first_problem == ""


async def test_a_sale_of_what_was_bought_is_refused() -> None:
    run = await run_of(BOUGHT, Act(3, "sell", "BTC-USD", "67"), prices=(100, 100, 120, 120, 120))

    (denied,) = run.of(OrderDenied)
    assert denied.reason == "the sale would leave a short position"


async def test_a_close_sells_whole_lots_and_the_rest_stays_at_market() -> None:
    run = await run_of(BOUGHT, Act(3, "position", "BTC-USD", "0"), prices=(100, 100, 120, 120, 150))

    bought, sold = run.of(OrderFilled)
    last = run.of(AccountMarked)[-1]
    assert (sold.quantity, sold.commission, sold.currency) == (Decimal("66.93"), Decimal("8.03"), "USD")
    assert held(run)[-1] == Decimal("0.003")
    assert last.equity == last.cash + Decimal("0.003") * 150
    assert bought.currency == "BTC"


async def test_the_trades_add_up_to_the_change_of_equity() -> None:
    run = await run_of(BOUGHT, Act(3, "position", "BTC-USD", "0"), prices=(100, 100, 120, 120, 150))

    (trade,), (lot,) = run.result.trades, run.result.open_lots
    last = run.of(AccountMarked)[-1]
    assert (trade.quantity, trade.pnl) == (Decimal("66.93"), Decimal("66.93") * 20)
    assert (lot.quantity, lot.entry_price) == (Decimal("0.003"), Decimal(100))
    open_pnl = lot.quantity * (150 - lot.entry_price) - lot.commission
    assert trade.net_pnl + open_pnl == last.equity - 10_000


async def test_a_buy_for_all_the_cash_needs_no_room_for_its_fee() -> None:
    run = await run_of(Act(1, "buy", "BTC-USD", "100"), prices=(100, 100, 120))

    assert held(run) == [Decimal("99.9")]
    assert run.of(AccountMarked)[-1].cash == 0


async def test_a_part_that_can_be_paid_pays_its_own_fee() -> None:
    """The buy was decided at 100 and fills at 200: half of it can be paid."""
    run = await run_of(Act(1, "buy", "BTC-USD", "100"), prices=(100, 200, 200))

    assert held(run) == [Decimal("49.95")]


async def test_a_fixed_fee_is_taken_at_the_price_of_the_fill() -> None:
    config = {**ACCOUNT, "broker": {"commission_per_order": "5"}}

    run = await run_of(BOUGHT, config=config, prices=(100, 100, 120))

    assert held(run) == [Decimal("66.95")]


async def test_a_fee_is_rounded_to_the_smallest_part_of_a_coin_and_not_to_a_cent() -> None:
    run = await run_of(Act(1, "buy", "BTC-USD", "0.01"), prices=(97, 97.13, 97.13))

    assert run.of(OrderFilled)[0].commission == Decimal("0.00001")


async def test_a_fee_larger_than_what_is_bought_takes_all_of_it() -> None:
    config = {**ACCOUNT, "broker": {"commission_per_order": "5"}}

    run = await run_of(Act(1, "buy", "BTC-USD", "0.01"), config=config, prices=(100, 100, 120))

    assert held(run) == [0]
    assert run.of(AccountMarked)[-1].equity == 9_999


class Bracket(Strategy[StrategyParams, StrategyState]):
    """Buys 67 with an exit for all of them."""

    metadata = Metadata(name="bracket")

    def on_bar(self, bar: Bar) -> Decisions:
        if bar.close == 100:
            return buy(bar.symbol, 67, take_profit=110)
        return None


async def test_an_exit_sells_what_its_entry_delivered() -> None:
    store = await store_of(btc_1d=days("BTC-USD", 100, 101, 120, 120))
    name = await record_run(store, [Bracket()], config_of_keys({**ACCOUNT, "streams": ["btc.1d"]}))

    events = await read_events(store, name)

    _, sold = (one for one in events if isinstance(one, OrderFilled))
    (smaller,) = (one for one in events if isinstance(one, OrderReplaced))
    assert sold.quantity == smaller.order.quantity == Decimal("66.93")


class Believer(Strategy[StrategyParams, StrategyState]):
    """Believes in a rise, with exits on both sides."""

    metadata = Metadata(name="believer")

    def on_bar(self, bar: Bar) -> Decisions:
        if bar.close == 100:
            return Signal(bar.symbol, SignalDirection.LONG, stop_loss=80, take_profit=110)
        return None


async def test_the_exits_of_a_plan_sell_the_whole_lots_that_were_delivered() -> None:
    store = await store_of(btc_1d=days("BTC-USD", 100, 101, 101, 101, 120, 120))
    signals = {"signals": {"sizing": {"model": "fixed_fractional", "fraction": "0.5"}}}
    config = config_of_keys({**ACCOUNT, **signals, "streams": ["btc.1d"]})
    name = await record_run(store, [Believer()], config)

    events = await read_events(store, name)

    *bought, sold = (one for one in events if isinstance(one, OrderFilled))
    delivered = sum(one.quantity - one.commission for one in bought)
    assert [one for one in events if isinstance(one, OrderDenied)] == []
    assert sold.side is SELL
    assert 0 < delivered - sold.quantity < Decimal("0.01")


# --- corrections ----------------------------------------------------------------------------------

TERMS = InstrumentDefined(0, "A", AssetClass.CRYPTO_SPOT, lot_size=Decimal("0.001"), fee_currency="BTC")
LONG = fill(BUY, "67", "100", commission="0.067", currency="BTC", fill_id="f1")


def account_with(*events: OrderFilled, kept: int) -> Account:
    account = Account(PortfolioConfig(lots=LotMethod.FIFO, corrections_kept=kept))
    account.hear(TERMS, *events, bar("A", 110.0))
    return account


@pytest.mark.parametrize("kept", [0, 100])
def test_a_bust_takes_back_what_was_delivered_and_the_fee(kept: int) -> None:
    account = account_with(LONG, kept=kept)

    account.hear(corrected(LONG, quantity="0"))

    assert account.held("A") == money(0, 0, 0)
    assert (account.portfolio.cash, account.portfolio.commissions) == money(0, 0)


@pytest.mark.parametrize("kept", [0, 100])
def test_a_corrected_buy_keeps_its_fee_in_coins(kept: int) -> None:
    account = account_with(LONG, fill(SELL, "10", "105", fill_id="f2"), kept=kept)

    account.hear(corrected(LONG, quantity="60", price="90"))

    portfolio = account.portfolio
    assert portfolio.net_position("A") == Decimal("49.933")
    assert portfolio.cash == 1050 - 60 * 90
    gained = portfolio.realised_pnl(LONG.strategy) + portfolio.unrealised(LONG.strategy, "A")
    assert portfolio.equity == gained - portfolio.commissions


def test_a_fee_in_another_coin_is_a_payment_in_that_coin() -> None:
    account = account_with(fill(BUY, "67", "100", commission="0.2", currency="BNB"), kept=100)

    assert account.portfolio.net_position("A") == 67
    assert account.portfolio.balances() == {"USD": -6700, "BNB": Decimal("-0.2")}


# --- the setting ----------------------------------------------------------------------------------


def test_base_names_the_first_coin_of_the_pair() -> None:
    named = instrument_like("crypto_spot", "ETHUSDT")

    assert named.defined(0).fee_currency == ""
    assert config_of_keys({"instruments": [COIN]}).instruments[0].defined(0).fee_currency == "BTC"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"symbol": "COIN"}, "fee_currency base: the symbol shows no pair; give the name of the coin bought"),
        ({"asset_class": "perpetual"}, "fee_currency base is for crypto_spot, not perpetual"),
        ({"fee_currency": "USD"}, "fee_currency USD is the instrument's currency"),
        ({"multiplier": 10}, "fee_currency: a multiplier of 10 has no units to take a fee from"),
    ],
)
def test_a_fee_currency_that_makes_no_sense_is_refused(changed: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        check_instruments(config_of_keys({"instruments": [{**COIN, **changed}]}).instruments)
