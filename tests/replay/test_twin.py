"""A twin fills the orders of a log by the fill models; the twin of a simulated log is equal to it."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from brokers.simulated.fills.port import FillTiming
from components.assembly.instruments import InstrumentConfig
from eventstore import MemoryEventStore
from kernel.errors import ConfigError, StreamMissing
from kernel.events import (
    BUY,
    AssetClass,
    Bar,
    BookDelta,
    BookSnapshot,
    CorporateAction,
    CorporateActionKind,
    Event,
    FillCorrected,
    OrderFilled,
    OrderRejected,
    OrderStatus,
    OrderSubmitted,
    PriceLevel,
    TimeInForce,
)
from kernel.events.shadow import ShadowOutcome
from kernel.time_units import DAY_NS, SECOND_NS
from replay.config import ReplayConfig
from replay.twin.comparison import OrderComparison
from replay.twin.reading import read_twin
from replay.twin.totals import money_totals
from strategies.sdk import Decisions, RiskLimits, Strategy, StrategyParams, StrategyState, buy, sell
from tests.replay.commands import replay
from tests.replay.live_sessions import LOG, changed, live_session
from tests.replay.market import quote_series, walk
from tests.replay.playing import START, read_events, record_run, store_of
from tests.replay.sample_strategies import RandomOrders
from tests.replay.test_past import store_with_logs

LITTLE = Decimal(3_000)
"""Cash that some fills are cut or rejected for."""
LATE = ModelConfig("normal", {"mean_ms": 90_000, "sd_ms": 30_000})
MODELS: Mapping[str, SimulatedBrokerConfig] = {
    "plain": SimulatedBrokerConfig(),
    "this close": SimulatedBrokerConfig(
        bar_fill=FillTiming.THIS_CLOSE, slippage_bps=3.0, commission_per_share=Decimal("0.01")
    ),
    "late": SimulatedBrokerConfig(latency=LATE, volume=ModelConfig("share", {"limit": 0.01})),
}


def config_of(
    broker: SimulatedBrokerConfig, *, require_cash: bool = True, cash: Decimal = LITTLE
) -> ReplayConfig:
    return ReplayConfig(
        instruments=(InstrumentConfig(symbol="A", calendar="XNYS"),),
        risk=RiskLimits(allow_short=True, require_cash=require_cash),
        broker=broker,
        cash=cash,
    )


async def log_of(
    events: Sequence[Event],
    broker: SimulatedBrokerConfig = MODELS["plain"],
    *,
    require_cash: bool = True,
    cash: Decimal = LITTLE,
) -> MemoryEventStore:
    store = MemoryEventStore()
    config = config_of(broker, require_cash=require_cash, cash=cash)
    await live_session(store, events, [RandomOrders(activity=0.9)], config)
    return store


def unequal(orders: Sequence[OrderComparison]) -> list[OrderComparison]:
    return [one for one in orders if not one.is_equal]


@pytest.mark.parametrize("require_cash", [True, False], ids=["paid in cash", "on margin"])
@pytest.mark.parametrize("models", MODELS)
async def test_a_paper_log_is_equal_to_its_twin(models: str, *, require_cash: bool) -> None:
    store = await log_of(walk("A", 90, seed=3), MODELS[models], require_cash=require_cash)

    found = await read_twin(store, LOG)

    assert unequal(found.orders) == []
    assert not found.is_live
    assert sum(bool(one.live.quantity) for one in found.orders) > 20
    assert [one.live.status for one in found.orders] == [one.simulated.status for one in found.orders]


@settings(max_examples=15)
@given(quotes=quote_series(), models=st.sampled_from(sorted(MODELS)))
async def test_a_paper_log_of_quotes_is_equal_to_its_twin(quotes: list[Event], models: str) -> None:
    store = await log_of(quotes, MODELS[models])

    found = await read_twin(store, LOG)

    assert unequal(found.orders) == []


async def test_a_run_over_data_streams_is_equal_to_its_twin() -> None:
    store = await store_of(a_1d=walk("A", 90, seed=3))
    run = await record_run(store, [RandomOrders(activity=0.9)], config_of(MODELS["late"]))

    found = await read_twin(store, run)

    assert len(found.orders) > 20
    assert unequal(found.orders) == []


async def test_another_session_with_other_models_goes_on_with_those() -> None:
    store, events = MemoryEventStore(), walk("A", 90, seed=3)
    for part, models in ((events[:45], "plain"), (events[45:], "this close")):
        config = config_of(MODELS[models])
        await live_session(store, part, [RandomOrders(activity=0.9)], config)

    found = await read_twin(store, LOG)

    assert unequal(found.orders) == []


async def test_other_settings_of_the_twin_are_the_difference() -> None:
    """With 10 bps of slippage against market and stop orders alone, live was better by so much."""
    store = await log_of(walk("A", 90, seed=3), cash=Decimal(1_000_000))

    found = await read_twin(store, LOG, settings={"broker.slippage_bps": "10"})

    different = [one for one in unequal(found.orders) if one.difference_bps is not None]
    (money,) = money_totals(found.orders)
    assert all(-12 < (one.difference_bps or 0) < -9 for one in different)  # rounded to ticks
    assert money.live is not None
    assert money.simulated is not None
    assert money.live - money.simulated == money.total == money.price > 0


async def test_a_worse_fill_that_is_planted_into_a_log_is_the_only_difference() -> None:
    store = await log_of(walk("A", 90, seed=3), cash=Decimal(1_000_000))
    events = await read_events(store, LOG)
    place, fill = [(at, one) for at, one in enumerate(events) if isinstance(one, OrderFilled)][10]
    worse = fill.price + (1 if fill.side is BUY else -1)
    planted = await changed(store, place, msgspec.structs.replace(fill, price=worse))

    found = await read_twin(planted, LOG)

    (different,) = unequal(found.orders)
    assert different.order.client_order_id == fill.client_order_id
    assert (different.live.price, different.simulated.price) == (worse, fill.price)
    assert different.difference == fill.quantity


async def test_a_fill_that_is_taken_out_of_a_log_is_missed() -> None:
    store = await log_of(walk("A", 90, seed=3), cash=Decimal(1_000_000))
    events = await read_events(store, LOG)
    place, fill = [(at, one) for at, one in enumerate(events) if isinstance(one, OrderFilled)][10]
    key, strategy = fill.client_order_id, fill.strategy
    planted = await changed(store, place, OrderRejected(fill.ts, key, strategy, fill.symbol, "lost"))

    found = await read_twin(planted, LOG)

    (different,) = unequal(found.orders)
    assert different.outcome is ShadowOutcome.MISSED
    assert (different.live.reason, different.simulated.quantity) == ("lost", fill.quantity)


async def test_a_period_has_the_orders_that_were_submitted_in_it() -> None:
    store = await log_of(walk("A", 90, seed=3))
    from_ts, to_ts = START + 30 * DAY_NS, START + 60 * DAY_NS

    found = await read_twin(store, LOG, from_ts=from_ts, to_ts=to_ts)

    submitted = [one for one in await read_events(store, LOG) if isinstance(one, OrderSubmitted)]
    expected = [one.order.client_order_id for one in submitted if from_ts <= one.ts <= to_ts]
    assert [one.order.client_order_id for one in found.orders] == expected
    assert len(expected) > 5


async def test_what_is_no_log_and_what_is_no_setting_is_refused() -> None:
    store = await store_of(a_1d=walk("A", 3, seed=3))
    run = await record_run(store, [RandomOrders()], config_of(MODELS["plain"]))

    with pytest.raises(StreamMissing, match=r"'a\.1d' is not a run or a live log"):
        await read_twin(store, "a.1d")
    with pytest.raises(ConfigError, match=r"risk\.max_drawdown: a twin has only a venue"):
        await read_twin(store, run, settings={"risk.max_drawdown": "0.1"})


@pytest.mark.parametrize("log", ["run.Trader+random_orders.1", "paper"])
def test_the_command_prints_tables_and_an_object(tmp_path: Path, log: str) -> None:
    path = tmp_path / "market.db"
    store_with_logs(path)

    told = replay("twin", log, "--store", path, "--set", "broker.slippage_bps=7")
    found = json.loads(replay("twin", log, "--store", path, "--json").output)

    assert "orders of a simulated venue, with broker.slippage_bps=7" in told.output
    assert "better live, on average" in told.output
    over = [one for one in found["orders"] if one["is_over"]]
    assert found["totals"]["equal"] == found["totals"]["orders"] == len(over) > 0
    assert found["pnl"][0]["total"] == "0"


class Taken(StrategyState):
    books: int = 0


class TakeAtOnce(Strategy[StrategyParams, Taken]):
    """Buys more than the first level of the book once, and then more than all of it, at once or never."""

    def on_book(self, book: BookSnapshot | BookDelta) -> Decisions:
        self.state.books += 1
        match self.state.books:
            case 1:
                return buy(book.symbol, 25, limit=Decimal(103))
            case 2:
                return buy(book.symbol, 100, limit=Decimal(102), time_in_force=TimeInForce.IOC)
            case _:
                return None


async def test_several_fills_at_one_moment_are_all_in_the_twin() -> None:
    """An order that walks the book gets a fill for each level, and one at once ends with what is there."""
    store = MemoryEventStore()
    asks = tuple(PriceLevel(price, 10.0) for price in (100.0, 101.0, 102.0, 103.0))
    bids = (PriceLevel(99.0, 10.0),)
    books = [BookSnapshot(START + place * SECOND_NS, "A", bids, asks) for place in range(5)]
    config = ReplayConfig(
        instruments=(InstrumentConfig(symbol="A"),),
        broker=SimulatedBrokerConfig(book="walk"),
        cash=Decimal(1_000_000),
    )
    await live_session(store, books, [TakeAtOnce()], config)

    found = await read_twin(store, LOG)

    whole, part = found.orders
    assert unequal(found.orders) == []
    assert (whole.simulated.quantity, whole.simulated.price) == (Decimal(25), Decimal("100.8"))
    assert (part.simulated.quantity, part.simulated.price) == (Decimal(30), Decimal(101))
    assert [one.live.status for one in found.orders] == [OrderStatus.FILLED, OrderStatus.CANCELLED]
    assert [one.simulated.status for one in found.orders] == [OrderStatus.FILLED, OrderStatus.CANCELLED]


class BuyThenSell(Strategy[StrategyParams, Taken]):
    """Buys 10 once, and later sells what it holds, 10 at most."""

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.books += 1
        match self.state.books:
            case 1:
                return buy(bar.symbol, 10)
            case 4:
                return sell(bar.symbol, 10, reduce_only=True)
            case _:
                return None


async def corrected_log(quantity: str, **instrument: Any) -> MemoryEventStore:  # Any: fields of several types
    """A log of one purchase and one sale in which the venue corrects the purchase the next day."""
    store, config = MemoryEventStore(), InstrumentConfig(symbol="BTC-USD", **instrument)
    bars = walk("BTC-USD", 8, seed=3)
    broker = SimulatedBrokerConfig(commission_rate=Decimal("0.01"))
    await live_session(store, bars, [BuyThenSell()], ReplayConfig(instruments=(config,), broker=broker))
    events = await read_events(store, LOG)
    fill = next(one for one in events if isinstance(one, OrderFilled))
    place = next(at for at, one in enumerate(events) if isinstance(one, Bar) and one.ts > fill.ts)
    back = Decimal(0) if Decimal(quantity) else fill.commission
    events.insert(
        place + 1,
        FillCorrected(
            events[place].ts, fill.client_order_id, fill.strategy, fill.symbol, BUY, fill.fill_id,
            fill.quantity, fill.price, Decimal(quantity), fill.price,
            commission_returned=back, currency=fill.currency,
        ),
    )  # fmt: skip
    planted = MemoryEventStore()
    await planted.append(LOG, events, expected_seq=0)
    return planted


async def test_a_bust_leaves_no_fee_and_a_correction_keeps_a_fee_in_coins() -> None:
    coin = {"asset_class": AssetClass.CRYPTO_SPOT, "lot_size": Decimal("0.01"), "fee_currency": "base"}
    busted = await read_twin(await corrected_log("0", **coin), LOG, settings={"broker.slippage_bps": "0"})
    smaller = await read_twin(await corrected_log("4", **coin), LOG, settings={"broker.slippage_bps": "0"})

    gone, kept = busted.orders[0], smaller.orders[0]
    price = kept.simulated.price
    assert price is not None
    assert gone.live.quantity == gone.live.fees == 0
    assert gone.outcome is ShadowOutcome.MISSED
    assert kept.simulated.quantity == Decimal("9.9")  # a hundredth was taken as the fee
    assert (kept.live.quantity, kept.live.fees) == (Decimal("3.9"), Decimal("0.1") * price)


@pytest.mark.parametrize(("quantity", "sold"), [("10", 10), ("4", 4), ("0", 0)])
async def test_a_correction_moves_the_position_that_orders_may_reduce(quantity: str, sold: int) -> None:
    """With settings of its own the twin follows no account, as in the log of a real venue."""
    log = await corrected_log(quantity)

    found = await read_twin(log, LOG, settings={"broker.slippage_bps": "0"})

    bought, reduced = found.orders
    assert bought.simulated.quantity == 10
    assert reduced.simulated.quantity == sold


class BuyAndRest(Strategy[StrategyParams, Taken]):
    """Buys 10 at the first bar, and 10 at 90 or below."""

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.books += 1
        if self.state.books > 1:
            return None
        return [buy(bar.symbol, 10), buy(bar.symbol, 10, limit=Decimal(90), time_in_force=TimeInForce.GTC)]


async def test_a_split_changes_no_amount_of_the_orders_around_it() -> None:
    """By hand: 10 bought at 100, and 40 at 22.50 after a split of 4 to 1. At 25 both gain 0 and 100."""
    flat = [Bar(START + day * DAY_NS, "A", "1d", 100.0, 100.0, 100.0, 100.0, 1e6) for day in (1, 2, 3)]
    split = CorporateAction(START + 4 * DAY_NS, "A", CorporateActionKind.SPLIT, Decimal(4))
    dip = Bar(START + 5 * DAY_NS, "A", "1d", 25.0, 25.0, 20.0, 25.0, 1e6)
    store = await store_of(a_1d=[*flat, split, dip])
    run = await record_run(store, [BuyAndRest()], ReplayConfig())

    found = await read_twin(store, run)

    before, through = found.orders
    assert unequal(found.orders) == []
    assert (before.live.quantity, before.live.price) == (Decimal(10), Decimal(100))
    assert before.live.pnl == before.simulated.pnl == 0
    assert (through.live.quantity, through.live.price) == (Decimal(40), Decimal("22.5"))
    assert through.live.pnl == through.simulated.pnl == 100


async def test_an_order_goes_on_under_a_new_symbol_in_the_twin_too() -> None:
    flat = [Bar(START + day * DAY_NS, "A", "1d", 100.0, 100.0, 100.0, 100.0, 1e6) for day in (1, 2, 3)]
    renamed = CorporateAction(
        START + 4 * DAY_NS, "A", CorporateActionKind.SYMBOL_CHANGE, Decimal(1), new_symbol="B"
    )
    dip = Bar(START + 5 * DAY_NS, "B", "1d", 95.0, 95.0, 80.0, 90.0, 1e6)
    store = await store_of(a_1d=[*flat, renamed, dip])
    run = await record_run(store, [BuyAndRest()], ReplayConfig())

    found = await read_twin(store, run)

    before, through = found.orders
    assert unequal(found.orders) == []
    assert (before.order.symbol, before.live.pnl) == ("A", Decimal(-100))
    assert (through.order.symbol, through.live.quantity, through.live.price) == (
        "B",
        Decimal(10),
        Decimal(90),
    )


class BuyInParts(Strategy[StrategyParams, Taken]):
    """Buys 10 with a limit of 100, which the volume lets through in two parts, and later sells all."""

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.books += 1
        match self.state.books:
            case 1:
                return buy(bar.symbol, 10, limit=Decimal(100), time_in_force=TimeInForce.GTC)
            case 5:
                return sell(bar.symbol, 100, reduce_only=True)
            case _:
                return None


@pytest.mark.parametrize("bar", [2, 3, 4])
async def test_a_correction_after_a_split_is_on_the_terms_of_the_day_of_the_fill(bar: int) -> None:
    """By hand: of 4 bought at 100, 2 at 98 stay. After a split of 4 to 1: 8 at 24.50, and 24 at 25.

    The correction comes before the end of the order, right after it, or a day later.
    """
    flat = [Bar(START + day * DAY_NS, "A", "1d", 100.0, 100.0, 100.0, 100.0, 400.0) for day in (1, 2)]
    split = CorporateAction(START + 3 * DAY_NS, "A", CorporateActionKind.SPLIT, Decimal(4))
    after = [Bar(START + day * DAY_NS, "A", "1d", 25.0, 25.0, 25.0, 25.0, 1e6) for day in (4, 5, 6, 7)]
    config = ReplayConfig(
        instruments=(InstrumentConfig(symbol="A"),),
        broker=SimulatedBrokerConfig(volume=ModelConfig("share", {"limit": 0.01})),
    )
    store, planted = MemoryEventStore(), MemoryEventStore()
    await live_session(store, [*flat, split, *after], [BuyInParts()], config)
    events = await read_events(store, LOG)
    fill = next(one for one in events if isinstance(one, OrderFilled))
    place = [at for at, one in enumerate(events) if isinstance(one, Bar)][bar]
    events.insert(
        place,
        FillCorrected(
            events[place - 1].ts, fill.client_order_id, fill.strategy, fill.symbol, BUY, fill.fill_id,
            fill.quantity, fill.price, Decimal(2), Decimal(98), actions_since=1,
        ),
    )  # fmt: skip
    await planted.append(LOG, events, expected_seq=0)

    found = await read_twin(planted, LOG, settings={"broker.slippage_bps": "0"})

    bought, sold = found.orders
    assert (bought.live.quantity, bought.live.price, bought.live.fees) == (
        Decimal(32),
        Decimal("24.875"),
        Decimal(0),
    )
    assert bought.live.pnl == 4
    assert bought.simulated.quantity == 40
    assert sold.simulated.quantity == 32
