"""Buy and hold buys each symbol once, for an equal part of the capital, in whole lots."""

from collections.abc import Sequence
from decimal import Decimal

from kernel.configuration import convert_config
from kernel.events import Bar, Event, OrderDenied, OrderFilled, Side
from kernel.time_units import DAY_NS
from replay.backtesting import run_and_record
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.verification import verify_run
from strategies.buy_and_hold import BuyAndHold
from tests.replay.playing import derived_of, store_of
from tests.strategies.sample_context import attach, daily_bar, decide


def days(symbol: str, *closes: float, first_day: int = 0) -> list[Event]:
    return [
        Bar((day + 1) * DAY_NS - 1, symbol, "1d", close, close, close, close, 1e6, open_ts=day * DAY_NS)
        for day, close in enumerate(closes, start=19_000 + first_day)
    ]


async def fills_of(
    *data: Sequence[Event], symbols: Sequence[str] = (), **params: object
) -> list[tuple[int, str, int]]:
    """Day, symbol and signed quantity of each fill; no order is denied, and the run verifies."""
    store = await store_of(**{f"data{number}": events for number, events in enumerate(data)})
    named = {"strategy": "strategies.buy_and_hold:BuyAndHold", "params": params, "symbols": list(symbols)}
    streams = [info.stream for info in await store.streams()]
    config = convert_config({"streams": streams, "strategies": [named]}, ReplayConfig)
    run = await run_and_record(store, await plan_run(store, config))
    derived = await derived_of(store, run)
    assert [event.reason for event in derived if isinstance(event, OrderDenied)] == []
    assert (await verify_run(store, run)).restarts == 1
    return [
        (
            event.executed_ts // DAY_NS - 19_000,
            event.symbol,
            int(event.quantity) * (1 if event.side is Side.BUY else -1),
        )
        for event in derived
        if isinstance(event, OrderFilled)
    ]


async def test_a_symbol_is_bought_once_in_whole_lots_for_the_fraction_of_equity() -> None:
    assert await fills_of(days("SPY", 300, 300, 200, 100)) == [(1, "SPY", 316)]  # 95,000 / 300


async def test_symbols_that_start_together_share_the_fraction_equally() -> None:
    found = await fills_of(days("SPY", 100, 100, 90), days("AGG", 50, 50, 60), fraction=1.0)

    assert found == [(1, "SPY", 500), (1, "AGG", 1_000)]


async def test_symbols_that_the_configuration_names_wait_in_cash_for_their_first_bar() -> None:
    """The first symbol doubles before the second one comes: each part is of the starting capital."""
    spy, agg = days("SPY", 100, 100, 200, 200, 200), days("AGG", 50, 50, first_day=3)

    found = await fills_of(spy, agg, symbols=["SPY", "AGG"], fraction=1.0)

    assert found == [(1, "SPY", 500), (4, "AGG", 1_000)]


async def test_parts_say_how_many_symbols_there_will_be() -> None:
    spy, agg = days("SPY", 100, 100, 200, 200, 200), days("AGG", 50, 50, first_day=3)

    assert await fills_of(spy, agg, fraction=1.0, parts=2) == [(1, "SPY", 500), (4, "AGG", 1_000)]


async def test_a_symbol_that_nobody_named_gets_an_equal_part_when_it_comes() -> None:
    spy, agg = days("SPY", 100, 100, 100, 100, 100, 100), days("AGG", 50, 50, 50, first_day=3)

    found = await fills_of(spy, agg, fraction=1.0)

    assert found == [(1, "SPY", 1_000), (4, "SPY", -500), (5, "AGG", 1_000)]


async def test_three_symbols_that_come_one_after_the_other_end_with_equal_parts() -> None:
    found = await fills_of(
        days("A", *[100] * 12), days("B", *[50] * 9, first_day=3), days("C", *[10] * 6, first_day=6)
    )

    held = {name: sum(quantity for _, symbol, quantity in found if symbol == name) for name in "ABC"}
    assert {name: held[name] * price for name, price in (("A", 100), ("B", 50), ("C", 10))} == {
        "A": 31_600,
        "B": 31_650,
        "C": 31_660,
    }


async def test_a_symbol_that_costs_more_than_its_share_is_not_bought() -> None:
    assert await fills_of(days("BRK.A", 600_000, 1, 1)) == []


def test_quantity_is_whole_lots_of_the_instrument() -> None:
    strategy = BuyAndHold(fraction=1.0, parts=1)
    attach(strategy, "BTC-USD").lots["BTC-USD"] = Decimal("0.001")
    strategy.on_start()

    taken = decide(strategy, [daily_bar(0, "BTC-USD", 30_000.0)])

    assert taken == [[Decimal("3.333")]]


def test_price_of_zero_buys_nothing() -> None:
    strategy = BuyAndHold(parts=1)
    attach(strategy, "SPY")
    strategy.on_start()

    assert decide(strategy, [daily_bar(0, "SPY", 0.0)]) == [[]]
