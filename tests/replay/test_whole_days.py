"""Orders that live by sessions, on bars of whole days: what is decided on a bar is for the next one."""

from collections.abc import Sequence

import msgspec
import pytest

from components.assembly.instruments import InstrumentConfig
from kernel.events import Bar, Event, OrderExpired, OrderFilled
from kernel.rules import FIRST_RULES
from kernel.time_units import DAY_NS
from replay.backtesting import from_instance, run_and_record
from replay.config import ReplayConfig
from replay.planning import plan_run
from strategies.sdk import (
    Decision,
    Decisions,
    Metadata,
    OrderType,
    PlaceOrder,
    Side,
    Strategy,
    StrategyParams,
    StrategyState,
    TimeInForce,
)
from tests.replay.playing import START, derived_of, record_run, store_of

ROUND_THE_CLOCK = ["", "24/7", "24/5"]
MONDAY = START + 4 * DAY_NS
"""2004-01-05."""


class Once(Strategy[StrategyParams, StrategyState]):
    """Gives one order at the end of a certain bar."""

    metadata = Metadata(name="once")
    order: PlaceOrder
    at: int = 1
    seen = 0

    def on_bar(self, bar: Bar) -> Decisions:  # noqa: ARG002  # the hook's signature
        Once.seen += 1
        return self.order if Once.seen == self.at else None


def once(order: Decision, at: int = 1) -> Once:
    assert isinstance(order, PlaceOrder)
    strategy = Once()
    Once.seen, Once.order, Once.at = 0, order, at
    return strategy


def day(number: int, low: float, close: float) -> Bar:
    """The bar of a day from midnight to midnight, counted from Monday; it opens at 100."""
    opened = MONDAY + number * DAY_NS
    return Bar(opened + DAY_NS - 1, "A", "1d", 100.0, max(100.0, close), low, close, 1_000.0, opened)


def of(kind: OrderType = OrderType.LIMIT, limit: float | None = None) -> PlaceOrder:
    in_force = TimeInForce.DAY if kind is OrderType.LIMIT else TimeInForce.GTC
    return PlaceOrder("A", Side.BUY, 10, kind, limit_price=limit, time_in_force=in_force)


def config_of(calendar: str) -> ReplayConfig:
    return ReplayConfig(instruments=(InstrumentConfig(symbol="A", calendar=calendar),))


async def outcome(order: PlaceOrder, bars: Sequence[Event], calendar: str, *, at: int = 1) -> list[str]:
    """The fills and ends of the order, each with its day counted from Monday."""
    store = await store_of(a_1d=bars)
    run = await record_run(store, [once(order, at)], config_of(calendar))
    return [
        f"{(event.ts - MONDAY) // DAY_NS}: {event.price if isinstance(event, OrderFilled) else 'expired'}"
        for event in await derived_of(store, run)
        if isinstance(event, OrderFilled | OrderExpired)
    ]


@pytest.mark.parametrize("calendar", ROUND_THE_CLOCK)
async def test_a_day_order_that_is_given_at_the_end_of_a_day_fills_on_the_next(calendar: str) -> None:
    bars = [day(0, 99, 100), day(1, 98, 101), day(2, 97, 102)]

    assert await outcome(of(limit=98.5), bars, calendar) == ["1: 98.50"]


@pytest.mark.parametrize("calendar", ROUND_THE_CLOCK)
async def test_a_day_order_that_does_not_fill_on_the_next_day_expires_at_its_end(calendar: str) -> None:
    bars = [day(0, 99, 100), day(1, 98, 101), day(2, 90, 102)]

    assert await outcome(of(limit=95.0), bars, calendar) == ["2: expired"]


@pytest.mark.parametrize("calendar", ROUND_THE_CLOCK)
async def test_an_order_on_close_fills_at_the_close_of_the_next_day(calendar: str) -> None:
    bars = [day(0, 99, 100), day(1, 98, 101), day(2, 97, 102)]

    assert await outcome(of(OrderType.MARKET_ON_CLOSE), bars, calendar) == ["1: 101.00"]


@pytest.mark.parametrize("calendar", ROUND_THE_CLOCK)
@pytest.mark.parametrize(("limit", "expected"), [(101.0, "1: 101.00"), (100.5, "1: expired")])
async def test_a_limit_on_close_fills_then_or_never(calendar: str, limit: float, expected: str) -> None:
    bars = [day(0, 99, 100), day(1, 98, 101), day(2, 97, 100)]

    assert await outcome(of(OrderType.LIMIT_ON_CLOSE, limit), bars, calendar) == [expected]


async def test_without_a_calendar_the_day_after_a_friday_is_the_next_bar() -> None:
    week = [day(number, 99, 100) for number in range(5)]

    assert await outcome(of(limit=95.0), [*week, day(7, 94, 100)], "", at=5) == ["7: 95.00"]


async def test_a_run_by_the_first_rules_loses_the_order_as_it_always_did() -> None:
    store = await store_of(a_1d=[day(0, 99, 100), day(1, 98, 101)])
    config = ReplayConfig(streams=("a.1d",), instruments=(InstrumentConfig(symbol="A", calendar="24/7"),))
    plan = await plan_run(store, config, loaded=[from_instance(once(of(limit=98.5)))])

    run = await run_and_record(store, msgspec.structs.replace(plan, rules=FIRST_RULES))

    assert [type(event) for event in await derived_of(store, run) if isinstance(event, OrderFilled)] == []
