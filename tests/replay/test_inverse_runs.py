"""Runs with inverse contracts: sizes, costs, funding, margin, trades and figures are in the coin."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from eventstore import MemoryEventStore
from kernel.events import (
    BUY,
    AccountMarked,
    ApprovedOrder,
    AssetClass,
    CashFlowKind,
    CashMoved,
    Event,
    FundingRateSet,
    FxRateSet,
    InstrumentDefined,
    OrderCancelled,
    OrderDenied,
    OrderFilled,
    OrderSubmitted,
    OrderType,
    RiskLimitBreached,
)
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.time_units import DAY_NS
from replay.order_records import fold_orders
from replay.performance.journal import read_journal
from replay.results import read_results
from replay.run_reading import read_run
from replay.verification import verify_run
from tests.components.account import fill
from tests.replay.account_script import Act, Played, Scripted, config_of_keys, days, played
from tests.replay.playing import START, read_events, record_run, store_of

NAME = "XBTUSD"
PERPETUAL = {
    "symbol": NAME,
    "asset_class": "perpetual",
    "currency": "BTC",
    "is_inverse": True,
    "margin_rate": "0.1",
    "maintenance_margin_rate": "0.05",
}
ACCOUNT: Mapping[str, object] = {
    "cash": 1,
    "portfolio": {"currency": "BTC", "mark_ledgers": True},
    "instruments": [PERPETUAL],
}
WHOLE_GAIN = Decimal("0.09090909090909090000")
"""10,000 contracts from 10,000 to 11,000, with 1 / 11,000 rounded to twenty decimals."""


async def run_of(*acts: Act, prices: tuple[str | float, ...], **changed: object) -> Played:
    return await played({**ACCOUNT, **changed}, *acts, xbt=days(NAME, *prices))


BOUGHT = Act(1, "buy", NAME, "10000")


async def test_a_round_trip_gains_one_over_entry_less_one_over_exit() -> None:
    run = await run_of(BOUGHT, Act(3, "sell", NAME, "10000"), prices=(10_000, 10_000, 11_000, 11_000))

    (trade,) = run.result.trades
    last = run.of(AccountMarked)[-1]
    assert trade.pnl == last.realised_pnl == WHOLE_GAIN
    assert last.equity == 1 + WHOLE_GAIN
    assert trade.currency == "BTC"
    assert trade.net_return == pytest.approx(1 / 11)


async def test_open_contracts_are_marked_and_trades_and_lots_add_up_to_the_equity() -> None:
    run = await run_of(
        BOUGHT,
        Act(2, "buy", NAME, "5000"),
        Act(3, "sell", NAME, "12000"),
        prices=(10_000, 10_000, 12_000, 13_000, 9_000),
    )

    last = run.of(AccountMarked)[-1]
    closed = sum((trade.net_pnl for trade in run.result.trades), Decimal(0))
    (lot,) = run.result.open_lots
    assert last.equity == 1 + closed + lot.gain_at(Decimal(9_000))
    assert last.exposure == lot.quantity * Decimal("0.00011111111111111111")


@pytest.mark.parametrize(("currency", "cash", "gained"), [("BTC", 1, 0.2), ("USD", 10_000, 0.25)])
async def test_the_benchmark_is_the_contract_at_a_notional_of_the_capital(
    currency: str, cash: int, gained: float
) -> None:
    """10,000 contracts from 10,000 to 12,500 gain 0.2 coins, and these are worth 2,500 dollars then."""
    prices = (10_000, 10_000, 11_000, 12_500)
    bars = days(NAME, *prices)
    rates = [FxRateSet(one.ts, "BTC", "USD", Decimal(each)) for one, each in zip(bars, prices, strict=True)]
    store = await store_of(btc_fx=rates, xbt_1d=bars)
    config = {**ACCOUNT, "cash": cash, "portfolio": {"currency": currency}, "streams": ["btc.fx", "xbt.1d"]}
    run = await record_run(store, [Scripted(acts=(BOUGHT,))], config_of_keys(config))

    result = (await read_run(store, run)).result

    assert result.benchmark is not None
    assert result.benchmark.total_return == pytest.approx(gained)
    assert result.metrics.total_return == pytest.approx(gained)


def test_the_average_price_of_an_order_is_the_harmonic_one() -> None:
    order = ApprovedOrder(ClientOrderId("o"), StrategyId("one"), NAME, BUY, OrderType.MARKET, Decimal(20_000))
    fills = [
        fill(BUY, "10000", price, symbol=NAME, currency="BTC", fill_id=price) for price in ("10000", "20000")
    ]
    terms = InstrumentDefined(0, NAME, AssetClass.PERPETUAL, "BTC", is_inverse=True)

    (inverse,) = fold_orders([terms, OrderSubmitted(0, order), *fills]).orders
    (linear,) = fold_orders([OrderSubmitted(0, order), *fills]).orders

    assert inverse.average_price == Decimal("13333.3333333333")
    assert linear.average_price == 15_000


async def test_commission_is_a_fraction_of_the_notional_in_coins() -> None:
    run = await run_of(BOUGHT, prices=(10_000, 8_000, 8_000), broker={"commission_rate": "0.00075"})

    (filled,) = run.of(OrderFilled)
    assert (filled.commission, filled.currency) == (Decimal("0.0009375"), "BTC")


async def test_a_commission_is_rounded_to_the_smallest_part_of_a_coin() -> None:
    run = await run_of(
        Act(1, "buy", NAME, "1"), prices=(9_000, 9_000, 9_000), broker={"commission_rate": "0.00075"}
    )

    assert run.of(OrderFilled)[0].commission == Decimal("0.00000008")


async def test_a_weight_of_the_equity_is_of_the_notional() -> None:
    run = await run_of(Act(1, "weight", NAME, "0.5"), prices=(10_000, 10_000, 10_000))

    assert run.of(OrderFilled)[0].quantity == 5_000


async def test_a_weight_leaves_room_for_its_costs() -> None:
    """1 BTC at 1 % of commission and a margin rate of 1: 9,900 contracts at 10,000 need 0.99 + 0.0099."""
    whole = {**PERPETUAL, "margin_rate": "1"}

    run = await run_of(
        Act(1, "weight", NAME, "1"),
        prices=(10_000, 10_000, 10_000),
        instruments=[whole],
        broker={"commission_rate": "0.01"},
    )

    assert run.of(OrderFilled)[0].quantity == 9_900
    assert run.of(OrderDenied) == []


async def test_an_order_needs_the_margin_of_its_notional() -> None:
    """1 BTC at a rate of 0.1 carries 10 BTC: 100,000 contracts at 10,000."""
    run = await run_of(
        Act(1, "buy", NAME, "100001"), Act(2, "buy", NAME, "100000"), prices=(10_000, 10_000, 10_000)
    )

    (denied,) = run.of(OrderDenied)
    assert (denied.rule, denied.limit, denied.value) == ("require_margin", "1", "1.00001")
    assert [one.quantity for one in run.of(OrderFilled)] == [100_000]


async def test_a_limit_below_the_market_needs_the_margin_of_its_own_price() -> None:
    """The lower the price, the larger the notional."""
    run = await run_of(
        Act(1, "buy_limit", NAME, "90000", "8000"),
        Act(2, "buy_limit", NAME, "80000", "8000"),
        prices=(10_000, 10_000, 10_000),
    )

    (denied,) = run.of(OrderDenied)
    assert Decimal(denied.value) == Decimal("1.125")


async def test_a_fill_that_a_fall_has_made_too_dear_is_cut() -> None:
    run = await run_of(Act(1, "buy", NAME, "100000"), prices=(10_000, 8_000, 8_000))

    (filled,), (cut,) = run.of(OrderFilled), run.of(OrderCancelled)
    assert filled.quantity == 80_000
    assert cut.reason.endswith("the fill needs 1.25 BTC, and 1 BTC are available")


async def test_a_fall_below_the_maintenance_margin_is_called_and_closed() -> None:
    """50,000 contracts at 10,000: at 8,500 they lose 0.88 BTC and require 0.29."""
    run = await run_of(Act(1, "buy", NAME, "50000"), prices=(10_000, "10000/9500", "9500/8500", 8_500, 8_500))

    breached = run.of(RiskLimitBreached)[0]
    assert breached.rule == "maintenance_margin"
    assert [one.quantity for one in run.of(OrderFilled)] == [50_000, 50_000]
    lost = 50_000 * (Decimal("0.00011764705882352941") - Decimal("0.0001"))
    assert run.of(AccountMarked)[-1].equity == 1 - lost


async def test_a_stop_loss_limit_measures_the_loss_in_coins() -> None:
    """From 10,000 to 9,000 a long position of 1 BTC loses 11.1 % of a coin."""
    rules = [{"kind": "stop_loss", "limit": "0.11", "action": "flatten"}]

    run = await run_of(
        BOUGHT,
        prices=(10_000, 10_000, 9_100, 9_000, 9_000),
        risk={"continuous": rules},
    )

    assert [one.price for one in run.of(OrderFilled)] == [10_000, 9_000]


async def _with_funding(rate: str) -> tuple[list[Event], MemoryEventStore, str]:
    funding = FundingRateSet(START + 2 * DAY_NS, NAME, Decimal(rate), START + 2 * DAY_NS)
    store = await store_of(xbt_1d=days(NAME, 10_000, 8_000, 8_000, 8_000), funding=[funding])
    config = config_of_keys({**ACCOUNT, "streams": ["xbt.1d", "funding"]})
    name = await record_run(store, [Scripted(acts=(BOUGHT,))], config)
    await verify_run(store, name)
    return await read_events(store, name), store, name


async def test_funding_is_of_the_notional_in_coins() -> None:
    events, _, _ = await _with_funding("0.0001")

    (paid,) = (one for one in events if isinstance(one, CashMoved) and one.kind is CashFlowKind.FUNDING)
    assert (paid.amount, paid.currency) == (Decimal("-0.000125"), "BTC")


async def test_the_excursions_of_a_trade_are_in_coins() -> None:
    store = await store_of(xbt_1d=days(NAME, 10_000, 10_000, 8_000, 12_500, 12_500, 12_500))
    config = config_of_keys({**ACCOUNT, "streams": ["xbt.1d"]})
    acts = (BOUGHT, Act(4, "sell", NAME, "10000"))
    name = await record_run(store, [Scripted(acts=acts)], config)

    (entry,) = await read_journal(store, await read_results(store, name))

    assert (entry.mae, entry.mfe) == (Decimal("-0.25"), Decimal("0.2"))


@pytest.mark.parametrize(
    ("name", "is_named"), [("BTCUSD_PERP", True), ("ETHUSD_240628", True), ("XBTUSD", False), ("A", False)]
)
async def test_a_name_that_only_inverse_contracts_have_is_in_the_assumptions(
    name: str, is_named: bool
) -> None:
    run = await played({"cash": 100_000}, x=days(name, 10_000, 10_000))

    assert any("linear, though its name is" in one for one in run.result.assumed) is is_named


async def test_a_declared_inverse_contract_is_in_no_assumption() -> None:
    terms = {**PERPETUAL, "symbol": "BTCUSD_PERP"}

    run = await played({**ACCOUNT, "instruments": [terms]}, x=days("BTCUSD_PERP", 10_000, 10_000))

    assert not any("linear" in one for one in run.result.assumed)
